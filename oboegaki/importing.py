"""`oboegaki import`: a file of messages into one user's memory, safe to run twice."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import stamina
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from oboegaki.client import Client
from oboegaki.errors import CommandError, PartAway
from oboegaki.showing import waits_for

#: Messages in one call: small enough that the bar moves, large enough that MySQL's commits do not count.
_BATCH = 200
_WAIT_S = 5.0
#: How long a part may stay away before an import gives up waiting; what was written is learned all the same.
_PART_AWAY_S = 60.0
_FIELDS = ("external_id", "conversation_id", "role", "content", "created_at", "suppressed", "metadata", "agent_id")


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to."""

    messages: int
    added: int


def read(path: Path) -> list[dict[str, Any]]:
    """The messages of a JSON Lines file, or of a JSON object with `messages`. Raises CommandError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise CommandError(f"{path} cannot be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise CommandError(f"{path} is not UTF-8 text.") from exc
    messages = _whole(text)
    if messages is None:
        messages = list(_lines(path, text))
    if not messages:
        raise CommandError(f"{path} holds no messages.")
    for number, message in enumerate(messages, 1):
        if not isinstance(message, dict) or not {"role", "content"} <= message.keys():
            raise CommandError(f"{path}: message {number} needs at least `role` and `content`.")
        if not _encodes(message):
            raise CommandError(f"{path}: message {number} holds half of a surrogate pair, which is no text.")
    return named(messages, path.stem[:200])


def named(messages: Sequence[dict[str, Any]], file: str) -> list[dict[str, Any]]:
    """The messages with names where they have none, the same at every import of what they say. Pure.

    The file is the conversation; a message is known by what it says and by how often that was said before it.
    """
    said: Counter[str] = Counter()
    found = []
    for message in messages:
        digest = hashlib.sha256(json.dumps([message["role"], message["content"]]).encode()).hexdigest()[:32]
        said[digest] += 1
        made = {"conversation_id": f"import/{file}", "external_id": f"import/{file}/{digest}/{said[digest]}"}
        found.append(made | {name: value for name, value in message.items() if value is not None})
    return found


def _whole(text: str) -> list[Any] | None:
    try:
        document = json.loads(text)
    except ValueError:
        return None
    messages = document.get("messages") if isinstance(document, dict) else document
    return messages if isinstance(messages, list) else None


def _lines(path: Path, text: str) -> Iterator[Any]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as exc:
                raise CommandError(
                    f"{path}: line {number} is not JSON. The file has to be JSON Lines, or a JSON object with"
                    " a list `messages`."
                ) from exc


def run(client: Client, messages: Sequence[dict[str, Any]], user: str, console: Console) -> Imported:
    """Posts the messages and waits, with a bar for each, until all of them are learned."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        added, last = _post(client, messages, user, progress)
        _wait(client, user, last, added, progress)
    return Imported(len(messages), added)


def _post(client: Client, messages: Sequence[dict[str, Any]], user: str, progress: Progress) -> tuple[int, int]:
    bar = progress.add_task("Writing ", total=len(messages))
    added, last = 0, 0
    for start in range(0, len(messages), _BATCH):
        batch = [{name: m[name] for name in _FIELDS if name in m} for m in messages[start : start + _BATCH]]
        answer = _posted(client, user, batch, start)
        added += sum(item["created"] for item in answer["messages"])
        last = max(last, *(item["message_id"] for item in answer["messages"]))
        progress.advance(bar, len(batch))
    return added, last


def _posted(client: Client, user: str, batch: Sequence[dict[str, Any]], before: int) -> Any:  # noqa: ANN401  JSON
    try:
        return client.call("POST", "/v1/messages", json={"user_id": user, "messages": batch})
    except CommandError as exc:
        raise CommandError(
            f"{exc} The numbers count from message {before + 1} of the file, as 0. The {before} messages before it"
            " are written; import the mended file again, nothing doubles."
        ) from exc


def _encodes(message: dict[str, Any]) -> bool:
    try:
        json.dumps(message, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


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
