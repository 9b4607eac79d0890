"""Forgetting over HTTP, on real rows: a user, a conversation, a message, and who may ask how far it is."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import quote
from uuid import uuid4

import pytest

from chat_api.auth.callers import Caller
from chat_api.erasing.erasure_rows import ErasureRows
from chat_api.erasing.erasures import KEPT, Erasures
from chat_api.erasing.parts import ELSEWHERE, Part, Told
from chat_api.erasing.statements import MOST_OPEN, OF_A_USER, Asked
from chat_api.errors import NotFound, Unavailable
from chat_api.messages import NewMessage
from chat_api.rows.database import Database
from chat_api.rows.rows import Rows
from memory_store.models import Extent
from memory_store.port import MemoryStore
from tests.support.api import (
    Api,
    MySql,
    execute,
    lock_waits,
    new_store,
    new_user,
    serving,
    session,
    settings_for,
)
from tests.support.deadline import wait_until
from tests.support.erasing import WITHIN, asked
from tests.support.services import now

ADMIN = Caller("admin", "admin")


def forget(api: Api, user: str) -> str:
    answer = api.client.delete(f"/v1/users/{quote(user, safe='')}")
    assert answer.status_code == 202, answer.text
    return str(answer.json()["erasure_id"])


def told(api: Api, erasure_id: str) -> dict[str, Any]:
    found: dict[str, Any] = api.client.get(f"/v1/erasures/{erasure_id}").raise_for_status().json()
    return found


def part(erasure: dict[str, Any], kind: str) -> dict[str, Any]:
    [found] = [each for each in erasure["parts"] if each["part"] == kind]
    return dict(found)


def counted(erasure: dict[str, Any], kind: str) -> tuple[Any, ...]:
    found = part(erasure, kind)
    return found["found"], found["removed"], found["done"]


def listed(api: Api, user: str) -> list[str]:
    found = api.client.get("/v1/memories", params={"user_id": user}).json()
    return [each["text"] for each in found["memories"]] + [each["content"] for each in found["pending"]]


class Trail:
    """Tells what a test wants it to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.left = 0
        self.settled = False
        self.away = False

    def __call__(self, extents: Sequence[Extent]) -> Sequence[Told]:
        if self.away:
            raise Unavailable("Kafka is away.")
        self.asked += [each.user_id for each in extents]
        log = Part("messages_log", "log", left=self.left, done=self.left == 0)
        return [Told((log,), self.settled)] * len(extents)


@contextmanager
def erasing(api: Api, trail: Trail | None = None, ahead: timedelta = timedelta(0)) -> Iterator[Erasures]:
    """What looks after erasures, at a time that far ahead."""
    yield Erasures(ErasureRows(api.database), api.store, within=WITHIN, clock=lambda: now() + ahead, trail=trail)


def test_of_a_user_who_is_forgotten_nothing_is_recalled_from_then_on(api: Api, user: str) -> None:
    learned = api.say(user, "I drink tea", conversation_id="c")
    api.learn(user, learned)
    api.know(user, ("I drink tea", [learned]))
    api.say(user, "I own a cat")

    erasure = told(api, forget(api, user))

    assert listed(api, user) == []
    assert api.client.get(f"/v1/users/{user}/profile").json()["lines"] == []
    assert api.client.get("/v1/conversations", params={"user_id": user}).json()["conversations"] == []
    assert (erasure["scope"], erasure["user_id"], erasure["done"]) == ("user", user, False)
    assert counted(erasure, "rows") == (2, 2, True)
    # A memory, and the line of the profile that rests on it.
    assert counted(erasure, "store") == (2, 0, False)


def test_to_forget_a_user_again_is_the_same_erasure_until_they_say_something_or_it_is_done(
    api: Api, user: str
) -> None:
    api.learn(user, message := api.say(user, "I drink tea"))
    first = forget(api, user)
    assert [forget(api, user), forget(api, user)] == [first, first]
    assert counted(told(api, first), "rows") == (1, 1, True)

    later = api.say(user, "I drink coffee")
    api.learn(user, later)
    second = forget(api, user)
    assert second != first
    assert forget(api, user) == second

    for each in (message, later):
        api.learn_deletion(user, each)
    trail = Trail()
    trail.settled = True
    with erasing(api, trail) as erased:
        erased.look_after()
    assert told(api, second)["done"]
    assert forget(api, user) not in {first, second}


