"""`oboegaki api --workers`: several processes behind one port, as one API, and gone as one."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.contract import stores
from tests.support.api import KEY, MySql
from tests.support.deadline import wait_until
from tests.support.services import free_ports

_START_S = 120


@dataclass(frozen=True)
class Workers:
    """Two of them, and the process over them."""

    process: subprocess.Popen[bytes]
    address: str
    home: Path
    #: Where each tells its own metrics.
    metrics: tuple[str, str]

    def ask(self, method: str, path: str, **more: object) -> httpx.Response:
        """An answer on a connection of its own, so of whichever worker takes it."""
        headers = {"Authorization": f"Bearer {KEY}"}
        return httpx.request(method, f"{self.address}{path}", headers=headers, timeout=60, **more)  # type: ignore[arg-type]

    def alive(self) -> bool:
        assert self.process.poll() is None, (self.home / "log").read_text()[-2000:]
        # One of them answers for both as soon as it is up: only what each tells by itself shows that the other is.
        try:
            return all(
                httpx.get(each, timeout=5).is_success for each in (f"{self.address}/health/live", *self.metrics)
            )
        except httpx.TransportError:
            return False

    def answered(self) -> list[bool]:
        """Whether each has answered a call of the API's."""
        return [self._answered(each) for each in self.metrics]

    @staticmethod
    def _answered(metrics: str) -> bool:
        try:
            return 'route="/v1/conversations' in httpx.get(metrics, timeout=60).text
        except httpx.TransportError:
            # The other one is up before this one.
            return False

    def processes(self) -> list[psutil.Process]:
        found: list[psutil.Process] = psutil.Process(self.process.pid).children()
        return found


@pytest.fixture
def workers(mysql: MySql, tmp_path: Path) -> Iterator[Workers]:
    port, first = _ports()
    env = {
        **os.environ,
        "OBOEGAKI_HOME": str(tmp_path),
        "OBOEGAKI_API_KEY": KEY,
        "OBOEGAKI_PORT": str(port),
        "OBOEGAKI_METRICS_PORT": str(first),
        "OBOEGAKI_MYSQL_PORT": str(mysql.api.port),
        "OBOEGAKI_MYSQL_PASSWORD": mysql.api.password.get_secret_value(),
        **stores.server_environment(),
    }
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-m", "oboegaki", "api", "--workers", "2"]
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    metrics = (f"http://127.0.0.1:{first}/metrics", f"http://127.0.0.1:{first + 1}/metrics")
    made = Workers(process, f"http://127.0.0.1:{port}", tmp_path, metrics)
    children: list[psutil.Process] = []
    try:
        wait_until(made.alive, _START_S)
        children = made.processes()
        yield made
    finally:
        process.kill()
        process.wait(60)
        for left in children:
            if left.is_running():
                left.kill()


def _ports() -> tuple[int, int]:
    """A port, and the first of two that follow each other."""
    while True:
        port, first = free_ports(2)
        with socket.socket() as second, suppress(OSError):
            second.bind(("127.0.0.1", first + 1))
            return port, first


def test_both_answer_and_share_what_one_wrote_and_a_stop_ends_all(workers: Workers) -> None:
    message = {"user_id": "u", "role": "user", "content": "tea", "conversation_id": "c"}
    written = workers.ask("POST", "/v1/messages", json=message).raise_for_status().json()["message_id"]

    def both_answered() -> bool:
        read = workers.ask("GET", "/v1/conversations/c/messages", params={"user_id": "u"}).raise_for_status()
        assert [row["message_id"] for row in read.json()["messages"]] == [written]
        return all(workers.answered())

    wait_until(both_answered, _START_S)
    running = workers.processes()
    workers.process.send_signal(signal.SIGTERM)

    assert workers.process.wait(60) == 0
    assert [each for each in running if each.is_running()] == []
    assert {each.name for each in (workers.home / "logs").glob("audit*")} == {"audit.log", "audit-1.log"}


def test_no_worker_goes_on_without_the_process_over_it(workers: Workers) -> None:
    running = workers.processes()
    assert len(running) == 2
    workers.process.kill()

    wait_until(lambda: not any(each.is_running() for each in running))
