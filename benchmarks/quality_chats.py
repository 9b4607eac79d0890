"""Conversations with questions whose answers stand in known messages, and questions that have no answer."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.everyday import everyday
from memory_consumer.extractors import offline
from memory_consumer.filing.filings import filing
from memory_consumer.learning import fold
from memory_consumer.learning.ledger import Ledger
from memory_consumer.records import cdc
from memory_consumer.records.facts import fact_hash
from memory_store.models import Filing, Memory, Receipt, SourceRef, point_id
from tests.support import events
from tests.support.events import Row

DATA = Path(__file__).parent.parent.parent / "shared" / "data"
_NO_ANSWER = Path(__file__).parent / "no_answer.json"
_FILES = {"conv-26": "locomo-conv-26.json", "conv-30": "locomo-conv-30.json", "ja-dev": "ja-dev.json"}
_NOW = datetime(2026, 3, 3, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the messages that answer it."""

    text: str
    evidence: frozenset[int]


@dataclass(frozen=True, slots=True)
class Chat:
    """What was learned of one user, and what is asked."""

    name: str
    filings: tuple[Filing, ...]
    questions: tuple[Asked, ...]
    no_answer: tuple[str, ...]
    #: When the questions are asked.
    now: datetime
    memories: tuple[Memory, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "memories", tuple(m for each in self.filings for m in each.memories))

    def with_others(self, number: int) -> "Chat":
        """The same among that many other memories of the user."""
        first = 1_000_000
        others = [_everyday(first + at, text) for at, text in enumerate(everyday(number))]
        return replace(self, name=f"{self.name} and {number}", filings=(*self.filings, *others))

    def whole_messages(self) -> "Chat":
        """The same with one memory per message, of all that was learned from it."""
        return replace(self, filings=tuple(_whole(each) for each in self.filings if each.memories))


def read(name: str) -> Chat:
    """A file of `../shared/data`, learned by the offline extractor as the extract stage learns it."""
    told = json.loads((DATA / _FILES[name]).read_text(encoding="utf-8"))
    numbers = {message["external_id"]: at + 1 for at, message in enumerate(told["messages"])}
    questions = [
        Asked(each["question"], frozenset(numbers[one] for one in each["evidence"])) for each in told["questions"]
    ]
    no_answer = json.loads(_NO_ANSWER.read_text(encoding="utf-8"))[name]
    now = max(datetime.fromisoformat(message["created_at"]) for message in told["messages"])
    return Chat(name, tuple(_learned(told["messages"])), tuple(questions), tuple(no_answer), now)


def _learned(messages: Sequence[dict[str, Any]]) -> list[Filing]:
    with TemporaryDirectory(prefix="oboegaki-bench-") as folder:
        ledger = Ledger(Path(folder) / "ledger.db", log_id="log")
        found = [_learn(ledger, at + 1, message) for at, message in enumerate(messages)]
        ledger.close()
    return found


def _learn(ledger: Ledger, number: int, message: dict[str, Any]) -> Filing:
    row = Row(number, message["content"], conversation_id=message["conversation_id"], role=message["role"])
    change = cdc.decode(events.key(number), events.written(row))
    assert change is not None
    own, *_ = fold.fold(fold.Event(change, number), ledger, offline.EXTRACTOR, _NOW)
    learned, said_at = filing(own, number), datetime.fromisoformat(message["created_at"])
    return replace(learned, memories=tuple(replace(each, said_at=said_at) for each in learned.memories))


def _everyday(number: int, text: str) -> Filing:
    memory = Memory(
        id=point_id(number, fact_hash(text)),
        message_id=number,
        user_id="alice",
        conversation_id="everyday",
        text=text,
        context="",
        hash=fact_hash(text),
        extractor=offline.VERSION,
        sources=(SourceRef(number, "r1"),),
        supersedes=(),
        said_at=_NOW,
        speaker=None,
        lang="ja",
        role="user",
        learned_at=_NOW,
    )
    return Filing(Receipt(number, "alice", "r1", "learned", 1, _NOW, number), (memory,))


def _whole(learned: Filing) -> Filing:
    first = learned.memories[0]
    text = "\n".join(memory.text for memory in learned.memories)
    return Filing(learned.receipt, (replace(first, text=text),))
