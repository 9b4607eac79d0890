"""Vectors and words for filings, in one batch."""

from collections.abc import Sequence

from memory_store.filings import WITH_MEMORIES
from memory_store.models import Filing, Memory, Vectors
from memory_store.port import Embedder
from memory_store.vector_cache import VectorCache
from memory_store.words import numbered

#: Characters of the turn before that go into the context vector, counted from its end: more drown the text.
CONTEXT_CHARACTERS = 250


def embed(filings: Sequence[Filing], embedder: Embedder, cache: VectorCache | None = None) -> Vectors:
    """Two vectors and the words of each memory; equal texts are embedded once. Raises Unavailable.

    With a cache, what is kept there is not embedded again; it must then get every filing, in their order.
    """
    memories = [memory for filing in filings for memory in filing.memories]
    row_of: dict[str, int] = {}
    text_rows = [row_of.setdefault(memory.text, len(row_of)) for memory in memories]
    in_context = [_in_context(memory) for memory in memories]
    context_rows = [row_of.setdefault(text, len(row_of)) for text in in_context]
    texts = list(row_of)
    vectors = embedder.passages(texts) if cache is None else cache.vectors(texts, _said(filings), embedder)
    return Vectors(vectors[text_rows], vectors[context_rows], [numbered(text) for text in in_context])


def _said(filings: Sequence[Filing]) -> dict[int, set[str]]:
    """The texts that are filed under each message, as the latest of its filings has them."""
    said: dict[int, set[str]] = {}
    for filing in filings:
        learned = filing.memories if filing.receipt.state in WITH_MEMORIES else ()
        said[filing.receipt.message_id] = {t for memory in learned for t in (memory.text, _in_context(memory))}
    return said


def _in_context(memory: Memory) -> str:
    before = memory.context[-CONTEXT_CHARACTERS:]
    return f"{before}\n{memory.text}" if before else memory.text
