"""Rows in MySQL, logs in Kafka and a store that agree, or do not, and what a verification says of them."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from confluent_kafka import Consumer, TopicPartition

from chat_api.messages import Edit, Message, NewMessage
from chat_api.rows.database import Database
from chat_api.rows.rows import Rows
from memory_consumer import names
from memory_consumer.errors import Transient
from memory_consumer.kafka import log_writer
from memory_consumer.partition import partition_of
from memory_consumer.settings import ConsumerSettings
from memory_consumer.verify.differences import KINDS, Kind
from memory_consumer.verify.logs import KafkaLogs
from memory_consumer.verify.look import Line, Places
from memory_consumer.verify.repair import Means
from memory_consumer.verify.rows import MySqlRows, Reader
from memory_consumer.verify.tables import Log
from memory_consumer.verify.verifier import Verifier
from memory_store.fake import FakeStore, HashEmbedder
from memory_store.version import FiledVersion
from tests.support import events
from tests.support.api import MySql, execute
from tests.support.erasing import erase_message
from tests.support.events import Row
from tests.support.logs import Logs, eventually_read, learning, projecting
from tests.support.services import now

LOGS: tuple[Log, ...] = ("messages", "facts")


@dataclass
class Told:
    """What a verification said."""

    lines: list[Line]

    @property
    def report(self) -> dict[str, Any]:
        """How it ended; fails where it could not be told."""
        assert "report" in self.lines[-1], self.lines[-1]
        report: dict[str, Any] = self.lines[-1]["report"]
        return report

    @property
    def unsure(self) -> str:
        """Why it could not be told."""
        return str(self.lines[-1]["unsure"])

    def found(self, *, under_way: bool = False) -> list[tuple[str, int]]:
        """The differences of the first look: kind and message."""
        differences = []
        for line in self.lines:
            if "mended" in line:
                break
            if "difference" in line and line["difference"]["under_way"] == under_way:
                differences.append((line["difference"]["kind"], line["difference"]["message_id"]))
        return differences


@dataclass
class World:
    """All four places; what Debezium would write is written by the test, or left out."""

    settings: ConsumerSettings
    mysql: MySql
    database: Database
    rows: Rows
    logs: Logs
    store: FakeStore
    #: What the connector says that it has read.
    captured: Literal["all", ""] | None = "all"
    #: What happens while the connector is asked how far it is.
    meanwhile: list[Callable[[], object]] = field(default_factory=list)

    @property
    def live(self) -> FiledVersion:
        """The version that is filled."""
        return self.store.live()

    def insert(self, text: str, user: str = "alice") -> Message:
        """A row without an event."""
        [added] = self.rows.add_messages(user, [NewMessage("user", text, "c")])
        return self.rows.get(user, added.message_id)

    def say(self, text: str, user: str = "alice") -> Message:
        """A row with its event."""
        return self.event(self.insert(text, user))

    def event(
        self, message: Message, op: str = "c", partition: int | None = None, gtid: str | None = None
    ) -> Message:
        """The event of a row as it is."""
        row = Row(message.id, message.content, message.user_id, message.conversation_id, message.role)
        value = json.loads(events.written(row, op))
        value["after"]["revision"] = message.revision
        value["source"]["gtid"] = gtid
        where = partition_of(message.user_id) if partition is None else partition
        self.logs.write(events.key(message.id), json.dumps(value).encode(), partition=where)
        return message

    def edit(self, message: Message, text: str) -> Message:
        """An edit with its event."""
        return self.event(self.rows.edit(message.user_id, message.id, Edit(content=text)), "u")

    def last_gtid(self) -> str:
        """The transaction that MySQL executed last."""
        executed = str(execute(self.mysql.root, "SELECT @@GLOBAL.gtid_executed")[0][0])
        server, _, numbers = executed.replace("\n", "").rpartition(",")[2].partition(":")
        return f"{server}:{numbers.rpartition(':')[2].rpartition('-')[2]}"

    def remove(self, message: Message) -> None:
        """A delete without an event."""
        erase_message(self.database, message.user_id, message.id)

    def delete(self, message: Message) -> None:
        """A delete with its event."""
        self.remove(message)
        self.logs.write(
            events.key(message.id), events.removed(message.id), partition=partition_of(message.user_id)
        )

    def reread(self, message_ids: Sequence[int]) -> None:
        """The events of rows that are read again, as Debezium writes them."""
        for each in message_ids:
            row = self.rows.whoevers(each)
            if row is not None:
                self.event(row, "r")

    def pass_over(self, log: Log) -> None:
        """Has the stage after a log believe that it has handled all of it."""
        version = self.settings.facts_version
        group = names.extract_group(version) if log == "messages" else names.project_group(version)
        topic = names.MESSAGES if log == "messages" else names.facts_log(version)
        with closing(KafkaLogs(self.settings)) as read, closing(self._consumer(group)) as consumer:
            ends = [TopicPartition(topic, each, end) for each, end in _ends(read, log).items()]
            consumer.commit(offsets=ends, asynchronous=False)

    def settle(self) -> None:
        """Runs the stages until they have handled everything."""
        asyncio.run(self._beside_learning(lambda: None))

    def verify(
        self,
        user: str | None = None,
        *,
        repair: Collection[Kind] = (),
        patience_s: float = 30,
        learns: bool = False,
    ) -> Told:
        """Verifies; no stage runs, so nothing is waited for unless `learns` says so."""
        return Told(list(self.verifier(patience_s=patience_s, learns=learns).run(user, repair=repair)))

    def verify_beside_learning(self, repair: Collection[Kind] = KINDS) -> Told:
        """Verifies while the stages run, and lets them finish."""
        told: list[Line] = []
        verifier = self.verifier(learns=True)
        asyncio.run(self._beside_learning(lambda: told.extend(verifier.run(repair=repair))))
        return Told(told)

    def verifier(self, *, patience_s: float = 30, learns: bool = False) -> Verifier:
        """A verifier of this world."""
        places = Places(
            rows=MySqlRows(self.reader()),
            captured=self._captured,
            nudge=lambda: None,
            restart=lambda: None,
            logs=lambda: KafkaLogs(self.settings),
            version=self.store.live,
            learns=learns,
            patience=timedelta(seconds=patience_s),
        )
        means = Means(
            reread=self.reread,
            restart=lambda: None,
            write=lambda records: log_writer.write(self.settings, records),
            embedder=HashEmbedder(),
            clock=now,
        )
        return Verifier(self.settings.home, places, means)

    def reader(self) -> Reader:
        """The account that may only read."""
        account = self.mysql.readonly
        return Reader(account.host, account.port, account.database, account.user, account.password)

    def texts(self) -> Counter[str]:
        """What is remembered."""
        return Counter(memory.text for memory in self.live.scan())

    def caught_up(self) -> bool:
        """Whether the stages have handled everything; at first Kafka has no coordinator of groups to ask."""
        with suppress(Transient), closing(KafkaLogs(self.settings)) as read:
            return all(self._is_passed(read, log) for log in LOGS)
        return False

    def _is_passed(self, read: KafkaLogs, log: Log) -> bool:
        passed = read.passed(log, range(names.PARTITIONS))
        return all(passed[each] >= end for each, end in _ends(read, log).items())

    def _consumer(self, group: str) -> Consumer:
        return Consumer(self.settings.client() | {"group.id": group, "enable.auto.commit": False})

    async def _beside_learning(self, work: Callable[[], None]) -> None:
        async with learning(self.settings), projecting(self.settings, self.live):
            await asyncio.to_thread(work)
            await eventually_read(self.caught_up)

    def _captured(self) -> str | None:
        while self.meanwhile:
            self.meanwhile.pop(0)()
        if self.captured != "all":
            return self.captured
        return str(execute(self.mysql.root, "SELECT @@GLOBAL.gtid_executed")[0][0])


def _ends(read: KafkaLogs, log: Log) -> dict[int, int]:
    """After the last record of each partition; what ends a transaction comes later."""
    ends = dict.fromkeys(range(names.PARTITIONS), 0)
    for message in read.read(log, ends):
        ends[message.partition() or 0] = (message.offset() or 0) + 1
    return ends
