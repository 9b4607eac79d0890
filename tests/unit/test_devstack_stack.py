"""What keeps the stack from starting is said before anything has started."""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest

from devstack import jars, process, stack
from devstack.errors import Missing, Refused
from devstack.secrets import load_or_create
from devstack.settings import StackSettings


def start(home: Path) -> None:
    stack.start(
        StackSettings(home=home, dist=home / "dist"),
        load_or_create(home),
        partitions=12,
        on_part=lambda name, _: pytest.fail(f"{name} was started"),
        after_mysql=lambda: pytest.fail("tables were made"),
        after_kafka=lambda: pytest.fail("topics were made"),
    )


def test_of_two_that_start_one_instance_the_second_is_refused(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "stack.lock", os.O_RDWR | os.O_CREAT)
    # A starter wants it for itself, so it does not do with a share of it.
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    try:
        with pytest.raises(Refused, match="being started by another process"):
            start(tmp_path)
    finally:
        os.close(descriptor)


def test_java_missing_is_named_with_the_version_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)

    with pytest.raises(Missing, match=r"Java.*17"):
        start(tmp_path)


def test_jars_missing_are_named_with_the_way_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="make setup"):
        jars.find(tmp_path)


def test_every_part_that_does_not_run_is_told_as_such(tmp_path: Path) -> None:
    told = [
        (part.name, part.running, part.ready, part.detail)
        for part in stack.status(StackSettings(home=tmp_path), load_or_create(tmp_path))
    ]

    assert told == [(name, False, False, "not running") for name in ("mysql", "kafka", "connect")]


def test_stopping_an_instance_that_does_not_run_stops_nothing(tmp_path: Path) -> None:
    assert stack.stop(StackSettings(home=tmp_path)) == []
    assert process.find(tmp_path, "mysql") is None


@contextmanager
def answering(*, anybody: bool) -> Iterator[int]:
    """A port whose listener answers whoever asks for Kafka's topics, or hangs up on them."""

    class Kafka(BaseRequestHandler):
        def handle(self) -> None:
            request = self.request.recv(1024)
            if anybody:
                self.request.sendall(struct.pack(">i", 8) + request[8:12] + bytes(4))

    with ThreadingTCPServer(("127.0.0.1", 0), Kafka) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("anybody", [True, False])
def test_before_an_open_kafka_is_started_anew_its_connect_is_stopped_and_no_other(
    tmp_path: Path, *, anybody: bool
) -> None:
    with answering(anybody=anybody) as port:
        settings = StackSettings(home=tmp_path, kafka_port=port)
        for name in ("kafka", "connect"):
            process.start(name, ["sleep", "60"], home=tmp_path)
        try:
            stack.stop_connect_of_an_open_kafka(settings)

            assert (process.find(tmp_path, "connect") is None) == anybody
            assert process.find(tmp_path, "kafka") is not None
        finally:
            stack.stop(settings)
