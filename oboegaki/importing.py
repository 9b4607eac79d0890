"""`oboegaki import`: a file of messages into one user's memory, safe to run twice."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import stamina
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from oboegaki.client import Client
from oboegaki.errors import CommandError, NotThere, PartAway, Taken, Unfit
from oboegaki.formats.items import Message
from oboegaki.formats.plain import NAMED
from oboegaki.showing import waits_for

#: Messages in one call: small enough that the bar moves, large enough that MySQL's commits do not count.
_BATCH = 200
#: Characters in one call, well below what the API takes.
_BATCH_CHARACTERS = 2_000_000
_WAIT_S = 5.0
#: How long a part may stay away before an import gives up waiting; what was written is learned all the same.
_PART_AWAY_S = 60.0
#: A user's settings where none were made.
_UNSET = {"timezone": "UTC", "recall": "auto", "persona": None}
#: A name that an export gives to a message that has none; corrections have names of ours of another kind.
_NAME = re.compile(rf"{NAMED}(\d{{1,19}})/[0-9a-f]{{32}}", re.ASCII)


class Messages(Protocol):
    """Messages as the API takes them, of which is known how many they are."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Message]: ...


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to: how many messages, and of these new."""

    messages: int
    added: int
    #: Left alone as they are there in other words.
    differing: int = 0
    #: Left out as the API does not take them, and why it did not take the first of them.
    refused: int = 0
    cause: str = ""


def run(
    client: Client,
    messages: Messages,
    user: str,
    console: Console,
    *,
    lenient: bool = False,
    own: bool = False,
) -> Imported:
    """Posts the messages and waits, with a bar for each, until all of them are learned.

    What is there already is only looked up, by its name: an import that was ended goes on where it got to. If
    `lenient`, a message that the API does not take is left out: nobody mends another program's export by hand.
    With `own` the messages are an export of this very user, who may have them still.
    """
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        written = _Written(lenient, own)
        _post(client, messages, user, progress, written)
        if written.last:
            _wait(client, user, written.last, written.added, progress)
    return Imported(len(messages), written.added, written.differing, written.refused, written.cause)


def set_user(client: Client, settings: Mapping[str, Any] | None, user: str, *, own: bool = False) -> None:
    """Sets what an export tells of its user. With `own` it is this very user's, and what they have set stays."""
    if settings is None:
        return
    address = f"/v1/users/{quote(user, safe='')}"
    if own:
        now = client.call("GET", address)
        if any(now[name] != unset for name, unset in _UNSET.items()):
            return
    client.call("PATCH", address, json=settings)


@dataclass(slots=True)
class _Written:
    """What was written so far, and the highest id among it."""

    lenient: bool
    own: bool
    added: int = 0
    differing: int = 0
    refused: int = 0
    cause: str = ""
    last: int = 0

    def leave(self, cause: CommandError) -> None:
        """Counts a message that was not written."""
        if isinstance(cause, Taken):
            self.differing += 1
        else:
            self.refused += 1
            self.cause = self.cause or str(cause)


def is_there(client: Client, user: str, message: Message) -> bool:
    """Whether a message of an export is still the user's: it has no name there, so it is asked for by its id."""
    name = _NAME.fullmatch(str(message.get("external_id")))
    if name is None:
        return False
    try:
        row = client.call("GET", f"/v1/messages/{name[1]}", params={"user_id": user})
    except NotThere:
        return False
    return bool((row["role"], row["content"]) == (message["role"], message["content"]))


def _post(client: Client, messages: Messages, user: str, progress: Progress, written: _Written) -> None:
    bar = progress.add_task("Writing ", total=len(messages))
    before = 0
    for batch in _batches(messages):
        missing = [each for each in batch if not is_there(client, user, each)] if written.own else batch
        if missing:
            _post_batch(client, user, missing, before, written)
        before += len(batch)
        progress.advance(bar, len(batch))


def _batches(messages: Messages) -> Iterator[list[Message]]:
    batch: list[Message] = []
    characters = 0
    for message in messages:
        characters += len(str(message["content"]))
        if batch and (len(batch) == _BATCH or characters > _BATCH_CHARACTERS):
            yield batch
            batch, characters = [], len(str(message["content"]))
        batch.append(message)
    if batch:
        yield batch


def _post_batch(client: Client, user: str, batch: Sequence[Message], before: int, written: _Written) -> None:
    try:
        answer = client.call("POST", "/v1/messages", json={"user_id": user, "messages": batch})
    except (Taken, Unfit) as exc:
        if isinstance(exc, Unfit) and not written.lenient:
            raise _placed(exc, before) from exc
        # All or nothing: the halves tell which messages it is about. Those are left alone.
        if len(batch) == 1:
            written.leave(exc)
            return
        middle = len(batch) // 2
        _post_batch(client, user, batch[:middle], before, written)
        _post_batch(client, user, batch[middle:], before + middle, written)
        return
    except CommandError as exc:
        raise _placed(exc, before) from exc
    written.added += sum(item["created"] for item in answer["messages"])
    written.last = max(written.last, *(item["message_id"] for item in answer["messages"]))


def _placed(cause: CommandError, before: int) -> CommandError:
    return CommandError(
        f"{cause} The numbers count from message {before + 1} of the file, as 0. The {before} messages before it"
        " are written; import the mended file again, nothing doubles."
    )


def _wait(client: Client, user: str, last: int, added: int, progress: Progress) -> None:
    bar = progress.add_task("Learning", total=max(added, 1))
    while True:
        state = _freshness(client, user, last, _WAIT_S if added == 0 else 0.5)
        done = max(0, added - state["unlearned"])
        waits = waits_for(client) if state["unlearned"] else ""
        progress.update(
            bar, completed=done if added else int(state["unlearned"] == 0), description=f"Learning{waits}"
        )
        if state["unlearned"] == 0:
            return


def _freshness(client: Client, user: str, last: int, timeout_s: float) -> Any:  # noqa: ANN401  JSON
    # Just after a start the memories are not there yet; what was written is learned all the same.
    for attempt in stamina.retry_context(
        on=PartAway, attempts=None, timeout=_PART_AWAY_S, wait_initial=0.2, wait_max=2.0, wait_jitter=0.2
    ):
        with attempt:
            return client.freshness(user, last, timeout_s)
    raise AssertionError  # stamina returns or raises
