"""The partitions that Kafka assigned to this process, each with its tenure."""

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime
from threading import Lock, Thread

from memory_consumer import names
from memory_consumer.errors import Fenced, LearningError, Transient
from memory_consumer.kafka.log_reader import topic_id
from memory_consumer.kafka.transactions import TransactionalWriter
from memory_consumer.learning.deferred import Deferred
from memory_consumer.learning.extractor import Extractor
from memory_consumer.learning.tenure import OpenWriter, Tenure
from memory_consumer.settings import ConsumerSettings
from memory_consumer.stages.attempts import named

_log = logging.getLogger(__name__)

#: How long a rebalance waits for ledgers to be caught up.
_OPENING_S = 5.0


class Tenures:
    """Opens tenures and closes them. Safe to use from any thread."""

    def __init__(
        self,
        settings: ConsumerSettings,
        extractor: Extractor | Deferred,
        clock: Callable[[], datetime],
        writer: OpenWriter = TransactionalWriter,
    ) -> None:
        self._settings = settings
        self._extractor = extractor
        self._clock = clock
        self._writer = writer
        self._owned: set[int] = set()
        self._opened: dict[int, Tenure] = {}
        self._changing = [Lock() for _ in range(names.PARTITIONS)]

    def __contains__(self, partition: int) -> bool:
        return partition in self._owned

    def __len__(self) -> int:
        return len(self._owned)

    @property
    def owned(self) -> tuple[int, ...]:
        """The partitions that are ours now."""
        return tuple(sorted(self._owned))

    def assigned(self, partitions: Iterable[int]) -> None:
        """Takes partitions over, side by side and at once, so that a former owner is fenced.

        Ledgers that are far behind their logs are caught up after it returned: Kafka must not wait for them.
        """
        mine = set(partitions)
        self._owned |= mine
        try:
            threads = ThreadPoolExecutor(names.PARTITIONS)
            opening = [threads.submit(self.get, partition) for partition in mine]
            threads.shutdown(wait=False)
            # All of them, and then the first error: those that could be opened are kept.
            for each in wait(opening, _OPENING_S).done:
                each.result()
        except LearningError as exc:
            _log.warning("Partitions will be opened with their next batch: %s", exc)
        except Exception as exc:  # noqa: BLE001  one that left Kafka's callback would take its poll's records with it
            _log.error("Opening partitions failed in a way that was not foreseen: %s.", named(exc))

    def revoked(self, partitions: Iterable[int]) -> None:
        """Gives partitions up, and waits for nothing that is in hand for them: it will be dropped."""
        for partition in partitions:
            self._owned.discard(partition)
            tenure = self._opened.pop(partition, None)
            try:
                if tenure is not None and not tenure.close(wait=False):
                    Thread(target=tenure.close, name="closing", daemon=True).start()
            except Exception as exc:  # noqa: BLE001  one that left Kafka's callback would keep the other partitions
                _log.error(
                    "Closing partition %s failed in a way that was not foreseen: %s.", partition, named(exc)
                )

    def get(self, partition: int) -> Tenure:
        """The tenure of a partition, opened where it is not. Raises Fenced if it is not ours, and Transient."""
        with self._changing[partition]:
            if partition not in self._owned:
                raise Fenced(f"Partition {partition} was given up.")
            tenure = self._opened.get(partition)
            if tenure is None:
                tenure = self._opened[partition] = self._open(partition)
                if partition not in self._owned:
                    # It was given up meanwhile, without waiting for us.
                    self._opened.pop(partition, None)
                    tenure.close()
                    raise Fenced(f"Partition {partition} was given up.")
            return tenure

    def _open(self, partition: int) -> Tenure:
        try:
            return Tenure(
                self._settings,
                partition,
                log_id=topic_id(self._settings, names.facts_log(self._settings.facts_version)),
                extractor=self._extractor,
                clock=self._clock,
                writer=self._writer,
                is_ours=lambda: partition in self._owned,
            )
        except Transient:
            raise
        except Exception as exc:  # whatever it is, it is raised again: no fault of the records to be written there
            raise Transient(f"Partition {partition} could not be opened: {named(exc)}.") from exc

    def opened(self, partition: int) -> Tenure | None:
        """The tenure of a partition as far as it is open; waits for nothing."""
        return self._opened.get(partition)

    @contextmanager
    def writing(self, partition: int) -> Iterator[Tenure]:
        """The tenure, to write with. Raises as `get`.

        It is closed where Kafka or its ledger failed, or anything between the two: it may be behind Kafka then.
        What trips over a record before that costs no more than the try.
        """
        tenure = self.get(partition)
        try:
            yield tenure
        except Exception as exc:  # whatever it is, it is raised again
            if tenure.unsure or isinstance(exc, Transient):
                self._reset(partition, tenure)
            raise

    def _reset(self, partition: int, tenure: Tenure) -> None:
        """Closes a tenure that may be behind what Kafka has: opening it again reads it."""
        with self._changing[partition]:
            if self._opened.get(partition) is tenure:
                del self._opened[partition]
            # Before it is opened again: two must not have one ledger.
            tenure.close()

    def close(self) -> None:
        """Gives everything up."""
        self.revoked(self.owned)
