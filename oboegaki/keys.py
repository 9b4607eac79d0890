"""`oboegaki keys`: made, listed and revoked, in the process that runs or, where none does, in MySQL."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chat_api.auth.key_ring import KeyRing
from chat_api.auth.key_rows import MySqlKeyRows
from chat_api.rows.database import Database
from chat_api.web.answers.keys import KeyMadeOut, KeyOut, KeysOut
from chat_api.web.requests.keys import KeyIn
from oboegaki.client import Client, connected
from oboegaki.errors import Away, CommandError
from oboegaki.instance import Instance

T = TypeVar("T")

_PAGE = 1000
_CALL = "/v1/admin/keys"


def create(instance: Instance, asked: dict[str, Any]) -> KeyMadeOut:
    """A new key, from the fields of the HTTP call that makes one. Raises CommandError where they do not fit."""
    try:
        wanted = TypeAdapter[KeyIn](KeyIn).validate_python(asked)
    except ValidationError as exc:
        [first, *_] = exc.errors(include_input=False, include_context=False, include_url=False)
        raise CommandError(f"{first['loc'][-1]}: {first['msg'].removeprefix('Value error, ')}.") from exc

    def alone(ring: KeyRing) -> KeyMadeOut:
        key, text = ring.create(wanted.new(_now()))
        return KeyMadeOut(**KeyOut.of(key).model_dump(), key=text)

    return _either(instance, lambda client: KeyMadeOut(**client.call("POST", _CALL, json=asked)), alone)


def listed(instance: Instance) -> list[KeyOut]:
    """All keys, the oldest first."""

    def alone(ring: KeyRing) -> list[KeyOut]:
        return list(_pages(lambda after: _page(ring, after)))

    found = _either(instance, lambda client: list(_pages(lambda after: _asked(client, after))), alone)
    return sorted(found, key=lambda key: key.created_at)


def revoke(instance: Instance, key_id: str) -> KeyOut:
    """The key as revoked. Raises NotThere and NotFound."""
    return _either(
        instance,
        lambda client: KeyOut(**client.call("DELETE", f"{_CALL}/{quote(key_id, safe='')}")),
        lambda ring: KeyOut.of(ring.revoke(key_id)),
    )


def show_made(made: KeyMadeOut, console: Console, *, as_json: bool) -> None:
    """Prints a new key, the one time that it can be."""
    if as_json:
        console.print_json(data=made.model_dump(mode="json"))
        return
    console.out(made.key, highlight=False)
    console.print(
        f"It is for {_whom(made)}, and called {made.key_id}. Keep it: it is not shown again.", markup=False
    )


def show_all(keys: Sequence[KeyOut], console: Console, *, as_json: bool) -> None:
    """Prints the keys as a table, or as JSON; never their texts."""
    if as_json:
        console.print_json(data=[key.model_dump(mode="json") for key in keys])
        return
    if not keys:
        console.print("There are no keys but the admin key of the settings.")
        return
    table = Table(title="Keys", title_justify="left")
    for heading in ("key id", "for", "label", "trusts user header", "made", "last used", "state"):
        table.add_column(heading)
    now = _now()
    for key in keys:
        times = (_time(key.created_at), _time(key.last_used_at))
        told = (_whom(key), key.label or "", "yes" if key.trusts_user_header else "", *times, _state(key, now))
        table.add_row(key.key_id, *(escape(each) for each in told))
    console.print(table)


def _either(instance: Instance, running: Callable[[Client], T], alone: Callable[[KeyRing], T]) -> T:
    """What the running process answers; where none runs, the same by MySQL itself."""
    try:
        with connected(instance) as client:
            return running(client)
    except Away:
        with closing(Database(instance.api.account(), pool_size=1)) as database:
            return alone(KeyRing(MySqlKeyRows(database), _now))


def _asked(client: Client, after: str) -> KeysOut:
    return KeysOut(**client.call("GET", _CALL, params={"limit": _PAGE, "after": after}))


def _page(ring: KeyRing, after: str) -> KeysOut:
    found = [KeyOut.of(key) for key in ring.listed(limit=_PAGE, after=after)]
    return KeysOut(keys=found, after=found[-1].key_id if len(found) == _PAGE else None)


def _pages(page: Callable[[str], KeysOut]) -> Iterator[KeyOut]:
    after: str | None = ""
    while after is not None:
        found = page(after)
        yield from found.keys
        after = found.after


def _whom(key: KeyOut) -> str:
    return "admins" if key.bound_to is None else f"{key.kind} {key.bound_to}"


def _state(key: KeyOut, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {_time(key.revoked_at)}"
    if key.expires_at is None:
        return "good"
    return f"{'expired' if key.expires_at <= now else 'good until'} {_time(key.expires_at)}"


def _time(at: datetime | None) -> str:
    return "never" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%MZ")


def _now() -> datetime:
    return datetime.now(UTC)
