"""Images under the names that docker-compose.yml pins, made of the true programs where no registry is reached.

    python -m tests.containers.stand_ins     makes those that are missing, and our own image

A stand-in has MySQL, Kafka, Debezium or Python at the places where the true image has them, on a Debian made by
debootstrap: what differs is the system around them. In those of Qdrant and Text Embeddings Inference a program of
tests/containers speaks as they do. Each carries the label `oboegaki.stand-in`, which the true image does not have.
Root and Debian's `debootstrap` are needed.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from chat_api.release import release
from devstack import jars, mysql_program
from tests.support.services import DIST

ROOT = Path(__file__).parents[2]
LABEL = "oboegaki.stand-in"
_SUITE = "bookworm"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_PATH = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: Run by its own loader: it is newer than the Debian around it.
_MYSQL = """#!/bin/sh
lib=/opt/mysql/usr/lib/x86_64-linux-gnu
exec /opt/mysql/usr/lib64/ld-linux-x86-64.so.2 --library-path $lib /opt/mysql/usr/{folder}/{name} "$@"
"""

PYTHON = "python:3.11.14-slim-bookworm"
MYSQL = "mysql:9.7.2"
KAFKA = "apache/kafka:4.3.0"
CONNECT = "quay.io/debezium/connect:3.6.1.Final"
#: Those that the default size needs, and the base of our own.
NAMES = (PYTHON, MYSQL, KAFKA, CONNECT)

QDRANT = "qdrant/qdrant:v1.20.0"
TEI = "ghcr.io/huggingface/text-embeddings-inference:cpu-1.8.3"
OURS = f"oboegaki:{release()}"
#: A release before this one, under a tag of its own, and the commit that it is built of: the last one with the
#: tables' first form.
EARLIER, _EARLIER_COMMIT = "earlier", "413d483"
#: What the server size needs beside those.
SERVER_NAMES = (QDRANT, TEI)
_HERE = Path(__file__).parent


class CannotMake(Exception):
    """Why no stand-in can be made here."""


def make_missing() -> list[str]:
    """Makes stand-ins for the images that are neither here nor to be pulled; returns their names.

    Raises CannotMake.
    """
    missing = [name for name in NAMES if not is_there(name) and not _pull(name)]
    if not missing:
        return []
    if shutil.which("debootstrap") is None:
        raise CannotMake("No image registry is reached, and for stand-ins debootstrap is missing.")
    with tempfile.TemporaryDirectory(prefix="oboegaki-stand-ins.") as scratch:
        _make(missing, Path(scratch))
    return missing


def build() -> list[str]:
    """Our own image, as the compose file names it, and on it what the server size lacks; returns those names."""
    # The network of this machine: where a bridge has a larger MTU than the way out, downloads hang.
    _docker("build", "--network", "host", "-q", "-t", OURS, str(ROOT))
    # A stand-in is made anew: it is a program of this folder.
    played = [name for name in SERVER_NAMES if is_stand_in(name) or not (is_there(name) or _pull(name))]
    for name in played:
        with tempfile.TemporaryDirectory(prefix="oboegaki-stand-ins.") as context:
            _play(name, Path(context))
    return played


def build_earlier() -> None:
    """An image of the release before this one, from the repository's history. Raises CannotMake."""
    with tempfile.TemporaryDirectory(prefix="oboegaki-earlier.") as context:
        archive = Path(context, "earlier.tar")
        check(["git", "-C", str(ROOT), "archive", "-o", str(archive), _EARLIER_COMMIT])
        check(["tar", "-C", context, "-xf", str(archive)])
        archive.unlink()
        _docker("build", "--network", "host", "-q", "-t", f"oboegaki:{EARLIER}", context)


def is_there(name: str) -> bool:
    """Whether the engine has an image."""
    return _run(["docker", "image", "inspect", name]).returncode == 0


def is_stand_in(name: str) -> bool:
    """Whether an image was made here."""
    form = f'{{{{index .Config.Labels "{LABEL}"}}}}'
    return bool(_run(["docker", "image", "inspect", "-f", form, name]).stdout.strip())


