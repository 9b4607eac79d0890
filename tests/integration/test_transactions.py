"""Facts and their offset are written together, by the one owner of the partition (design rule 2)."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from memory_consumer import names
from memory_consumer.errors import Fenced, Invalid
from memory_consumer.kafka.transactions import Consumed, Outgoing, TransactionalWriter
from memory_consumer.settings import ConsumerSettings
from tests.support.deadline import DEADLINE_S, wait_until
from tests.support.logs import ALICE, FACTS, Logs
from tests.support.services import as_environment

GROUP = names.extract_group("v1")
RECORD = Outgoing(FACTS, ALICE, b'{"id":1}', b"{}")
FIRST = TopicPartition(names.MESSAGES, ALICE, 1)

STALLED_OWNER = """
import sys
from confluent_kafka import Consumer
from memory_consumer.settings import ConsumerSettings
from memory_consumer.kafka.transactions import Consumed, TransactionalWriter
from tests.integration.test_transactions import FIRST, RECORD

class OneAndThenNothing:
    def __iter__(self):
        yield RECORD
        sys.stdin.read()

settings = ConsumerSettings()
consumer = Consumer(settings.client() | {"group.id": "stalled"})
writer = TransactionalWriter(settings, RECORD.partition)
writer.write(OneAndThenNothing(), Consumed(FIRST, consumer.consumer_group_metadata()))
"""


@pytest.fixture
def member(settings: ConsumerSettings) -> Iterator[Consumer]:
    """A member of the group that learns, with its partitions assigned."""
    with closing(member_of(settings)) as made:
        wait_until(lambda: assigned(made))
        yield made


def member_of(settings: ConsumerSettings) -> Consumer:
    made = Consumer(settings.client() | {"group.id": GROUP, "partition.assignment.strategy": "cooperative-sticky"})
    made.subscribe([names.MESSAGES])
    return made


def assigned(newest: Consumer, *others: Consumer) -> bool:
    for consumer in (newest, *others):
        consumer.poll(0.05)
    return bool(newest.assignment())


def test_a_former_owner_is_fenced_as_soon_as_a_new_one_opens_the_partition(
    settings: ConsumerSettings, logs: Logs, member: Consumer
) -> None:
    with closing(TransactionalWriter(settings, ALICE)) as former, closing(TransactionalWriter(settings, ALICE)):
        with pytest.raises(Fenced):
            former.write([RECORD], Consumed(FIRST, member.consumer_group_metadata()))

        assert logs.read(FACTS) == []


def test_a_fenced_owner_can_still_be_closed(settings: ConsumerSettings, member: Consumer) -> None:
    former, new = TransactionalWriter(settings, ALICE), TransactionalWriter(settings, ALICE)
    with pytest.raises(Fenced):
        former.write([RECORD], Consumed(FIRST, member.consumer_group_metadata()))

    former.close()
    new.close()


def test_a_batch_polled_before_a_rebalance_is_refused_and_moves_no_offset(
    settings: ConsumerSettings, logs: Logs, member: Consumer
) -> None:
    as_of_the_poll = member.consumer_group_metadata()
    with closing(member_of(settings)) as other:
        wait_until(lambda: assigned(other, member))
        with closing(TransactionalWriter(settings, ALICE)) as writer, pytest.raises(Fenced):
            writer.write([RECORD], Consumed(FIRST, as_of_the_poll))

        assert logs.read(FACTS) == []
        assert logs.committed(GROUP, names.MESSAGES) == [-1001]


def test_a_record_that_kafka_refuses_aborts_the_whole_batch_and_the_owner_can_go_on(
    settings: ConsumerSettings, logs: Logs, member: Consumer
) -> None:
    too_large = Outgoing(FACTS, ALICE, b"{}", b"x" * (names.MAX_RECORD_BYTES + 1))
    with closing(TransactionalWriter(settings, ALICE)) as writer:
        with pytest.raises(Invalid, match="too large"):
            writer.write([RECORD, too_large], Consumed(FIRST, member.consumer_group_metadata()))
        aborted = (logs.read(FACTS), logs.committed(GROUP, names.MESSAGES))
        offsets = writer.write([RECORD], Consumed(FIRST, member.consumer_group_metadata()))

    [written] = logs.read(FACTS)
    assert aborted == ([], [-1001])
    assert offsets == {(FACTS, RECORD.key): written.offset()}
    assert logs.committed(GROUP, names.MESSAGES) == [1]


def killed_in_a_transaction(settings: ConsumerSettings, timeout_s: int) -> None:
    stated = as_environment(settings) | {"OBOEGAKI_TRANSACTION_TIMEOUT": f"PT{timeout_s}S"}
    with (
        closing(
            Consumer(settings.client() | {"group.id": "any", "isolation.level": "read_uncommitted"})
        ) as seeing,
        subprocess.Popen(
            [sys.executable, "-c", STALLED_OWNER],
            stdin=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            env=os.environ | stated,
        ) as owner,
    ):
        seeing.assign([TopicPartition(FACTS, ALICE, 0)])
        try:
            assert seeing.consume(1, DEADLINE_S)
        finally:
            owner.kill()


def test_a_killed_owners_open_transaction_holds_readers_no_longer_than_its_time_out(
    settings: ConsumerSettings, logs: Logs
) -> None:
    killed_in_a_transaction(settings, timeout_s=10)
    logs.write(b'{"id":2}', b"{}", topic=FACTS)
    # A producer without the setting would hold them for 60 s.
    wait_until(lambda: logs.visible(FACTS), deadline_s=DEADLINE_S / 2)

    assert [message.key() for message in logs.read(FACTS)] == [b'{"id":2}']


def test_a_new_owner_ends_the_transaction_of_a_killed_one(settings: ConsumerSettings, logs: Logs) -> None:
    killed_in_a_transaction(settings, timeout_s=60)
    logs.write(b'{"id":2}', b"{}", topic=FACTS)
    held = logs.visible(FACTS)
    TransactionalWriter(settings, ALICE).close()

    assert held == []
    assert [message.key() for message in logs.read(FACTS)] == [b'{"id":2}']
