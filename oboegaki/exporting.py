"""`oboegaki user export`: all that is kept of a user, into a file that can be imported again."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from oboegaki.client import Client
from oboegaki.errors import CommandError


def run(client: Client, user: str, out: Path | None) -> Mapping[str, Any]:
    """Writes the export to a file, or to standard output; answers its last line, which counts what is in it.

    A file is there whole or not at all. Raises CommandError.
    """
    lines = _whole(client.lines("GET", f"/v1/users/{quote(user, safe='')}/export"))
    if out is None:
        return _written(lines, sys.stdout.write)
    partial = out.with_name(f"{out.name}.part")
    try:
        with partial.open("w", encoding="utf-8") as file:
            last = _written(lines, file.write)
        partial.replace(out)
    except OSError as exc:
        raise CommandError(f"{out} cannot be written: {exc.strerror}.") from exc
    finally:
        partial.unlink(missing_ok=True)
    return last


def _written(lines: Iterable[Mapping[str, Any]], write: Any) -> Mapping[str, Any]:  # noqa: ANN401  a file's
    last: Mapping[str, Any] = {}
    for last in lines:
        write(f"{json.dumps(last, ensure_ascii=False)}\n")
    return last


def _whole(lines: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    ended = False
    for line in lines:
        ended = line.get("type") == "end"
        yield line
    if not ended:
        raise CommandError("The export ended early, as a part went away. Try again.")
