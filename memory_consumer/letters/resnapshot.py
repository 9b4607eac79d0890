"""Asks Debezium to read rows again: an ad-hoc incremental snapshot of some messages.

https://debezium.io/documentation/reference/stable/configuration/signalling.html

Each row comes as an event with op `r`, in its place among the events of later changes, or not at all where a later
change comes instead; mostly within two seconds. A signal waits while the connector is away, but it is lost where
the connector stops just then, or cannot read the rows: it logs that and tells nobody. After MySQL closed the
connector's connection that is so for good, though events of changes go on (debezium/dbz#2275). So whoever asks
waits for the events with a deadline; if they do not come, restarts the connector (`connectors.register.restart`),
and asks again, more than once. Asking twice changes nothing.
"""

import json
import uuid
from collections.abc import Iterator, Sequence

from memory_consumer import names
from memory_consumer.kafka import log_writer
from memory_consumer.kafka.transactions import Outgoing
from memory_consumer.settings import ConsumerSettings

_MESSAGES = "chat.messages"
#: Rows asked for by one signal. Debezium keeps the conditions of all signals that it has not finished with in each
#: of its offsets, so they stay small.
_MOST_IDS = 200
#: Ids begin at one.
_NO_MESSAGE = 0


def resnapshot(settings: ConsumerSettings, message_ids: Sequence[int]) -> None:
    """Asks for these rows to be read again; those that are gone are passed over. Returns once Kafka was told.

    Ask for some thousands at a time at most, and wait for them: see `_MOST_IDS`. Raises Transient.
    """
    signals = [Outgoing(names.SIGNAL, 0, names.PREFIX.encode(), signal) for signal in _signals(message_ids)]
    if signals:
        log_writer.write(settings, signals)


def nudge(settings: ConsumerSettings) -> None:
    """Has Debezium write transactions of its own, and tell of them within its heartbeat; no row is read.

    Returns once Kafka was told. Raises Transient.
    """
    resnapshot(settings, [_NO_MESSAGE])


def _signals(message_ids: Sequence[int]) -> Iterator[bytes]:
    for start in range(0, len(message_ids), _MOST_IDS):
        # Numbers, not texts: what stands here becomes a part of a query.
        ids = ", ".join(str(int(each)) for each in message_ids[start : start + _MOST_IDS])
        condition = {"data-collection": _MESSAGES, "filter": f"id IN ({ids})"}
        data = {
            "type": "INCREMENTAL",
            "data-collections": [_MESSAGES],
            "additional-conditions": [condition],
        }
        yield json.dumps({"id": str(uuid.uuid4()), "type": "execute-snapshot", "data": data}).encode()
