"""Whatever is killed, stopped or left without room under a live load: nothing is lost, nothing doubled."""

import json
import time
from collections.abc import Mapping, Sequence
from random import Random

import httpx
import pytest

from tests.chaos import report
from tests.chaos.faults import ANSWERING, KAFKA, NO_ROOM, Disk, Fault, Supervisor, dealt
from tests.chaos.history import History, Said
from tests.chaos.load import Load, Talker, talking
from tests.chaos.report import Outcome, Recovery
from tests.support.deadline import wait_until
from tests.support.instance import RunningInstance
from tests.support.model import Living, assert_is_the_fold, rows_of, stored_in

LOOKS = "looks"

_RECOVERED_S = 180
#: How often the next fault comes before the instance has recovered.
_AT_ONCE = 0.2


class Chaos:
    """Does things to a running instance while its users talk."""

    def __init__(self, instance: RunningInstance, client: httpx.Client, looks: Talker, disk: Disk | None) -> None:
        self.supervisor = Supervisor(instance)
        self._client = client
        self._looks = looks
        self._disk = disk

    def happens(self, fault: Fault, load: Load, chance: Random) -> Recovery:
        """Does it at a random moment, and has it mended."""
        load.goes_on(chance.randrange(1, 12))
        acknowledged, began = load.answers.acknowledged, time.monotonic()
        match fault.kind:
            case "kill":
                self._kill(fault, load, chance)
            case "stop":
                self._stop(fault, load)
            case "time out":
                self._let_time_out(fault, load)
            case "no room":
                self._leave_no_room(load)
        if chance.random() < _AT_ONCE:
            return Recovery(str(fault), acknowledged, None)
        with load.silence():
            self.recovers()
        return Recovery(str(fault), acknowledged, time.monotonic() - began)

    def recovers(self) -> None:
        """Waits until what is said now is learned."""
        message = self._looks.says("I look after all of it.")

        def learned() -> bool:
            asked = {"wait_for": message, "timeout": 0}
            answer = self._client.get(f"/v1/users/{self._looks.user}/freshness", params=asked)
            return bool(answer.is_success and answer.json()["learned"])

        wait_until(learned, _RECOVERED_S)

    def _kill(self, fault: Fault, load: Load, chance: Random) -> None:
        self.supervisor.kill(fault.parts)
        if ANSWERING.isdisjoint(fault.parts) and chance.random() < 0.5:
            # Nobody has noticed yet, and the API goes on.
            load.goes_on(chance.randrange(1, 12))
        self.supervisor.start(fault.parts)

    def _stop(self, fault: Fault, load: Load) -> None:
        with self.supervisor.stopped(fault.parts):
            if ANSWERING.isdisjoint(fault.parts):
                load.goes_on(10)
            else:
                load.stalls()

    def _let_time_out(self, fault: Fault, load: Load) -> None:
        with self.supervisor.stopped(fault.parts):
            if ANSWERING.isdisjoint(fault.parts):
                load.goes_on(200)
            else:
                for _ in range(6):
                    load.stalls()

    def _leave_no_room(self, load: Load) -> None:
        assert self._disk is not None
        self._disk.fill()
        try:
            wait_until(lambda: not self.supervisor.runs(KAFKA))
            load.goes_on(10)
        finally:
            self._disk.make_room()
        self.supervisor.start([KAFKA])


def said(row: Living) -> Said:
    """A row as the history tells of it."""
    suppressed = None if row.suppressed is None else json.loads(row.suppressed)
    return Said(row.content, tuple(suppressed) if isinstance(suppressed, list) else suppressed)


def by_name(rows: list[Living]) -> Mapping[str, Said]:
    """The rows by the names of their messages."""
    named = {str(row.external_id): said(row) for row in rows}
    assert len(named) == len(rows), "A message has two rows."
    return named


def all_learned(client: httpx.Client, talkers: Sequence[Talker]) -> None:
    """Waits until all that was done has been learned: each user's last message is the last of their events."""
    for talker in talkers:
        talker.says("That is all for now.")
    wait_until(lambda: all(unlearned(client, talker.user) == 0 for talker in talkers), 300)


def unlearned(client: httpx.Client, user: str) -> int | None:
    """How many of a user's messages are not learned; None where nobody knows."""
    count: int | None = client.get(f"/v1/users/{user}/freshness").json().get("unlearned")
    return count


def survived(
    served: RunningInstance,
    history: History,
    chance: Random,
    *,
    users: Sequence[str],
    faults: Sequence[Fault],
    disk: Disk | None = None,
) -> Outcome:
    """What came of the faults; fails where anything is lost, doubled or something else than was answered."""
    with served.client() as client, talking(users, client, history, chance) as load:
        looks = Talker(f"{users[0]} {LOOKS}", client, history, load.answers, chance)
        chaos = Chaos(served, client, looks, disk)
        recoveries = [report.told(chaos.happens(fault, load, chance)) for fault in faults]
        load.end()
        all_learned(client, [*load.talkers, looks])
    verified = json.loads(served.command("verify", "--json"))
    # All of it was waited for.
    assert (verified["report"]["differences"], verified["report"]["under_way"]) == ({}, 0)
    served.stop_serving()

    rows, stored = rows_of(served.database()), stored_in(served.home)
    assert history.contradictions(by_name(rows)) == []
    assert_is_the_fold(stored, rows)
    assert load.answers.by_status[500] == 0
    return Outcome(
        recoveries=recoveries,
        calls=load.answers.acknowledged,
        unanswered=load.answers.unanswered,
        messages=len(history),
        rows=len(rows),
        memories=len(stored.memories),
        refusals=chaos.supervisor.refusals,
    )


@pytest.mark.timeout(0)
def test_a_kill_of_any_process_at_any_time_loses_and_doubles_nothing(
    served: RunningInstance, history: History, chance: Random, seed: int, pytestconfig: pytest.Config
) -> None:
    faults = dealt(chance, pytestconfig.getoption("--kills"))
    outcome = survived(served, history, chance, users=("ハハ", "パパ", "alice"), faults=faults)

    report.show(outcome, seed)
    report.write(outcome, seed, pytestconfig.getoption("--report"))


def test_where_kafka_has_no_room_chat_goes_on_and_all_is_learned_once_there_is_room(
    served: RunningInstance, history: History, kafka_disk: Disk | None, chance: Random, seed: int
) -> None:
    if kafka_disk is None:
        pytest.skip("Nothing may be mounted here, so no disk can be made full.")
    outcome = survived(served, history, chance, users=("花子", "bob"), faults=[NO_ROOM], disk=kafka_disk)

    report.show(outcome, seed)
