"""Keys at hand: how long they hold, and what happens while the database is away."""

import asyncio
import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import anyio
import pytest
from pydantic import SecretStr

from chat_api.auth.admission import _WAITING, Admission
from chat_api.auth.key_ring import AHEAD_S, FRESH_S, KeyRing
from chat_api.auth.keys import ApiKey, NewKey, is_text
from chat_api.errors import Overloaded, Unauthorized, Unavailable
from tests.support.deadline import wait_until
from tests.support.keys import KeptKeys
from tests.support.services import now

ALICE = NewKey("user", "alice")


class Seconds:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


class HeldKeys(KeptKeys):
    """Lets something happen between the reading of a key and the answer."""

    meanwhile: Callable[[], object] | None = None

    def used(self, digest: str, now: datetime) -> ApiKey | None:
        found = super().used(digest, now)
        if self.meanwhile is not None:
            act, self.meanwhile = self.meanwhile, None
            act()
        return found


@pytest.fixture
def rows() -> HeldKeys:
    return HeldKeys()


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def ring(rows: KeptKeys, seconds: Seconds) -> KeyRing:
    return KeyRing(rows, now, seconds)


def test_a_key_is_looked_up_once_in_a_while_and_not_at_every_request(
    ring: KeyRing, rows: HeldKeys, seconds: Seconds
) -> None:
    _, text = ring.create(ALICE)
    for seconds.at in (0.0, 0.1, FRESH_S - 0.1):
        found = ring.at_hand(text) or ring.find(text)
        assert found is not None
        assert found.bound_to == "alice"

    assert rows.looked_up == 1


def test_what_another_process_revokes_is_refused_after_the_stated_seconds(
    rows: HeldKeys, ring: KeyRing, seconds: Seconds
) -> None:
    key, text = ring.create(ALICE)
    assert ring.find(text) is not None
    KeyRing(rows, now).revoke(key.key_id)
    seconds.at = FRESH_S
    found = ring.at_hand(text) or ring.find(text)

    assert found is not None
    with pytest.raises(Unauthorized, match="revoked"):
        found.caller(now())


def test_what_this_process_revokes_is_refused_at_once(ring: KeyRing) -> None:
    key, text = ring.create(ALICE)
    assert ring.find(text) is not None
    ring.revoke(key.key_id)
    found = ring.at_hand(text) or ring.find(text)

    assert found is not None
    assert found.revoked_at is not None


def test_a_look_that_began_before_a_revocation_is_not_taken_for_what_holds_after_it(
    ring: KeyRing, rows: HeldKeys
) -> None:
    key, text = ring.create(ALICE)
    rows.meanwhile = lambda: ring.revoke(key.key_id)
    ring.find(text)
    found = ring.at_hand(text) or ring.find(text)

    assert found is not None
    assert found.revoked_at is not None


def test_with_the_database_away_a_known_key_goes_on_and_an_unknown_one_is_not_called_wrong(
    ring: KeyRing, rows: HeldKeys, seconds: Seconds
) -> None:
    _, known = ring.create(ALICE)
    _, unknown = ring.create(NewKey("user", "bob"))
    assert ring.find(known) is not None
    rows.away = True
    seconds.at = FRESH_S + 1

    assert ring.find(known) is not None
    with pytest.raises(Unavailable):
        ring.find(unknown)


def test_a_database_that_is_away_is_not_asked_at_every_request(
    ring: KeyRing, rows: HeldKeys, seconds: Seconds
) -> None:
    _, text = ring.create(ALICE)
    rows.away = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            ring.find(text)
    assert rows.looked_up == 1

    rows.away = False
    seconds.at = 2.0
    assert ring.find(text) is not None


def test_a_database_that_is_busy_is_not_taken_for_one_that_is_away(
    ring: KeyRing, rows: HeldKeys, seconds: Seconds
) -> None:
    _, known = ring.create(ALICE)
    _, unknown = ring.create(NewKey("user", "bob"))
    assert ring.find(known) is not None
    rows.busy = True
    seconds.at = FRESH_S - 0.1
    assert ring.at_hand(known) is not None
    with pytest.raises(Overloaded):
        ring.find(unknown)

    rows.busy = False
    assert ring.find(unknown) is not None


def test_however_busy_the_database_is_a_revoked_key_goes_on_for_no_longer(
    ring: KeyRing, rows: HeldKeys, seconds: Seconds
) -> None:
    key, text = ring.create(ALICE)
    assert ring.find(text) is not None
    KeyRing(rows, now).revoke(key.key_id)
    rows.busy = True
    seconds.at = FRESH_S

    assert ring.at_hand(text) is None
    with pytest.raises(Overloaded):
        ring.find(text)


class Slow(KeptKeys):
    """Answers once it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()
        self.let_go.set()

    def used(self, digest: str, now: datetime) -> ApiKey | None:
        found = super().used(digest, now)
        self.let_go.wait(60)
        return found

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing is answered meanwhile."""
        self.let_go.clear()
        try:
            yield
        finally:
            self.let_go.set()


def called(admission: Admission, text: str) -> str | None:
    """Whom a request with that key is of."""
    return asyncio.run(asyncio.wait_for(admission.caller(f"Bearer {text}"), 60)).bound_to


