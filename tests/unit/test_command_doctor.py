"""A check that hangs or finds something never keeps the others from being made."""

import socket
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from oboegaki import doctor, instance
from oboegaki.client import connected
from oboegaki.doctor import Broken, Check, Finding, files
from oboegaki.errors import Away
from oboegaki.instance import Instance
from tests.support.deadline import wait_until
from tests.support.services import free_ports


def test_a_check_that_hangs_is_left_behind_in_time() -> None:
    never = Event()

    def hang() -> str:
        never.wait()
        return "too late"

    finding = doctor.answered(Check("Kafka", hang), within_s=0.05)
    never.set()

    assert finding == Finding("Kafka", well=False, words="no answer within 0 s.")


def test_what_is_broken_is_told_in_its_own_words() -> None:
    def broken() -> str:
        raise Broken("Nothing answers on port 8422.")

    assert doctor.answered(Check("Kafka", broken)) == Finding("Kafka", False, "Nothing answers on port 8422.")


def test_what_is_well_is_told_too() -> None:
    assert doctor.answered(Check("disk", lambda: "80 GB left")) == Finding("disk", True, "80 GB left")


def test_a_home_that_nobody_else_may_open_is_well(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    for folder in ("logs", "dist", "mysql/data"):
        (tmp_path / folder).mkdir(mode=0o700, parents=True)
    (tmp_path / "mysql").chmod(0o700)
    (tmp_path / "logs" / "kafka.log").touch(0o600)
    # Programs are nobody's secret, and MySQL's folder of data is closed as a whole.
    (tmp_path / "dist" / "mysqld").touch(0o755)
    (tmp_path / "mysql" / "data" / "ca.pem").touch(0o644)

    assert "nobody else" in files(tmp_path, tmp_path / "dist")


@pytest.mark.parametrize("opened", [".", "logs", "logs/kafka.log", "mysql/data"])
def test_what_others_may_open_is_named_with_what_to_do(tmp_path: Path, opened: str) -> None:
    for folder in ("logs", "mysql/data"):
        (tmp_path / folder).mkdir(mode=0o700, parents=True)
    (tmp_path / "mysql").chmod(0o700)
    (tmp_path / "logs" / "kafka.log").touch(0o600)
    tmp_path.chmod(0o700)
    (tmp_path / opened).chmod(0o740)

    with pytest.raises(Broken, match=rf"Others may open {tmp_path / opened}\. .*chmod -R go-rwx"):
        files(tmp_path, tmp_path / "dist")


COME_AND_GO = """
import shutil, sys
from pathlib import Path
folder = Path(sys.argv[1])
while True:
    folder.mkdir(mode=0o700)
    for number in range(100):
        (folder / str(number)).touch(0o600)
    shutil.rmtree(folder)
"""


def test_files_that_vanish_meanwhile_are_no_fault(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    # A process, for a thread would wait for its turn while the files are looked at.
    writing = subprocess.Popen([sys.executable, "-c", COME_AND_GO, str(tmp_path / "segments")])
    try:
        wait_until((tmp_path / "segments").exists)
        for _ in range(500):
            assert "nobody else" in files(tmp_path, tmp_path / "dist")
    finally:
        writing.kill()
        writing.wait()


@pytest.fixture(params=["native", "containers"])
def away(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    """An instance of which nothing runs."""
    names = ("PORT", "MYSQL_PORT", "KAFKA_PORT", "KAFKA_CONTROLLER_PORT", "CONNECT_PORT")
    for name, port in zip(names, free_ports(5), strict=True):
        monkeypatch.setenv(f"OBOEGAKI_{name}", str(port))
    monkeypatch.setenv("OBOEGAKI_HOME", str(tmp_path))
    monkeypatch.setenv("OBOEGAKI_CONTAINERS", str(request.param == "containers"))
    # A name that nobody has, wherever this is run.
    monkeypatch.setenv("OBOEGAKI_MYSQL_HOST", "127.0.0.1")
    return instance.load()


#: httpcore leaves a Unix socket that nobody listens on to the collector.
left_open = pytest.mark.filterwarnings("ignore:unclosed <socket.socket .*family=1:ResourceWarning")


@left_open
@pytest.mark.parametrize("name", ["MySQL", "Kafka Connect", "connector", "oboegaki"])
def test_what_helps_can_be_typed_where_it_runs(away: Instance, name: str) -> None:
    [check] = [each for each in doctor.checks(away) if each.name == name]
    finding = doctor.answered(check)

    assert not finding.well
    in_containers = "`docker compose up -d --wait`" in finding.words
    assert in_containers == away.stack.containers
    assert ("`oboegaki up`" in finding.words or "`make run`" in finding.words) != in_containers


@left_open
def test_a_command_tells_how_to_start_what_does_not_run(away: Instance) -> None:
    helps = "`docker compose up -d --wait`" if away.stack.containers else "`make run`"

    with connected(away) as client, pytest.raises(Away, match=helps):
        client.call("GET", "/health/live")


def test_a_controller_is_asked_only_where_it_is_ours(away: Instance) -> None:
    """In containers the one on the loopback of this container is nobody's of ours."""
    number = struct.pack(">i", 0x6F626F65)
    with socket.create_server(("127.0.0.1", away.stack.kafka_controller_port)) as listening:

        def let_in() -> None:
            with suppress(OSError), listening.accept()[0] as connection:
                connection.recv(4096)
                connection.sendall(struct.pack(">i", 8) + number + b"node")

        answering = Thread(target=let_in)
        answering.start()
        if away.stack.containers:
            assert "without a password" in doctor.strangers(away.stack)
            listening.shutdown(socket.SHUT_RDWR)
        else:
            with pytest.raises(Broken, match="Stop it by `oboegaki down`, then `make run`"):
                doctor.strangers(away.stack)
        answering.join(10)
