"""What a user does about a part: by oboegaki's own commands, or by Docker Compose's where it is in containers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Remedies:
    """Commands, as they stand in a sentence."""

    #: Starts MySQL, Kafka and Kafka Connect where they do not run, and sets right what they are set to.
    start_parts: str
    #: Starts all of it.
    start: str
    #: Stops oboegaki itself, at least.
    stop: str
    #: Stops all of it; data stays.
    stop_all: str
    #: Where Kafka Connect says why.
    connect_log: str


_NATIVE = Remedies(
    start_parts="`oboegaki up`",
    start="`make run`",
    stop="`oboegaki down`",
    stop_all="`oboegaki down`",
    connect_log="logs/connect.log",
)
_CONTAINERS = Remedies(
    start_parts="`docker compose up -d --wait`",
    start="`docker compose up -d --wait`",
    stop="`docker compose stop oboegaki chat_api memory_consumer`",
    stop_all="`docker compose stop`",
    connect_log="`docker compose logs connect`",
)


def remedies(*, containers: bool) -> Remedies:
    """What helps here, typed on the machine itself."""
    return _CONTAINERS if containers else _NATIVE
