"""Kafka Connect's password is only said to our own worker, at every request."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import connect, process
from devstack.errors import Failed
from devstack.process import Process
from devstack.secrets import load_or_create
from devstack.settings import StackSettings


@pytest.fixture
def other() -> Iterator[socket.socket]:
    """Somebody else's process on our port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.5)
        yield listening


def test_whoever_took_the_port_is_asked_nothing_and_told_no_password(tmp_path: Path, other: socket.socket) -> None:
    settings, secrets = StackSettings(home=tmp_path, connect_port=other.getsockname()[1]), load_or_create(tmp_path)
    # Our own worker runs, but it does not hold its port.
    worker = process.start(connect.NAME, ["sleep", "60"], home=tmp_path)
    try:
        registered(settings, worker)
        assert connect.connector(settings, secrets) is None
        assert not connect.answers(settings, secrets)
        for ask in (connect.mend_connector, connect.settle_connector, connect.restart_connector, connect.captured):
            with pytest.raises(Failed, match="does not run here"):
                ask(settings, secrets)
        with pytest.raises(TimeoutError):
            other.accept()
    finally:
        connect.stop(settings)


def registered(settings: StackSettings, worker: Process) -> None:
    with pytest.raises(Failed, match="does not run here"):
        connect.register_messages(
            settings,
            load_or_create(settings.home),
            worker,
            partitions=12,
            log_id="1:1",
            deadline=time.monotonic() + 5,
        )
