"""Two consumers that come and go: each partition has one owner, whose answers alone are kept."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from random import Random
from threading import Event

import pytest

from memory_consumer import names
from memory_consumer.records.facts import FactsRecord
from memory_consumer.settings import ConsumerSettings
from tests.chaos.consumers import ConsumerProcess, consumers
from tests.chaos.messages import Messages, assert_written_once_and_in_order, users_of
from tests.support.deadline import wait_until
from tests.support.events import Row
from tests.support.logs import Logs

ALL = names.PARTITIONS
#: One for each partition.
USERS = tuple(user for partition in range(ALL) for user in users_of(partition, 1))
_PAUSE_S = 0.03


@contextmanager
def talk(messages: Messages) -> Iterator[None]:
    """Messages that go on until the end."""
    stopping = Event()

    def go_on() -> None:
        while not stopping.wait(_PAUSE_S):
            messages.go_on(1)

    with ThreadPoolExecutor(1) as threads:
        talking = threads.submit(go_on)
        try:
            yield
        finally:
            stopping.set()
        talking.result(60)


def move(act: str, running: list[ConsumerProcess], resting: list[ConsumerProcess], chance: Random) -> None:
    """One joins, or leaves or dies and the other takes over."""
    if act == "join":
        joining = resting.pop()
        joining.start()
        running.append(joining)
        return
    going = running.pop(chance.randrange(len(running)))
    going.leave() if act == "leave" else going.kill()
    resting.append(going)
    [other] = running
    wait_until(lambda: other.owned == ALL)


def latest(logs: Logs) -> dict[int, FactsRecord]:
    return {record.message_id: record for record in logs.all_facts()}


def is_learned(logs: Logs, rows: Sequence[Row]) -> bool:
    """Whether the latest records are those of the rows, and all others are of messages that are gone."""
    found, wanted = latest(logs), {row.id: row for row in rows}
    return (
        all(
            (record.state, record.revision) == ("learned", wanted[message].revision)
            if message in wanted
            else record.state == "deleted"
            for message, record in found.items()
        )
        and wanted.keys() <= found.keys()
    )


def who_answered(logs: Logs) -> Counter[str]:
    """How many messages each consumer's model has learned."""
    return Counter(fact.text.split(":")[0] for record in logs.all_facts() for fact in record.facts)


@pytest.mark.timeout(0)
def test_consumers_that_join_leave_and_die_under_load_write_all_once_and_in_order(
    settings: ConsumerSettings, logs: Logs, tmp_path: Path, chance: Random, pytestconfig: pytest.Config
) -> None:
    messages = Messages(logs, USERS, chance)
    with consumers(settings, tmp_path, "one", "other") as (one, other):
        one.may_answer()
        other.may_answer()
        one.start()
        running, resting = [one], [other]
        with talk(messages):
            for act in islice(cycle(("join", "leave", "join", "kill")), pytestconfig.getoption("--moves")):
                known = len(latest(logs))
                wait_until(lambda known=known: len(latest(logs)) > known + 5)  # type: ignore[misc]
                move(act, running, resting, chance)
        wait_until(lambda: is_learned(logs, list(messages.rows.values())), 120)
        for each in running:
            each.leave()

    rows, found = messages.rows, latest(logs)
    told = {message: [fact.text for fact in record.facts] for message, record in found.items()}
    assert all(told[message] == [] for message in found if message not in rows or rows[message].suppressed)
    assert all(told[row.id][0].endswith(row.content) for row in rows.values() if not row.suppressed)
    assert_written_once_and_in_order(logs.all_facts(), lambda record: (record.revision, record.state))
    assert logs.read(names.DEAD_LETTERS, range(ALL)) == []


def test_a_former_owners_answer_is_refused_and_the_new_owner_asks_again(
    settings: ConsumerSettings, logs: Logs, tmp_path: Path
) -> None:
    with consumers(settings, tmp_path, "former", "new") as (former, new):
        new.may_answer()
        former.start()
        rows = [logs.say("I bake bread.", user_id=user) for user in USERS]
        wait_until(lambda: set(former.asked) == set(USERS))
        new.start()
        wait_until(lambda: who_answered(logs) == {"new": ALL // 2})
        former.may_answer()
        wait_until(lambda: is_learned(logs, rows))

    assert who_answered(logs) == {"new": ALL // 2, "former": ALL // 2}
    assert Counter(record.state for record in logs.all_facts()) == {"pending": ALL, "learned": ALL}


def test_an_owner_that_wakes_up_after_another_took_over_writes_nothing(
    settings: ConsumerSettings, logs: Logs, tmp_path: Path
) -> None:
    with consumers(settings, tmp_path, "former", "new") as (former, new):
        new.may_answer()
        former.start()
        rows = [logs.say("I bake bread.", user_id=user) for user in USERS]
        wait_until(lambda: set(former.asked) == set(USERS))
        new.start()
        with former.frozen():
            wait_until(lambda: new.owned == ALL)
            wait_until(lambda: is_learned(logs, rows))
            former.may_answer()
        wait_until(lambda: new.owned == ALL // 2)
        former.leave()

    assert who_answered(logs) == {"new": ALL}
    assert Counter(record.state for record in logs.all_facts()) == {"pending": ALL, "learned": ALL}
