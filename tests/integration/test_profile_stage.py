"""The profile stage on a real broker: written when facts changed, at a bounded rate, never what was deleted."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from threading import Event

from memory_consumer.errors import Invalid, Transient
from memory_consumer.extractors import offline
from memory_consumer.learning.tenures import Tenures
from memory_consumer.profiles import choice
from memory_consumer.profiles.record import Line
from memory_consumer.profiles.stage import ProfileStage
from memory_consumer.profiles.writer import Item
from memory_consumer.settings import ConsumerSettings
from tests.support.deadline import DEADLINE_S, eventually
from tests.support.logs import PROMPT, Logs, beside_extract, eventually_read
from tests.support.scripted import ScriptedWriter, one_line
from tests.support.services import now

NEVER_AGAIN, AT_ONCE = timedelta(hours=1), timedelta(0)


@asynccontextmanager
async def writing(
    settings: ConsumerSettings, writer: ScriptedWriter, every: timedelta
) -> AsyncIterator[ProfileStage]:
    """The extract and the profile stage at work."""
    tenures = Tenures(settings, offline.EXTRACTOR, now)
    stage = ProfileStage(tenures, writer, every=every, clock=now, backoff=PROMPT, tick_s=0.05)
    async with beside_extract(settings, tenures, stage):
        yield stage


def write(
    settings: ConsumerSettings,
    writer: ScriptedWriter,
    until: Callable[[ProfileStage], Awaitable[None]],
    every: timedelta = AT_ONCE,
) -> ProfileStage:
    """Runs both stages until something is so."""

    async def run() -> ProfileStage:
        async with writing(settings, writer, every) as stage:
            await until(stage)
        return stage

    return asyncio.run(run())


def latest(logs: Logs) -> list[str]:
    return [line.text for line in logs.profiles()[-1].lines]


def told(logs: Logs, *texts: str) -> Callable[[ProfileStage], Awaitable[None]]:
    async def until(_stage: ProfileStage) -> None:
        await eventually_read(lambda: logs.profiles() and latest(logs) == list(texts))

    return until


def test_a_model_writes_a_profile_when_facts_changed(settings: ConsumerSettings, logs: Logs) -> None:
    logs.say("I bake bread.")
    logs.say("I live in Kyoto.")
    writer = ScriptedWriter()
    write(settings, writer, told(logs, "I live in Kyoto. / I bake bread."))

    [*_, written] = logs.profiles()
    assert (written.author, [source.message_id for source in written.lines[0].sources]) == (writer.author, [1, 2])


def test_a_profile_is_written_at_most_once_in_its_time_also_after_a_restart(
    settings: ConsumerSettings, logs: Logs
) -> None:
    logs.say("I bake bread.")
    writer = ScriptedWriter()
    write(settings, writer, lambda stage: eventually(lambda: stage.report.written == 1), every=NEVER_AGAIN)
    logs.say("I live in Kyoto.")
    logs.say("I drive a car.", user_id="ecila")

    async def the_other(stage: ProfileStage) -> None:
        await eventually(lambda: stage.report.written == 1)

    write(settings, writer, the_other, every=NEVER_AGAIN)
    assert writer.asked == [["I bake bread."], ["I drive a car."]]


def test_nobody_is_asked_while_nothing_changes(settings: ConsumerSettings, logs: Logs) -> None:
    logs.say("I bake bread.")
    writer = ScriptedWriter()
    write(settings, writer, told(logs, "I bake bread."))
    logs.say("thanks!")
    logs.say("I drive a car.", user_id="ecila")
    write(settings, writer, lambda stage: eventually(lambda: stage.report.written == 1))

    assert [asked for asked in writer.asked if "I bake bread." in asked] == [["I bake bread."]]


def test_what_is_deleted_leaves_a_written_profile_before_it_is_written_again(
    settings: ConsumerSettings, logs: Logs
) -> None:
    secret = logs.say("I have a secret.")
    logs.say("I bake bread.")

    def each_its_line(items: Sequence[Item]) -> tuple[Line, ...]:
        return tuple(line for item in items for line in one_line([item]))

    async def until(stage: ProfileStage) -> None:
        await eventually(lambda: stage.report.written == 1)
        await asyncio.to_thread(logs.remove, secret)
        await told(logs, "I bake bread.")(stage)

    writer = ScriptedWriter(each_its_line)
    write(settings, writer, until, every=NEVER_AGAIN)
    assert (len(writer.asked), logs.profiles()[-1].author) == (1, writer.author)


def test_what_is_deleted_while_a_model_writes_is_in_no_profile(settings: ConsumerSettings, logs: Logs) -> None:
    secret = logs.say("I have a secret.")
    begun, let_go = Event(), Event()

    def slowly(items: Sequence[Item]) -> tuple[Line, ...]:
        begun.set()
        assert let_go.wait(DEADLINE_S)
        return one_line(items)

    async def until(stage: ProfileStage) -> None:
        assert await asyncio.to_thread(begun.wait, DEADLINE_S)
        await asyncio.to_thread(logs.remove, secret)
        await eventually_read(lambda: logs.facts()[-1].state == "deleted")
        before = len(logs.profiles())
        let_go.set()
        await eventually(lambda: stage.report.written == 1)
        assert not any(each.lines for each in logs.profiles()[before:])

    write(settings, ScriptedWriter(slowly), until)


def test_without_an_answer_the_facts_speak_for_themselves(settings: ConsumerSettings, logs: Logs) -> None:
    logs.say("I bake bread.")

    def refuses(_items: Sequence[Item]) -> tuple[Line, ...]:
        raise Invalid("The answer is no JSON.")

    writer = ScriptedWriter(refuses)
    stage = write(
        settings, writer, lambda stage: eventually(lambda: stage.report.dead == 1), every=timedelta(hours=1)
    )

    assert stage.report.waiting_for == "an answer that can be used: The answer is no JSON."
    assert (latest(logs), logs.profiles()[-1].author) == (["I bake bread."], choice.AUTHOR)


def test_a_model_that_is_away_is_asked_again(settings: ConsumerSettings, logs: Logs) -> None:
    logs.say("I bake bread.")
    tries: list[int] = []

    def away_at_first(items: Sequence[Item]) -> tuple[Line, ...]:
        tries.append(1)
        if len(tries) < 3:
            raise Transient("The model is away.")
        return one_line(items)

    stage = write(
        settings, ScriptedWriter(away_at_first), lambda stage: eventually(lambda: stage.report.written == 1)
    )
    assert (len(tries), stage.report.waiting_for) == (3, None)
