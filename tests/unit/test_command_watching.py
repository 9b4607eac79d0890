"""A connector that failed is restarted, after longer and longer waits; one that somebody stopped is left alone."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from devstack.errors import Failed
from oboegaki.watching import ConnectorWatch
from tests.support.deadline import eventually


class Connector:
    """A connector that is as it was set to, and remembers when it was restarted."""

    def __init__(self) -> None:
        self.state: str | None = "FAILED: Access denied"
        self.now = datetime(2026, 3, 2, tzinfo=UTC)
        self.restarted: list[datetime] = []
        self.refuses = False
        self.settled: list[datetime] = []
        self.watch = ConnectorWatch(
            self.told,
            self.restart,
            self.settle,
            lambda: self.now,
            chance=Random(1),  # noqa: S311
        )

    def told(self) -> str | None:
        return self.state

    def restart(self) -> None:
        self.restarted.append(self.now)
        if self.refuses:
            raise Failed("It is busy.")

    def settle(self) -> None:
        self.settled.append(self.now)
        if self.refuses:
            raise Failed("It is busy.")

    def looked_at_for(self, seconds: int) -> None:
        for _ in range(seconds):
            self.watch.look()
            self.now += timedelta(seconds=1)


@pytest.fixture
def connector() -> Connector:
    return Connector()


def test_a_connector_that_failed_is_restarted_and_its_cause_is_told(connector: Connector) -> None:
    connector.watch.look()

    assert len(connector.restarted) == 1
    assert connector.watch.stage() == {
        "name": "connector",
        "restarts": 1,
        "waiting_for": "the connector, which is FAILED: Access denied",
    }


def test_one_that_goes_on_failing_is_left_alone_for_longer_each_time(connector: Connector) -> None:
    connector.looked_at_for(3600)

    pauses = [
        (later - earlier).total_seconds()
        for earlier, later in zip(connector.restarted, connector.restarted[1:], strict=False)
    ]
    assert all(3 <= pause <= 301 for pause in pauses)
    assert pauses[4] > 2 * pauses[1]
    assert len(connector.restarted) < 40


def test_one_that_runs_for_a_moment_between_two_failures_wins_no_patience(connector: Connector) -> None:
    for _ in range(600):
        connector.state = "FAILED: again"
        connector.looked_at_for(1)
        connector.state = "RUNNING"
        connector.looked_at_for(1)

    assert len(connector.restarted) < 30


def test_one_that_has_run_since_is_restarted_at_once_when_it_fails_again(connector: Connector) -> None:
    connector.looked_at_for(100)
    connector.state = "RUNNING"
    connector.looked_at_for(600)
    before = len(connector.restarted)
    assert connector.watch.stage()["waiting_for"] is None

    connector.state = "FAILED: again"
    connector.watch.look()

    assert len(connector.restarted) == before + 1


@pytest.mark.parametrize("state", ["RUNNING", "PAUSED", "STOPPED", "STARTING", "UNASSIGNED", "UNKNOWN", None])
def test_whatever_has_not_failed_is_left_alone(connector: Connector, state: str | None) -> None:
    connector.state = state

    connector.looked_at_for(100)

    assert connector.restarted == []
    assert (connector.watch.stage()["waiting_for"] is None) == (state in ("RUNNING", None))


def test_what_it_was_mended_by_ends_once_it_has_run_for_a_minute_and_not_before(connector: Connector) -> None:
    connector.looked_at_for(1)
    connector.state = "RUNNING"
    connector.looked_at_for(60)
    assert connector.settled == []

    connector.refuses = True
    connector.looked_at_for(1)
    assert len(connector.settled) == 1
    connector.looked_at_for(60)
    assert len(connector.settled) == 2
    assert connector.watch.stage()["waiting_for"] is None


def test_nothing_ends_for_one_that_does_not_run_on(connector: Connector) -> None:
    for state in ["RUNNING", "STARTING", "RUNNING", "PAUSED", "RUNNING", "FAILED: again", None] * 3:
        connector.state = state
        connector.looked_at_for(40)

    assert connector.settled == []


def test_a_kafka_connect_that_takes_no_restart_is_asked_again(connector: Connector) -> None:
    connector.refuses = True
    connector.watch.look()
    assert "It is busy." in connector.watch.stage()["waiting_for"]
    assert connector.watch.stage()["restarts"] == 0

    connector.refuses = False
    connector.looked_at_for(60)

    assert connector.watch.stage()["restarts"] >= 1


def test_the_watch_ends_when_it_is_told_to(connector: Connector) -> None:
    async def run() -> None:
        stopping = asyncio.Event()
        watching = asyncio.create_task(connector.watch.run(stopping))
        await eventually(lambda: connector.restarted)
        stopping.set()
        await watching

    asyncio.run(run())


def test_a_look_that_fails_does_not_end_the_watch() -> None:
    looks: list[int] = []
    stopping = asyncio.Event()

    def broken() -> str | None:
        looks.append(1)
        raise ValueError("no state at all")

    async def run() -> None:
        watch = ConnectorWatch(broken, lambda: None, lambda: None, lambda: datetime.now(UTC), every_s=0.01)
        watching = asyncio.create_task(watch.run(stopping))
        await eventually(lambda: len(looks) > 1)
        stopping.set()
        await watching

    asyncio.run(run())
