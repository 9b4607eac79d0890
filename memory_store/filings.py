"""Which of some filings count, and what they put under which message. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from memory_store.models import Filing, Receipt, Vectors
from memory_store.points import Point

#: States of a message under which memories are filed.
WITH_MEMORIES = ("learned", "pending")


@dataclass(frozen=True, slots=True, eq=False)
class Filed:
    """What is to stand under one message."""

    receipt: Receipt
    points: tuple[Point, ...]


def current(filings: Sequence[Filing], vectors: Vectors, stored: Mapping[int, Receipt]) -> list[Filed]:
    """One per message, without those that a later receipt has overtaken.

    Raises ValueError if the vectors and words are not one row per memory.
    """
    rows = sum(len(filing.memories) for filing in filings)
    given = (len(vectors.text), len(vectors.context), len(vectors.words))
    if given != (rows, rows, rows):
        raise ValueError(f"{rows} memories need as many vectors and words, not {given}.")
    filed: dict[int, Filed] = {}
    row = 0
    for filing in filings:
        points = [
            Point(memory, vectors.text[row + i], vectors.context[row + i], vectors.words[row + i])
            for i, memory in enumerate(filing.memories)
        ]
        row += len(points)
        receipt = filing.receipt
        before = filed[receipt.message_id].receipt if receipt.message_id in filed else None
        before = before or stored.get(receipt.message_id)
        if before is None or receipt.facts_offset >= before.facts_offset:
            kept = points if receipt.state in WITH_MEMORIES else []
            filing_points = tuple({p.memory.id: p for p in kept}.values())
            filed[receipt.message_id] = Filed(_first_filed(receipt, before), filing_points)
    return list(filed.values())


def _first_filed(receipt: Receipt, before: Receipt | None) -> Receipt:
    # What is filed again was found since the first time.
    again = before is not None and receipt == replace(before, filed_at=receipt.filed_at)
    return before if before is not None and again else receipt
