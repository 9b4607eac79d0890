"""How many records of each partition have not been read, from what Kafka's client tells of itself. Pure.

https://github.com/confluentinc/librdkafka/blob/master/STATISTICS.md
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from memory_consumer.stages.stage import Partition

#: Of a partition that is not being read, as it is not ours.
_READ = "active"


class Unread:
    """Keeps what each client told last; call it with its statistics. May be looked at from any thread."""

    def __init__(self) -> None:
        self._told: dict[str, Mapping[Partition, int]] = {}

    def __call__(self, statistics: str) -> None:
        """Notes what a client tells. Quick, as the client waits for it; raises nothing."""
        # What another release of the client tells otherwise is not known then, which must not end its reading.
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            told = json.loads(statistics)
            if told["type"] == "consumer":
                self._told[told["name"]] = unread(told)

    def now(self) -> dict[Partition, int]:
        """At most so many records are left to read, of each partition that is read here."""
        return {partition: left for told in list(self._told.values()) for partition, left in told.items()}


def unread(statistics: Mapping[str, Any]) -> dict[Partition, int]:
    """By partition, up to the last stable offset. Where nothing waits in the client, markers do not count."""
    return {
        (topic, int(number)): _left(told)
        for topic, each in statistics["topics"].items()
        for number, told in each["partitions"].items()
        if told["fetch_state"] == _READ
    }


def _left(told: Mapping[str, Any]) -> int:
    # Its queue is one for all partitions: whether a part of it is of this one cannot be told.
    known = (told["next_offset"],) if told["fetchq_cnt"] == 0 else (told["app_offset"], told["committed_offset"])
    reached = next((int(offset) for offset in known if offset >= 0), max(0, int(told["lo_offset"])))
    return max(0, int(told["ls_offset"]) - reached)
