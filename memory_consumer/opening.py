"""Before learning starts: topics that keep data, the version it feeds, and where projecting begins."""

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from memory_consumer import control, names
from memory_consumer.control import VersionRecord
from memory_consumer.errors import Transient
from memory_consumer.kafka import topics
from memory_consumer.kafka.errors import error_of, translated
from memory_consumer.kafka.log_reader import topic_id
from memory_consumer.settings import ConsumerSettings
from memory_store.errors import NoLiveVersion
from memory_store.port import MemoryStore, MemoryVersion

_TIMEOUT_S = 30.0


def version_so_far(settings: ConsumerSettings) -> VersionRecord | None:
    """The record of the version, None for a new one; with its topics made, or checked. Raises as open_version."""
    topics.ensure(settings)
    return control.read(settings).get(settings.facts_version)


def open_version(
    settings: ConsumerSettings,
    store: MemoryStore,
    known: VersionRecord | None,
    *,
    store_name: str,
    extractor: str,
    embedder: str,
    rebuild: bool = False,
) -> MemoryVersion:
    """The version to project into, live; safe to repeat after a stop at any point. `known` is its record so far.

    A store whose live version is another, or none, is filled from the beginning of the facts log; so is one that
    is to be rebuilt, after its live version was deleted. What was learned stays as it is.
    Raises Refused where what is there does not fit, Transient where Kafka is away or where somebody files into
    what is to be rebuilt, and StoreError.
    """
    record = VersionRecord(
        name=settings.facts_version,
        facts_log=names.facts_log(settings.facts_version),
        facts_log_id=topic_id(settings, names.facts_log(settings.facts_version)),
        store=store_name,
        extractor=extractor,
        embedder=embedder,
        state="live",
    )
    if rebuild:
        control.check_extractor(known, record)
        _check_unread(settings)
        # Before the record: a stop in between leaves no version that was built otherwise than the record says.
        store.retire()
    live = _live(store, record.name)
    control.ensure(settings, known, record, is_filled=live is not None, rebuild=rebuild)
    return live or _begun(settings, store)


def _check_unread(settings: ConsumerSettings) -> None:
    # Whoever files now would go on from its own place in the log, into what has just been emptied.
    group = names.project_group(settings.facts_version)
    admin = AdminClient(settings.client())  # kept in a name: its answers end with it
    with translated():
        described = admin.describe_consumer_groups([group], request_timeout=_TIMEOUT_S)
        try:
            members = described[group].result(_TIMEOUT_S).members
        except KafkaException as exc:
            if error_of(exc).code() != KafkaError.GROUP_ID_NOT_FOUND:
                raise
            members = []
    if members:
        raise Transient(
            f"Version {settings.facts_version} of the memories is being filled by another process. Stop each that"
            " learns, then ask for the rebuild again. Of one that was killed Kafka hears within a minute."
        )


def _live(store: MemoryStore, name: str) -> MemoryVersion | None:
    try:
        live = store.live()
    except NoLiveVersion:
        return None
    return live if live.name == name else None


def _begun(settings: ConsumerSettings, store: MemoryStore) -> MemoryVersion:
    # Before it goes live: a stop in between begins here again.
    _forget_offsets(settings)
    name = settings.facts_version
    if name in store.versions():
        # Half-made, or left behind by another facts log or embedder; all of it comes again.
        store.drop(name)
    version = store.create(name)
    store.activate(name)
    return version


def _forget_offsets(settings: ConsumerSettings) -> None:
    group = names.project_group(settings.facts_version)
    admin = AdminClient(settings.client())  # kept in a name: its answers end with it
    with translated():
        deleted = admin.delete_consumer_groups([group], request_timeout=_TIMEOUT_S)
        try:
            deleted[group].result(_TIMEOUT_S)
        except KafkaException as exc:
            if error_of(exc).code() != KafkaError.GROUP_ID_NOT_FOUND:
                raise
