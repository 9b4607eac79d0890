"""What the README tells a newcomer: run, paste, look, Ctrl-C. In a home whose path has a space and kanji."""

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import process
from oboegaki.doctor import files
from tests.support.deadline import wait_until
from tests.support.instance import RunningInstance, instance_at
from tests.support.services import DIST


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[RunningInstance]:
    with instance_at(tmp_path / "覚え 書き") as made:
        yield made


def running(instance: RunningInstance, output: Path) -> subprocess.Popen[bytes]:
    """`oboegaki run`, once it has said what to paste."""
    with output.open("wb") as file:
        started = instance.popen("run", stdout=file, stderr=file)

    def told() -> bool:
        assert started.poll() is None, output.read_text()
        return "Then ask for it" in output.read_text()

    wait_until(told, 240)
    return started


def pasted(output: Path) -> list[str]:
    """What a shell prints for the lines that are there to be pasted."""
    said, asked = output.read_text().split("learned:\n")[1].split("Then ask for it:\n")
    return [
        subprocess.run(["bash", "-c", lines], capture_output=True, text=True, check=True, timeout=60).stdout
        for lines in (said, asked)
    ]


def test_a_newcomer_runs_it_pastes_two_pieces_looks_around_and_stops_it(
    fresh: RunningInstance, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    started = running(fresh, output)
    learned, recalled = (json.loads(answer) for answer in pasted(output))
    assert learned["learned"] is True
    assert "モカ" in recalled["memories"][0]["text"]

    trace = fresh.command("trace", str(learned["message_id"]))
    assert re.search(r"row.*event.*facts record.*point.*receipt.*learned and searchable", trace, re.DOTALL)
    assert "extract" in fresh.command("status")
    assert "wrong" not in fresh.command("doctor")
    assert "nobody else" in files(fresh.home, DIST)
    assert "京都" in fresh.command("chat", "--user", "hanako", said="京都の話を覚えていますか？\n/quit\n")
    assert "already runs" in fresh.command("run", status=1)

    started.send_signal(signal.SIGINT)
    assert started.wait(60) == 0
    assert "Stopped: oboegaki, connect, kafka, mysql" in output.read_text()
    assert fresh.processes() == []
    assert "not running" in fresh.command("status", status=1)
    # Where nothing listens, nobody gets in: that tells nothing.
    assert re.search(r"wrong +other accounts: This can be told only while", fresh.command("doctor", status=1))


def test_run_says_which_part_stopped_by_itself_and_leaves_nothing_running(
    fresh: RunningInstance, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    started = running(fresh, output)
    served = process.find(fresh.home, "oboegaki")
    assert served is not None
    os.kill(served.pid, signal.SIGKILL)

    assert started.wait(60) == 1
    assert "oboegaki stopped by itself" in output.read_text()
    assert fresh.processes() == []


def test_a_port_in_use_is_named_with_its_setting_and_nothing_is_started(fresh: RunningInstance) -> None:
    with socket.create_server(("127.0.0.1", fresh.ports[2])):
        told = fresh.command("run", status=1)

    assert f"Port {fresh.ports[2]} is in use" in told
    assert "OBOEGAKI_KAFKA_PORT" in told
    assert fresh.processes() == []
