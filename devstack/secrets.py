"""Passwords and the admin key: generated once, kept in one file that only its owner reads."""

import json
import os
import secrets
from pathlib import Path
from tempfile import NamedTemporaryFile

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from devstack.errors import Refused

_FILE = "secrets.json"


class Secrets(BaseModel):
    """What the parts of one instance know each other by."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mysql_root: SecretStr
    mysql_migrate: SecretStr
    mysql_api: SecretStr
    mysql_debezium: SecretStr
    mysql_readonly: SecretStr
    api_key: SecretStr


def load_or_create(home: Path) -> Secrets:
    """The secrets of the instance at home; of two processes that make them at once, one wins for both.

    Raises Refused if the file is damaged.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.chmod(0o700)
    path = home / _FILE
    if not path.exists():
        _create(path)
    path.chmod(0o600)
    try:
        return Secrets.model_validate_json(path.read_bytes())
    except ValidationError:
        # The cause is left out: it quotes the passwords that it read.
        raise Refused(
            f"{path} is damaged. Move it away: new passwords and a new key are made and set at the next start."
        ) from None


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
