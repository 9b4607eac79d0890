"""How embedding servers are spoken to: Text Embeddings Inference (TEI), and OpenAI's API. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel, TypeAdapter, ValidationError

from memory_store.errors import Unavailable

#: Where the server does not say it.
_TOKENS = 512
_TEXTS = 32


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server says of itself."""

    model: str
    max_tokens: int
    max_texts: int


class Wire(Protocol):
    """One way to ask for vectors."""

    @property
    def info_path(self) -> str | None:
        """Where it says what it serves, if it does."""

    @property
    def embed_path(self) -> str:
        """Where it is asked for vectors."""

    def limits(self, info: bytes | None) -> Limits:
        """Raises Unavailable for what is no such answer."""

    def body(self, texts: Sequence[str]) -> dict[str, Any]:
        """A request for vectors."""

    def vectors(self, answer: bytes) -> list[list[float]]:
        """Its answer, in the order of the texts. Raises Unavailable."""


class _Info(BaseModel):
    model_id: str
    model_sha: str | None = None
    max_input_length: int = _TOKENS
    max_client_batch_size: int = _TEXTS


class Tei:
    """`GET /info`, `POST /embed`; the server cuts what is too long."""

    info_path = "/info"
    embed_path = "/embed"

    def __init__(self, *, dimensions: int | None = None) -> None:
        self._more = {} if dimensions is None else {"dimensions": dimensions}

    def limits(self, info: bytes | None) -> Limits:
        try:
            said = _Info.model_validate_json(info or b"")
        except ValidationError:
            raise Unavailable("The embedding server does not say at /info what it serves: is it TEI?") from None
        sha = f"@{said.model_sha[:8]}" if said.model_sha else ""
        return Limits(f"{said.model_id}{sha}", said.max_input_length, said.max_client_batch_size)

    def body(self, texts: Sequence[str]) -> dict[str, Any]:
        return {"inputs": list(texts), "normalize": True, "truncate": True, **self._more}

    def vectors(self, answer: bytes) -> list[list[float]]:
        try:
            return _VECTORS.validate_json(answer)
        except ValidationError:
            raise _not_vectors() from None


class _Embedding(BaseModel):
    index: int
    embedding: list[float]


class _Embeddings(BaseModel):
    data: list[_Embedding]


_VECTORS: TypeAdapter[list[list[float]]] = TypeAdapter(list[list[float]])


class OpenAi:
    """`POST /embeddings` below the address, which usually ends in `/v1`."""

    info_path: str | None = None
    embed_path = "/embeddings"

    def __init__(self, model: str, *, dimensions: int | None = None) -> None:
        self._model = model
        self._more: dict[str, Any] = {} if dimensions is None else {"dimensions": dimensions}

    def limits(self, _info: bytes | None) -> Limits:
        return Limits(self._model, _TOKENS, _TEXTS)

    def body(self, texts: Sequence[str]) -> dict[str, Any]:
        return {"model": self._model, "input": list(texts), "encoding_format": "float", **self._more}

    def vectors(self, answer: bytes) -> list[list[float]]:
        try:
            found = _Embeddings.model_validate_json(answer).data
        except ValidationError:
            raise _not_vectors() from None
        if sorted(each.index for each in found) != list(range(len(found))):
            raise Unavailable("The embedding server numbered its vectors in a way that cannot be right.")
        return [each.embedding for each in sorted(found, key=lambda each: each.index)]


def _not_vectors() -> Unavailable:
    # Without the cause, which quotes what was sent.
    return Unavailable("The embedding server answered with something that is no list of vectors.")