def test_no_more_than_a_thousand_deletions_of_a_kind_are_under_way_for_a_user(
    api: Api, mysql: MySql, user: str
) -> None:
    kept, other = api.say(user, "tea", conversation_id="c"), new_user()
    theirs = api.say(other, "cat")
    stored = f"'{user}', 'message', 1, NOW(), NOW() + INTERVAL 1 HOUR, '[]'"
    execute(
        mysql.root,
        "INSERT INTO erasures (id, user_id, scope, up_to, asked_at, deadline, parts)"  # noqa: S608
        f" WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < {MOST_OPEN})"
        f" SELECT UUID(), {stored} FROM n",
    )
    try:
        refused = api.client.delete(f"/v1/messages/{kept}", params={"user_id": user})
        assert refused.status_code == 429
        assert refused.json()["detail"].startswith("1,000 deletions of this kind are under way for this user")
        # Nothing went.
        assert api.rows.get(user, kept).content == "tea"
        answer = api.client.delete(f"/v1/messages/{theirs}", params={"user_id": other})
        assert answer.status_code == 204
        # Whoever deleted many messages can still be forgotten.
        assert counted(told(api, forget(api, user)), "rows") == (1, 1, True)
    finally:
        execute(mysql.root, f"DELETE FROM erasures WHERE user_id = '{user}' AND scope = 'message'")  # noqa: S608


def test_keys_that_are_bound_to_a_forgotten_user_are_revoked_and_no_others(api: Api, user: str) -> None:
    keys = {
        bound_to: api.client.post("/v1/admin/keys", json={"kind": "user", "bound_to": bound_to}).json()
        for bound_to in (user, f"{user}/x")
    }
    made = {bound_to: key["key_id"] for bound_to, key in keys.items()}

    def asks(bound_to: str) -> int:
        headers = {"Authorization": f"Bearer {keys[bound_to]['key']}"}
        return api.client.get("/v1/conversations", params={"user_id": bound_to}, headers=headers).status_code

    assert [asks(bound_to) for bound_to in keys] == [200, 200]
    forget(api, user)
    assert [asks(bound_to) for bound_to in keys] == [401, 200]
    listed = api.client.get("/v1/admin/keys", params={"limit": 1000}).json()["keys"]
    revoked = {key["key_id"]: key["revoked_at"] is not None for key in listed}

    assert revoked[made[user]]
    assert not revoked[made[f"{user}/x"]]


def test_what_a_forgotten_user_says_afterwards_is_learned_as_ever(api: Api, user: str) -> None:
    before = api.say(user, "I drink tea", conversation_id="c", external_id="x")
    api.learn(user, before)
    erasure = forget(api, user)
    after = api.say(user, "I drink coffee", conversation_id="c", external_id="x")
    api.learn(user, after)
    api.learn_deletion(user, before)

    with erasing(api) as erased:
        erased.look_after()

    assert listed(api, user) == ["I drink coffee"]
    assert counted(told(api, erasure), "store") == (1, 1, True)


def test_a_conversation_and_a_message_are_erased_in_the_same_way(api: Api, user: str) -> None:
    one, two, three = (api.say(user, text, conversation_id="c") for text in ("tea", "cat", "rain"))
    other = api.say(user, "snow", conversation_id="d")
    for each in (one, two, three, other):
        api.learn(user, each)
    answer = api.client.delete(f"/v1/messages/{one}", params={"user_id": user})
    of_message = told(api, answer.headers["Erasure-Id"])
    of_conversation = api.client.delete("/v1/conversations/c", params={"user_id": user}).json()

    assert (answer.status_code, answer.text, of_conversation["deleted"]) == (204, "", 2)
    assert (of_message["scope"], of_message["message_id"]) == ("message", one)
    assert (counted(of_message, "rows"), counted(of_message, "store")) == ((1, 1, True), (1, 0, False))
    found = told(api, of_conversation["erasure_id"])
    assert (found["scope"], found["conversation_id"]) == ("conversation", "c")
    assert (counted(found, "rows"), counted(found, "store")) == ((2, 2, True), (3, 0, False))
    assert listed(api, user) == ["snow"]


def test_it_is_done_once_every_part_is_and_not_before(api: Api, user: str) -> None:
    message = api.say(user, "I drink tea")
    api.learn(user, message)
    erasure, trail = forget(api, user), Trail()
    trail.left = 3
    with erasing(api, trail) as erased:
        erased.look_after()
        assert (counted(told(api, erasure), "messages_log"), told(api, erasure)["done"]) == ((3, 0, False), False)
        trail.left = 0
        api.learn_deletion(user, message)
        erased.look_after()
        # It could still be on its way from one log to the other.
        assert (counted(told(api, erasure), "store"), told(api, erasure)["done"]) == ((1, 1, False), False)
        trail.settled = True
        erased.look_after()

    found = told(api, erasure)
    assert (counted(found, "messages_log"), counted(found, "store")) == ((3, 3, True), (1, 1, True))
    assert found["done"]
    assert found["done_at"] >= found["asked_at"]


