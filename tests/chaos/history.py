"""What messages may be, told from the API's answers alone. Pure.

A call that was answered has happened. One that was not answered has happened or not, so both are allowed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

#: What a message's `suppressed` holds.
Suppressed = str | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Said:
    """A message that is there."""

    content: str
    suppressed: Suppressed = None


#: None where it is not there: never written, or deleted.
State = Said | None


@dataclass(frozen=True, slots=True)
class Write:
    """A message is written, unless it is there."""

    said: Said


@dataclass(frozen=True, slots=True)
class Edit:
    """A message that is there gets other words."""

    content: str


@dataclass(frozen=True, slots=True)
class Suppress:
    """Facts of a message that is there are to be forgotten, all of them or none again."""

    suppressed: Suppressed


@dataclass(frozen=True, slots=True)
class Delete:
    """A message that is there goes."""


Call = Write | Edit | Suppress | Delete


def after(state: State, call: Call) -> State:
    """A message once the call has happened."""
    match call:
        case Write(said):
            return state or said
        case Edit(content):
            return state and replace(state, content=content)
        case Suppress(suppressed):
            return state and replace(state, suppressed=suppressed)
        case Delete():
            return None


class History:
    """What each message may be. One thread at a time may tell of a message."""

    def __init__(self) -> None:
        self._may_be: dict[str, frozenset[State]] = {}

    def may_be(self, name: str) -> frozenset[State]:
        """All that a message may be now."""
        return self._may_be.get(name, frozenset([None]))

    def answered(self, name: str, call: Call, *, found: bool = True) -> None:
        """A call has happened; `found` is false where the API knew of no such message."""
        before = self.may_be(name)
        if not isinstance(call, Write):
            before = frozenset(state for state in before if (state is not None) == found)
            assert before, (
                f"{name}: {call} {'found' if found else 'did not find'} it, against all that was answered."
            )
        self._may_be[name] = frozenset(after(state, call) for state in before)

    def unanswered(self, name: str, call: Call) -> None:
        """A call has happened or not."""
        before = self.may_be(name)
        self._may_be[name] = before | {after(state, call) for state in before}

    def contradictions(self, rows: Mapping[str, Said]) -> list[str]:
        """Where the rows cannot have come of the calls: lost, back again, made up, or saying something else."""
        names = sorted(self._may_be.keys() | rows.keys())
        return [
            f"{name}: is {rows.get(name)}, but may only be {_told(self.may_be(name))}"
            for name in names
            if rows.get(name) not in self.may_be(name)
        ]

    def __len__(self) -> int:
        return len(self._may_be)


def _told(states: Iterable[State]) -> str:
    return " or ".join(sorted(str(state) for state in states))
