"""The ask stage on a real broker: windows are learned once, and a silent model holds nothing else up."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from datetime import timedelta
from itertools import pairwise
from threading import Barrier, BrokenBarrierError, Lock
from time import monotonic

import pytest
from confluent_kafka import Consumer, TopicPartition

from memory_consumer import names
from memory_consumer.asking.ask import TRIES, AskStage
from memory_consumer.asking.windows import Found, Window
from memory_consumer.errors import Busy, Fenced, Invalid, Transient
from memory_consumer.extractors import offline
from memory_consumer.kafka.log_reader import topic_id
from memory_consumer.learning.deferred import Deferred
from memory_consumer.learning.tenure import Tenure
from memory_consumer.records.facts import FactsRecord
from memory_consumer.settings import ConsumerSettings
from tests.support.deadline import DEADLINE_S, eventually, wait_until
from tests.support.logs import ALICE, FACTS, Logs, asking, eventually_read, learning
from tests.support.scripted import ScriptedModel, Silent, each_message
from tests.support.services import now


def opened(settings: ConsumerSettings) -> Tenure:
    return Tenure(
        settings,
        ALICE,
        log_id=topic_id(settings, FACTS),
        extractor=Deferred("scripted-1", offline.EXTRACTOR),
        clock=now,
    )


def latest(logs: Logs) -> dict[int, FactsRecord]:
    return {record.message_id: record for record in logs.all_facts()}


def states(logs: Logs) -> dict[int, str]:
    return {message: record.state for message, record in latest(logs).items()}


def facts_of(logs: Logs, message_id: int) -> list[str]:
    return [fact.text for fact in latest(logs)[message_id].facts]


def ask(
    settings: ConsumerSettings,
    model: ScriptedModel,
    until: Callable[[AskStage], Awaitable[None]],
    idle: timedelta = timedelta(0),
    concurrency: int = 2,
) -> AskStage:
    """Runs both stages until something is so."""

    async def run() -> AskStage:
        async with asking(settings, model, idle=idle, concurrency=concurrency) as stage:
            await until(stage)
        return stage

    return asyncio.run(run())


def all_learned(logs: Logs, count: int) -> Callable[[AskStage], Awaitable[None]]:
    async def until(_stage: AskStage) -> None:
        await eventually_read(lambda: list(states(logs).values()).count("learned") == count)

    return until


def dead(logs: Logs, count: int) -> Callable[[AskStage], Awaitable[None]]:
    async def until(_stage: AskStage) -> None:
        await eventually_read(lambda: list(states(logs).values()).count("dead") == count)

    return until


def learn_as_pending(settings: ConsumerSettings, logs: Logs, count: int) -> None:
    """Runs the extract stage alone."""

    async def run() -> None:
        async with learning(settings, Deferred("scripted-1", offline.EXTRACTOR)):
            await eventually_read(lambda: len(states(logs)) == count)

    asyncio.run(run())


def test_a_backlog_of_a_hundred_messages_costs_five_calls(settings: ConsumerSettings, logs: Logs) -> None:
    for number in range(100):
        logs.say(f"I like number {number}.")
    learn_as_pending(settings, logs, 100)
    model = ScriptedModel()
    # Idle enough never to close a window before it is full.
    ask(settings, model, all_learned(logs, 100), idle=timedelta(hours=1))

    assert len(model.asked) == 5
    assert facts_of(logs, 100) == ["I LIKE NUMBER 99."]
    assert latest(logs)[100].window == tuple(range(77, 101))


def test_a_window_that_is_not_full_closes_once_nothing_more_comes(settings: ConsumerSettings, logs: Logs) -> None:
    logs.say("I bake bread.")
    logs.say("I live in Kyoto.")
    model = ScriptedModel()
    ask(settings, model, all_learned(logs, 2), idle=timedelta(milliseconds=300))

    assert [len(window.turns) for window in model.asked] == [2]


def test_what_is_pending_is_learned_after_a_restart(settings: ConsumerSettings, logs: Logs) -> None:
    logs.say("I bake bread.")
    model = ScriptedModel()

    async def pending(_stage: AskStage) -> None:
        await eventually_read(lambda: states(logs) == {1: "pending"})

    ask(settings, model, pending, idle=timedelta(hours=1))
    ask(settings, model, all_learned(logs, 1))

    assert facts_of(logs, 1) == ["I BAKE BREAD."]


def test_a_silent_model_holds_back_neither_other_users_nor_erasure(settings: ConsumerSettings, logs: Logs) -> None:
    secret = logs.say("My secret.")
    silent = Silent("alice")

    async def until(_stage: AskStage) -> None:
        assert await asyncio.to_thread(silent.begun.wait, DEADLINE_S)
        # Of the same partition.
        await asyncio.to_thread(logs.say, "I bake bread.", user_id="ecila")
        await asyncio.to_thread(logs.remove, secret)
        await eventually_read(lambda: states(logs) == {1: "deleted", 2: "learned"})
        silent.let_go.set()

    ask(settings, ScriptedModel(silent), until)
    assert states(logs) == {1: "deleted", 2: "learned"}


def test_an_answer_is_thrown_away_where_its_window_changed_meanwhile(
    settings: ConsumerSettings, logs: Logs
) -> None:
    secret = logs.say("My secret.")
    logs.say("I bake bread.")
    silent = Silent("alice")
    model = ScriptedModel(silent)

    async def until(_stage: AskStage) -> None:
        assert await asyncio.to_thread(silent.begun.wait, DEADLINE_S)
        await asyncio.to_thread(logs.remove, secret)
        await eventually_read(lambda: states(logs) == {1: "deleted", 2: "pending"})
        silent.let_go.set()
        await eventually_read(lambda: states(logs) == {1: "deleted", 2: "learned"})

    ask(settings, model, until, idle=timedelta(milliseconds=500))
    assert [[turn.message_id for turn in window.turns] for window in model.asked] == [[1, 2], [2]]


def test_the_answer_of_a_former_owner_is_refused(settings: ConsumerSettings, logs: Logs) -> None:
    logs.say("I bake bread.")
    with closing(Consumer(settings.client() | {"group.id": "reading", "auto.offset.reset": "earliest"})) as reader:
        reader.assign([TopicPartition(names.MESSAGES, ALICE, 0)])
        batch = reader.consume(1, DEADLINE_S)
        with closing(opened(settings)) as former:
            former.learn(batch, reader.consumer_group_metadata())
            window = former.open_window("alice", messages=10, tokens=2000)
            assert window is not None
            with closing(opened(settings)), pytest.raises(Fenced):
                former.keep(window, each_message(window.window))

    assert states(logs) == {1: "pending"}


def test_a_model_that_is_away_loses_nothing(settings: ConsumerSettings, logs: Logs) -> None:
    logs.say("I bake bread.")
    tries: list[int] = []

    def away_at_first(window: Window) -> tuple[Found, ...]:
        tries.append(1)
        if len(tries) < 4:
            raise Transient("The model is away.")
        return each_message(window)

    async def until(stage: AskStage) -> None:
        await eventually(lambda: stage.report.waiting_for == "The model is away.")
        await all_learned(logs, 1)(stage)

    stage = ask(settings, ScriptedModel(away_at_first), until)
    assert (stage.report.waiting_for, stage.report.dead, logs.dead_letters()) == (None, 0, [])


def test_a_model_that_asks_to_be_left_alone_is_left_alone_for_as_long(
    settings: ConsumerSettings, logs: Logs
) -> None:
    logs.say("I bake bread.")
    tries: list[float] = []

    def busy_at_first(window: Window) -> tuple[Found, ...]:
        tries.append(monotonic())
        if len(tries) < 3:
            raise Busy("Too many requests.", timedelta(seconds=1))
        return each_message(window)

    stage = ask(settings, ScriptedModel(busy_at_first), all_learned(logs, 1))

    assert all(later - earlier >= 1 for earlier, later in pairwise(tries))
    assert (stage.report.waiting_for, logs.dead_letters()) == (None, [])


def test_the_message_that_no_answer_can_be_had_for_is_set_aside_alone(
    settings: ConsumerSettings, logs: Logs
) -> None:
    for text in ("I bake bread.", "My secret poison.", "I live in Kyoto.", "I have a cat."):
        logs.say(text)

    def refuses(window: Window) -> tuple[Found, ...]:
        if any("poison" in turn.text for turn in window.turns):
            raise Invalid("The answer is no JSON.")
        return each_message(window)

    ask(settings, ScriptedModel(refuses), all_learned(logs, 3), idle=timedelta(milliseconds=300))

    [letter] = logs.dead_letters()
    assert states(logs) == {1: "learned", 2: "dead", 3: "learned", 4: "learned"}
    assert (letter["stage"], letter["cause"], letter["offset"]) == ("ask", "The answer is no JSON.", 1)


def test_words_that_no_model_has_read_are_not_set_aside_by_the_tries_of_those_before(
    settings: ConsumerSettings, logs: Logs
) -> None:
    row, tries = logs.say("My secret poison."), []

    def refuses(window: Window) -> tuple[Found, ...]:
        if "poison" not in window.turns[0].text:
            return each_message(window)
        tries.append(window)
        if len(tries) == TRIES:
            logs.change(row.edited(content="I live in Kyoto."), "u")
            wait_until(lambda: len(logs.facts()) == 2)
        raise Invalid("The answer is no JSON.")

    ask(settings, ScriptedModel(refuses), all_learned(logs, 1))

    assert (len(tries), logs.standing()) == (TRIES, [])


def test_a_window_that_always_takes_too_long_does_not_stop_other_users(
    settings: ConsumerSettings, logs: Logs
) -> None:
    logs.say("I bake bread.")
    logs.say("I live in Kyoto.", user_id="ecila")

    def too_slow_for_alice(window: Window) -> tuple[Found, ...]:
        if window.user_id == "alice":
            raise Transient("It did not answer in time.")
        return each_message(window)

    async def until(_stage: AskStage) -> None:
        await eventually_read(lambda: states(logs) == {1: "pending", 2: "learned"})

    ask(settings, ScriptedModel(too_slow_for_alice), until, concurrency=1)


def test_users_are_asked_about_by_turns_however_much_one_has_said(settings: ConsumerSettings, logs: Logs) -> None:
    for number in range(100):
        logs.say(f"I like number {number}.")
    logs.say("I live in Kyoto.", user_id="ecila")
    learn_as_pending(settings, logs, 101)
    model = ScriptedModel()
    ask(settings, model, all_learned(logs, 101), concurrency=1)

    assert "ecila" in [window.user_id for window in model.asked[:2]]


def test_users_are_asked_side_by_side_and_each_users_messages_in_order(
    settings: ConsumerSettings, logs: Logs
) -> None:
    users = ("alice", "ecila", "bob")
    for number in range(60):
        logs.say(f"I like number {number}.", user_id=users[number % 3])
    met, lock = Barrier(2), Lock()
    under_way: set[str] = set()
    most: list[int] = []

    def meets(window: Window) -> tuple[Found, ...]:
        with lock:
            assert window.user_id not in under_way
            under_way.add(window.user_id)
            most.append(len(under_way))
        # Goes on once two are under way; the last ones have nobody left to meet.
        with suppress(BrokenBarrierError):
            met.wait(DEADLINE_S if len(most) == 1 else 0)
        with lock:
            under_way.discard(window.user_id)
        return each_message(window)

    model = ScriptedModel(meets)
    ask(settings, model, all_learned(logs, 60), concurrency=2)

    assert max(most) == 2
    for user in users:
        asked = [turn.message_id for window in model.asked if window.user_id == user for turn in window.turns]
        assert list(dict.fromkeys(asked)) == sorted(set(asked))


def test_what_fails_unforeseen_in_asking_is_set_aside_alone(settings: ConsumerSettings, logs: Logs) -> None:
    for text in ("I bake bread.", "My secret poison.", "I live in Kyoto."):
        logs.say(text)

    def trips(window: Window) -> tuple[Found, ...]:
        if any("poison" in turn.text for turn in window.turns):
            raise ValueError(window.turns)
        return each_message(window)

    ask(settings, ScriptedModel(trips), all_learned(logs, 2), idle=timedelta(milliseconds=300))

    [letter] = logs.standing()
    assert (letter.message_id, letter.stage, letter.user_id) == (2, "ask", "alice")
    assert letter.cause.startswith("ValueError at test_ask.py:")


def test_messages_behind_some_that_cannot_be_learned_are_learned(settings: ConsumerSettings, logs: Logs) -> None:
    for number in range(5):
        logs.say(f"poison {number}", conversation_id=f"c{number}")
    logs.say("I live in Kyoto.", conversation_id="kyoto")

    def refuses(window: Window) -> tuple[Found, ...]:
        if any("poison" in turn.text for turn in window.turns):
            raise Invalid("The answer is no JSON.")
        return each_message(window)

    ask(settings, ScriptedModel(refuses), dead(logs, 5))
    assert states(logs)[6] == "learned"


def test_a_model_that_never_answers_well_does_not_drain_the_messages_into_dead_letters(
    settings: ConsumerSettings, logs: Logs
) -> None:
    for number in range(10):
        logs.say(f"I like number {number}.")

    def refuses(_window: Window) -> tuple[Found, ...]:
        raise Invalid("The answer is no JSON.")

    async def until(stage: AskStage) -> None:
        await eventually(lambda: stage.report.dead == 3)
        asked = len(model.asked)
        await eventually(lambda: len(model.asked) > asked + 5)

    model = ScriptedModel(refuses)
    ask(settings, model, until)
    assert sorted(states(logs).values()) == ["dead"] * 3 + ["pending"] * 7
