"""Names in Kafka, each with one home."""

PREFIX = "oboegaki"
MESSAGES = f"{PREFIX}.chat.messages"
DEAD_LETTERS = f"{PREFIX}.chat.dead-letters"
CONTROL = f"{PREFIX}.control"
SIGNAL = f"{PREFIX}.signal"
NOTIFICATIONS = f"{PREFIX}.notifications"
SCHEMA_HISTORY = f"{PREFIX}.schema-history"
HEARTBEAT = f"__debezium-heartbeat.{PREFIX}"

#: Partitions of both logs. Changing it means a new prefix, a snapshot and a restore.
PARTITIONS = 12

#: A row has at most 1,000,000 characters, six bytes each where JSON escapes them, and a margin for the rest.
MAX_RECORD_BYTES = 8 * 1024 * 1024

#: What a consumer fetches ahead of what it works on, about, whatever the backlog.
MOST_AHEAD_BYTES = 2 * MAX_RECORD_BYTES


def facts_log(version: str) -> str:
    """The facts log of one version, such as `v1`."""
    return f"{PREFIX}.chat.facts.{version}"


def extract_group(version: str) -> str:
    """The consumer group that learns into one facts log."""
    return f"{PREFIX}-extract-{version}"


def project_group(version: str) -> str:
    """The consumer group that builds one version of the store."""
    return f"{PREFIX}-project-{version}"


def heal_group(version: str) -> str:
    """The consumer group that mends what a snapshot of all rows cannot tell: what was deleted before it."""
    return f"{PREFIX}-heal-{version}"


def transactional_id(version: str, partition: int) -> str:
    """The id of the one producer that may write a partition's facts; a new owner fences the former by it."""
    return f"{PREFIX}-extract-{version}-{partition}"