def test_a_key_in_use_is_read_again_before_a_request_of_it_has_to_wait(seconds: Seconds) -> None:
    rows = Slow()
    ring = KeyRing(rows, now, seconds)
    admission = Admission(SecretStr("x" * 20), ring, now)
    _, text = ring.create(ALICE)
    assert called(admission, text) == "alice"
    seconds.at = AHEAD_S
    with rows.held():
        assert [called(admission, text) for _ in range(3)] == ["alice"] * 3
        wait_until(lambda: rows.looked_up == 2)
    # It is taken as it was read from then on.
    seconds.at = FRESH_S + 0.1
    wait_until(lambda: ring.at_hand(text) is not None)

    assert rows.looked_up == 2


def test_a_key_that_could_not_be_read_ahead_is_read_by_the_request_that_finds_it_stale(
    rows: HeldKeys, ring: KeyRing, seconds: Seconds
) -> None:
    admission = Admission(SecretStr("x" * 20), ring, now)
    key, text = ring.create(ALICE)
    assert called(admission, text) == "alice"
    seconds.at = AHEAD_S
    rows.busy = True
    assert called(admission, text) == "alice"
    # Once the one has failed, it is another's turn.
    wait_until(lambda: ring.begins_renewal(text))
    ring.renew(text)
    assert rows.looked_up == 3

    rows.busy = False
    KeyRing(rows, now).revoke(key.key_id)
    seconds.at = FRESH_S
    with pytest.raises(Unauthorized, match="revoked"):
        called(admission, text)


def test_a_key_is_read_ahead_once_at_a_time_and_not_while_the_database_is_away(
    ring: KeyRing, rows: HeldKeys, seconds: Seconds
) -> None:
    _, text = ring.create(ALICE)
    assert ring.find(text) is not None
    assert not ring.begins_renewal(text)
    seconds.at = AHEAD_S
    assert [ring.begins_renewal(text) for _ in range(3)] == [True, False, False]

    rows.away = True
    ring.renew(text)
    assert not ring.begins_renewal(text)
    assert ring.at_hand(text) is not None
    rows.away = False
    seconds.at = AHEAD_S + 1.1
    assert ring.begins_renewal(text)


def test_what_was_read_late_does_not_stand_in_place_of_what_was_read_later(
    ring: KeyRing, rows: HeldKeys, seconds: Seconds
) -> None:
    key, text = ring.create(ALICE)
    assert ring.find(text) is not None
    seconds.at = AHEAD_S

    def meanwhile() -> None:
        KeyRing(rows, now).revoke(key.key_id)
        seconds.at = FRESH_S
        assert ring.find(text) is not None

    rows.meanwhile = meanwhile
    assert ring.begins_renewal(text)
    ring.renew(text)
    found = ring.at_hand(text)

    assert found is not None
    assert found.revoked_at is not None


def test_a_key_made_elsewhere_is_known_at_once_however_often_it_was_tried_before(rows: HeldKeys) -> None:
    one, other = KeyRing(rows, now), KeyRing(rows, now)
    assert one.find("oboegaki_" + "x" * 43) is None
    _, text = other.create(ALICE)

    assert one.find(text) is not None


def test_a_key_that_has_expired_is_refused_also_where_it_is_at_hand(ring: KeyRing) -> None:
    expires_at = now() + timedelta(minutes=1)
    _, text = ring.create(dataclasses.replace(ALICE, expires_at=expires_at))
    found = ring.find(text)

    assert found is not None
    assert found.caller(expires_at - timedelta(seconds=1)).bound_to == "alice"
    with pytest.raises(Unauthorized, match="expired"):
        found.caller(expires_at)


def test_every_key_is_new_and_reads_as_ours() -> None:
    rows = KeptKeys()
    texts = {KeyRing(rows, now).create(ALICE)[1] for _ in range(50)}

    assert len(texts) == 50
    assert all(is_text(text) for text in texts)
    assert not any(text in repr(vars(rows)) for text in texts)


def test_unknown_keys_wait_in_a_bounded_queue_and_known_ones_not_behind_them(
    seconds: Seconds,
) -> None:
    held, let_go = threading.Event(), threading.Event()

    class SlowForStrangers(KeptKeys):
        def used(self, digest: str, now: datetime) -> ApiKey | None:
            found = super().used(digest, now)
            if found is None:
                held.set()
                let_go.wait(10)
            return found

    ring = KeyRing(SlowForStrangers(), now, seconds)
    _, text = ring.create(ALICE)
    assert ring.find(text) is not None
    seconds.at = FRESH_S
    admission = Admission(SecretStr("x" * 20), ring, now)
    told: list[type[Exception]] = []

    async def stranger(number: int) -> None:
        try:
            await admission.caller(f"Bearer oboegaki_{number:043}")
        except (Unauthorized, Unavailable) as exc:
            told.append(type(exc))

    async def run() -> None:
        async with anyio.create_task_group() as group:
            for number in range(_WAITING + 10):
                group.start_soon(stranger, number)
            await anyio.to_thread.run_sync(held.wait, 10)
            try:
                assert (await admission.caller(f"Bearer {text}")).bound_to == "alice"
            finally:
                let_go.set()

    anyio.run(run)
    assert told.count(Overloaded) == 10
    assert told.count(Unauthorized) == _WAITING
