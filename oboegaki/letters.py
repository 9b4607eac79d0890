"""`oboegaki dead-letters`: what was set aside, and having it learned once more."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Literal, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from chat_api.web.answers.admin import FiledOut
from devstack import connect, kafka
from memory_consumer.letters import redriving
from memory_consumer.letters.letter_box import LetterBox
from memory_consumer.records.dead_letters import DeadLetter
from oboegaki.client import Client, connected
from oboegaki.errors import CommandError, NotThere
from oboegaki.instance import Instance
from oboegaki.remedies import remedies
from oboegaki.showing import said, waits_for

#: Messages that are under way at a time: Debezium keeps what it is asked for in its offsets.
_WAVE = 1000
_LOOK_S = 0.5
#: Where nothing came of it for so long, what was asked for is asked for again; and where nothing did for longer,
#: nobody waits for it.
_ASK_AGAIN_S = 15.0
_MOST_S = 180.0

Outcome = Literal["learned", "dead again", "gone"]
Chosen = Callable[[DeadLetter], bool]


@dataclass(frozen=True, slots=True)
class Redriven:
    """What came of each message that was redriven, and how many letters name no message."""

    outcomes: dict[int, Outcome]
    of_no_message: int

    @property
    def well(self) -> bool:
        """Whether nothing is dead again."""
        return "dead again" not in self.outcomes.values()


def chosen(user: str | None, message_id: int | None) -> Chosen:
    """Which letters: those of a user or of a message, or all where neither is given."""
    return lambda letter: user in (None, letter.user_id) and message_id in (None, letter.message_id)


def standing(instance: Instance, which: Chosen = lambda _: True) -> list[DeadLetter]:
    """The letters that stand, the latest first. Raises CommandError where Kafka is away, and Transient."""
    own = instance.consumer.kafka == instance.stack.kafka()
    if own and not kafka.answers(instance.stack, instance.secrets):
        start = remedies(containers=instance.stack.containers).start_parts
        raise CommandError(f"Kafka does not answer, and dead letters are there. Start it with {start}.")
    found = LetterBox(instance.consumer).standing().values()
    return sorted(filter(which, found), key=lambda letter: letter.at, reverse=True)


def show_all(letters: Sequence[DeadLetter], console: Console, *, as_json: bool) -> None:
    """Prints the letters as a table, or as JSON."""
    if as_json:
        console.print_json(data=[letter.model_dump(mode="json") for letter in letters])
    elif not letters:
        console.print("There are no dead letters.")
    else:
        console.print(_table(letters))
        if any(letter.message_id is None for letter in letters):
            console.print("Those without a message cannot be redriven: their records' keys name none.")


def show(letters: Sequence[DeadLetter], message_id: int, console: Console, *, as_json: bool) -> None:
    """Prints all of a message's letters. Raises NotThere."""
    if not letters:
        raise NotThere(f"There is no dead letter of message {message_id}.")
    if as_json:
        console.print_json(data=[letter.model_dump(mode="json") for letter in letters])
        return
    for letter in letters:
        table = Table(title=f"Message {message_id}", title_justify="left", show_header=False)
        for name, value in _told(letter):
            table.add_row(name, value)
        console.print(table)


def redrive(instance: Instance, letters: Sequence[DeadLetter], console: Console) -> Redriven:
    """Has the messages learned once more, as their rows stand, and waits until it is known what came of each.

    Raises Away where no oboegaki runs, CommandError where a stage is stopped, and where nothing comes of it for
    three minutes.
    """
    of_message = [letter for letter in letters if letter.message_id is not None]
    ids = sorted({letter.message_id for letter in of_message if letter.message_id is not None})
    outcomes: dict[int, Outcome] = {}
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with connected(instance) as client, Progress(*columns, console=console, disable=not ids) as progress:
        bar = progress.add_task("Learning", total=len(ids))
        for start in range(0, len(ids), _WAVE):
            wave = set(ids[start : start + _WAVE])
            under_way = Wave(_Running(instance, client), [each for each in of_message if each.message_id in wave])
            for known in under_way.outcomes():
                outcomes |= known
                _advance(progress, bar, len(outcomes), client)
    return Redriven(outcomes, len(letters) - len(of_message))


