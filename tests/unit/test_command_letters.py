"""Redriving by the command: when it asks, when it asks again, and that it never waits for ever."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from chat_api.web.answers.admin import FiledOut
from memory_consumer.records.dead_letters import DeadLetter
from oboegaki.errors import CommandError
from oboegaki.letters import Outcome, Redriven, Wave, show_redriven

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def letter(message: int) -> DeadLetter:
    return DeadLetter(message_id=message, stage="extract", cause="bad", topic="t", partition=0, offset=1, at=NOW)


def filed(message: int, state: str) -> FiledOut:
    row = {
        "message_id": message,
        "user_id": "alice",
        "conversation_id": "c",
        "external_id": None,
        "role": "user",
        "content": "",
        "suppressed": None,
        "metadata": None,
        "agent_id": None,
        "created_at": NOW,
        "updated_at": NOW,
        "revision": "r",
    }
    receipt = {
        "user_id": "alice",
        "revision": "r",
        "state": state,
        "facts": 0,
        "learned_at": NOW,
        "facts_offset": 0,
        "filed_at": NOW,
    }
    return FiledOut.model_validate(
        {"message_id": message, "row": row, "version": "v1", "receipt": receipt, "points": []}
    )


@dataclass
class Instance:
    """An instance in which time passes only while it is waited for; what is asked for is answered by `answer`."""

    extract: dict[str, Any] = field(
        default_factory=lambda: {"name": "extract", "waiting_for": None, "stopped": False, "events": 0}
    )
    answer: Callable[["Instance", int], None] = lambda _, __: None
    letters: dict[int, DeadLetter] = field(default_factory=lambda: {1: letter(1), 2: letter(2)})
    states: dict[int, str] = field(default_factory=lambda: {1: "dead", 2: "dead"})
    asked: int = 0
    restarted: int = 0
    at: float = 0.0
    #: Events that extract learns meanwhile, of others.
    busy: int = 0

    def stages(self) -> Sequence[Mapping[str, Any]]:
        return [self.extract]

    def standing(self, partitions: set[int]) -> Iterable[DeadLetter]:
        assert partitions == {0}
        return list(self.letters.values())

    def filed(self, message: int) -> FiledOut | None:
        return filed(message, self.states[message]) if message in self.states else None

    def ask(self, letters: Sequence[DeadLetter]) -> None:
        self.asked += 1
        for each in letters:
            self.answer(self, each.message_id or 0)

    def restart_connector(self) -> None:
        self.restarted += 1

    def clock(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds
        self.extract["events"] += self.busy

    def redrive(self) -> dict[int, Outcome]:
        outcomes: dict[int, Outcome] = {}
        for known in Wave(self, list(self.letters.values()), clock=self.clock, sleep=self.sleep).outcomes():
            outcomes |= known
        return outcomes


def as_(state: str) -> Callable[[Instance, int], None]:
    def answer(instance: Instance, message: int) -> None:
        del instance.letters[message]
        instance.states[message] = state

    return answer


def test_what_is_learned_is_told_and_asked_for_once() -> None:
    instance = Instance(answer=as_("learned"))

    assert instance.redrive() == {1: "learned", 2: "learned"}
    assert (instance.asked, instance.restarted) == (1, 0)


def test_what_has_no_row_any_more_is_told_and_never_erased() -> None:
    instance = Instance(answer=as_("learned"))
    del instance.states[2]

    assert instance.redrive() == {1: "learned", 2: "gone"}
    assert (instance.letters, instance.asked) == ({2: letter(2)}, 1)


def test_a_stage_that_is_stopped_ends_it_at_once_with_its_reason_and_nothing_is_asked() -> None:
    instance = Instance()
    instance.extract |= {"stopped": True, "waiting_for": "stopped: too many records were set aside."}

    with pytest.raises(CommandError, match="extract is stopped: too many records were set aside"):
        instance.redrive()
    assert (instance.asked, instance.restarted, instance.at) == (0, 0, 0.0)


def test_nothing_is_asked_and_no_connector_restarted_while_extract_waits() -> None:
    instance = Instance()
    instance.extract["waiting_for"] = "Kafka did not answer in time."

    with pytest.raises(CommandError, match=r"Nothing came of 2 messages \(waits: Kafka did not answer in time.\)"):
        instance.redrive()
    assert (instance.asked, instance.restarted) == (0, 0)


def test_a_connector_is_not_restarted_because_extract_is_behind() -> None:
    instance = Instance(busy=1)

    with pytest.raises(CommandError, match="Nothing came of 2 messages, among them 1"):
        instance.redrive()
    assert instance.asked > 1
    assert instance.restarted == 0


def test_a_connector_of_which_nothing_comes_is_restarted_and_asked_again() -> None:
    def answer(instance: Instance, message: int) -> None:
        if instance.restarted:
            as_("learned")(instance, message)

    instance = Instance(answer=answer)

    assert instance.redrive() == {1: "learned", 2: "learned"}
    assert (instance.asked, instance.restarted) == (2, 1)


def test_what_waits_for_a_model_that_is_away_is_told_and_not_waited_for_for_ever() -> None:
    instance = Instance(answer=as_("pending"))

    with pytest.raises(CommandError, match="2 wait for the language model; they will be learned when it answers"):
        instance.redrive()
    assert (instance.asked, instance.restarted) == (1, 0)


def test_where_there_was_nothing_to_redrive_it_says_so() -> None:
    out = Console(file=StringIO(), width=160)
    show_redriven(Redriven({}, 0), out, as_json=False)
    assert isinstance(out.file, StringIO)
    assert out.file.getvalue() == "There is no such dead letter, so nothing was redriven.\n"