def _make(missing: Sequence[str], scratch: Path) -> None:
    if PYTHON in missing:
        system = _debian(scratch / "python", "python3,python3-venv,ca-certificates")
        # It trusts whom this machine trusts.
        if _CERTIFICATES.exists():
            shutil.copy(_CERTIFICATES, system / _CERTIFICATES.relative_to("/"))
        _import(system, PYTHON, f"ENV PIP_CERT={_CERTIFICATES}")
    if {MYSQL, KAFKA, CONNECT} & set(missing):
        java = _debian(scratch / "java", "openjdk-17-jre-headless")
        _import(java, "oboegaki-stand-in-java")
    mysql_program.fetch(DIST, print)
    found = jars.fetch(DIST, print)
    copies = {
        MYSQL: [
            (DIST / "mysql", "/opt/mysql"),
            (_mysql_wrappers(scratch), "/usr/local/bin"),
            *_where_mysql_looks(),
        ],
        KAFKA: [(found.folder / "kafka", "/opt/kafka/libs")],
        CONNECT: [(found.folder / "kafka", "/kafka/libs"), (found.plugins, "/kafka/connect")],
    }
    for name, files in copies.items():
        if name in missing:
            _with_files(scratch, name, files)


def _play(name: str, context: Path) -> None:
    program = {QDRANT: "qdrant_rest.py", TEI: "tei_rest.py"}[name]
    shutil.copy(_HERE / program, context)
    started = context / "qdrant"
    started.write_text(f'#!/bin/sh\nexec python /played/{program} "$@"\n')
    started.chmod(0o755)
    lines = [
        f"FROM {OURS}",
        f"LABEL {LABEL}=yes",
        f"COPY {program} /played/",
        "COPY qdrant /qdrant/qdrant",
        # Below it lies the volume of another user than ours.
        "USER 0",
        "RUN chmod 0755 /oboegaki",
        "USER 10001:10001",
        "HEALTHCHECK NONE",
        f'ENTRYPOINT ["python", "/played/{program}"]',
        "CMD []",
    ]
    (context / "Dockerfile").write_text("\n".join([*lines, ""]))
    _docker("build", "-q", "-t", name, str(context))


def _mysql_wrappers(scratch: Path) -> Path:
    folder = scratch / "wrappers"
    folder.mkdir()
    for name, where in (("mysqld", "sbin"), ("mysql", "bin")):
        path = folder / name
        path.write_text(_MYSQL.format(folder=where, name=name))
        path.chmod(0o755)
    return folder


def _where_mysql_looks() -> list[tuple[Path, str]]:
    return [(DIST / "mysql" / path, f"/{path}") for path in ("usr/share/mysql", "usr/lib/mysql/plugin")]


def _debian(folder: Path, packages: str) -> Path:
    check(["debootstrap", "--variant=minbase", f"--include={packages}", _SUITE, str(folder)])
    for leftover in (folder / "var/cache/apt/archives").glob("*.deb"):
        leftover.unlink()
    shutil.rmtree(folder / "var/lib/apt/lists", ignore_errors=True)
    return folder


def _import(system: Path, name: str, *changes: str) -> None:
    told = [part for change in (_PATH, f"LABEL {LABEL}=yes", *changes) for part in ("-c", change)]
    archive = system.with_suffix(".tar")
    check(["tar", "-C", str(system), "-cf", str(archive), "."])
    _docker("import", *told, str(archive), name)
    archive.unlink()


def _with_files(scratch: Path, name: str, files: Sequence[tuple[Path, str]]) -> None:
    context = scratch / "context"
    shutil.rmtree(context, ignore_errors=True)
    context.mkdir()
    lines = ["FROM oboegaki-stand-in-java", f"LABEL {LABEL}=yes"]
    for number, (source, target) in enumerate(files):
        shutil.copytree(source, context / str(number), symlinks=True)
        lines.append(f"COPY {number} {target}")
    # Others than root run them, who may not read what was fetched for one user.
    check(["chmod", "-R", "a+rX", str(context)])
    (context / "Dockerfile").write_text("\n".join([*lines, ""]))
    _docker("build", "-q", "-t", name, str(context))


def _pull(name: str) -> bool:
    return _run(["docker", "pull", "-q", name]).returncode == 0


def _docker(*arguments: str) -> None:
    check(["docker", *arguments])


def check(command: Sequence[str]) -> None:
    """Raises CannotMake with what a command said, where it fails."""
    done = _run(command)
    if done.returncode != 0:
        raise CannotMake(f"{' '.join(command[:3])} failed: {done.stderr[-2000:]}")


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    made = [*make_missing(), *build()]
    print(f"Stand-ins made: {', '.join(made) or 'none, all images are there'}.")  # noqa: T201  for who runs it
