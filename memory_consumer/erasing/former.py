"""Former versions: nothing is learned into them any more, so what is erased has to be taken out of their logs.

A former version stays to be gone back to. Its partitions are opened as learning opens them, one after the other.
"""

from collections.abc import Callable
from contextlib import closing
from datetime import datetime

from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient

from memory_consumer import names
from memory_consumer.extractors import offline
from memory_consumer.kafka.errors import translated
from memory_consumer.kafka.log_reader import topic_id
from memory_consumer.learning.tenure import Tenure
from memory_consumer.partition import partition_of
from memory_consumer.settings import ConsumerSettings
from memory_store.models import Extent

_TIMEOUT_S = 30.0
_LEFT = frozenset({ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD})


def erase(settings: ConsumerSettings, log: str, extent: Extent, clock: Callable[[], datetime]) -> int | None:
    """Takes messages out of a former version's facts log and ledger; answers how many records it wrote.

    None where another process still learns into it: that one does it by itself. Raises Transient.
    """
    version = log.removeprefix(names.facts_log(""))
    if not _is_left(settings, names.extract_group(version)):
        return None
    theirs = settings.model_copy(update={"facts_version": version})
    # What is deleted is not looked at, so it does not matter who would find facts in it.
    tenure = Tenure(
        theirs,
        partition_of(extent.user_id),
        log_id=topic_id(theirs, log),
        extractor=offline.EXTRACTOR,
        clock=clock,
    )
    with closing(tenure):
        return tenure.erase(extent)


def _is_left(settings: ConsumerSettings, group: str) -> bool:
    """Whether nobody is in a group."""
    admin = AdminClient(settings.client())  # kept in a name: its answers end with it
    with translated():
        found = admin.describe_consumer_groups([group], request_timeout=_TIMEOUT_S)[group].result(_TIMEOUT_S)
    return found.state in _LEFT
