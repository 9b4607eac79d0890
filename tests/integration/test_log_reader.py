"""Reading a log to its stable end, whatever transactions left in it."""

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from memory_consumer.kafka import topics
from memory_consumer.kafka.log_reader import LogReader, topic_id
from memory_consumer.settings import ConsumerSettings
from tests.support.logs import ALICE, FACTS, Logs
from tests.support.services import delete_topics


@pytest.fixture
def reader(settings: ConsumerSettings) -> Iterator[LogReader]:
    with closing(LogReader(settings)) as made:
        yield made


@pytest.fixture
def writer(settings: ConsumerSettings) -> Iterator[Producer]:
    made = Producer(settings.client() | {"transactional.id": "log-reader"})
    made.init_transactions(30)
    yield made
    made.purge()
    made.flush()


def in_transaction(writer: Producer, *keys: bytes) -> None:
    writer.begin_transaction()
    for key in keys:
        writer.produce(FACTS, key=key, value=b"{}", partition=ALICE)
    writer.flush()


def keys(reader: LogReader, start: int = 0) -> list[bytes | None]:
    return [message.key() for message in reader.read(FACTS, ALICE, start)]


def test_an_empty_partition_has_nothing_and_ends_at_once(reader: LogReader) -> None:
    assert keys(reader) == []
    assert reader.end(FACTS, ALICE) == 0


def test_several_partitions_are_read_side_by_side_each_from_its_start_to_its_end(
    logs: Logs, reader: LogReader
) -> None:
    for number in range(40):
        logs.write(b"%d" % number, b"{}", topic=FACTS, partition=number % 4)

    found: dict[int | None, list[int]] = {}
    for message in reader.read_from(FACTS, {0: 0, 1: 3, 2: 10, 5: 0}):
        found.setdefault(message.partition(), []).append(message.offset() or 0)

    assert found == {0: list(range(10)), 1: list(range(3, 10))}


def test_more_records_than_a_poll_takes_are_read_to_the_last(logs: Logs, reader: LogReader) -> None:
    for number in range(1200):
        logs.write(b"%d" % number, b"{}", topic=FACTS)

    assert keys(reader) == [b"%d" % number for number in range(1200)]
    assert keys(reader, 1199) == [b"1199"]


def test_the_markers_of_transactions_are_read_over(logs: Logs, reader: LogReader, writer: Producer) -> None:
    for key in (b"1", b"2"):
        in_transaction(writer, key)
        writer.commit_transaction()
    logs.settle()
    read = keys(reader)

    assert read == [b"1", b"2"]
    assert reader.end(FACTS, ALICE) == 4
    assert keys(reader, 3) == keys(reader, 4) == []


def test_what_was_aborted_is_not_read(logs: Logs, reader: LogReader, writer: Producer) -> None:
    in_transaction(writer, b"1")
    writer.abort_transaction()
    in_transaction(writer, b"2")
    writer.commit_transaction()
    in_transaction(writer, b"3")
    writer.abort_transaction()
    logs.settle()

    assert keys(reader) == [b"2"]


def test_the_end_is_where_an_open_transaction_begins(logs: Logs, reader: LogReader, writer: Producer) -> None:
    logs.write(b"1", b"{}", topic=FACTS)
    in_transaction(writer, b"2")
    logs.write(b"3", b"{}", topic=FACTS)
    before = keys(reader)
    writer.commit_transaction()
    logs.settle()

    assert before == [b"1"]
    assert keys(reader) == [b"1", b"2", b"3"]


def test_a_start_beyond_the_end_reads_from_the_beginning(logs: Logs, reader: LogReader) -> None:
    logs.write(b"1", b"{}", topic=FACTS)

    assert keys(reader, 100) == [b"1"]


def test_how_far_a_group_is_is_told_while_kafka_chooses_anew_who_keeps_it(settings: ConsumerSettings) -> None:
    admin = AdminClient(settings.client())
    with ExitStack() as closed:
        readers = [closed.enter_context(closing(LogReader(settings, f"group-{each}"))) for each in range(8)]
        # Each knows who keeps it, as long as that is so.
        before = [each.committed(FACTS, ALICE) for each in readers]
        admin.delete_topics(["__consumer_offsets"])["__consumer_offsets"].result(30)

        assert [each.committed(FACTS, ALICE) for each in readers] == before


def test_a_topic_made_again_has_another_id(settings: ConsumerSettings, logs: Logs) -> None:
    logs.write(b"1", b"{}", topic=FACTS)
    before = topic_id(settings, FACTS)
    unchanged = topic_id(settings, FACTS)
    delete_topics(settings)
    topics.ensure(settings)
    logs.write(b"1", b"{}", topic=FACTS)

    assert before == unchanged
    assert topic_id(settings, FACTS) != before
