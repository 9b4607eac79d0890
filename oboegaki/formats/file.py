"""A file of something that can be imported: recognised by its content, read again and again from its beginning."""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from oboegaki.errors import CommandError
from oboegaki.formats import chatgpt, mem0, open_webui, plain
from oboegaki.formats.items import Message
from oboegaki.formats.stream import JsonReader, Unreadable

_FORMATS: tuple[ModuleType, ...] = (chatgpt, open_webui, mem0, plain)
#: Under which an object may hold the list: ours and OpenAI's, Mem0's, Open WebUI's.
_LISTS = ("messages", "results", "memories", "chats")
_REFUSED = (
    "is nothing that can be imported. It can be: ChatGPT's conversations.json, Open WebUI's export of chats,"
    " memories as Mem0 lists them, an export of oboegaki, or JSON Lines with `role` and `content`."
)


@dataclass(frozen=True, slots=True)
class ImportFile:
    """The messages of a file. Each reading begins anew, and holds one conversation at a time."""

    path: Path
    count: int
    _format: ModuleType

    @property
    def settings(self) -> Mapping[str, Any] | None:
        """What an export tells of its user; None for any other file."""
        for item in islice(_items(self.path), 2):
            if isinstance(item, dict) and item.get("type") == "user":
                return {name: item[name] for name in ("timezone", "recall", "persona") if name in item}
        return None

    @property
    def of_user(self) -> str | None:
        """Of whom an export is; None for any other file."""
        first = next(_items(self.path), None)
        told = first.get("user_id") if isinstance(first, dict) and first.get("type") == "export" else None
        return told if isinstance(told, str) else None

    @property
    def foreign(self) -> bool:
        """Whether another program exported it."""
        return self._format is not plain

    @property
    def name(self) -> str:
        """What it was recognised as."""
        return str(self._format.NAME)

    def __len__(self) -> int:
        """How many messages there are."""
        return self.count

    def __iter__(self) -> Iterator[Message]:
        """The messages as the API takes them, with names. Raises CommandError for what cannot be read."""
        namer = plain.Namer(self.path.stem[:200])
        for message in _messages(self.path, self._format):
            yield namer.named(message)


@contextmanager
def read_again(path: Path, home: Path) -> Iterator[Path]:
    """The file, which can be read again and again: of `-`, standard input, a copy in the home until the end."""
    if path != Path("-"):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="import.", dir=home) as folder:
        copy = Path(folder, "stdin")
        with copy.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield copy


def opened(path: Path) -> ImportFile:
    """The file, once read to its end. Raises CommandError for what is not recognised, or cannot be imported."""
    chosen = _recognised(path)
    count = sum(1 for _ in _messages(path, chosen))
    if not count:
        raise CommandError(f"{path} holds no messages.")
    return ImportFile(path, count, chosen)


def _recognised(path: Path) -> ModuleType:
    first = next(_items(path), None)
    if first is None:
        raise CommandError(f"{path} holds no messages.")
    for each in _FORMATS:
        if each.fits(first):
            return each
    raise CommandError(f"{path} {_REFUSED}")


def _messages(path: Path, chosen: ModuleType) -> Iterator[Message]:
    number, whose, whole = 0, set[str](), True
    for item in _items(path):
        if not isinstance(item, dict):
            raise CommandError(f"{path}: what stands after message {number} is no object.")
        whole = _is_whole(item, whole)
        whose.add(str(item.get("user_id") or ""))
        if len(whose - {""}) > 1:
            raise CommandError(f"{path} is of several users. Split it, and import each part for its user.")
        for message in chosen.messages(item) if chosen.fits(item) else ():
            number += 1
            _check(path, number, message)
            yield message
    if not whole:
        raise CommandError(f"{path} ends early: the last line of an export is missing. Export it again.")


def _is_whole(item: Mapping[str, Any], before: bool) -> bool:
    """Whether an export that has begun has also ended."""
    return {"export": False, "end": True}.get(str(item.get("type")), before)


def _check(path: Path, number: int, message: Message) -> None:
    if not {"role", "content"} <= message.keys():
        raise CommandError(f"{path}: message {number} needs at least `role` and `content`.")
    if not _encodes(message):
        raise CommandError(f"{path}: message {number} holds half of a surrogate pair, which is no text.")


def _encodes(value: object) -> bool:
    if isinstance(value, str):
        with suppress(UnicodeEncodeError):
            return bool(value.encode() or True)
        return False
    if isinstance(value, dict):
        return all(_encodes(each) for pair in value.items() for each in pair)
    return all(map(_encodes, value)) if isinstance(value, list) else True


def _items(path: Path) -> Iterator[Any]:
    """The elements of the file's list, or its values one after the other."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from _values(JsonReader(file))
    except OSError as exc:
        raise CommandError(f"{path} cannot be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise CommandError(f"{path} is not UTF-8 text.") from exc
    except Unreadable as exc:
        raise CommandError(
            f"{path}: {exc}. The file has to be JSON, as it was exported, or JSON Lines: an object on each line."
        ) from exc


def _values(reader: JsonReader) -> Iterator[Any]:
    if reader.peek() == "[":
        yield from reader.elements()
        return
    while reader.peek():
        if reader.peek() != "{":
            yield reader.value()
            continue
        held: dict[str, Any] = {}
        listed = False
        for key in reader.keys():  # noqa: SIM118  no dictionary
            if key in _LISTS and reader.peek() == "[" and not held.keys() & {"history", "mapping", "type"}:
                listed = True
                yield from reader.elements()
            else:
                held[key] = reader.value()
        if not listed:
            yield held
