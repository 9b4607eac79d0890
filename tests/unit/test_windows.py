"""When a window closes."""

from datetime import UTC, datetime, timedelta

import pytest

from memory_consumer.asking.tokens import estimated
from memory_consumer.asking.windows import Waiting, WindowPolicy

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("messages", "tokens", "quiet_s", "closes"),
    [
        (9, 1999, 4.9, False),
        (10, 1, 0, True),
        (1, 2000, 0, True),
        (1, 1, 5, True),
    ],
)
def test_a_window_closes_once_it_is_full_or_nothing_more_comes(
    messages: int, tokens: int, quiet_s: float, closes: bool
) -> None:
    waiting = Waiting("alice", messages, tokens, NOW - timedelta(seconds=quiet_s))

    assert WindowPolicy().closes(waiting, NOW) is closes


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("abcd", 1), ("abcde", 2), ("日本語", 3), ("ABCDEF日本", 4)]
)
def test_japanese_takes_a_token_for_each_character_and_english_for_each_four(text: str, tokens: int) -> None:
    assert estimated(text) == tokens
