"""The one seam at which Kafka's errors become ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaError, KafkaException

from memory_consumer.errors import Fenced, Invalid, Transient

_FENCED = frozenset(
    {
        KafkaError._FENCED,  # noqa: SLF001  librdkafka's own codes carry an underscore; this is their public name
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.FENCED_INSTANCE_ID,
    }
)


@contextmanager
def translated() -> Iterator[None]:
    """Raises Fenced where another owner took over, Invalid for a record that is too large, else Transient."""
    try:
        yield
    except KafkaException as exc:
        error = error_of(exc)
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            raise Invalid("A record is too large for Kafka.") from exc
        kind = Fenced if error.code() in _FENCED or error.fatal() else Transient
        raise kind(f"Kafka: {error.str()}") from exc
    except TimeoutError as exc:
        raise Transient("Kafka did not answer in time.") from exc
    except BufferError as exc:
        raise Transient("Kafka: the producer's queue is full.") from exc


def error_of(exc: KafkaException) -> KafkaError:
    """The KafkaError inside an exception."""
    error = exc.args[0]
    assert isinstance(error, KafkaError)  # noqa: S101  the client always puts one there
    return error
