"""Vectors for filings, in one batch."""

from collections.abc import Sequence

from memory_store.models import Filing, Memory, Vectors
from memory_store.port import Embedder

#: Characters of the turn before that go into the context vector, counted from its end: more drown the text.
CONTEXT_CHARACTERS = 250


def embed(filings: Sequence[Filing], embedder: Embedder) -> Vectors:
    """A text and a context vector for each memory; equal texts are embedded once. Raises Unavailable."""
    memories = [memory for filing in filings for memory in filing.memories]
    row_of: dict[str, int] = {}
    text_rows = [row_of.setdefault(memory.text, len(row_of)) for memory in memories]
    context_rows = [row_of.setdefault(_in_context(memory), len(row_of)) for memory in memories]
    vectors = embedder.passages(list(row_of))
    return Vectors(text=vectors[text_rows], context=vectors[context_rows])


def _in_context(memory: Memory) -> str:
    before = memory.context[-CONTEXT_CHARACTERS:]
    return f"{before}\n{memory.text}" if before else memory.text
