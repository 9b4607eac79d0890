"""Dead letters: why and where a record was set aside, never what it says. Pure."""

import json
from datetime import datetime


def letter(
    key: bytes | None,
    *,
    cause: str,
    stage: str,
    topic: str | None,
    partition: int | None,
    offset: int | None,
    at: datetime,
) -> tuple[bytes, bytes]:
    """Key and value for the topic of dead letters, under the key of the record that was set aside."""
    where = {"topic": topic, "partition": partition, "offset": offset}
    told = {"cause": cause, "stage": stage, **where, "at": at.isoformat()}
    # A compacted topic refuses records without a key.
    return key or json.dumps(where).encode(), json.dumps(told).encode()
