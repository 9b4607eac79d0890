"""What `oboegaki user export` writes: all of an export, or no file."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from oboegaki import exporting
from oboegaki.client import Client
from oboegaki.errors import CommandError

WHOLE = [{"type": "export"}, {"type": "message", "content": "お茶が好き"}, {"type": "end", "messages": 1}]


@contextmanager
def api(answer: httpx.Response, asked: list[str] | None = None) -> Iterator[Client]:
    def handle(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request.url.raw_path.decode())
        return answer

    with httpx.Client(transport=httpx.MockTransport(handle), base_url="http://oboegaki") as http:
        yield Client(http)


def lines(*written: object) -> httpx.Response:
    return httpx.Response(200, text="".join(f"{json.dumps(line)}\n" for line in written))


def test_an_export_goes_to_its_file_as_it_came(tmp_path: Path) -> None:
    asked: list[str] = []
    with api(lines(*WHOLE), asked) as client:
        last = exporting.run(client, "a/b", tmp_path / "out.jsonl")

    assert (last["messages"], asked) == (1, ["/v1/users/a%2Fb/export"])
    text = (tmp_path / "out.jsonl").read_text(encoding="utf-8")
    assert "お茶が好き" in text
    assert [json.loads(line) for line in text.splitlines()] == WHOLE


def test_without_a_file_it_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with api(lines(*WHOLE)) as client:
        exporting.run(client, "a", None)

    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == WHOLE


@pytest.mark.parametrize("answer", [lines(*WHOLE[:2]), lines(), httpx.Response(503)])
def test_an_export_that_is_not_whole_leaves_the_file_as_it_was(tmp_path: Path, answer: httpx.Response) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("of before")
    with api(answer) as client, pytest.raises(CommandError):
        exporting.run(client, "a", out)

    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"out.jsonl": "of before"}


def test_a_file_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    with api(lines(*WHOLE)) as client, pytest.raises(CommandError, match="cannot be written: No such file"):
        exporting.run(client, "a", tmp_path / "nothing" / "out.jsonl")
