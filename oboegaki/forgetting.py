"""`oboegaki user forget`: everything of a user goes, and is seen to go."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.live import Live
from rich.table import Table

from oboegaki.client import Client
from oboegaki.errors import CommandError

_PAUSE_S = 1.0
#: As long as the deletion of all rows of a user may take.
_CALL_S = 90.0
_WORDS = {
    "rows": "rows in MySQL",
    "messages_log": "words in the messages log",
    "facts_log": "words in the facts log",
    "dead_letters": "dead letters",
    "ledger": "ledger",
    "store": "memories",
    "cache": "cache",
}


def forget(
    client: Client,
    user: str,
    out: Console,
    *,
    wait: bool,
    sure: Callable[[str], bool],
    pause: Callable[[float], None] = time.sleep,
) -> bool:
    """Forgets all that a user said; with `wait`, until it is gone everywhere. Answers whether it is.

    Raises CommandError where they are not `sure` or oboegaki does not answer.
    """
    if not sure(f"Everything that {user} ever said will be gone for good. Go on?"):
        raise CommandError("Nothing was forgotten.")
    answer = client.call("DELETE", f"/v1/users/{quote(user, safe='')}", timeout=_CALL_S)
    erasure = _told(client, answer["erasure_id"])
    out.print(f"Nothing of it is recalled any more. Erasure {erasure['erasure_id']}:", highlight=False)
    with Live(_table(erasure), console=out, auto_refresh=False) as shown:
        # Null is for good: nobody here will ever tell.
        while wait and erasure["done"] is False:
            pause(_PAUSE_S)
            erasure = _told(client, erasure["erasure_id"])
            shown.update(_table(erasure), refresh=True)
    out.print(_verdict(erasure), highlight=False, markup=False)
    return bool(erasure["done"])


def _told(client: Client, erasure_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.call("GET", f"/v1/erasures/{erasure_id}")
    return found


def _table(erasure: dict[str, Any]) -> Table:
    table = Table()
    for heading in ("part", "name", "found", "removed", "done"):
        table.add_column(heading, overflow="fold")
    for part in erasure["parts"]:
        counts = ["" if part[each] is None else f"{part[each]:,}" for each in ("found", "removed")]
        done = {True: "yes", False: "not yet", None: "not known here"}[part["done"]]
        table.add_row(_WORDS[part["part"]], part["name"], *counts, done)
    return table


def _verdict(erasure: dict[str, Any]) -> str:
    if erasure["done"]:
        return "All of it is gone. MySQL's binary log and backups made before keep it until they expire."
    if erasure["done"] is None:
        return "Its time is over. Whether all of it is gone only the process that learns could tell."
    deadline = datetime.fromisoformat(erasure["deadline"]).astimezone()
    return f"All of it will be gone by {deadline:%Y-%m-%d %H:%M}, where learning runs."
