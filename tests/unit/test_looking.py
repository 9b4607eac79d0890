"""The thread that looks after erasures: soon after one was asked for, and on after whatever a look comes to."""

from datetime import timedelta
from threading import Event

from chat_api.erasing.looking import Looking
from chat_api.errors import Unavailable
from tests.support.deadline import wait_until

NEVER = timedelta(days=1000)


def test_what_fails_is_looked_at_again_and_soon_after_something_was_asked_for() -> None:
    asked, looks = Event(), [0]
    failures: list[Exception] = [Unavailable("MySQL is away."), ValueError("what was said")]

    def look() -> None:
        looks[0] += 1
        if failures:
            raise failures.pop(0)

    looking = Looking(look, asked, NEVER)
    looking.start()
    try:
        for number in range(1, 5):
            wait_until(lambda wanted=number: looks[0] >= wanted)  # type: ignore[misc]
            asked.set()
    finally:
        looking.stop()

    assert failures == []
