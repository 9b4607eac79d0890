"""`oboegaki chat`: talk in the terminal."""

from rich.console import Console
from rich.markup import escape

from oboegaki.client import Client
from oboegaki.errors import CommandError

_LEAVE = frozenset({"/quit", "/exit", "/q"})


def run(client: Client, user: str, conversation: str | None, console: Console) -> None:
    """Asks and answers until the user leaves with Ctrl-D or /quit."""
    console.print(f"You are [bold]{escape(user)}[/bold]. Leave with Ctrl-D or /quit.  終わるには Ctrl-D か /quit")
    while True:
        try:
            said = console.input("[bold cyan]you>[/bold cyan] ").strip()
        except (EOFError, KeyboardInterrupt):
            console.print()
            return
        if said in _LEAVE:
            return
        if said:
            conversation = _turn(client, user, conversation, said, console)


def _turn(client: Client, user: str, conversation: str | None, said: str, console: Console) -> str | None:
    request = {"user_id": user, "message": said}
    if conversation is not None:
        request["conversation_id"] = conversation
    try:
        answer = client.call("POST", "/v1/chat", json=request, timeout=300)
    except CommandError as exc:
        console.print(f"[red]{escape(str(exc))}[/red]")
        return conversation
    console.print(f"[bold green]oboegaki>[/bold green] {escape(answer['reply'])}")
    # Without a model the reply is the memories themselves.
    for memory in (each for each in answer["recalled"] if " ".join(each["text"].split()) not in answer["reply"]):
        console.print(f"  [dim]{escape(memory['said_at'][:10])}  {escape(memory['text'])}[/dim]")
    return str(answer["conversation_id"])