def test_former_versions_into_which_nothing_is_filed_any_more_are_emptied_too(api: Api, user: str) -> None:
    message = api.say(user, "I drink tea")
    api.learn(user, message)
    api.store.create("v2")
    api.store.activate("v2")
    api.learn(user, message)
    with erasing(api) as erased:
        begun = erased.user(user)
        # Former ones may take long to open, so the call does not wait for them.
        assert [each.name for each in begun.parts if each.kind == "store"] == ["v2"]
        erasure = begun.id
        erased.look_after()
        erased.look_after()

    live, former = (each for each in told(api, erasure)["parts"] if each["part"] == "store")
    assert (former["name"], former["found"], former["removed"], former["done"]) == ("v1", 1, 1, True)
    # The live one is emptied by what is learned, so that nothing comes after it.
    assert (live["name"], live["found"], live["removed"], live["done"]) == ("v2", 1, 0, False)


class Watched:
    """A store that tells what was counted in which of its versions."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.live, self.versions = store.live, store.versions
        self.counted: list[tuple[str, Extent]] = []

    def open(self, name: str) -> SimpleNamespace:
        opened = self._store.open(name)

        def count_of(extent: Extent) -> int:
            self.counted.append((name, extent))
            return opened.count_of(extent)

        return SimpleNamespace(
            receipts=opened.receipts, purged=opened.purged, erase=opened.erase, count_of=count_of
        )


def test_versions_that_are_done_and_erasures_that_stand_as_they_did_cost_a_look_nothing(
    api: Api, mysql: MySql, user: str
) -> None:
    message = api.say(user, "I drink tea")
    api.learn(user, message)
    api.store.create("v2")
    api.store.activate("v2")
    api.learn(user, message)
    erasure, trail, store = forget(api, user), Trail(), Watched(api.store)
    trail.left, trail.settled = 3, True
    api.learn_deletion(user, message)
    erased = Erasures(ErasureRows(api.database), cast("MemoryStore", store), within=WITHIN, clock=now, trail=trail)
    # The former version is emptied by the first look, and seen empty by the second.
    for _ in range(2):
        erased.look_after()
    assert {each["name"] for each in told(api, erasure)["parts"] if each["done"]} == {"messages", "v1", "v2"}

    store.counted.clear()
    with session(mysql.root) as holding:
        holding.start_transaction()
        holding.cmd_query(f"SELECT id FROM erasures WHERE id = '{erasure}' FOR UPDATE")  # noqa: S608
        holding.get_rows()
        # Whoever would write it had to wait.
        erased.look_after()
        holding.rollback()
    assert [name for name, extent in store.counted if extent.user_id == user] == []

    trail.left = 0
    erased.look_after()
    assert told(api, erasure)["done"]


def test_while_a_part_is_away_the_others_are_looked_at(api: Api, user: str) -> None:
    api.learn(user, api.say(user, "I drink tea"))
    erasure, trail = forget(api, user), Trail()
    trail.away = True
    with erasing(api, trail) as erased:
        erased.look_after()
        assert not told(api, erasure)["done"]
    closed = new_store()
    closed.close()
    Erasures(ErasureRows(api.database), closed, within=WITHIN, clock=now, trail=trail).look_after()

    assert counted(told(api, erasure), "store") == (1, 0, False)


def test_what_could_not_be_looked_at_is_not_taken_for_done(api: Api, user: str) -> None:
    message = api.say(user, "I drink tea")
    api.learn(user, message)
    erasure, trail = forget(api, user), Trail()
    api.learn_deletion(user, message)
    trail.settled, trail.away = True, True
    with erasing(api, trail) as erased:
        erased.look_after()
        assert not told(api, erasure)["done"]
    trail.away = False
    closed = new_store()
    closed.close()
    Erasures(ErasureRows(api.database), closed, within=WITHIN, clock=now, trail=trail).look_after()
    assert not told(api, erasure)["done"]
    with erasing(api, trail) as erased:
        erased.look_after()

    assert told(api, erasure)["done"]


def test_what_only_another_process_can_tell_is_said_so_and_never_taken_for_done(api: Api, user: str) -> None:
    message = api.say(user, "I drink tea")
    api.learn(user, message)
    erasure = forget(api, user)
    api.learn_deletion(user, message)
    with erasing(api) as erased:
        erased.look_after()
    found = told(api, erasure)
    assert (counted(found, "facts_log"), found["done"]) == ((None, None, None), False)

    after = timedelta(hours=25)
    with erasing(api, ahead=after) as erased:
        erased.look_after()
        kept = erased.one(ADMIN, erasure)
    assert (kept.done(now()), kept.done(now() + after)) == (False, None)
    assert (kept.is_overdue(now()), kept.is_overdue(now() + after)) == (False, True)
    # Nobody can tell any more, so nobody looks for good.
    with erasing(api, ahead=after + KEPT) as erased:
        erased.look_after()

    assert api.client.get(f"/v1/erasures/{erasure}").status_code == 404


def test_a_process_that_cannot_see_the_logs_takes_nothing_back_from_one_that_can(
    database: Database, user: str
) -> None:
    rows = ErasureRows(database)
    erasure = rows.erase_user(user, asked()).id
    log, store = Part("messages_log", "log", left=3), Part("store", "v1", left=0, done=True)
    rows.note(erasure, ELSEWHERE.parts, now())
    rows.note(erasure, [log], now())
    rows.note(erasure, [replace(log, left=1)], now())
    rows.note(erasure, [*ELSEWHERE.parts, store], now())

    rows_part, *others = rows.one(erasure).parts
    assert rows_part.done
    assert {(each.kind, each.found, each.left, each.done) for each in others} == {
        ("messages_log", 3, 1, False),
        ("store", 0, 0, False),
    }
    # A look that missed something ends nothing, also where all that is known is done.
    ended = [replace(log, left=0, done=True), store]
    assert [each and each.done_at for each in (rows.note(erasure, ended, None),)] == [None]
    assert rows.note(erasure, (), now()) is not None
    assert rows.one(erasure).done_at is not None
    assert rows.note(erasure, [log], now()) is None


def test_however_many_are_not_done_each_look_is_at_all_of_them(mysql: MySql, database: Database) -> None:
    rows, trail = ErasureRows(database), Trail()
    asked_at, first = now(), new_user()
    users = [f"{first}-{number}" for number in range(250)]
    # All at the same time, as some are that are asked for by different processes.
    for user in users:
        rows.erase_user(user, Asked(str(uuid4()), asked_at, asked_at + WITHIN))
    Erasures(rows, new_store(), within=WITHIN, clock=now, trail=trail).look_after()
    execute(mysql.root, f"DELETE FROM erasures WHERE user_id LIKE '{first}-%'")  # noqa: S608

    assert sorted(each for each in trail.asked if each.startswith(first)) == sorted(users)


def test_an_erasure_that_is_done_is_forgotten_itself_after_its_term(api: Api, user: str) -> None:
    erasure, trail = forget(api, user), Trail()
    trail.settled = True
    with erasing(api, trail) as erased:
        erased.look_after()
        assert told(api, erasure)["done"]
    with erasing(api, ahead=KEPT + timedelta(minutes=1)) as later:
        later.look_after()

    assert api.client.get(f"/v1/erasures/{erasure}").status_code == 404


def test_only_who_may_name_the_user_can_ask_about_an_erasure_also_after_the_user_is_gone(
    api: Api, user: str
) -> None:
    api.say(user, "I drink tea")
    erasure = forget(api, user)
    with erasing(api) as erased:
        assert erased.one(ADMIN, erasure).user_id == user
        assert erased.one(Caller("k", "user", user), erasure).user_id == user
        for stranger in (Caller("k", "user", f"{user}x"), Caller("k", "tenant", "acme")):
            with pytest.raises(NotFound) as there:
                erased.one(stranger, erasure)
            with pytest.raises(NotFound) as nowhere:
                erased.one(stranger, "00000000-0000-4000-8000-000000000000")
            # Nothing tells whether it is there.
            assert str(there.value) == str(nowhere.value)


def test_whoever_says_something_while_they_are_forgotten_keeps_all_of_it_or_nothing(api: Api, user: str) -> None:
    api.say(user, "before", conversation_id="c0")

    def say(number: int) -> None:
        api.rows.add_messages(user, [NewMessage("user", f"said {number}", f"c{number % 7}")])

    with ThreadPoolExecutor(6) as threads:
        saying = [threads.submit(say, number) for number in range(60)]
        erasures = [threads.submit(forget, api, user) for _ in range(3)]
        assert all(each.exception() is None for each in saying)
        # One that comes upon another's work answers with that erasure.
        assert all(each.result() for each in erasures)

    conversations = {each.conversation_id: each.messages for each in api.rows.conversations(user, limit=100)}
    left = api.rows.recent_changes(user, limit=1000)
    counted_by_conversation = dict.fromkeys(conversations, 0)
    for change in left:
        counted_by_conversation[change.conversation_id] += 1
    assert counted_by_conversation == conversations
    assert all(conversations.values())


def test_who_opens_a_conversation_while_they_are_forgotten_waits_for_its_end(
    api: Api, mysql: MySql, user: str
) -> None:
    message = api.say(user, "before", conversation_id="c")

    with session(mysql.root) as holding, ThreadPoolExecutor(2) as threads:
        holding.start_transaction()
        # The deletion comes as far as this row.
        holding.cmd_query(f"SELECT id FROM messages WHERE id = {message} FOR UPDATE")  # noqa: S608
        holding.get_rows()
        forgetting = threads.submit(forget, api, user)
        wait_until(lambda: lock_waits(mysql.root) == 1)
        saying = threads.submit(api.rows.add_messages, user, [NewMessage("user", "after", "new")])
        wait_until(lambda: lock_waits(mysql.root) == 2 or saying.done())
        holding.rollback()
        assert forgetting.result()
        assert saying.result()

    assert {each.conversation_id: each.messages for each in api.rows.conversations(user, limit=9)} == {"new": 1}


@pytest.mark.parametrize("opened", ["c", "new"])
def test_who_waits_for_an_erasure_holds_no_conversation(mysql: MySql, rows: Rows, user: str, opened: str) -> None:
    rows.add_messages(user, [NewMessage("user", "before", "c")])
    with session(mysql.root) as forgetting, ThreadPoolExecutor(1) as thread:
        forgetting.start_transaction()
        forgetting.cmd_query(f"SELECT user_id FROM users WHERE user_id = '{user}' FOR UPDATE")  # noqa: S608
        forgetting.get_rows()
        saying = thread.submit(rows.add_messages, user, [NewMessage("user", "after", opened)])
        wait_until(lambda: lock_waits(mysql.root) == 1 or saying.done())
        with forgetting.cursor() as cursor:
            cursor.execute("SET SESSION innodb_lock_wait_timeout = 1")
            cursor.execute("DELETE FROM conversations WHERE user_id = %s", [user])
        forgetting.rollback()
        assert saying.result()


def test_a_user_with_a_hundred_thousand_messages_is_forgotten_in_one_call(
    mysql: MySql, database: Database, user: str
) -> None:
    execute(
        mysql.root,
        "SET SESSION cte_max_recursion_depth = 200000",
        f"INSERT INTO users (user_id) VALUES ('{user}')",  # noqa: S608
        f"INSERT INTO conversations (user_id, conversation_id) VALUES ('{user}', 'c')",  # noqa: S608
        "INSERT INTO messages (user_id, conversation_id, role, content, created_at, utc_offset_minutes)"  # noqa: S608
        " WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
        f" SELECT '{user}', 'c', 'user', REPEAT('I drink tea. ', 20), NOW(), 0 FROM n",
    )
    started = time.perf_counter()
    with serving(settings_for(mysql.api), database, new_store()) as client:
        erasure = client.delete(f"/v1/users/{user}").raise_for_status().json()["erasure_id"]
        found = client.get(f"/v1/erasures/{erasure}").json()
    print(f"{time.perf_counter() - started:.1f} s")  # noqa: T201  shown with -s

    assert counted(found, "rows") == (100_000, 100_000, True)
    assert execute(mysql.root, f"SELECT COUNT(*) FROM messages WHERE user_id = '{user}'") == [(0,)]  # noqa: S608


def test_every_table_that_holds_something_of_a_user_is_emptied(mysql: MySql) -> None:
    """A table that comes later is either emptied or named here, with why it stays."""
    holding = execute(
        mysql.root,
        "SELECT table_name FROM information_schema.columns"
        " WHERE table_schema = 'chat' AND column_name = 'user_id'",
    )
    stays = {"erasures"}  # it tells its user how far the erasure is, and goes after its term

    assert {str(row[0]) for row in holding} - stays == {"conversations", "messages", *OF_A_USER}


def test_forgetting_who_was_never_there_is_forgetting(api: Api) -> None:
    erasure = told(api, forget(api, f"{new_user()}/with a slash"))

    assert counted(erasure, "rows") == (0, 0, True)
