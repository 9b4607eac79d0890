"""An embedder on a server. Equal texts get vectors as equal as that server computes them."""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from memory_store.embedders.connection import Connection, Patience
from memory_store.embedders.prompts import prompts_of
from memory_store.embedders.protocols import Limits, OpenAi, Tei, Wire
from memory_store.embedders.sizes import batches, cut
from memory_store.embedders.vectors import readable, units
from memory_store.errors import Refused, Unavailable
from memory_store.files import replace_durably

if TYPE_CHECKING:
    from memory_store.settings import EmbedderSettings

_QUESTION_S = 10.0
#: Of one length, in tokens too: some servers mix up the texts of a batch only where none is padded
#: (huggingface/text-embeddings-inference, issue 882).
_ALIKE = ("The cat sat on the mat.", "The sun set in the sea.")
#: Least cosine of a text's vectors alone and in a batch: rounding, also of quantised models, stays well above it.
_SAME = 0.99


@dataclass(frozen=True, slots=True)
class Served:
    """What a server serves under some settings."""

    limits: Limits
    dim: int


class RemoteEmbedder:
    """Passages in several requests at once, questions in one; both checked. Thread-safe."""

    def __init__(self, settings: "EmbedderSettings", home: Path) -> None:
        """Asks the server what it serves; where it is away, what it served when it was last asked counts.

        Raises Unavailable if it is away and was never asked, and Refused where the settings do not fit it, or
        where its vectors depend on what else is asked at once.
        """
        self._settings = settings
        self._wire = _wire(settings)
        self._connection = Connection(
            settings.embedder_url,
            key=settings.embedder_api_key.get_secret_value(),
            connections=settings.embedder_connections,
        )
        self._pool = ThreadPoolExecutor(settings.embedder_connections, "embedder")
        timeout_s = settings.embedder_timeout.total_seconds()
        self._patient = Patience(attempts=5, timeout_s=timeout_s, longest_pause_s=30.0)
        self._quick = Patience(attempts=2, timeout_s=min(timeout_s, _QUESTION_S), longest_pause_s=1.0)
        self._confirming = Lock()
        self._confirmed = False
        self._note = home / "embedder.json"
        try:
            self._served = self._known_or_asked()
        except BaseException:
            self.close()
            raise
        self.dim = self._served.dim
        self._prompts = prompts_of(
            self._served.limits.model.partition("@")[0],
            {},
            query=settings.embedder_query_prompt,
            passage=settings.embedder_passage_prompt,
        )
        self._max_tokens = settings.embedder_max_tokens or min(self._served.limits.max_tokens, 512)
        told = json.dumps([astuple(self._prompts), self._max_tokens, settings.embedder_dimensions])
        digest = hashlib.sha256(told.encode()).hexdigest()[:12]
        self.name = f"{settings.embedder}:{self._served.limits.model}:{digest}"

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self._confirm()
        return self._embed(texts, self._prompts.passage, self._patient)

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self._confirm()
        return self._embed(texts, self._prompts.query, self._quick)

    def close(self) -> None:
        """Ends its threads and connections."""
        self._pool.shutdown()
        self._connection.close()

    def _embed(self, texts: Sequence[str], prompt: str, patience: Patience) -> NDArray[np.float32]:
        whole = [f"{prompt}{cut(readable(text, len(text)), self._max_tokens)}" for text in texts]
        limits = {
            "most_tokens": self._settings.embedder_batch_tokens,
            "most_texts": self._served.limits.max_texts,
        }
        split = list(batches(whole, **limits))

        def ask(places: list[int]) -> NDArray[np.float32]:
            return self._asked([whole[place] for place in places], self.dim, patience)

        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        # A question does not queue behind passages.
        found = map(ask, split) if len(split) == 1 else self._pool.map(ask, split)
        for places, embedded in zip(split, found, strict=True):
            vectors[places] = embedded
        return vectors

    def _asked(self, texts: Sequence[str], dim: int | None, patience: Patience) -> NDArray[np.float32]:
        answer = self._connection.post(self._wire.embed_path, self._wire.body(texts), patience)
        vectors = self._wire.vectors(answer)
        if len(vectors) != len(texts):
            raise Unavailable(f"The embedding server answered {len(texts)} texts with {len(vectors)} vectors.")
        return units(vectors, rows=len(texts), dim=dim or len(vectors[0]), whose="The embedding server")

    def _known_or_asked(self) -> Served:
        try:
            served = self._ask_what_it_serves()
        except Unavailable:
            known = self._known()
            if known is None:
                raise
            return known
        self._confirmed = True
        self._note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_durably(self._note, json.dumps({"settings": self._asked_as(), **asdict(served)}))
        return served

    def _ask_what_it_serves(self) -> Served:
        path = self._wire.info_path
        limits = self._wire.limits(None if path is None else self._connection.get(path, self._quick))
        alone = np.concatenate([self._asked([text], None, self._quick) for text in _ALIKE])
        if limits.max_texts >= len(_ALIKE):
            self._check_batch(alone)
        return Served(limits, alone.shape[1])

    def _check_batch(self, alone: NDArray[np.float32]) -> None:
        together = self._asked(_ALIKE, alone.shape[1], self._quick)
        if float((together * alone).sum(axis=1).min()) < _SAME:
            raise Refused(
                "The embedding server answers a text with another vector beside others than alone, so that"
                " memories would not be found. With Text Embeddings Inference (TEI), start it with"
                " `--max-batch-requests 1`; with another server, take another release of it or another model."
            )

    def _confirm(self) -> None:
        """Raises Refused where the server came back with another model than the one that is counted on."""
        if self._confirmed:
            return
        with self._confirming:
            now = self._ask_what_it_serves()
            if now != self._served:
                raise Refused(
                    f"The embedding server now serves {now.limits.model} ({now.dim} numbers) instead of"
                    f" {self._served.limits.model} ({self._served.dim}). Serve that again, or stop"
                    " oboegaki, run `oboegaki rebuild`, and start it again."
                )
            self._confirmed = True

    def _known(self) -> Served | None:
        try:
            kept = json.loads(self._note.read_text(encoding="utf-8"))
            return _SERVED.validate_python(kept) if kept.pop("settings", None) == self._asked_as() else None
        except (OSError, ValueError, ValidationError):
            return None

    def _asked_as(self) -> list[str | int | None]:
        settings = self._settings
        return [settings.embedder, settings.embedder_url, settings.embedder_model, settings.embedder_dimensions]


_SERVED: TypeAdapter[Served] = TypeAdapter(Served)


def _wire(settings: "EmbedderSettings") -> Wire:
    if settings.embedder == "tei":
        return Tei(dimensions=settings.embedder_dimensions)
    return OpenAi(settings.embedder_model, dimensions=settings.embedder_dimensions)