def show_redriven(found: Redriven, console: Console, *, as_json: bool) -> None:
    """Prints what came of it."""
    if as_json:
        told = [{"message_id": message, "outcome": outcome} for message, outcome in sorted(found.outcomes.items())]
        console.print_json(data={"messages": told, "of_no_message": found.of_no_message})
        return
    if not found.outcomes and not found.of_no_message:
        console.print("There is no such dead letter, so nothing was redriven.")
        return
    counts = Counter(found.outcomes.values())
    words: dict[Outcome, str] = {
        "learned": "learned",
        "dead again": "set aside again: `oboegaki dead-letters list` tells why",
        "gone": "have no row any more: `oboegaki verify --repair` forgets them, once it made sure that MySQL lost"
        " nothing",
    }
    redriven = len(found.outcomes)
    console.print("1 message redriven." if redriven == 1 else f"{redriven} messages redriven.")
    for outcome, sentence in words.items():
        if counts[outcome]:
            console.print(f"{counts[outcome]} {sentence}.", markup=False)
    if found.of_no_message:
        console.print(f"{found.of_no_message} letters name no message, so they cannot be redriven.")


class Ways(Protocol):
    """What redriving asks of a running instance."""

    def stages(self) -> Sequence[Mapping[str, Any]]:
        """The stages' reports. Raises CommandError."""

    def standing(self, partitions: set[int]) -> Iterable[DeadLetter]:
        """The letters of some partitions. Raises Transient."""

    def filed(self, message: int) -> FiledOut | None:
        """A message's row and what is filed of it. Raises CommandError."""

    def ask(self, letters: Sequence[DeadLetter]) -> None:
        """Asks for messages once more. Raises Transient."""

    def restart_connector(self) -> None:
        """It may have lost MySQL for good: see resnapshot.py."""


@dataclass(frozen=True, slots=True)
class _Running:
    """The ways to an instance that runs."""

    instance: Instance
    client: Client

    def stages(self) -> Sequence[Mapping[str, Any]]:
        stages: list[dict[str, Any]] = self.client.call("GET", "/v1/admin/status")["stages"]
        return stages

    def standing(self, partitions: set[int]) -> Iterable[DeadLetter]:
        return LetterBox(self.instance.consumer).standing(partitions).values()

    def filed(self, message: int) -> FiledOut | None:
        try:
            return FiledOut.model_validate(self.client.call("GET", f"/v1/admin/messages/{message}"))
        except NotThere:
            return None

    def ask(self, letters: Sequence[DeadLetter]) -> None:
        redriving.redrive(self.instance.consumer, letters)

    def restart_connector(self) -> None:
        connect.restart_connector(self.instance.stack, self.instance.secrets)


