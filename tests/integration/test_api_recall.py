"""Recall is checked against the rows (design, rule 5): never what is gone, always what was just said."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from tests.support.api import EXTRACTOR, Api, MySql, execute, receipt_for, serving, settings_for


def texts(found: dict[str, Any]) -> list[str]:
    return [memory["text"] for memory in found["memories"]]


def pending(found: dict[str, Any]) -> list[str]:
    return [row["content"] for row in found["pending"]]


def edit(api: Api, user: str, message_id: int, **changes: object) -> None:
    answer = api.client.patch(f"/v1/messages/{message_id}", params={"user_id": user}, json=changes)
    assert answer.status_code == 200, answer.text


def delete(api: Api, user: str, message_id: int) -> None:
    answer = api.client.delete(f"/v1/messages/{message_id}", params={"user_id": user})
    assert answer.status_code == 204, answer.text


def ref(text: str, extractor: str = EXTRACTOR) -> str:
    return f"{extractor}:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def test_a_memory_is_recalled_with_the_message_it_rests_on(api: Api, user: str) -> None:
    said_at = "2026-03-02T09:00:00+09:00"
    message_id = api.say(user, "I drink tea", conversation_id="c", external_id="x", created_at=said_at)
    [memory_id] = api.learn(user, message_id, "drinks tea")
    found = api.recall(user, "tea")

    [memory] = found["memories"]
    assert (memory["id"], memory["text"], memory["supersedes"]) == (memory_id, "drinks tea", [])
    assert (memory["said_at"], 0 < memory["score"] <= 1) == ("2026-03-02T00:00:00Z", True)
    assert memory["sources"] == [
        {
            "message_id": message_id,
            "external_id": "x",
            "conversation_id": "c",
            "role": "user",
            "content": "I drink tea",
            "created_at": said_at,
        }
    ]
    assert (found["pending"], found["degraded"]) == ([], False)
    assert set(found["timings"]) == {"pending_ms", "search_ms", "total_ms"}


def test_the_nearest_memory_comes_first(api: Api, user: str) -> None:
    for text in ("a bicycle in the cellar", "green tea in the morning", "green tea"):
        api.learn(user, api.say(user, text))

    assert texts(api.recall(user, "green tea", limit=2)) == ["green tea", "green tea in the morning"]


def test_a_deleted_message_is_never_recalled(api: Api, user: str) -> None:
    message_id = api.say(user, "I drink tea")
    [memory_id] = api.learn(user, message_id)
    delete(api, user, message_id)

    assert api.store.live().get(memory_id) is not None
    assert (texts(api.recall(user, "tea")), pending(api.recall(user, "tea"))) == ([], [])


def test_a_deleted_conversation_is_never_recalled(api: Api, user: str) -> None:
    api.learn(user, api.say(user, "I drink tea", conversation_id="c"))
    api.client.delete("/v1/conversations/c", params={"user_id": user})

    assert texts(api.recall(user, "tea")) == []


def test_an_edited_message_is_recalled_by_its_new_words_only(api: Api, user: str) -> None:
    message_id = api.say(user, "I drink tea")
    api.learn(user, message_id)
    edit(api, user, message_id, content="I drink coffee")
    found = api.recall(user, "tea")

    assert (texts(found), pending(found)) == ([], ["I drink coffee"])


def test_a_message_edited_back_to_what_was_learned_is_recalled_again(api: Api, user: str) -> None:
    message_id = api.say(user, "I drink tea")
    api.learn(user, message_id)
    edit(api, user, message_id, content="I drink coffee")
    edit(api, user, message_id, content="I drink tea")
    found = api.recall(user, "tea")

    assert (texts(found), pending(found)) == (["I drink tea"], [])


def test_an_edit_of_metadata_alone_costs_no_memory(api: Api, user: str) -> None:
    message_id = api.say(user, "I drink tea")
    api.learn(user, message_id)
    edit(api, user, message_id, metadata={"starred": True})

    assert texts(api.recall(user, "tea")) == ["I drink tea"]


def test_what_goes_off_the_record_is_neither_recalled_nor_pending(api: Api, user: str) -> None:
    message_id = api.say(user, "I drink tea")
    api.learn(user, message_id)
    edit(api, user, message_id, suppressed="all")
    found = api.recall(user, "tea")

    assert (texts(found), pending(found)) == ([], [])


@pytest.mark.parametrize("suppressed", ["all", [ref("drinks tea")], [ref("anything", "llm-2")]])
def test_a_suppressed_fact_is_not_recalled_even_if_it_was_learned(
    api: Api, user: str, suppressed: str | list[str]
) -> None:
    """What was suppressed under another extractor cannot be told apart, so nothing of that message is shown."""
    message_id = api.say(user, "I drink tea", suppressed=suppressed)
    api.learn(user, message_id, "drinks tea")

    assert texts(api.recall(user, "tea")) == []


def test_of_a_message_with_a_suppressed_fact_another_one_is_recalled_without_its_words(
    api: Api, user: str
) -> None:
    message_id = api.say(user, "I drink tea and own a cat", suppressed=[ref("drinks tea")])
    api.learn(user, message_id, "owns a cat")
    [memory] = api.recall(user, "cat")["memories"]

    assert (memory["text"], memory["sources"][0]["content"]) == ("owns a cat", None)


def test_a_memory_is_gone_with_any_of_its_sources(api: Api, user: str) -> None:
    question, answer = api.say(user, "Which drink?"), api.say(user, "Tea")
    api.learn_nothing(user, question)
    api.learn(user, answer, "wants tea to drink", cites=[question])
    before = api.recall(user, "tea")["memories"][0]["sources"]
    delete(api, user, question)

    assert [source["message_id"] for source in before] == [answer, question]
    assert texts(api.recall(user, "tea")) == []


def test_memories_of_one_message_are_merged(api: Api, user: str) -> None:
    message_id = api.say(user, "I drink green tea, black tea and water")
    api.learn(user, message_id, "drinks green tea", "drinks black tea", "drinks water")

    assert texts(api.recall(user, "green tea")) == ["drinks green tea"]


def test_a_memory_that_is_gone_does_not_hide_another_one_of_its_message(api: Api, user: str) -> None:
    context, message_id = api.say(user, "Which tea?"), api.say(user, "Green, and I own a cat")
    api.learn(user, message_id, "likes green tea", cites=[context])
    row = api.rows.get(user, message_id)
    both = api.store.live().filed_under([message_id])
    api.learn(user, message_id, "has a cat")
    api.file(receipt_for(row, facts=2), [*both, *api.store.live().filed_under([message_id])])
    assert texts(api.recall(user, "green tea")) == ["likes green tea"]
    delete(api, user, context)

    [memory] = api.recall(user, "green tea")["memories"]
    assert memory["text"] == "has a cat"
    assert memory["score"] < 0.5


def test_what_is_gone_takes_no_place_of_what_is_not(api: Api, user: str) -> None:
    deleted = [api.say(user, f"green tea {number}", conversation_id="gone") for number in range(40)]
    for message_id in deleted:
        api.learn(user, message_id)
    api.learn(user, api.say(user, "a cup of something green"))
    api.client.delete("/v1/conversations/gone", params={"user_id": user})

    assert texts(api.recall(user, "green tea", limit=1)) == ["a cup of something green"]


def test_scores_below_the_least_are_left_out(api: Api, user: str) -> None:
    for text in ("green tea", "green tea and black coffee"):
        api.learn(user, api.say(user, text))

    assert texts(api.recall(user, "green tea", min_score=0.999)) == ["green tea"]
    assert len(texts(api.recall(user, "green tea", min_score=-1))) == 2


def test_where_the_best_memory_is_too_far_nothing_is_returned(api: Api, user: str, mysql: MySql) -> None:
    for text in ("green tea", "green tea and black coffee"):
        api.learn(user, api.say(user, text))
    with serving(settings_for(mysql.api, min_score=0.9), api.database, api.store) as client:
        asked = replace(api, client=client)

        assert texts(asked.recall(user, "thunder and lightning")) == []
        assert len(texts(asked.recall(user, "thunder and lightning", min_score=0))) == 2
        assert texts(asked.recall(user, "green tea")) == ["green tea", "green tea and black coffee"]


def test_who_asks_what_was_on_a_day_is_told_whatever_its_words(api: Api, user: str, mysql: MySql) -> None:
    api.learn(user, api.say(user, "green tea", created_at="2025-11-17T12:00:00Z"))
    with serving(settings_for(mysql.api, min_score=0.99), api.database, api.store) as client:
        asked = replace(api, client=client)

        assert texts(asked.recall(user, "What did I do on 2025-11-17?")) == ["green tea"]
        assert texts(asked.recall(user, "What did I do on 2025-11-18?")) == []


def test_a_day_in_a_question_is_the_users_own(api: Api, user: str, mysql: MySql) -> None:
    """Three in the morning and four in the afternoon of one day in UTC: two days in Japan."""
    for created_at in ("2024-03-10T03:00:00+00:00", "2024-03-10T16:00:00+00:00"):
        api.learn(user, api.say(user, "I drink tea", created_at=created_at))
    question = "What did I drink on March 10, 2024?"
    in_utc = api.recall(user, question)["memories"][0]["said_at"]
    execute(mysql.root, f"UPDATE users SET timezone = 'Asia/Tokyo' WHERE user_id = '{user}'")  # noqa: S608
    in_japan = api.recall(user, question)["memories"][0]["said_at"]

    assert (in_utc[11:13], in_japan[11:13]) == ("16", "03")


def test_what_was_just_said_is_never_missed(api: Api, user: str) -> None:
    learned, nothing = api.say(user, "I drink tea"), api.say(user, "hello")
    api.learn(user, learned)
    api.learn_nothing(user, nothing)
    just_said = api.say(user, "I moved to Kyoto")
    found = api.recall(user, "where")

    [row] = found["pending"]
    assert (row["message_id"], row["content"]) == (just_said, "I moved to Kyoto")
    api.learn(user, just_said)
    assert pending(api.recall(user, "where")) == []


def test_a_dead_message_stays_pending(api: Api, user: str) -> None:
    row = api.rows.get(user, api.say(user, "I drink tea"))
    api.file(replace(receipt_for(row, state="dead"), revision=row.revision))

    assert pending(api.recall(user, "tea")) == ["I drink tea"]


def test_what_is_pending_comes_newest_first_and_the_users_own_words_before_others(
    api: Api, mysql: MySql, user: str
) -> None:
    for role, text in (("user", "first"), ("note", "second"), ("assistant", "third"), ("user", "fourth")):
        api.say(user, text, role=role)
    with serving(settings_for(mysql.api, pending_limit=3), api.database, api.store) as client:
        few = client.get("/v1/memories", params={"user_id": user, "query": "anything"}).json()

    assert pending(api.recall(user, "anything")) == ["fourth", "second", "first", "third"]
    assert pending(few) == ["fourth", "second", "first"]


def test_what_is_off_the_record_takes_no_place_of_what_is_pending(api: Api, mysql: MySql, user: str) -> None:
    api.say(user, "I moved to Kyoto")
    for _ in range(3):
        api.say(user, "a secret", suppressed="all")
    with serving(settings_for(mysql.api, pending_limit=2), api.database, api.store) as client:
        found = client.get("/v1/memories", params={"user_id": user, "query": "where"}).json()

    assert pending(found) == ["I moved to Kyoto"]


def test_an_old_row_that_was_edited_is_pending_behind_hundreds_of_learned_ones(api: Api, user: str) -> None:
    old = api.say(user, "I drink tea")
    for number in range(250):
        api.learn_nothing(user, api.say(user, f"{number}"))
    edit(api, user, old, content="I drink coffee")

    assert pending(api.recall(user, "drink")) == ["I drink coffee"]


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"since": "2026-03-02T10:00:00+00:00"}, ["tea at ten", "tea at eleven"]),
        ({"until": "2026-03-02T10:00:00+00:00"}, ["tea at nine"]),
        ({"since": "2026-03-02T18:30:00+09:00", "until": "2026-03-02T19:30:00+09:00"}, ["tea at ten"]),
        ({"conversation_id": "c10"}, ["tea at ten"]),
        ({"conversation_id": "C10"}, []),
    ],
)
@pytest.mark.parametrize("learned", [True, False])
def test_bounds_hold_for_what_is_learned_and_for_what_is_pending(
    api: Api, user: str, bounds: dict[str, str], expected: list[str], *, learned: bool
) -> None:
    for hour, word in ((9, "nine"), (10, "ten"), (11, "eleven")):
        at = f"2026-03-02T{hour:02}:00:00Z"
        message_id = api.say(user, f"tea at {word}", conversation_id=f"c{hour}", created_at=at)
        if learned:
            api.learn(user, message_id)
    found = api.recall(user, "tea", **bounds)

    assert sorted(texts(found) if learned else pending(found)) == sorted(expected)
    assert (pending(found) if learned else texts(found)) == []


def test_what_is_pending_is_not_hidden_behind_rows_whose_metadata_was_edited_later(api: Api, user: str) -> None:
    others = [api.say(user, f"Number {number}", conversation_id="c") for number in range(250)]
    for message_id in others:
        api.learn_nothing(user, message_id)
    said = api.say(user, "I moved to Kobe", conversation_id="c")
    for message_id in others:
        params = {"user_id": user}
        api.client.patch(f"/v1/messages/{message_id}", params=params, json={"metadata": {"seen": True}})

    pending = api.recall(user, "Where do I live?")["pending"]
    assert [row["message_id"] for row in pending] == [said]


def test_an_empty_list_of_suppressions_suppresses_nothing(api: Api, user: str) -> None:
    message_id = api.say(user, "I moved to Kobe", suppressed=[])

    [row] = api.recall(user, "Where do I live?")["pending"]
    assert (row["message_id"], row["content"]) == (message_id, "I moved to Kobe")
