"""Redriving: what was set aside is read, or filed, once more, as its row stands now.

All of it goes by the logs, so it is in order with what happens meanwhile: a newer edit wins, and asking twice is
asking once.
"""

from collections.abc import Iterable, Mapping, Sequence

from memory_consumer import names
from memory_consumer.kafka import log_writer
from memory_consumer.kafka.transactions import Outgoing
from memory_consumer.letters.resnapshot import resnapshot
from memory_consumer.records import cdc
from memory_consumer.records.dead_letters import PROJECT, DeadLetter
from memory_consumer.settings import ConsumerSettings


def redrive(settings: ConsumerSettings, letters: Sequence[DeadLetter]) -> None:
    """Asks for the messages of these letters once more; those of no message are passed over. Raises Transient.

    Signals to Debezium may be lost, so wait for what comes of it and ask again: see resnapshot.py.
    """
    resnapshot(settings, sorted({each.message_id for each in letters if each.message_id is not None}))
    # Reading a row again changes nothing where its facts are known; they are to be filed again.
    refile(settings, _partitions(each for each in letters if each.stage == PROJECT))


def refile(settings: ConsumerSettings, partitions: Mapping[int, int]) -> None:
    """Has the facts records of messages, by the messages' partitions, written once more, and so filed again.

    Raises Transient.
    """
    requests = [
        Outgoing(names.MESSAGES, partition, cdc.refile_key(message), b"{}")
        for message, partition in sorted(partitions.items())
    ]
    if requests:
        log_writer.write(settings, requests)


def _partitions(letters: Iterable[DeadLetter]) -> dict[int, int]:
    return {
        each.message_id: each.partition
        for each in letters
        if each.message_id is not None and each.partition is not None
    }
