"""The command."""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from chat_api.release import release
from oboegaki import (
    bringing_up,
    chatting,
    containers,
    doctor,
    exporting,
    forgetting,
    importing,
    instance,
    keys,
    letters,
    running,
    showing,
    tracing,
    verifying,
)
from oboegaki.client import connected
from oboegaki.errors import REFUSALS, CommandError
from oboegaki.formats import file as import_file_format
from oboegaki.instance import Instance
from oboegaki.workers import worker as worker_of

app = typer.Typer(
    help="oboegaki 覚え書き: long-term memory for chat assistants.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks print local values, what was said among them
)

letters_app = typer.Typer(help="What was set aside because it could not be learned.", no_args_is_help=True)
app.add_typer(letters_app, name="dead-letters")

keys_app = typer.Typer(help="Who may ask the API, and for whom.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")
user_app = typer.Typer(help="What belongs to one user.", no_args_is_help=True)
app.add_typer(user_app, name="user")

steps_app = typer.Typer(help="Steps of docker-compose.yml, which runs them.", no_args_is_help=True)
app.add_typer(steps_app, name="containers", hidden=True)

Rebuild = Annotated[
    bool,
    typer.Option("--rebuild", help="Build the memories anew from what was learned, with the embedder set now."),
]

User = Annotated[str, typer.Option("--user", help="Whose memory.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"oboegaki {release()}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the release.")
    ] = False,
) -> None:
    """oboegaki 覚え書き: long-term memory for chat assistants."""


def main() -> None:
    """Runs a command; every refusal is a sentence on stderr and exit status 1."""
    # Whatever is written from here on, by us and by the parts, is for its owner only.
    os.umask(0o077)
    logging.getLogger("stamina").setLevel(logging.ERROR)  # it tells each retry
    try:
        app()
    except REFUSALS as exc:
        _say(exc)
        sys.exit(1)


def _native() -> Instance:
    loaded = instance.load()
    containers.refuse_in_containers(loaded)
    return loaded


def _say(refusal: Exception) -> None:
    Console(stderr=True).print(f"oboegaki: {refusal}", style="red", markup=False, highlight=False)


@app.command()
def setup() -> None:
    """Fetch MySQL, Kafka and Debezium where they are missing."""
    bringing_up.set_up(_native(), Console())


@app.command()
def run(*, rebuild: Rebuild = False) -> None:
    """Start everything, show what to paste, stop everything with Ctrl-C."""
    running.run(_native(), Console(), rebuild=rebuild)


@app.command()
def up() -> None:
    """Start MySQL, Kafka and Kafka Connect, and leave them running."""
    console = Console()
    with bringing_up.steps(console) as reported:
        bringing_up.bring_up(_native(), reported)


@app.command()
def down() -> None:
    """Stop whatever of this instance runs; data stays."""
    console = Console()
    with console.status("Stopping …"):
        stopped = running.stop(_native())
    console.print(f"Stopped: {', '.join(stopped) or 'nothing ran'}.")


@app.command()
def serve(*, rebuild: Rebuild = False) -> None:
    """Run the API, the learning and the store in this process."""
    from oboegaki import serving  # noqa: PLC0415  seconds, for which no other command is to wait

    serving.serve(instance.load(), rebuild=rebuild)
    serving.leave()


@app.command()
def api(
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes that answer at its port, each with what it is set to.")
    ] = 1,
    worker: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run the API alone, on a Qdrant server's memories."""
    from oboegaki import serving  # noqa: PLC0415  seconds, for which no other command is to wait

    loaded = instance.load()
    if workers > 1:
        serving.serve_by_workers(loaded, workers)
        return
    serving.serve_apart(loaded, api=True, worker=worker_of(worker))
    serving.leave()


@app.command()
def consume() -> None:
    """Run the learning alone, on a Qdrant server's memories; any number of it."""
    from oboegaki import serving  # noqa: PLC0415  seconds, for which no other command is to wait

    serving.serve_apart(instance.load(), api=False)
    serving.leave()


@app.command()
def rebuild() -> None:
    """Empty the memories while oboegaki is stopped: its next start builds them anew from what was learned."""
    from oboegaki import rebuilding  # noqa: PLC0415  as serving

    rebuilding.rebuild(instance.load(), Console())


@app.command()
def status() -> None:
    """Show the parts and the learning; exit status 1 if something does not run."""
    raise typer.Exit(0 if showing.show(instance.load(), Console()) else 1)


@app.command(name="doctor")
def examine() -> None:
    """Check every part and say what to do; exit status 1 if something is wrong."""
    raise typer.Exit(0 if doctor.examine(instance.load(), Console()) else 1)


@app.command()
def chat(
    user: User = "me",
    conversation: Annotated[str | None, typer.Option(help="A conversation to go on with.")] = None,
) -> None:
    """Talk in the terminal."""
    with connected(instance.load()) as client:
        chatting.run(client, user, conversation, Console())


@app.command()
def trace(message: Annotated[int, typer.Argument(min=1, help="Message id.")]) -> None:
    """Show a message's way: row, event, facts, points, receipt, with times."""
    tracing.trace(instance.load(), message, Console())


@app.command()
def verify(
    *,
    user: Annotated[str | None, typer.Option("--user", help="Only this user's messages.")] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what differs, then check again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, with every difference.")] = False,
) -> None:
    """Check that rows, logs and memories agree; exit status 0 if so, 1 if not, 2 if it cannot be told."""
    raise typer.Exit(verifying.verify(instance.load, Console(), user=user, repair=repair, as_json=as_json))


