"""What a verification makes of stages that stand still, and of what happens while it looks."""

from pathlib import Path

import pytest

from memory_consumer.verify.look import Line
from tests.support.events import Row
from tests.support.places import Held

TEA, CAT = Row(1, "I like tea."), Row(2, "I have a cat.")


@pytest.fixture
def held(tmp_path: Path) -> Held:
    """One message that is learned and filed."""
    made = Held(tmp_path)
    made.say(TEA)
    made.learn(TEA)
    return made


def test_where_all_agrees_nothing_is_told(held: Held) -> None:
    [told] = held.verify()

    assert (told["report"]["differences"], told["report"]["under_way"]) == ({}, 0)


@pytest.mark.parametrize(("log", "stage"), [("messages", "extract"), ("facts", "project")])
def test_with_a_stage_that_stands_still_it_cannot_be_told(held: Held, log: str, stage: str) -> None:
    held.say(CAT)
    if log == "facts":
        held.learn(CAT, file=False)
        held.stuck = {"facts": 1}
    else:
        held.stuck = {"messages": 1}

    [told] = held.verify()

    assert f"the stage {stage} has not got past offset 1" in told["unsure"]
    assert "oboegaki status" in told["unsure"]


def test_what_waits_where_nothing_learns_is_not_called_under_way(held: Held) -> None:
    held.learns = False
    held.say(CAT)
    held.stuck = {"messages": 1}

    [told] = held.verify()

    assert "1 message waits for an oboegaki that runs. Start it" in told["unsure"]


def test_where_nothing_learns_and_nothing_waits_it_is_told(held: Held) -> None:
    held.learns = False
    held.rows[CAT.id] = CAT

    assert held.verify()[-1]["report"]["differences"] == {"missing in log": 1}


@pytest.mark.parametrize(("deaf", "nudges", "restarts"), [(False, 1, 0), (True, 2, 1)])
def test_a_connector_with_nothing_to_tell_of_the_last_transaction_is_nudged_after_a_restart_where_it_must(
    held: Held, deaf: bool, nudges: int, restarts: int
) -> None:
    held.untold, held.deaf, held.executed, held.patience_s = True, deaf, lambda _: False, 60

    assert "report" in held.verify()[-1]
    assert (held.nudges, held.restarts) == (nudges, restarts)


def test_an_undecided_transaction_of_a_stage_is_waited_for(held: Held) -> None:
    held.undecided, held.patience_s = 2, 60

    assert "report" in held.verify()[-1]


def test_what_is_learned_and_filed_during_the_second_look_is_under_way(held: Held) -> None:
    held.say(CAT)
    held.learn(CAT, file=False)
    edited = CAT.edited(content="I have two cats.")

    def arrives() -> None:
        held.event(edited)
        held.learn(edited)

    held.before_store = [arrives]

    assert under_way(held.verify()) == [("stale", True)]


def under_way(lines: list[Line]) -> list[tuple[str, bool]]:
    told = (line["difference"] for line in lines if "difference" in line)
    return [(each["kind"], each["under_way"]) for each in told]
