"""The way of a message, told from what was found of it."""

from datetime import UTC, datetime, timedelta

from chat_api.web.answers.admin import FiledOut, PointOut, ReceiptOut
from chat_api.web.answers.messages import MessageOut
from memory_consumer.records.facts import FactsRecord
from memory_consumer.tracing import LoggedMessage, Place
from oboegaki import tracing

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
FILED_AT = AT + timedelta(milliseconds=300)
POINT = PointOut(id="p", text="お茶が好き", said_at=AT, learned_at=AT + timedelta(milliseconds=90))
EVENT = Place("oboegaki.chat.messages", 3, 7, AT + timedelta(milliseconds=60))
FACTS = Place("oboegaki.chat.facts.v1", 3, 9, AT + timedelta(milliseconds=90))


def row(revision: str) -> MessageOut:
    return MessageOut(
        message_id=5, user_id="hanako", conversation_id="c", external_id=None, role="user", content="お茶が好き",
        suppressed=None, metadata=None, agent_id=None, created_at=AT, updated_at=AT, revision=revision,
    )  # fmt: skip


def receipt(state: str, revision: str = "new") -> ReceiptOut:
    return ReceiptOut(
        user_id="hanako", revision=revision, state=state, facts=1, learned_at=AT, facts_offset=9, filed_at=FILED_AT
    )


def record() -> FactsRecord:
    return FactsRecord(
        message_id=5, user_id="hanako", conversation_id="c", role="user", revision="new", extractor="offline-1",
        state="learned", source_offset=7, committed_at=AT, learned_at=AT,
    )  # fmt: skip


def told(found: FiledOut, logged: LoggedMessage) -> dict[str, str]:
    return {step.name: step.what for step in tracing.steps(found, logged)}


def test_a_learned_message_shows_every_step_with_its_place_and_time() -> None:
    found = FiledOut(message_id=5, row=row("new"), version="v1", receipt=receipt("learned"), points=[POINT])
    steps = list(tracing.steps(found, LoggedMessage(EVENT, "write", FACTS, record())))

    assert [step.name for step in steps] == ["row", "event", "facts record", "point", "receipt", "now"]
    assert steps[1].what == "write, partition 3, offset 7, oboegaki.chat.messages"
    assert [step.at for step in steps[1:5]] == [EVENT.written_at, FACTS.written_at, FILED_AT, FILED_AT]
    assert steps[-1].what == "learned and searchable"


def test_an_edit_that_is_not_learned_yet_is_being_learned() -> None:
    found = FiledOut(message_id=5, row=row("newer"), version="v1", receipt=receipt("learned"), points=[POINT])

    assert told(found, LoggedMessage(EVENT, "write", FACTS, record()))["now"] == "being learned"


def test_a_message_whose_window_is_open_waits_for_the_model() -> None:
    found = FiledOut(message_id=5, row=row("new"), version="v1", receipt=receipt("pending"), points=[])

    assert told(found, LoggedMessage(EVENT, "write", FACTS, record()))["now"] == "waits for the language model"


def test_a_new_message_is_nowhere_yet() -> None:
    found = FiledOut(message_id=5, row=row("new"), version="v1", receipt=None, points=[])
    steps = told(found, LoggedMessage(None, None, None, None))

    assert (steps["event"], steps["facts record"]) == ("not in Kafka yet", "not in Kafka yet")
    assert (steps["receipt"], steps["now"]) == ("not filed yet", "being learned")


def test_a_deleted_message_is_forgotten_once_its_points_are_gone() -> None:
    logged = LoggedMessage(EVENT, "delete", FACTS, record())
    before = FiledOut(message_id=5, row=None, version="v1", receipt=receipt("learned"), points=[POINT])
    after = FiledOut(message_id=5, row=None, version="v1", receipt=receipt("deleted"), points=[])

    assert told(before, logged)["now"] == "never recalled; its points are being removed"
    assert told(after, logged)["now"] == "forgotten"


def test_without_kafka_the_rest_is_shown_all_the_same() -> None:
    found = FiledOut(message_id=5, row=row("new"), version="v1", receipt=receipt("learned"), points=[POINT])
    steps = told_without(found)

    assert steps["event"] == "Kafka does not answer"
    assert steps["now"] == "learned and searchable"


def told_without(found: FiledOut) -> dict[str, str]:
    return {step.name: step.what for step in tracing.steps(found, None)}
