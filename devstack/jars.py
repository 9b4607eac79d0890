"""Kafka, Kafka Connect and Debezium, from the versions that connectors/pom.xml names."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from connectors import register
from devstack import commands
from devstack.errors import Missing


@dataclass(frozen=True, slots=True)
class Jars:
    """Where the jars of one pom are."""

    folder: Path

    @property
    def classpath(self) -> str:
        """Kafka's and Kafka Connect's."""
        return str(self.folder / "kafka" / "*")

    @property
    def plugins(self) -> Path:
        """Kafka Connect's plugin path."""
        return self.folder / "plugins"


def find(dist: Path) -> Jars:
    """The jars that the pom names. Raises Missing if they have not been fetched yet."""
    jars = _of(dist)
    if not jars.folder.is_dir():
        raise Missing("Kafka and Debezium have not been fetched yet. `make setup` does it.")
    return jars


def fetch(dist: Path, on_line: Callable[[str], None]) -> Jars:
    """The jars that the pom names, fetched by Maven if they are not there; all or none, however it ends.

    Raises Missing without Maven, Failed where it went wrong.
    """
    jars = _of(dist)
    if jars.folder.is_dir():
        return jars
    if shutil.which("mvn") is None:
        raise Missing("Maven (mvn) is not on PATH, so Kafka and Debezium cannot be fetched.")
    dist.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=dist, prefix="jars.") as scratch:
        made = Path(scratch, "made")
        commands.run(
            ["mvn", "-B", "-ntp", "-f", str(register.POM), "package", f"-Djars={made}"],
            failure="Maven failed, so Kafka and Debezium could not be fetched.",
            on_line=on_line,
        )
        shutil.rmtree(made / "target", ignore_errors=True)
        made.rename(jars.folder)
    return jars


def _of(dist: Path) -> Jars:
    # By content, so that an instance with an older pom keeps its jars in a shared folder.
    return Jars(dist / f"jars-{hashlib.sha256(register.POM.read_bytes()).hexdigest()[:12]}")
