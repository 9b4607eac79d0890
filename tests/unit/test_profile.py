"""The profile record, and which profiles a batch of records changes (design, rule 3)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory_consumer.errors import Invalid
from memory_consumer.extractors.offline import EXTRACTOR
from memory_consumer.learning import fold
from memory_consumer.learning.ledger import Ledger
from memory_consumer.profiles import record as profile
from memory_consumer.profiles import upkeep
from memory_consumer.profiles.record import Line, ProfileRecord, Told
from memory_consumer.records import cdc
from memory_consumer.records.facts import Fact, FactsRecord, Source, fact_hash
from memory_store.models import point_id
from tests.support import events
from tests.support.events import Row

NOW = datetime(2026, 3, 3, tzinfo=UTC)
LATER = datetime(2026, 3, 4, tzinfo=UTC)


class Learning:
    """One partition's learning over a real ledger, with the profiles that it writes."""

    def __init__(self, path: Path) -> None:
        self.ledger = Ledger(path, log_id="log")
        self._offset = 0

    def write(self, *rows: Row) -> list[ProfileRecord]:
        """The profiles that a batch of inserts or edits writes."""
        return self._learn([(row.id, events.written(row)) for row in rows])

    def remove(self, message_id: int) -> list[ProfileRecord]:
        """The profiles that a delete writes."""
        return self._learn([(message_id, events.removed(message_id))])

    def put(self, *records: FactsRecord) -> list[ProfileRecord]:
        """The profiles that a batch of records writes."""
        with self.ledger.batch():
            for record in records:
                self.ledger.put(record)
            return self._renewed()

    def _learn(self, changes: list[tuple[int, bytes]]) -> list[ProfileRecord]:
        with self.ledger.batch():
            for message_id, value in changes:
                change = cdc.decode(events.key(message_id), value)
                assert change is not None
                self._offset += 1
                fold.fold(fold.Event(change, self._offset), self.ledger, EXTRACTOR, NOW)
            return self._renewed()

    def _renewed(self) -> list[ProfileRecord]:
        changed = upkeep.changed(self.ledger, self.ledger.touched, NOW)
        for each in changed:
            self.ledger.put_profile(each)
        return changed


@pytest.fixture
def learning(tmp_path: Path) -> Iterator[Learning]:
    made = Learning(tmp_path / "ledger.db")
    yield made
    made.ledger.close()


def record(message_id: int, text: str, *supersedes: str) -> FactsRecord:
    """A record of alice with one fact, said in the hour of its message's number."""
    said_at = datetime(2026, 3, 2, message_id, tzinfo=UTC)
    fact = Fact(
        text=text,
        hash=fact_hash(text),
        sources=(Source(message_id=message_id, revision="r1"),),
        supersedes=supersedes,
        said_at=said_at,
        lang="en",
    )
    return FactsRecord(
        message_id=message_id,
        user_id="alice",
        conversation_id="c1",
        role="user",
        revision="r1",
        extractor="llm-1",
        state="learned",
        facts=(fact,),
        source_offset=message_id,
        committed_at=said_at,
        learned_at=said_at,
    )


def written_by_a_model(learning: Learning, *lines: Line) -> None:
    with learning.ledger.batch():
        learning.ledger.put_profile(ProfileRecord(user_id="alice", author="m-1", lines=lines, learned_at=NOW))


def told(learning: Learning) -> list[Told]:
    """Alice's facts, the latest first."""
    return upkeep.told(learning.ledger, "alice")


def texts(record: ProfileRecord | None) -> list[str]:
    return [] if record is None else [line.text for line in record.lines]


BREAD = Row(1, "I bake bread.")
DOG = Row(2, "犬のモカと暮らしています。")


def test_a_record_is_read_as_it_was_written() -> None:
    fact = Told(
        cited=profile.Cited(message_id=7, extractor="offline-1", hash="h"),
        text="x",
        sources=(Source(message_id=7, revision="r1"),),
        said_at=NOW,
    )
    whole = ProfileRecord(user_id='アリス"/', author="a", lines=(profile.line("x", [fact]),), learned_at=NOW)

    assert profile.decode(*profile.encode(whole)) == whole


@pytest.mark.parametrize(
    "key", [b'{"id":1}', b'{"sweep":1}', b"no key", b"", None, b'{"profile":1}', b'["profile"]']
)
def test_other_keys_are_of_no_profile(key: bytes | None) -> None:
    assert profile.user_of(key) is None


def test_a_profiles_key_is_of_no_message() -> None:
    assert cdc.message_id(profile.encode_key("alice")) is None


def test_a_record_that_cannot_be_read_or_is_another_users_is_refused_without_its_words() -> None:
    key, value = profile.encode(ProfileRecord(user_id="alice", author="a", lines=(), learned_at=NOW))

    for wrong_key, wrong in ((key, b'{"lines": "my secret"}'), (profile.encode_key("bob"), value)):
        with pytest.raises(Invalid) as refused:
            profile.decode(wrong_key, wrong)
        assert "secret" not in str(refused.value)


def test_what_is_learned_changes_the_profile_with_it(learning: Learning) -> None:
    [first] = learning.write(BREAD)
    [second] = learning.write(DOG)

    assert (first.user_id, texts(first), texts(second)) == ("alice", [BREAD.content], [DOG.content, BREAD.content])
    assert learning.ledger.profile("alice") == second


