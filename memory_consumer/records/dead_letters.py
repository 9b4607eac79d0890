"""Dead letters: why and where a record was set aside, never what it says. Pure.

A letter has the key of the record that was set aside, so it is of one message and a later one replaces it; a
tombstone takes it back. Project has keys of its own: it lags behind extract, and must not take back what extract
found since.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from memory_consumer.errors import Invalid
from memory_consumer.records import cdc

#: Whose letters have keys of their own.
PROJECT = "project"


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A record that is to be set aside: why, and after how many tries."""

    cause: str
    tries: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where the record lies that was set aside."""

    topic: str | None
    partition: int | None
    offset: int | None


class DeadLetter(BaseModel):
    """A letter as it is read; `message_id` is None where the record's key names none."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    message_id: int | None = None
    user_id: str | None = None
    stage: str
    cause: str
    tries: int = 1
    topic: str | None
    partition: int | None
    offset: int | None
    at: datetime


def letter(
    key: bytes | None, given_up: GivenUp, *, stage: str, place: Place, user_id: str | None, at: datetime
) -> tuple[bytes, bytes]:
    """Key and value for the topic of dead letters."""
    where = {"topic": place.topic, "partition": place.partition, "offset": place.offset}
    told = {
        "cause": given_up.cause,
        "tries": given_up.tries,
        "stage": stage,
        "user_id": user_id,
        **where,
        "at": at.isoformat(),
    }
    # A compacted topic refuses records without a key.
    return letter_key(key, stage) or json.dumps(where).encode(), json.dumps(told).encode()


def letter_key(key: bytes | None, stage: str) -> bytes | None:
    """The key of a record's letter."""
    message = _message_id(key)
    return key if message is None or stage != PROJECT else b'{"id":%d,"stage":"project"}' % message


def decode(key: bytes | None, value: bytes) -> DeadLetter:
    """A letter. Raises Invalid where it is none."""
    try:
        found = DeadLetter.model_validate_json(value)
    except ValidationError as exc:
        raise Invalid("The dead letter cannot be read.") from exc
    return found.model_copy(update={"message_id": _message_id(key)})


def _message_id(key: bytes | None) -> int | None:
    try:
        return cdc.message_id(key)
    except Invalid:
        return None
