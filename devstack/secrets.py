"""Passwords and the admin key: generated once, kept in one file that only its owner reads."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr

from devstack import files
from devstack.errors import Refused

_FILE = "secrets.json"
#: Those that files of earlier releases do not have.
_ADDED = ("kafka_broker", "kafka", "connect", "qdrant", "grafana")


class Secrets(BaseModel):
    """What the parts of one instance know each other by."""

    # Of a later release, to which one may go back.
    model_config = ConfigDict(frozen=True, extra="ignore")

    mysql_root: SecretStr
    mysql_migrate: SecretStr
    mysql_api: SecretStr
    mysql_debezium: SecretStr
    mysql_readonly: SecretStr
    api_key: SecretStr
    #: The broker's own, by which it also takes the passwords of others.
    kafka_broker: SecretStr
    #: Of whoever reads and writes topics.
    kafka: SecretStr
    #: Of whoever asks Kafka Connect.
    connect: SecretStr
    #: Of whoever asks the Qdrant server of docker-compose.yml.
    qdrant: SecretStr
    #: Of the user `admin` of docker-compose.yml's Grafana.
    grafana: SecretStr


def load_or_create(home: Path) -> Secrets:
    """The secrets of the instance at home; of two processes that make them at once, one wins for both.

    What a file of an earlier release lacks is added to it.
    Raises Refused if the file is damaged, or the home cannot be used.
    """
    path = home / _FILE
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
        if not path.exists():
            _create(path)
        files.close_to_others(path)
        return Secrets.model_validate(_completed(path))
    except OSError as exc:
        raise Refused(
            f"The home {home} cannot be used: {exc.strerror}. Set OBOEGAKI_HOME to another folder."
        ) from exc
    except ValueError:
        # The cause is left out: it quotes the passwords that it read.
        raise Refused(
            f"{path} is damaged. Move it away: new passwords and a new key are made and set at the next start."
        ) from None


def load(home: Path) -> Secrets:
    """The secrets that another process keeps at home, where nothing is made or changed: it may be read-only.

    Raises Refused where there are none, or not all that this release needs, and if they are damaged.
    """
    path = home / _FILE
    try:
        return Secrets.model_validate_json(path.read_bytes())
    except OSError as exc:
        raise Refused(
            f"The secrets in {path} cannot be read: {exc.strerror}. They are made by the first start of the"
            " instance whose home that is: start it, or set OBOEGAKI_SECRETS_HOME to its home."
        ) from exc
    except ValueError:
        # The cause is left out: it quotes the passwords that it read.
        raise Refused(
            f"{path} is damaged, or of an earlier release. The next start of the instance whose home that is adds"
            " what is lacking, or says what is wrong."
        ) from None


def _completed(path: Path) -> Any:  # noqa: ANN401  whatever the file holds
    """What the file holds, with what is new in this release. Raises ValueError."""
    with _alone(path.parent):
        held = json.loads(path.read_bytes())
        if isinstance(held, dict) and (missing := [name for name in _ADDED if name not in held]):
            held |= {name: secrets.token_urlsafe(24) for name in missing}
            # Nothing else: a damaged file stays as it is.
            Secrets.model_validate(held)
            files.replace(path, json.dumps(held, indent=2))
        return held


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    descriptor = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _create(path: Path) -> None:
    made = {name: secrets.token_urlsafe(24) for name in Secrets.model_fields}
    made["api_key"] = f"oboegaki_{made['api_key']}"
    # Temporary files are 0600 from the start, and a link never replaces what another process was quicker with.
    with NamedTemporaryFile("w", dir=path.parent, prefix=f"{_FILE}.") as file:
        json.dump(made, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
        try:
            os.link(file.name, path)
        except FileExistsError:
            return
