"""What `oboegaki run` prints once everything runs: the address, the key, and what to paste next."""

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from oboegaki.client import address
from oboegaki.discovery import Offer
from oboegaki.instance import Instance

_USER = "hanako"
_MESSAGE = {
    "user_id": _USER,
    "role": "user",
    "content": "来月、京都へ引っ越します。柴犬のモカも一緒です。",
    "external_id": "first",
}
_QUESTION = "犬の名前は？"


def show(instance: Instance, console: Console, offers: Sequence[Offer] = ()) -> None:
    """Prints it; lines to paste are printed as they are, whatever the terminal's width.

    `offers` are language models on this machine that could be used.
    """
    key = instance.api.api_key.get_secret_value()
    grid = Table.grid(padding=(0, 2))
    grid.add_row("[bold]Address[/bold]", address(instance))
    grid.add_row("[bold]Key[/bold]", key)
    grid.add_row("[bold]Talk[/bold]", f"{_command()} chat --user {_USER}")
    grid.add_row("[bold]Stop[/bold]", "Ctrl-C")
    console.print(Panel(grid, title="oboegaki 覚え書き", expand=False))
    said, asked = curls(instance)
    console.print("In another terminal, say something and wait until it is learned:\n")
    console.out(said, highlight=False)
    console.print("\nThen ask for it:\n")
    console.out(asked, highlight=False)
    for offer in offers:
        console.out(f"\n{offer}", highlight=False)


def curls(instance: Instance) -> tuple[str, str]:
    """Lines for a shell: the first writes a message and waits until it is learned, the second asks for it."""
    base = address(instance)
    key = shlex.quote(f"Authorization: Bearer {instance.api.api_key.get_secret_value()}")
    body = shlex.quote(json.dumps(_MESSAGE, ensure_ascii=False))
    number = "sed 's/.*\"message_id\":\\([0-9]*\\).*/\\1/'"
    said = (
        f"ID=$(curl -s -H {key} {base}/v1/messages -d {body} | {number})\n"
        f'curl -s -H {key} "{base}/v1/users/{_USER}/freshness?wait_for=$ID&timeout=30"'
    )
    return said, f"curl -s -H {key} '{base}/v1/memories?user_id={_USER}&query={quote(_QUESTION)}'"


def _command() -> str:
    command = Path(sys.argv[0])
    here = Path.cwd()
    return str(command.relative_to(here)) if command.is_relative_to(here) else str(command)
