"""Vectors and words for filings, in one batch."""

from collections.abc import Sequence

from memory_store.models import Filing, Memory, Vectors
from memory_store.port import Embedder
from memory_store.words import numbered

#: Characters of the turn before that go into the context vector, counted from its end: more drown the text.
CONTEXT_CHARACTERS = 250


def embed(filings: Sequence[Filing], embedder: Embedder) -> Vectors:
    """Two vectors and the words of each memory; equal texts are embedded once. Raises Unavailable."""
    memories = [memory for filing in filings for memory in filing.memories]
    row_of: dict[str, int] = {}
    text_rows = [row_of.setdefault(memory.text, len(row_of)) for memory in memories]
    in_context = [_in_context(memory) for memory in memories]
    context_rows = [row_of.setdefault(text, len(row_of)) for text in in_context]
    vectors = embedder.passages(list(row_of))
    return Vectors(vectors[text_rows], vectors[context_rows], [numbered(text) for text in in_context])


def _in_context(memory: Memory) -> str:
    before = memory.context[-CONTEXT_CHARACTERS:]
    return f"{before}\n{memory.text}" if before else memory.text
