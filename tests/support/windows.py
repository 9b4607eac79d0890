"""Windows of a conversation, as tests write them down."""

from datetime import datetime, timedelta

from memory_consumer.asking.windows import Known, Turn, Window

NOON = datetime.fromisoformat("2026-03-02T12:00:00+09:00")


def turn(
    text: str, number: int = 1, *, role: str = "user", at: str | None = None, conversation: str = "c"
) -> Turn:
    """A turn with message id 100 + number, said a minute after the one before unless `at` says when."""
    said_at = datetime.fromisoformat(at) if at else NOON + timedelta(minutes=number)
    return Turn(100 + number, conversation, role, text, said_at)


def window(*turns: Turn | str, before: tuple[Turn, ...] = (), known: tuple[str, ...] = ()) -> Window:
    """A window of turns or of what a user says; the ids of known memories are m0, m1, …"""
    said = tuple(each if isinstance(each, Turn) else turn(each, number) for number, each in enumerate(turns, 1))
    memories = tuple(Known(f"m{at}", text, NOON - timedelta(days=30)) for at, text in enumerate(known))
    return Window("alice", said, before, memories)
