"""A transaction that Kafka forgot to end among a group's offsets, as after it was killed amid one."""

import struct
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Producer, TopicPartition

from devstack import kafka, process
from devstack.secrets import load_or_create
from devstack.settings import StackSettings
from memory_consumer import names
from memory_consumer.errors import Transient
from memory_consumer.extractors import offline
from memory_consumer.kafka import log_writer, topics
from memory_consumer.kafka.log_reader import LogReader
from memory_consumer.kafka.transactions import Consumed, Outgoing, TransactionalWriter
from memory_consumer.learning.tenures import Tenures
from memory_consumer.settings import ConsumerSettings
from tests.support.services import now, running_kafka, soon, stack_settings

GROUP = names.extract_group("v1")
#: https://kafka.apache.org/documentation/#recordbatch
_LENGTH_AT, _ATTRIBUTES_AT, _BEFORE_LENGTH, _IS_CONTROL = 8, 21, 12, 0x20


@pytest.fixture
def stack(tmp_path: Path) -> StackSettings:
    return stack_settings(tmp_path / "home")


@pytest.fixture
def settings(stack: StackSettings, tmp_path: Path) -> Iterator[ConsumerSettings]:
    """A Kafka that tests may kill."""
    with running_kafka(stack) as made:
        consumer = made.model_copy(update={"home": tmp_path})
        topics.ensure(consumer)
        yield consumer


@pytest.fixture
def reader(settings: ConsumerSettings) -> Iterator[LogReader]:
    made = LogReader(settings, GROUP)
    yield made
    made.close()


def test_offsets_that_kafka_left_undecided_do_not_hold_learning_up(
    stack: StackSettings, settings: ConsumerSettings, reader: LogReader
) -> None:
    log_writer.write(settings, [Outgoing(names.MESSAGES, 0, b'{"id":1}', b"{}")] * 2)
    TransactionalWriter(settings, 0).write([], consumed(reader, 1))
    leave_open(settings, consumed(reader, 2))
    # Who comes next has it aborted; then Kafka forgets that.
    TransactionalWriter(settings, 0).close()
    kill(stack)
    forget_last_end(stack.home / "kafka" / "data")
    kafka.wait(stack, load_or_create(stack.home), kafka.start(stack, load_or_create(stack.home)), soon())
    with pytest.raises(Transient):
        reader.committed(names.MESSAGES, 0, within_s=5)

    tenures = Tenures(settings, offline.EXTRACTOR, now)
    tenures.assigned([0])
    tenures.get(0)

    assert reader.committed(names.MESSAGES, 0, within_s=5) == 1
    tenures.close()


def consumed(reader: LogReader, offset: int) -> Consumed:
    return Consumed(TopicPartition(names.MESSAGES, 0, offset), reader.group())


def leave_open(settings: ConsumerSettings, of: Consumed) -> None:
    producer = Producer(settings.client() | {"transactional.id": names.transactional_id("v1", 0)})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.send_offsets_to_transaction([of.position], of.group, 30)


def kill(stack: StackSettings) -> None:
    found = process.find(stack.home, "kafka")
    assert found is not None
    killed = psutil.Process(found.pid)
    killed.kill()
    killed.wait(30)


def forget_last_end(data: Path) -> None:
    """Cuts off the end of the transaction that ends the log of some offsets."""
    [log] = [each for each in data.glob("__consumer_offsets-*/*.log") if ends_a_transaction(each)]
    with log.open("r+b") as file:
        file.truncate(last_batch(log))
    for derived in (*log.parent.glob("*.snapshot"), *log.parent.glob("*.index"), *log.parent.glob("*.timeindex")):
        derived.unlink()


def ends_a_transaction(log: Path) -> bool:
    start = last_batch(log)
    return start is not None and bool(log.read_bytes()[start + _ATTRIBUTES_AT + 1] & _IS_CONTROL)


def last_batch(log: Path) -> int | None:
    """Where the last batch of a segment begins; None where there is none."""
    found, last, at = log.read_bytes(), None, 0
    while at < len(found):
        last = at
        at += _BEFORE_LENGTH + int(struct.unpack_from(">i", found, at + _LENGTH_AT)[0])
    return last
