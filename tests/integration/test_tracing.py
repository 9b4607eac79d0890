"""Where a message is in both logs."""

from datetime import timedelta

from memory_consumer import names
from memory_consumer.partition import partition_of
from memory_consumer.settings import ConsumerSettings
from memory_consumer.tracing import find
from tests.support import events
from tests.support.logs import ALICE, FACTS, Logs, learn_all
from tests.support.services import now


def test_a_learned_message_is_found_with_its_event_and_its_facts(settings: ConsumerSettings, logs: Logs) -> None:
    logs.say("I like tea.")
    row = logs.say("I bake bread.")
    learn_all(settings, until=2)
    found = find(settings, row.id, "alice")

    assert found.event is not None
    assert found.facts is not None
    assert found.record is not None
    assert (found.event.topic, found.event.partition, found.event.offset) == (names.MESSAGES, ALICE, 1)
    assert (found.facts.topic, found.facts.partition, found.facts.offset) == (FACTS, ALICE, 1)
    assert (found.op, found.record.facts[0].text) == ("write", "I bake bread.")
    assert now() - timedelta(minutes=10) < found.event.written_at <= found.facts.written_at <= now()


def test_a_deleted_message_is_found_by_its_delete(settings: ConsumerSettings, logs: Logs) -> None:
    row = logs.say("I bake bread.")
    logs.remove(row)
    learn_all(settings, until=2)
    found = find(settings, row.id, "alice")

    assert found.event is not None
    assert found.record is not None
    assert (found.event.offset, found.op) == (1, "delete")
    assert (found.record.state, found.record.facts) == ("deleted", ())


def test_a_message_that_is_not_learned_yet_has_an_event_only(settings: ConsumerSettings, logs: Logs) -> None:
    row = logs.say("I bake bread.")
    found = find(settings, row.id, "alice")

    assert found.event is not None
    assert (found.op, found.facts, found.record) == ("write", None, None)


def test_a_message_that_is_in_no_log_is_not_found(settings: ConsumerSettings, logs: Logs) -> None:
    logs.say("I bake bread.")
    found = find(settings, 99, "alice")

    assert (found.event, found.op, found.facts, found.record) == (None, None, None, None)


def test_the_search_can_begin_at_the_receipts_offset(settings: ConsumerSettings, logs: Logs) -> None:
    row = logs.say("I bake bread.")
    logs.change(row.edited(content="I sell flowers."), "u")
    learn_all(settings, until=2)
    whole = find(settings, row.id, "alice")
    assert whole.facts is not None

    assert find(settings, row.id, "alice", facts_offset=whole.facts.offset) == whole
    assert whole.record is not None
    assert whole.record.facts[0].text == "I sell flowers."


def test_a_user_is_looked_for_in_their_own_partition(settings: ConsumerSettings, logs: Logs) -> None:
    row = logs.say("パン屋をやっています。", user_id="ハハ")
    found = find(settings, row.id, "ハハ")

    assert found.event is not None
    assert found.event.partition == partition_of("ハハ")


def test_what_cannot_be_read_is_found_all_the_same(settings: ConsumerSettings, logs: Logs) -> None:
    logs.write(events.key(1), b"{}")
    logs.write(events.key(1), b"{}", topic=FACTS)
    logs.write(b"no key", b"{}", topic=FACTS)
    found = find(settings, 1, "alice")

    assert (found.op, found.record) == ("unreadable", None)
    assert found.facts is not None
