"""What .env.example says, made from the settings: `python -m tests.docs.env_example > .env.example`."""

import textwrap
from datetime import timedelta

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from tests.docs.settings_table import SECTIONS, variable

_INTRODUCTION = """\
# Settings of docker-compose.yml. None has to be set. To change one, copy this file to `.env` and take the # away
# before its line; `docker compose up -d --wait` takes it over. A value with $ or # goes in single quotes. What
# each means more exactly: docs/settings.md.
# This file is made from the settings in the code: python -m tests.docs.env_example > .env.example

# A language model or an embedding server on the machine of the containers is at host.docker.internal, such as
#OBOEGAKI_LLM_URL=http://host.docker.internal:11434/v1
# It has to listen on more than that machine's loopback (OLLAMA_HOST=0.0.0.0 for Ollama).

# A second instance on this machine has a name and a port of its own.
#COMPOSE_PROJECT_NAME=oboegaki
#OBOEGAKI_PORT=8420

# The server size, see docs/operations.md. Both lines, or none.
#COMPOSE_PROFILES=server
#OBOEGAKI_SMALL=0
# Its embedding model and how many consumers learn; the model is downloaded at the first start.
#OBOEGAKI_TEI_MODEL=Qwen/Qwen3-Embedding-0.6B
#OBOEGAKI_CONSUMERS=1

# Most memory of a container. Kafka and Kafka Connect take half more than their heap, and 200 MB.
#OBOEGAKI_KAFKA_MEMORY=896m
#OBOEGAKI_CONNECT_MEMORY=896m
#OBOEGAKI_QDRANT_MEMORY=2g
#OBOEGAKI_TEI_MEMORY=6g
#OBOEGAKI_API_MEMORY=1g
#OBOEGAKI_CONSUMER_MEMORY=1g
#OBOEGAKI_OLLAMA_MEMORY=8g

# The image with sentence-transformers; PyTorch's page on installing names its index of CPU-only wheels.
#OBOEGAKI_IMAGE_TARGET=sentence-transformers
#OBOEGAKI_IMAGE_VERSION=0.1.0-sentence-transformers
#TORCH_INDEX=
# Where Grafana answers, on loopback: `docker compose --profile monitoring up`, see docs/operations.md.
#OBOEGAKI_GRAFANA_PORT=3000
"""

#: What docker-compose.yml sets by itself: in containers there is nothing to choose.
FIXED = frozenset(
    f"OBOEGAKI_{name}"
    for name in (
        *("HOME", "DIST", "CONTAINERS", "MYSQL_HOST", "MYSQL_PORT", "MYSQL_PASSWORD"),
        *("METRICS_HOST", "METRICS_PORT"),
        *("SECRETS_HOME", "STORE", "QDRANT_URL", "QDRANT_API_KEY"),
        *("KAFKA", "KAFKA_PORT", "KAFKA_CONTROLLER_PORT", "KAFKA_USER", "KAFKA_PASSWORD", "CONNECT_PORT"),
    )
)
#: Where docker-compose.yml has another default than the code.
DEFAULTS = {"OBOEGAKI_KAFKA_HEAP_MB": "384", "OBOEGAKI_CONNECT_HEAP_MB": "384"}
#: What means something else there.
MEANINGS = {
    "OBOEGAKI_HOST": "IP address of this machine at which the API is published, such as 0.0.0.0 or [::1]. Anything"
    " but loopback lets other machines in: use TLS before it.",
    "OBOEGAKI_PORT": "Port of this machine at which the API is published. Two instances need two of them.",
}


def page() -> str:
    """The whole file."""
    parts = [_INTRODUCTION]
    told: set[str] = set(FIXED)
    for title, _, settings in SECTIONS:
        names = [name for name in settings.model_fields if variable(settings, name) not in told]
        told |= {variable(settings, name) for name in names}
        parts.append("\n".join([f"# --- {title} ---", *(entry(settings, name) for name in names)]))
    return "\n\n".join([part.rstrip("\n") for part in parts]) + "\n"


def entry(settings: type[BaseSettings], field: str) -> str:
    """A setting with what it means and its default, commented out."""
    name = variable(settings, field)
    told = MEANINGS.get(name, settings.model_fields[field].description or "")
    meaning = textwrap.fill(told, 113, initial_indent="# ", subsequent_indent="# ")
    return f"{meaning}\n#{name}={DEFAULTS.get(name, _default(settings, field))}"


def _default(settings: type[BaseSettings], field: str) -> str:
    info = settings.model_fields[field]
    value = "" if info.is_required() else info.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, timedelta):
        value = f"PT{value.total_seconds():g}S"
    text = "" if value is None else str(value)
    return f'"{text}"' if " " in text else text


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201  it is what this is for