class Wave:
    """Some messages that are under way."""

    def __init__(
        self,
        ways: Ways,
        letters: Sequence[DeadLetter],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Asks for nothing yet."""
        self._ways = ways
        self._clock = clock
        self._sleep = sleep
        self._asked = _by_message(letters)
        self._left = dict(self._asked)
        self._gone: set[int] = set()
        self._again_at = clock()
        #: How many events extract had learned when they were asked for last; None before.
        self._events: int | None = None

    def outcomes(self) -> Iterator[dict[int, Outcome]]:
        """What came of the messages, as it becomes known; nothing now and then.

        Raises CommandError where a stage is stopped, and where nothing became known for `_MOST_S`.
        """
        until = self._clock() + _MOST_S
        while self._left:
            stages = {stage["name"]: stage for stage in self._ways.stages()}
            _refuse_stopped(stages.values())
            extract = stages.get("extract")
            if extract and not extract["waiting_for"] and self._clock() >= self._again_at:
                self._ask_again(extract["events"])
            known = self._known()
            self._left = {message: letters for message, letters in self._left.items() if message not in known}
            if known:
                until = self._clock() + _MOST_S
            yield known
            if self._left and self._clock() >= until:
                raise CommandError(self._unfinished(stages.values()))
            if self._left:
                self._sleep(_LOOK_S)

    def _ask_again(self, events: int) -> None:
        stays = self._unanswered()
        if not stays:
            return
        # Where extract gets on it is behind, and the connector works.
        if self._events == events:
            self._ways.restart_connector()
        self._ask([letter for message in stays for letter in self._left[message]])
        self._events, self._again_at = events, self._clock() + _ASK_AGAIN_S

    def _unfinished(self, stages: Iterable[Mapping[str, Any]]) -> str:
        pending = {message for message in self._left if self._is(message, "pending")}
        others = self._left.keys() - pending
        told = []
        if pending:
            told.append(f"{len(pending)} wait for the language model; they will be learned when it answers.")
        if others:
            causes = [said(stage) for stage in stages if stage["waiting_for"]]
            why = f" ({causes[0]})" if causes else ""
            told.append(
                f"Nothing came of {len(others)} messages{why}, among them {min(others)}. Ask `oboegaki doctor`"
                " whether the connector and the learning run, then redrive again: nothing doubles."
            )
        return " ".join(told)

    def _ask(self, letters: Sequence[DeadLetter]) -> None:
        """Asks for what has a row; what has none was deleted, or MySQL lost it: it is not for us to erase it."""
        rows = {message: self._ways.filed(message) for message in _by_message(letters)}
        self._gone |= {message for message, filed in rows.items() if filed is None or filed.row is None}
        if wanted := [letter for letter in letters if letter.message_id not in self._gone]:
            self._ways.ask(wanted)

    def _unanswered(self) -> list[int]:
        now = self._now()
        return [message for message, letters in self._left.items() if now.get(message) == letters]

    def _known(self) -> dict[int, Outcome]:
        now = self._now()
        found: dict[int, Outcome] = {}
        for message, letters in self._left.items():
            if message in self._gone:
                found[message] = "gone"
            elif message in now:
                if any(each not in letters for each in now[message]):
                    found[message] = "dead again"
            elif self._is(message, "learned"):
                found[message] = "gone" if message in self._gone else "learned"
        return found

    def _now(self) -> dict[int, list[DeadLetter]]:
        return _by_message(self._ways.standing({each.partition or 0 for each in self._letters()}))

    def _letters(self) -> Iterator[DeadLetter]:
        return (letter for letters in self._asked.values() for letter in letters)

    def _is(self, message: int, state: str) -> bool:
        """Whether that is what is filed of its row as it stands; true of no row, which is gone."""
        filed = self._ways.filed(message)
        if filed is None or filed.row is None:
            self._gone.add(message)
            return state == "learned"
        return filed.receipt is not None and (filed.receipt.state, filed.receipt.revision) == (
            state,
            filed.row.revision,
        )


def _refuse_stopped(stages: Iterable[Mapping[str, Any]]) -> None:
    for stage in stages:
        if stage.get("stopped"):
            raise CommandError(f"Nothing can be redriven: {stage['name']} is {said(stage)}")


def _by_message(letters: Iterable[DeadLetter]) -> dict[int, list[DeadLetter]]:
    found: dict[int, list[DeadLetter]] = {}
    for letter in sorted(letters, key=lambda each: each.stage):
        if letter.message_id is not None:
            found.setdefault(letter.message_id, []).append(letter)
    return found


def _advance(progress: Progress, bar: TaskID, done: int, client: Client) -> None:
    progress.update(bar, completed=done, description=f"Learning{waits_for(client)}")


def _table(letters: Sequence[DeadLetter]) -> Table:
    table = Table(title=f"Dead letters: {len(letters)}", title_justify="left")
    for heading in ("message", "user", "stage", "cause", "at (UTC)", "tries"):
        table.add_column(heading, overflow="fold")
    for letter in letters:
        at = letter.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        message = "—" if letter.message_id is None else str(letter.message_id)
        cause = letter.cause if letter.message_id is not None else f"{letter.cause} {_place(letter)}"
        table.add_row(message, letter.user_id or "—", letter.stage, cause, at, str(letter.tries))
    return table


def _told(letter: DeadLetter) -> Iterator[tuple[str, str]]:
    yield "user", letter.user_id or "not known"
    yield "stage", letter.stage
    yield "cause", letter.cause
    yield "tries", str(letter.tries)
    yield "at (UTC)", letter.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    yield "lies at", _place(letter)
    if letter.message_id is not None:
        yield "once mended", f"oboegaki dead-letters redrive --id {letter.message_id}"


def _place(letter: DeadLetter) -> str:
    return f"{letter.topic}, partition {letter.partition}, offset {letter.offset}"
