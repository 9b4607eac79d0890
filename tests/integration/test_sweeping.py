"""Logs that nobody writes to any more are swept, so that Kafka compacts them; and what is left in them is told."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import count, islice

from confluent_kafka import Message

from memory_consumer import names
from memory_consumer.erasing import former
from memory_consumer.erasing.sweeping import Sweeper, key
from memory_consumer.erasing.trail import LogTrail
from memory_consumer.kafka import topics
from memory_consumer.kafka.log_reader import LogReader
from memory_consumer.partition import partition_of
from memory_consumer.settings import ConsumerSettings
from memory_store.fake import FakeStore
from memory_store.models import Extent
from tests.support.deadline import wait_until
from tests.support.logs import ALICE, FACTS, Logs, eventually_read, learn_all, projecting
from tests.support.services import now

BOTH = (names.MESSAGES, FACTS)
#: The shortest promise that can be set.
PROMISED = timedelta(minutes=1)


def sweeps(logs: Logs, topic: str, partition: int = ALICE) -> int:
    return sum(each.key() == key(partition) for each in logs.visible(topic, (partition,)))


def file_all(settings: ConsumerSettings, extent: Extent) -> None:
    """Files what was learned until the deletion of these messages is settled."""

    async def run() -> None:
        async with projecting(settings, FakeStore().create("v1")):
            await eventually_read(lambda: LogTrail(settings).left([extent])[0].settled)

    asyncio.run(run())


def ahead(settings: ConsumerSettings, by: timedelta) -> Sweeper:
    """One whose clock is ahead."""
    return Sweeper(settings, lambda: now() + by)


def test_a_partition_is_swept_once_after_it_fell_silent_and_again_after_the_next_record(
    settings: ConsumerSettings, logs: Logs
) -> None:
    logs.say("I drink tea.")
    early, late = timedelta(hours=5, minutes=59), timedelta(hours=6, minutes=1)

    assert ahead(settings, early).sweep(range(names.PARTITIONS)) == 0
    sweeper = ahead(settings, late)
    assert [sweeper.sweep(range(names.PARTITIONS)) for _ in range(3)] == [1, 0, 0]
    assert sweeps(logs, names.MESSAGES) == 1
    logs.say("I drink coffee.")
    assert [sweeper.sweep((ALICE,)) for _ in range(2)] == [1, 0]


def test_only_partitions_that_are_ones_own_are_swept(settings: ConsumerSettings, logs: Logs) -> None:
    logs.say("I drink tea.")

    assert ahead(settings, timedelta(days=1)).sweep(each for each in range(names.PARTITIONS) if each != ALICE) == 0


def test_where_nobody_writes_any_more_erased_words_leave_both_logs_within_the_promise(
    settings: ConsumerSettings, logs: Logs
) -> None:
    short = settings.model_copy(update={"erased_within": PROMISED})
    topics.ensure(short)
    logs.say("I live in Oslo.")
    erased = logs.say("I own a cat.")
    logs.remove(erased)
    learn_all(short, 3)
    trail, extent = LogTrail(short), Extent("alice", erased.id, alone=True)
    file_all(short, extent)
    assert trail.left([extent])[0].messages == 1

    sweeper = Sweeper(short, now)

    def gone() -> bool:
        sweeper.sweep((ALICE,))
        [found] = trail.left([extent])
        return (found.messages, found.facts[FACTS]) == (0, 0)

    wait_until(gone, 150)
    assert not any("cat" in text for text in words(logs))
    assert any("Oslo" in text for text in words(logs))


def words(logs: Logs) -> list[str]:
    """The values of both logs."""
    return [(each.value() or b"").decode() for topic in BOTH for each in logs.visible(topic)]


def test_what_is_left_is_told_until_it_is_learned_filed_and_compacted(
    settings: ConsumerSettings, logs: Logs
) -> None:
    said = [logs.say("I live in Oslo."), logs.say("I own a cat.")]
    extent, trail = Extent("alice", said[1].id), LogTrail(settings)
    [unlearned] = trail.left([extent])
    for row in said:
        logs.remove(row)
    learn_all(settings, 4)
    [learned] = trail.left([extent])
    file_all(settings, extent)
    [filed, other] = trail.left([extent, Extent("alice", said[0].id, alone=True)])

    assert (unlearned.messages, unlearned.settled) == (2, False)
    assert (learned.messages, learned.settled) == (2, False)
    assert (filed.messages, filed.settled, other.messages, other.settled) == (2, True, 1, True)
    assert filed.letters == 0


def test_a_look_reads_each_partition_once_however_many_are_asked_about(
    settings: ConsumerSettings, logs: Logs
) -> None:
    reads: Counter[tuple[str, int]] = Counter()

    class Counting(LogReader):
        def read_from(self, topic: str, starts: Mapping[int, int]) -> Iterator[Message]:
            reads.update((topic, each) for each in starts)
            return super().read_from(topic, starts)

    beside_alice = islice((each for each in map(str, count()) if partition_of(each) == ALICE), 3)
    elsewhere = next(each for each in map(str, count()) if partition_of(each) != ALICE)
    said = [logs.say("I drink tea.", user_id=each) for each in (*beside_alice, elsewhere) for _ in range(2)]
    extents = [Extent(row.user_id, row.id, alone=alone) for row in said for alone in (True, False)]
    learn_all(settings, len(said))

    left = LogTrail(settings, Counting).left(extents)

    assert [each.messages for each in left] == [1, 1, 1, 2] * 4
    assert reads == {(topic, each): 1 for topic in BOTH for each in (ALICE, partition_of(elsewhere))}


def test_of_a_former_version_erased_words_leave_its_log_and_its_ledger(
    settings: ConsumerSettings, logs: Logs
) -> None:
    logs.say("I live in Oslo.")
    erased = logs.say("I own a zanzibar cat.")
    logs.say("I own a dog.")
    learn_all(settings, 3)
    extent = Extent("alice", erased.id, alone=True)
    later = settings.model_copy(update={"facts_version": "v2"})
    topics.ensure(later)
    logs.remove(erased)

    written = [former.erase(later, FACTS, extent, now) for _ in range(2)]

    # Its own record, and that of the next message, which held it as the turn before it.
    assert written == [2, 0]
    latest = {each.key(): (each.value() or b"").decode() for each in logs.read(FACTS)}
    assert not any("zanzibar" in each for each in latest.values())
    assert sum("Oslo" in each or "dog" in each for each in latest.values()) >= 2
    files = [each.read_bytes() for each in (settings.home / "ledger").rglob("*") if each.is_file()]
    assert files
    assert not any(b"zanzibar" in each for each in files)
    # Whoever goes back to it goes on: it learns what it has not read yet, and nothing twice.
    learn_all(settings, 1)
    assert [each.state for each in logs.facts() if each.message_id == erased.id][-1] == "deleted"
    wait_until(lambda: FACTS in LogTrail(later).left([extent])[0].facts)