def test_a_batch_writes_each_users_profile_once(learning: Learning) -> None:
    written = learning.write(BREAD, DOG, BREAD.edited(id=3, user_id="bob"), Row(4, "I have a cat."))

    assert [each.user_id for each in written] == ["alice", "bob"]


def test_a_profile_that_would_say_the_same_is_not_written(learning: Learning) -> None:
    learning.write(BREAD)

    assert learning.write(Row(2, "thanks!"), Row(3, "What do you bake?", role="assistant"), BREAD) == []


def test_a_user_who_said_nothing_worth_knowing_has_no_profile(learning: Learning) -> None:
    assert learning.write(Row(1, "thanks!")) == []
    assert learning.ledger.profile("alice") is None


def test_a_profile_never_tells_what_was_deleted_edited_or_suppressed(learning: Learning) -> None:
    learning.write(BREAD, DOG, Row(3, "My car is red."))
    [edited] = learning.write(DOG.edited(content="猫を飼っています。"))
    [suppressed] = learning.write(Row(3, "My car is red.", suppressed="all"))
    [deleted] = learning.remove(1)

    assert texts(edited) == ["My car is red.", "猫を飼っています。", BREAD.content]
    assert texts(suppressed) == ["猫を飼っています。", BREAD.content]
    assert texts(deleted) == ["猫を飼っています。"]


def test_the_profile_of_a_user_of_whom_nothing_is_left_is_emptied(learning: Learning) -> None:
    learning.write(BREAD)
    [emptied] = learning.remove(1)

    assert (emptied.lines, learning.ledger.profile("alice")) == ((), emptied)


def test_an_edit_that_says_the_same_moves_the_profile_to_its_revision(learning: Learning) -> None:
    learning.write(BREAD)
    edited = BREAD.edited(suppressed=[f"{EXTRACTOR.version}:{fact_hash('something else')}"])
    [after] = learning.write(edited)

    assert after.lines[0].sources == (Source(message_id=1, revision=edited.revision),)


def test_what_a_later_fact_supersedes_is_not_told_until_that_one_is_gone(learning: Learning) -> None:
    learning.put(record(1, "Lives in Osaka."))
    [superseded] = learning.put(record(2, "Lives in Kyoto.", point_id(1, fact_hash("Lives in Osaka."))))
    [again] = learning.remove(2)

    assert (texts(superseded), texts(again)) == (["Lives in Kyoto."], ["Lives in Osaka."])


def test_what_a_model_wrote_stays_until_a_fact_of_it_goes(learning: Learning) -> None:
    learning.put(record(1, "Bakes bread."), record(2, "Has a dog."), record(3, "Lives in Kyoto."))
    kyoto, dog, bread = told(learning)
    both, alone = profile.line("A baker with a dog.", [bread, dog]), profile.line("In Kyoto.", [kyoto])
    written_by_a_model(learning, both, alone)

    assert learning.put(record(4, "Has a cat.")) == []
    [after] = learning.remove(2)
    assert (after.author, after.lines) == ("m-1", (alone,))


def test_what_a_model_wrote_of_a_fact_that_is_superseded_goes(learning: Learning) -> None:
    learning.put(record(1, "Lives in Osaka."), record(2, "Has a dog."))
    dog, osaka = told(learning)
    written_by_a_model(learning, profile.line("In Osaka.", [osaka]), profile.line("A dog.", [dog]))
    [after] = learning.put(record(3, "Lives in Kyoto.", point_id(1, fact_hash("Lives in Osaka."))))

    assert texts(after) == ["A dog."]


def test_where_nothing_is_left_of_what_a_model_wrote_the_facts_speak_for_themselves(learning: Learning) -> None:
    learning.put(record(1, "Bakes bread."))
    written_by_a_model(learning, profile.line("A baker.", told(learning)))
    learning.remove(1)
    [after] = learning.put(record(2, "Has a dog."))

    assert texts(after) == ["Has a dog."]


def test_what_a_model_wrote_stays_however_many_messages_came_since(learning: Learning) -> None:
    learning.put(record(1, "Bakes bread."))
    written_by_a_model(learning, profile.line("A baker.", told(learning)))
    later = [record(2, "Has a dog.").model_copy(update={"message_id": number}) for number in range(2, 400)]

    assert learning.put(*later) == []


TEXTS = ("I bake bread.", "I have a dog.", "thanks!", "My car is red.", "I really bake bread.")
ROWS = st.builds(
    Row,
    id=st.integers(1, 6),
    content=st.sampled_from(TEXTS),
    suppressed=st.sampled_from([None, None, None, "all"]),
)


@given(st.lists(st.one_of(ROWS, st.integers(1, 6)), max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_whatever_happened_the_profile_is_a_function_of_the_rows(
    tmp_path_factory: pytest.TempPathFactory, history: list[Row | int]
) -> None:
    happened, afresh = (Learning(tmp_path_factory.mktemp("ledger") / "ledger.db") for _ in range(2))
    rows: dict[int, Row] = {}
    for happening in history:
        if isinstance(happening, int):
            happened.remove(happening)
            rows.pop(happening, None)
        else:
            happened.write(happening)
            rows[happening.id] = happening
    afresh.write(*(rows[message] for message in sorted(rows)))
    one, other = (each.ledger.profile("alice") for each in (happened, afresh))
    happened.ledger.close()
    afresh.ledger.close()

    assert (one.lines if one else ()) == (other.lines if other else ())