@steps_app.command()
def configure() -> None:
    """Write what the other containers start with."""
    containers.configure(instance.load())


@steps_app.command(name="set-up")
def set_up_containers() -> None:
    """Make tables and topics, and give the accounts their rights."""
    containers.set_up(instance.load())


@steps_app.command()
def register() -> None:
    """Have Debezium read MySQL's binlog."""
    containers.register(instance.load())


@letters_app.command(name="list")
def list_letters(*, as_json: Json = False) -> None:
    """List what was set aside and was not learned since."""
    letters.show_all(letters.standing(instance.load()), Console(), as_json=as_json)


@letters_app.command(name="show")
def show_letter(
    message: Annotated[int, typer.Argument(min=1, help="Message id.")], *, as_json: Json = False
) -> None:
    """Show why a message was set aside, and where its record lies."""
    found = letters.standing(instance.load(), lambda letter: letter.message_id == message)
    letters.show(found, message, Console(), as_json=as_json)


@letters_app.command()
def redrive(
    user: Annotated[str | None, typer.Option("--user", help="A user's messages.")] = None,
    message: Annotated[int | None, typer.Option("--id", min=1, help="One message.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All messages.")] = False,
    as_json: Json = False,
) -> None:
    """Learn what was set aside once more, as it stands now; exit status 1 if some of it is set aside again."""
    if sum((user is not None, message is not None, everything)) != 1:
        raise CommandError("Say which: --user USER, --id MESSAGE, or --all.")
    loaded = instance.load()
    wanted = letters.standing(loaded, letters.chosen(user, message))
    found = letters.redrive(loaded, wanted, Console(quiet=as_json))
    letters.show_redriven(found, Console(), as_json=as_json)
    raise typer.Exit(0 if found.well else 1)


@keys_app.command(name="create")
def create_key(
    user: Annotated[str | None, typer.Option("--user", help="For this user alone.")] = None,
    tenant: Annotated[
        str | None, typer.Option("--tenant", help="For the users whose ids begin with this and a slash.")
    ] = None,
    *,
    admin: Annotated[bool, typer.Option("--admin", help="For everybody, and for administration.")] = False,
    label: Annotated[str | None, typer.Option(help="To tell keys apart by.")] = None,
    expires: Annotated[
        str | None,
        typer.Option(help="Until when it is good, such as 2027-01-01T00:00:00Z; for good, if left out."),
    ] = None,
    trusts_user_header: Annotated[
        bool, typer.Option("--trusts-user-header", help="Believe X-OpenWebUI-User-Id; not for a user's key.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a key and show it, once."""
    if sum((user is not None, tenant is not None, admin)) != 1:
        raise CommandError("Say for whom: --user USER, --tenant TENANT, or --admin.")
    kind = "admin" if admin else "user" if user is not None else "tenant"
    asked = {"kind": kind, "bound_to": user or tenant, "label": label, "expires_at": expires}
    trusts = {"trusts_user_header": True} if trusts_user_header else {}
    made = keys.create(
        instance.load(), {name: value for name, value in asked.items() if value is not None} | trusts
    )
    keys.show_made(made, Console(), as_json=as_json)


@keys_app.command(name="list")
def list_keys(*, as_json: Json = False) -> None:
    """List the keys, the revoked and the expired ones too; never their texts."""
    keys.show_all(keys.listed(instance.load()), Console(), as_json=as_json)


@keys_app.command(name="revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(help="Key id, as `oboegaki keys list` shows it.")]) -> None:
    """Refuse a key from now on; other API processes refuse it five seconds later at most."""
    revoked = keys.revoke(instance.load(), key_id)
    Console().print(f"The key {revoked.key_id} is revoked.", markup=False)


@user_app.command()
def export(
    user: Annotated[str, typer.Argument(help="Whose.")],
    out: Annotated[Path | None, typer.Option("--out", help="A file; standard output without it.")] = None,
) -> None:
    """Write settings, conversations, messages and memories as JSON Lines, which `oboegaki import` takes."""
    with connected(instance.load()) as client:
        found = exporting.run(client, user, out)
    told = f"{found['messages']} messages, {found['memories']} memories."
    Console(stderr=True).print(told)


@user_app.command()
def forget(
    user: Annotated[str, typer.Argument(help="Whose memory.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Until all of it is gone; it may take hours.")] = False,
) -> None:
    """Forget everything that a user said, and show how far it is gone."""
    with connected(instance.load()) as client:
        forgetting.forget(client, user, Console(), wait=wait, sure=lambda asked: yes or typer.confirm(asked))


@app.command(name="import")
def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            help="From ChatGPT (conversations.json), Open WebUI, Mem0 or `oboegaki user export`; or JSON Lines."
            " - is standard input."
        ),
    ],
    user: User,
) -> None:
    """Write a file of messages and wait until all of it is learned; safe to run twice."""
    console = Console()
    here = instance.load()
    with import_file_format.read_again(file, here.stack.home) as path, connected(here) as client:
        messages = import_file_format.opened(path)
        own = messages.of_user == user
        importing.set_user(client, messages.settings, user, own=own)
        found = importing.run(client, messages, user, console, lenient=messages.foreign, own=own)
    console.print(f"{messages.name}: {found.messages} messages, {found.added} of them new; all learned.")
    if found.differing:
        console.print(f"{found.differing} are there in other words, and were left as they are.")
    if found.refused:
        console.print(f"{found.refused} were left out, as they cannot be taken: {found.cause}")
