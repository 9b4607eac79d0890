"""Language models that answer on this machine: found to be offered, never used without being set."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
from pydantic import BaseModel, ValidationError

#: Where Ollama, LM Studio and llama.cpp's server listen unless they are told otherwise.
PORTS = (11434, 1234, 8080)

#: A server on this machine answers at once or is none.
_PROBE_S = 0.5
#: How each calls the owner of its models.
_NAMES = {"library": "Ollama", "organization_owner": "LM Studio", "llamacpp": "llama.cpp"}
#: Models by whose names one can tell that they do not talk.
_NO_TALKERS = re.compile(r"embed|minilm|\bbge\b|\be5\b|rerank|whisper", re.IGNORECASE)


class _Listed(BaseModel):
    id: str
    owned_by: str = ""


class _Listing(BaseModel):
    data: list[_Listed]


@dataclass(frozen=True, slots=True)
class Offer:
    """A server on this machine with models that talk."""

    server: str
    url: str
    models: tuple[str, ...]

    def __str__(self) -> str:
        more = f" and {len(self.models) - 1} more" if len(self.models) > 1 else ""
        return (
            f"A language model answers at {self.url} ({self.server}: {self.models[0]}{more}); to use it:"
            f" {self.command()}"
        )

    def command(self) -> str:
        """What to type to use its first model."""
        return f"OBOEGAKI_LLM_URL={self.url} OBOEGAKI_LLM_MODEL={shlex.quote(self.models[0])} make run"


def find(ports: Sequence[int] = PORTS) -> list[Offer]:
    """The servers on this machine's loopback, in the order of the ports; takes half a second for each at most."""
    # No proxy of the environment: it would look on another machine.
    with httpx.Client(timeout=_PROBE_S, trust_env=False) as client:
        return [offer for port in ports if (offer := _at(client, f"http://127.0.0.1:{port}/v1")) is not None]


def listed(body: bytes) -> tuple[str, ...]:
    """The names in a server's list of models; none where it is no such list."""
    try:
        return tuple(each.id for each in _Listing.model_validate_json(body).data)
    except ValidationError:
        return ()


def _at(client: httpx.Client, url: str) -> Offer | None:
    try:
        listing = _Listing.model_validate_json(client.get(f"{url}/models").raise_for_status().content)
    except (httpx.HTTPError, ValidationError):
        # Other programs listen on these ports, too.
        return None
    models = tuple(each.id for each in listing.data if not _NO_TALKERS.search(each.id))
    if not models:
        return None
    return Offer(_NAMES.get(listing.data[0].owned_by, "OpenAI-compatible"), url, models)
