"""`oboegaki dead-letters`: what was set aside, and having it learned once more."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from chat_api.answers import FiledOut
from devstack import connect, kafka
from memory_consumer import redriving
from memory_consumer.dead_letters import PROJECT, DeadLetter
from memory_consumer.letter_box import LetterBox
from oboegaki.client import Client, connected
from oboegaki.errors import CommandError, NotThere
from oboegaki.instance import Instance
from oboegaki.showing import waits_for

#: Messages that are under way at a time: Debezium keeps what it is asked for in its offsets.
_WAVE = 1000
_LOOK_S = 0.5
#: Where nothing came of it for so long, what was asked for is asked for again, so many times.
_ASK_AGAIN_S = 15.0
_MOST_ASKED = 8

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
        raise CommandError("Kafka does not answer, and dead letters are there. Start it with `oboegaki up`.")
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

    Raises Away where no oboegaki runs, CommandError where nothing comes of it.
    """
    of_message = [letter for letter in letters if letter.message_id is not None]
    ids = sorted({letter.message_id for letter in of_message if letter.message_id is not None})
    outcomes: dict[int, Outcome] = {}
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with connected(instance) as client, Progress(*columns, console=console, disable=not ids) as progress:
        bar = progress.add_task("Learning", total=len(ids))
        for start in range(0, len(ids), _WAVE):
            wave = set(ids[start : start + _WAVE])
            under_way = _Wave(instance, client, [each for each in of_message if each.message_id in wave])
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
    counts = Counter(found.outcomes.values())
    words: dict[Outcome, str] = {
        "learned": "learned",
        "dead again": "set aside again: `oboegaki dead-letters list` tells why",
        "gone": "of messages that were deleted meanwhile; their letters are taken back",
    }
    console.print(f"{len(found.outcomes)} messages redriven.")
    for outcome, sentence in words.items():
        if counts[outcome]:
            console.print(f"{counts[outcome]} {sentence}.", markup=False)
    if found.of_no_message:
        console.print(f"{found.of_no_message} letters name no message, so they cannot be redriven.")


class _Wave:
    """Some messages that are under way."""

    def __init__(self, instance: Instance, client: Client, letters: Sequence[DeadLetter]) -> None:
        self._instance = instance
        self._client = client
        self._box = LetterBox(instance.consumer)
        self._asked = _by_message(letters)
        self._gone: set[int] = set()

    def outcomes(self) -> Iterator[dict[int, Outcome]]:
        """What came of the messages, as it becomes known; nothing now and then. Raises CommandError."""
        asked, again_at = 0, 0.0
        left = dict(self._asked)
        while left:
            stays = self._unanswered(left)
            if stays and time.monotonic() >= again_at:
                if asked == _MOST_ASKED:
                    raise CommandError(
                        f"Nothing came of {len(stays)} messages, among them {min(stays)}. Ask `oboegaki doctor`"
                        " whether the connector and the learning run, then redrive again: nothing doubles."
                    )
                if asked:
                    # It may have lost MySQL for good: see resnapshot.py.
                    connect.restart_connector(self._instance.stack, self._instance.secrets)
                self._ask([letter for message in stays for letter in left[message]])
                asked, again_at = asked + 1, time.monotonic() + _ASK_AGAIN_S
            known = self._known(left)
            left = {message: letters for message, letters in left.items() if message not in known}
            yield known
            if left:
                time.sleep(_LOOK_S)

    def _ask(self, letters: Sequence[DeadLetter]) -> None:
        """Asks for what has a row; what has none was deleted."""
        rows = {message: self._filed(message) for message in _by_message(letters)}
        self._gone |= {message for message, filed in rows.items() if filed is None or filed.row is None}
        gone = [letter for letter in letters if letter.message_id in self._gone]
        redriving.forget(self._instance.consumer, gone, datetime.now(UTC))
        redriving.redrive(
            self._instance.consumer,
            # Project is told of a delete by extract as soon as that knew the message.
            [letter for letter in letters if letter not in gone or letter.stage == PROJECT],
        )

    def _unanswered(self, left: dict[int, list[DeadLetter]]) -> list[int]:
        now = self._now()
        return [message for message, letters in left.items() if now.get(message) == letters]

    def _known(self, left: dict[int, list[DeadLetter]]) -> dict[int, Outcome]:
        now = self._now()
        found: dict[int, Outcome] = {}
        for message, letters in left.items():
            if message in now:
                if any(each not in letters for each in now[message]):
                    found[message] = "dead again"
            elif message in self._gone or self._is_learned(message):
                found[message] = "gone" if message in self._gone else "learned"
        return found

    def _now(self) -> dict[int, list[DeadLetter]]:
        return _by_message(self._box.standing({each.partition or 0 for each in self._letters()}).values())

    def _letters(self) -> Iterator[DeadLetter]:
        return (letter for letters in self._asked.values() for letter in letters)

    def _is_learned(self, message: int) -> bool:
        filed = self._filed(message)
        if filed is None or filed.row is None:
            self._gone.add(message)
            return True
        return filed.receipt is not None and (filed.receipt.state, filed.receipt.revision) == (
            "learned",
            filed.row.revision,
        )

    def _filed(self, message: int) -> FiledOut | None:
        try:
            return FiledOut.model_validate(self._client.call("GET", f"/v1/admin/messages/{message}"))
        except NotThere:
            return None


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
