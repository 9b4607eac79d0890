"""What keeps the stack from starting is said before anything has started."""

import fcntl
import os
from pathlib import Path

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
