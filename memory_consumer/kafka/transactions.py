"""Facts, dead letters and the offset they came from, written to Kafka together or not at all."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException, Message, Producer, TopicPartition

from memory_consumer import names
from memory_consumer.errors import Fenced, Transient
from memory_consumer.kafka.errors import error_of, translated
from memory_consumer.settings import ConsumerSettings

_OPENING_S = 30.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to be written."""

    topic: str
    partition: int
    key: bytes
    #: None takes back what stands under the key.
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Consumed:
    """Up to where a log was consumed, and the group's metadata as of the poll (opaque to us)."""

    position: TopicPartition
    group: Any


class TransactionalWriter:
    """The one writer of a partition's facts. Making it fences whoever wrote there before."""

    def __init__(self, settings: ConsumerSettings, partition: int) -> None:
        """Blocks until a former owner's open transaction is ended. Raises Transient."""
        # Kafka gives a transaction up after as long, so nothing is won by asking for longer.
        self._timeout_s = settings.transaction_timeout.total_seconds()
        self._producer = Producer(
            settings.client()
            | {
                "transactional.id": names.transactional_id(settings.facts_version, partition),
                "transaction.timeout.ms": int(settings.transaction_timeout.total_seconds() * 1000),
                "message.max.bytes": names.MAX_RECORD_BYTES,
                "compression.type": "lz4",
                "linger.ms": 0,
            }
        )
        with translated():
            self._producer.init_transactions(_OPENING_S)

    def write(self, records: Iterable[Outgoing], consumed: Consumed | None = None) -> dict[tuple[str, bytes], int]:
        """Commits records, and the offset that was consumed for them, as one; answers each record's offset.

        Raises Fenced where the partition is no longer ours, Invalid where a record is too large for Kafka, and
        Transient where it was aborted or is undecided; then what Kafka says is committed is the truth.
        """
        offsets: dict[tuple[str, bytes], int] = {}

        def delivered(error: object, message: Message) -> None:
            if error is None:
                offsets[(str(message.topic()), message.key() or b"")] = int(message.offset() or 0)

        try:
            with translated():
                self._producer.begin_transaction()
                for record in records:
                    self._producer.produce(
                        record.topic,
                        key=record.key,
                        value=record.value,
                        partition=record.partition,
                        on_delivery=delivered,
                    )
                    self._producer.poll(0)
                if consumed is not None:
                    self._producer.send_offsets_to_transaction(
                        [consumed.position], consumed.group, self._timeout_s
                    )
                self._commit()
        except Fenced:
            raise
        except BaseException:  # whatever it is goes on its way, and leaves no transaction open
            self._abort()
            raise
        return offsets

    def end_left_open(self, consumed: Consumed) -> None:
        """Ends what a former transaction of this partition has left open among a group's offsets; commits nothing.

        Kafka, killed amid a transaction, was seen to note its abort and never to write it there (4.3.0): the
        offsets are undecided from then on, and no consumer of the group is told where to begin. What ends the next
        transaction of the same id ends the former one, too. Raises Transient and Fenced.
        """
        with translated():
            self._producer.begin_transaction()
            try:
                self._producer.send_offsets_to_transaction([consumed.position], consumed.group, self._timeout_s)
            finally:
                self._producer.abort_transaction(self._timeout_s)

    def close(self) -> None:
        """Gives up what is not sent yet; Kafka ends an open transaction by itself."""
        # A producer that was fenced refuses even this, and has nothing left to give up.
        with suppress(KafkaException):
            self._producer.purge()
            self._producer.flush(1.0)

    def _commit(self) -> None:
        # A commit that timed out may be resumed, and must be: its outcome is not known otherwise.
        for _ in range(3):
            try:
                self._producer.commit_transaction(self._timeout_s)
            except KafkaException as exc:
                if not error_of(exc).retriable():
                    raise
            else:
                return
        raise Transient("Kafka did not answer whether a transaction was committed.")

    def _abort(self) -> None:
        # Where this fails, the next owner's opening or the time-out ends the transaction.
        with suppress(KafkaException):
            self._producer.abort_transaction(self._timeout_s)
