"""`oboegaki user forget`: it asks first, and shows each part until all of them are done."""

import json
from io import StringIO
from typing import Any

import httpx
import pytest
from rich.console import Console

from oboegaki import forgetting
from oboegaki.client import Client
from oboegaki.errors import CommandError

ID = "6c77f4e0-650e-48fd-b187-3300843b582d"


def part(kind: str, found: int | None, removed: int | None, *, done: bool | None) -> dict[str, Any]:
    return {"part": kind, "name": "", "found": found, "removed": removed, "done": done, "deadline": "x"}


def erasure(*parts: dict[str, Any], done: bool | None) -> dict[str, Any]:
    return {"erasure_id": ID, "done": done, "deadline": "2026-03-03T09:00:00Z", "parts": parts}


class Server:
    """Tells how far the erasure is, a step further each time."""

    def __init__(self, *told: dict[str, Any]) -> None:
        self._told = list(told)
        self.asked: list[tuple[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.method, request.url.raw_path.decode()))
        if request.method == "DELETE":
            return httpx.Response(202, json={"erasure_id": ID})
        return httpx.Response(200, content=json.dumps(self._told.pop(0) if len(self._told) > 1 else self._told[0]))


def forget(server: Server, *, wait: bool = False, sure: bool = True) -> tuple[bool, str, list[float]]:
    out, pauses = Console(file=StringIO(), width=120), list[float]()
    with httpx.Client(base_url="http://oboegaki", transport=httpx.MockTransport(server)) as http:
        is_done = forgetting.forget(
            Client(http), "hana/ko", out, wait=wait, sure=lambda _: sure, pause=pauses.append
        )
    assert isinstance(out.file, StringIO)
    return is_done, out.file.getvalue(), pauses


def test_without_a_yes_nothing_is_forgotten() -> None:
    server = Server(erasure(done=False))

    with pytest.raises(CommandError, match="Nothing was forgotten"):
        forget(server, sure=False)
    assert server.asked == []


def test_it_tells_what_is_gone_and_by_when_the_rest_is() -> None:
    server = Server(
        erasure(
            part("rows", 1200, 1200, done=True),
            part("store", 7, 2, done=False),
            part("cache", None, None, done=None),
            done=False,
        )
    )
    is_done, told, pauses = forget(server)

    assert server.asked[0] == ("DELETE", "/v1/users/hana%2Fko")
    assert not is_done
    assert pauses == []
    assert [" ".join(line.split()) for line in told.splitlines() if "│" in line] == [
        "│ rows in MySQL │ │ 1,200 │ 1,200 │ yes │",
        "│ memories │ │ 7 │ 2 │ not yet │",
        "│ cache │ │ │ │ not known here │",
    ]
    assert "will be gone by 2026-03-0" in told


def test_it_waits_until_all_of_it_is_gone() -> None:
    open_, done = part("store", 7, 2, done=False), part("store", 7, 7, done=True)
    is_done, told, pauses = forget(
        Server(erasure(open_, done=False), erasure(open_, done=False), erasure(done, done=True)), wait=True
    )

    assert is_done
    assert len(pauses) == 2
    assert "All of it is gone." in told


def test_what_nobody_here_can_tell_is_not_waited_for_after_its_time() -> None:
    unknown = part("cache", None, None, done=None)
    is_done, told, pauses = forget(
        Server(erasure(unknown, done=False), erasure(unknown, done=False), erasure(unknown, done=None)), wait=True
    )

    assert not is_done
    assert len(pauses) == 2
    assert "Its time is over." in told
