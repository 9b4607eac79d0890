"""Prometheus's own programs: the machine's, or those of Debian's packages, unpacked once beside MySQL's."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from devstack import debian
from devstack.errors import Missing
from tests.support.deadline import wait_until
from tests.support.services import DIST, free_ports


@dataclass(frozen=True, slots=True)
class Programs:
    """How to call each."""

    server: tuple[str, ...]
    tool: tuple[str, ...]

    def told(self, *arguments: str, said: str | None = None, status: int = 0) -> str:
        """What promtool prints, once it has ended as expected."""
        done = subprocess.run(
            [*self.tool, *arguments], input=said, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    @contextmanager
    def scraping(self, config: str, folder: Path) -> Iterator[httpx.Client]:
        """A server of that configuration, and a client of its API."""
        [port] = free_ports(1)
        (folder / "prometheus.yml").write_text(config)
        listens = (f"--config.file={folder / 'prometheus.yml'}", f"--web.listen-address=127.0.0.1:{port}")
        data = f"--storage.tsdb.path={folder / 'data'}"
        with (folder / "prometheus.log").open("w") as log:
            served = subprocess.Popen([*self.server, *listens, data], stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            with httpx.Client(base_url=address, timeout=30, trust_env=False) as client:
                wait_until(lambda: _is_ready(client))
                yield client
        finally:
            served.terminate()
            served.wait(30)


def asked(client: httpx.Client, query: str) -> list[Mapping[str, Any]]:
    """What a query comes to just now."""
    answer = client.get("/api/v1/query", params={"query": query})
    assert answer.is_success, f"{query}: {answer.text}"
    found: list[Mapping[str, Any]] = answer.json()["data"]["result"]
    return found


def programs() -> Programs:
    """Them, fetched if there are none; skips the test where they cannot be had here."""
    if shutil.which("prometheus") and shutil.which("promtool"):
        return Programs(("prometheus",), ("promtool",))
    home = DIST / "prometheus"
    if not home.exists():
        with tempfile.TemporaryDirectory(dir=DIST, prefix="prometheus.") as scratch:
            try:
                debian.unpack(("prometheus",), "stable", Path(scratch, "root"), Path(scratch), print)
            except Missing as exc:
                pytest.skip(f"There is no prometheus here, and Debian's could not be fetched: {exc}")
            with suppress(OSError):  # another process was quicker
                Path(scratch, "root").rename(home)
    return _unpacked(home)


def _unpacked(home: Path) -> Programs:
    # By its own loader: the machine's C library may be older.
    loader = next(iter(sorted([*home.glob("usr/lib64/ld-linux*"), *home.glob("usr/lib/ld-linux*")])))
    library = next(home.glob("usr/lib/*/libc.so.6")).parent
    prefix = (str(loader), "--library-path", str(library))
    return Programs((*prefix, str(home / "usr/bin/prometheus")), (*prefix, str(home / "usr/bin/promtool")))


def _is_ready(client: httpx.Client) -> bool:
    with suppress(httpx.TransportError):
        return client.get("/-/ready").is_success
    return False
