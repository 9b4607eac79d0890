"""Profiles through the logs: written with the facts they rest on, filed with them, equal after a replay."""

from contextlib import closing

from confluent_kafka import Consumer, TopicPartition

from memory_consumer import names
from memory_consumer.extractors import offline
from memory_consumer.kafka.log_reader import topic_id
from memory_consumer.learning.tenure import Tenure
from memory_consumer.profiles import record as profile
from memory_consumer.settings import ConsumerSettings
from memory_store.fake import FakeStore
from memory_store.models import Profile, ProfileLine, SourceRef
from memory_store.version import FiledVersion
from tests.support.deadline import DEADLINE_S
from tests.support.logs import ALICE, FACTS, Logs, learn_all, project_all
from tests.support.services import now


def new_version() -> FiledVersion:
    return FakeStore().create("v1")


def told(found: Profile | None) -> list[str]:
    return [line.text for line in found.lines] if found else []


def test_a_profile_is_filed_with_the_messages_and_facts_it_rests_on(
    settings: ConsumerSettings, logs: Logs
) -> None:
    row = logs.say("I bake bread.")
    learn_all(settings, until=1)
    version = new_version()
    project_all(settings, version, until=2)
    [fact] = logs.facts()[0].facts

    found = version.profile("alice")
    assert found is not None
    assert found.lines == (
        ProfileLine(
            text="I bake bread.",
            refs=(f"{offline.VERSION}:{fact.hash}",),
            sources=(SourceRef(row.id, row.revision),),
            said_at=fact.said_at,
        ),
    )
    assert found.facts_offset == logs.read(FACTS)[-1].offset()


def test_a_message_and_the_profile_that_tells_of_it_are_deleted_in_one_transaction(
    settings: ConsumerSettings, logs: Logs
) -> None:
    logs.remove(logs.say("I have a secret."))
    log_id = topic_id(settings, FACTS)
    tenure = Tenure(settings, ALICE, log_id=log_id, extractor=offline.EXTRACTOR, clock=now)
    reading = Consumer(settings.client() | {"group.id": "reading", "auto.offset.reset": "earliest"})
    with closing(reading) as reader, closing(tenure):
        reader.assign([TopicPartition(names.MESSAGES, ALICE, 0)])
        said, deleted = reader.consume(2, DEADLINE_S)
        tenure.learn([said], reader.consumer_group_metadata())
        before = logs.read(FACTS)
        tenure.learn([deleted], reader.consumer_group_metadata())

    # Of each transaction the records come without a break: its marker has the offset after the last one.
    assert [each.offset() for each in before] == [0, 1]
    assert [each.offset() for each in logs.read(FACTS)] == [0, 1, 3, 4]
    assert [bool(each.lines) for each in logs.profiles()] == [True, False]


def test_a_profile_that_says_the_same_is_not_written_again_after_the_ledger_was_lost(
    settings: ConsumerSettings, logs: Logs
) -> None:
    row = logs.say("I bake bread.")
    learn_all(settings, until=1)
    lost = settings.model_copy(update={"home": settings.home / "another"})
    logs.change(row, "r")
    logs.say("thanks!")
    learn_all(lost, until=2)

    assert len(logs.profiles()) == 1
    logs.say("I have a cat.")
    learn_all(lost, until=1)
    assert [len(each.lines) for each in logs.profiles()] == [1, 2]


def test_a_replay_of_the_log_gives_the_equal_profile(settings: ConsumerSettings, logs: Logs) -> None:
    rows = [logs.say(f"I like number {number}.", user_id=("alice", "bob")[number % 2]) for number in range(12)]
    learn_all(settings, until=12)
    logs.remove(rows[4])
    logs.change(rows[5].edited(content="I have a cat."), "u")
    learn_all(settings, until=2)
    live, replayed = new_version(), new_version()
    count = len(logs.all_facts()) + len(logs.profiles(range(names.PARTITIONS)))
    project_all(settings, live, until=count)
    small = settings.model_copy(update={"project_batch": 3})
    forgotten(settings)
    project_all(small, replayed, until=count)

    assert "I have a cat." in told(live.profile("bob"))
    for user in ("alice", "bob"):
        assert live.profile(user) == replayed.profile(user)


def test_a_profile_that_cannot_be_read_is_set_aside_and_holds_nothing_up(
    settings: ConsumerSettings, logs: Logs
) -> None:
    logs.write(profile.encode_key("alice"), b'{"lines": "my secret"}', topic=FACTS)
    logs.say("I bake bread.")
    learn_all(settings, until=1)
    version = new_version()
    stage = project_all(settings, version, until=3)

    [letter] = logs.dead_letters()
    assert (stage.report.dead, letter["stage"], letter["offset"]) == (1, "project", 0)
    assert "secret" not in str(letter)
    assert told(version.profile("alice")) == ["I bake bread."]


def forgotten(settings: ConsumerSettings) -> None:
    """Lets projecting begin anew."""
    group = names.project_group("v1")
    with closing(Consumer(settings.client() | {"group.id": group})) as consumer:
        beginning = [TopicPartition(FACTS, each, 0) for each in range(names.PARTITIONS)]
        consumer.commit(offsets=beginning, asynchronous=False)
