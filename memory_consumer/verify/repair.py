"""Mending what differs, by the logs' own means. Each can be done twice, and beside learning that runs."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from memory_consumer import names
from memory_consumer.errors import LostRows
from memory_consumer.filing.filings import filing_of
from memory_consumer.kafka.transactions import Outgoing
from memory_consumer.partition import partition_of
from memory_consumer.records import cdc
from memory_consumer.verify.differences import RULES, Kind, Place
from memory_consumer.verify.logs import Logs
from memory_consumer.verify.look import Line, Places, progress
from memory_consumer.verify.sources import chunks
from memory_consumer.verify.tables import Tables
from memory_store.embed import embed
from memory_store.models import Filing, Receipt
from memory_store.port import Embedder

#: Rows asked for in one go: what waits for its turn in the connector is a part of each of its offsets.
_MOST_READ = 2000
#: Deletes that are written in one go, each proven just before.
_MOST_REMOVED = 500
#: Messages that are filed again in one go.
_MOST_FILED = 64

_LOST = (
    "its data was lost or is an older copy, or another program wrote to the logs. So nothing was erased, and what"
    " was deleted stays until this is mended. Bring MySQL's newest data back, then run `oboegaki verify --repair`."
)

_FOUND = "found.rule IN (SELECT value FROM json_each(?)) AND NOT found.under_way"


@dataclass(frozen=True, slots=True)
class Means:
    """What mends."""

    #: Asks Debezium to read rows again.
    reread: Callable[[Sequence[int]], None]
    #: Has the connector start again, where asking came to nothing: debezium/dbz#2275.
    restart: Callable[[], None]
    #: Writes records to Kafka.
    write: Callable[[Sequence[Outgoing]], object]
    embedder: Embedder
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class _Stray:
    """A message that a partition holds and should not; `gtid` is the transaction that wrote it, where known."""

    message_id: int
    partition: int
    gtid: str


class Repair:
    """Mends what a look has found. Every step may raise Transient, Refused and StoreError."""

    def __init__(self, places: Places, means: Means, tables: Tables, logs: Logs, kinds: Collection[Kind]) -> None:
        self._places = places
        self._means = means
        self._tables = tables
        self._logs = logs
        self._kinds = kinds

    def run(self) -> Iterator[Line]:
        """Does what can be done now for each difference that is not under way."""
        yield progress("mending")
        # First: what is read again and learned may be filed meanwhile.
        self._take_out()
        self._reread()
        yield from self._remove()
        yield from self._file_again()

    def unread(self) -> int:
        """How many messages' rows have yet to be read again."""
        [(number,)] = self._tables.rows_of(
            f"SELECT count(DISTINCT id) FROM found WHERE {_FOUND}", self._read_again()
        )
        return int(number)

    def _reread(self) -> None:
        query = f"SELECT DISTINCT id FROM found WHERE {_FOUND} ORDER BY id LIMIT {_MOST_READ}"
        self._means.reread([each for (each,) in self._tables.rows_of(query, self._read_again())])

    def _read_again(self) -> str:
        """The rules whose differences Debezium mends by reading rows again."""
        in_messages = self._rules("messages log", "missing in log", "stale")
        return json.dumps([*in_messages, *self._rules("facts log", "not learned", "stale", "dead")])

    def _remove(self) -> Iterator[Line]:
        # All of them before one is written: a single row that MySQL has lost tells that others may be lost, too.
        for some in chunks(self._strays(), _MOST_REMOVED):
            self._still(some)
            yield progress("making sure that MySQL lost nothing")
        done = 0
        for some in chunks(self._strays(), _MOST_REMOVED):
            gone = self._still(some)
            self._means.write([self._removal(each) for each in gone])
            done += len(gone)
            yield progress("writing deletes", done)

    def _strays(self) -> Iterator[_Stray]:
        """Each message that a partition of a log should not hold."""
        for log, table, gone in (("messages log", "events", "removed"), ("facts log", "records", "deleted")):
            place: Place = "messages log" if log == "messages log" else "facts log"
            query = (
                f"SELECT {table}.id, {table}.partition, rows.user, {'gtid' if table == 'events' else repr('')}"
                f" FROM found JOIN {table} ON {table}.id = found.id"
                f" LEFT JOIN rows ON rows.id = found.id WHERE {_FOUND} AND {table}.state <> '{gone}'"
                f" GROUP BY {table}.id, {table}.partition"
            )
            rules = json.dumps(self._rules(place, "orphaned", "doubled"))
            for message, partition, user, gtid in self._tables.rows_of(query, rules):
                if user is None or partition != partition_of(user):
                    yield _Stray(message, partition, gtid)

    def _still(self, strays: Sequence[_Stray]) -> list[_Stray]:
        """Those that are strays by now, too: a delete takes nothing back. Raises LostRows."""
        standing, shown = self._standing([each.message_id for each in strays])
        self._check_transactions([each for each in strays if each.message_id not in standing], shown)
        return [
            each
            for each in strays
            if (user := standing.get(each.message_id)) is None or each.partition != partition_of(user)
        ]

    def _standing(self, message_ids: Sequence[int]) -> tuple[dict[int, str], str]:
        """The users of those that have a row now, and the transactions that this shows. Raises LostRows."""
        with self._places.rows.snapshot() as moment:
            standing = {row.message_id: row.user_id for row in moment.among(message_ids)}
            following, shown = moment.next_id(), moment.shown()
        self._check_ids(following)
        return standing, shown

    def _removal(self, stray: _Stray) -> Outgoing:
        removed = cdc.encode_removed(self._means.clock())
        return Outgoing(names.MESSAGES, stray.partition, cdc.encode_key(stray.message_id), removed)

    def _check_ids(self, following: int) -> None:
        """Raises LostRows where a message that was logged or filed has an id which MySQL has yet to give."""
        any_of = " UNION ALL ".join(
            f"SELECT max(id) AS id FROM {each}" for each in ("event", "record", "receipts")
        )
        [(latest,)] = self._tables.rows_of(f"SELECT coalesce(max(id), 0) FROM ({any_of})")
        if latest >= following:
            raise LostRows(
                f"There was a message {latest}, but MySQL has never had one after {following - 1}: {_LOST}"
            )

    def _check_transactions(self, gone: Sequence[_Stray], shown: str) -> None:
        """Raises LostRows where a row's own transaction is none of MySQL's: then it was lost, not deleted."""
        told = [each for each in gone if each.gtid]
        if told and not self._places.rows.covers(shown, ",".join(each.gtid for each in told)):
            raise LostRows(
                f"Message {told[0].message_id}, or one of {len(told)} from there on, was written by a transaction"
                f" that MySQL has never had: {_LOST}"
            )

    def _file_again(self) -> Iterator[Line]:
        query = (
            "SELECT DISTINCT record.partition, record.position FROM found JOIN record ON record.id = found.id"
            f" WHERE {_FOUND} ORDER BY record.partition, record.position"
        )
        found = self._tables.rows_of(query, json.dumps(self._rules("store")))
        done = 0
        for partition, positions in groupby(found, key=lambda each: int(each[0])):
            offsets = (int(position) for _, position in positions)
            for filings in chunks(self._recorded(partition, offsets), _MOST_FILED):
                self._forget([each.receipt.message_id for each in filings])
                self._file(filings)
                done += len(filings)
                yield progress("filing again", done)

    def _recorded(self, partition: int, offsets: Iterable[int]) -> Iterator[Filing]:
        """The filings of the facts records at these ascending offsets, as far as they are still there."""
        left = iter(offsets)
        wanted = next(left, None)
        if wanted is None:
            return
        for message in self._logs.read("facts", {partition: wanted}):
            offset = message.offset() or 0
            while wanted is not None and wanted < offset:
                wanted = next(left, None)
            if wanted is None:
                return
            if wanted == offset and (found := filing_of(message)) is not None:
                yield found

    def _forget(self, message_ids: Sequence[int]) -> None:
        """Takes out what has a receipt ahead of the log, which lost its end: it would overtake what is filed."""
        query = (
            "SELECT receipts.id, receipts.position FROM receipts JOIN record ON record.id = receipts.id"
            " WHERE receipts.position > record.position AND receipts.id IN (SELECT value FROM json_each(?))"
        )
        self._places.version().forget(dict(self._tables.rows_of(query, json.dumps(list(message_ids)))))

    def _take_out(self) -> None:
        """Of what is filed without a facts record or a row: its memories go, its receipt says so."""
        query = (
            "SELECT found.id, found.user, coalesce(receipts.revision, ''), coalesce(receipts.position, 0)"
            " FROM found LEFT JOIN receipts ON receipts.id = found.id LEFT JOIN record ON record.id = found.id"
            f" LEFT JOIN rows ON rows.id = found.id WHERE {_FOUND} AND record.id IS NULL AND rows.id IS NULL"
            " GROUP BY found.id"
        )
        found = self._tables.rows_of(query, json.dumps(self._rules("store", "orphaned")))
        for some in chunks(found, _MOST_FILED):
            standing, _ = self._standing([message for message, *_ in some])
            receipts = [
                Receipt(message, user, revision, "deleted", 0, self._means.clock(), position)
                for message, user, revision, position in some
                if message not in standing
            ]
            self._file([Filing(receipt, ()) for receipt in receipts])

    def _file(self, filings: Sequence[Filing]) -> None:
        # Without the cache of vectors: that has to be told of every filing, in their order.
        vectors = embed(filings, self._means.embedder)
        now = self._means.clock()
        dated = [replace(each, receipt=replace(each.receipt, filed_at=now)) for each in filings]
        self._places.version().apply(dated, vectors)

    def _rules(self, place: Place, *kinds: Kind) -> list[int]:
        wanted = [kind for kind in kinds or self._kinds if kind in self._kinds]
        return [number for number, rule in enumerate(RULES) if rule.place == place and rule.kind in wanted]
