"""Which partition a user's messages are in. Pure.

Debezium's PartitionRouting with its default hash: Java's `String.hashCode()`, the sign bit cleared, modulo the
number of partitions (io.debezium.transforms.partitions.PartitionRouting).
"""

from memory_consumer import names

_INT_MAX = 0x7FFFFFFF


def partition_of(user_id: str, partitions: int = names.PARTITIONS) -> int:
    """The partition of both logs that holds all of a user's records."""
    return (_string_hash(user_id) & _INT_MAX) % partitions


def _string_hash(text: str) -> int:
    # Java hashes UTF-16 code units, in 32 bits.
    units = text.encode("utf-16-be")
    value = 0
    for high, low in zip(units[::2], units[1::2], strict=True):
        value = (31 * value + (high << 8) + low) & 0xFFFFFFFF
    return value
