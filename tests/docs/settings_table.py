"""What docs/settings.md says, made from the settings: `python -m tests.docs.settings_table > docs/settings.md`."""

from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from chat_api.settings import ApiSettings
from devstack.settings import StackSettings
from memory_consumer.settings import ConsumerSettings
from memory_store.settings import EmbedderSettings, StoreSettings
from oboegaki.settings import MetricsSettings

_INTRODUCTION = """\
# Settings

Every setting is an environment variable. None has to be set. This page is made from the settings in the code:
`python -m tests.docs.settings_table > docs/settings.md`.

The command fills in what follows from something else, unless the environment says otherwise: `OBOEGAKI_API_KEY`
and `OBOEGAKI_MYSQL_PASSWORD` from the secrets in the home folder, `OBOEGAKI_KAFKA` from `OBOEGAKI_KAFKA_PORT`.
For oboegaki's own Kafka, `OBOEGAKI_KAFKA_USER` and `OBOEGAKI_KAFKA_PASSWORD` are filled in from there too, and may
not be set; for somebody else's Kafka (`oboegaki serve` only) they are yours to set.

A length of time is written `HH:MM:SS` (`00:00:10`) or as in ISO 8601 (`PT10S`, `PT0.05S`, `P1D`). Folders are
relative to the folder that the command is started in. A value that does not fit is named at the start, and nothing
is started then.
"""

#: In the order of the page; a setting that several share stands where it comes first.
SECTIONS: tuple[tuple[str, str, type[BaseSettings]], ...] = (
    ("The stack", "devstack/settings.py", StackSettings),
    ("The API", "chat_api/settings.py", ApiSettings),
    ("Learning", "memory_consumer/settings.py", ConsumerSettings),
    ("The store", "memory_store/settings.py", StoreSettings),
    ("Embedders", "memory_store/settings.py", EmbedderSettings),
    ("Metrics", "oboegaki/settings.py", MetricsSettings),
)


def page() -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    told: set[str] = set()
    for title, path, settings in SECTIONS:
        rows = [row(settings, name) for name in settings.model_fields if name not in told]
        told |= settings.model_fields.keys()
        head = "| setting | default | meaning |\n| --- | --- | --- |"
        parts.append("\n".join([f"## {title}", "", f"From `{path}`.", "", head, *rows, ""]))
    return "\n".join(parts)


def names() -> list[tuple[type[BaseSettings], str]]:
    """Every setting there is, by its class and field."""
    return [(settings, field) for _, _, settings in SECTIONS for field in settings.model_fields]


def variable(settings: type[BaseSettings], field: str) -> str:
    """The environment variable of a setting."""
    return f"{settings.model_config['env_prefix']}{field}".upper()


def row(settings: type[BaseSettings], field: str) -> str:
    """A setting's line in a table."""
    info = settings.model_fields[field]
    cells = [f"`{variable(settings, field)}`", _default(info), info.description or ""]
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "made at the first start"
    value = info.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, timedelta):
        value = f"PT{value.total_seconds():g}S"
    if isinstance(value, Path):
        value = value.as_posix()
    return "none" if value in (None, "") else f"`{value}`"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201  it is what this is for
