"""`oboegaki.control`: every version with its facts log, extractor, embedder and state; which one is live."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from memory_consumer import names
from memory_consumer.errors import LearnedOtherwise, Refused
from memory_consumer.kafka import log_writer
from memory_consumer.kafka.log_reader import LogReader
from memory_consumer.kafka.transactions import Outgoing
from memory_consumer.settings import ConsumerSettings


class VersionRecord(BaseModel):
    """One version of what has been learned."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    facts_log: str
    #: Kafka's own id of that topic: another one if it was lost and made again.
    facts_log_id: str = ""
    store: str
    extractor: str
    embedder: str
    state: Literal["building", "live", "kept", "dropped"]


def read(settings: ConsumerSettings) -> dict[str, VersionRecord]:
    """Every version by name, as the log ends. Raises Transient."""
    reader = LogReader(settings)
    try:
        found: dict[str, VersionRecord] = {}
        for message in reader.read(names.CONTROL, 0):
            if value := message.value():
                record = _decoded(value)
                found[record.name] = record
        return found
    finally:
        reader.close()


def check_extractor(known: VersionRecord | None, wanted: VersionRecord) -> None:
    """Raises LearnedOtherwise where another extractor learned a version's facts, as its record so far tells."""
    if known is not None and known.facts_log_id == wanted.facts_log_id and known.extractor != wanted.extractor:
        raise LearnedOtherwise(
            f"The facts of version {wanted.name} were learned by extractor {known.extractor}, but"
            f" {wanted.extractor} is set now. Set that one again, or learn everything anew into a facts log of"
            f" its own: start with OBOEGAKI_FACTS_VERSION={_next(wanted.name)}."
        )


def ensure(
    settings: ConsumerSettings,
    known: VersionRecord | None,
    wanted: VersionRecord,
    *,
    is_filled: bool = False,
    rebuild: bool = False,
) -> None:
    """Registers a version at its first start, and refuses to feed one that was built otherwise.

    `known` is its record so far. Raises Refused where the extractor changed, where the embedder did without a
    `rebuild`, and where the store is filled already but from another log, or was left for another store meanwhile;
    Transient where Kafka is away.
    """
    check_extractor(known, wanted)
    same_log = known is not None and known.facts_log_id == wanted.facts_log_id
    moved = known is not None and known.store != wanted.store
    if is_filled and not same_log:
        # Its receipts name offsets of the former log: what is learned now would look older than they are.
        raise Refused(
            f"The memories of version {wanted.name} were filled from a facts log that Kafka no longer has. Stop"
            " oboegaki, run `oboegaki rebuild`, and start it again: they are filled anew."
        )
    if known is not None and moved and is_filled:
        raise Refused(
            f"The memories of version {wanted.name} were last kept in the {known.store} store, and those that are"
            f" in the {wanted.store} store from before lack what was learned since. Stop oboegaki, run"
            " `oboegaki rebuild`, and start it again: they are filled anew."
        )
    # A store that is empty is filled from the beginning of the facts log, with whatever embedder.
    if known is None or not same_log or moved or (rebuild and known != wanted):
        _write(settings, wanted)
    elif known.embedder != wanted.embedder:
        raise Refused(
            f"The memories of version {wanted.name} were built with embedder {known.embedder}, but"
            f" {wanted.embedder} is set now. To build them anew from what was learned, stop oboegaki, run"
            " `oboegaki rebuild`, and start it again. Or set that embedder again."
        )


def _next(name: str) -> str:
    return f"v{int(name.removeprefix('v')) + 1}"


def _write(settings: ConsumerSettings, record: VersionRecord) -> None:
    log_writer.write(
        settings, [Outgoing(names.CONTROL, 0, record.name.encode(), record.model_dump_json().encode())]
    )


def _decoded(value: bytes) -> VersionRecord:
    try:
        return VersionRecord.model_validate_json(value)
    except ValidationError as exc:
        raise Refused(
            f"Topic {names.CONTROL} holds a record that this release cannot read, so it is not known how the"
            " versions were built. Start the release that wrote it, or a new OBOEGAKI_HOME."
        ) from exc
