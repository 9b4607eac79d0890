"""Cursors of lists: they lead on exactly where a page ended, and nothing else is taken for one."""

import base64
import json
from datetime import UTC, datetime

import pytest

from chat_api.errors import Invalid
from chat_api.messages import Conversation
from chat_api.web import cursors

AT = datetime(2026, 3, 2, 9, 0, 0, 123_456, tzinfo=UTC)


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize("name", ["c", "", "旅/2026 🎏", '"\\', "x" * 255])
def test_a_cursor_leads_to_where_its_page_ended(name: str) -> None:
    cursor = cursors.after(Conversation(name, AT, messages=1, last_said_at=AT))

    assert cursors.place(cursor) == (AT, name)
    assert cursor.isascii()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "日本",
        encoded([]),
        encoded([AT.isoformat()]),
        encoded([AT.isoformat(), "c", "d"]),
        encoded([AT.isoformat(), 1]),
        encoded([AT.isoformat(), None]),
        encoded([AT.isoformat(), ["c"]]),
        encoded([AT.isoformat(), "\ud800"]),
        encoded(["2026-03-02T09:00:00", "c"]),
        encoded(["2026-03-02", "c"]),
        encoded(["0001-01-01T00:00:00+23:59", "c"]),
        encoded(["9999-12-31T23:59:59-23:59", "c"]),
        encoded([1772442000, "c"]),
        encoded({"at": 1, "c": 2}),
        encoded(5),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
        base64.urlsafe_b64encode(b"\xff").decode(),
        cursors.after(Conversation("c", AT, 1, AT))[:-3],
    ],
)
def test_what_no_page_gave_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid, match="cursor: is none that a page was answered with"):
        cursors.place(cursor)
