"""Superseding is told by the later memory alone, by (time, message, id)."""

from typing import Any

from memory_store.models import Memory
from memory_store.superseding import superseded
from tests.contract.making import memory, minute


def home(message_id: int, *supersedes: Memory, **more: Any) -> Memory:  # noqa: ANN401  any field of a memory
    ids = tuple(each.id for each in supersedes)
    return memory(message_id, f"lives in town {message_id}", supersedes=ids, **more)


def test_the_later_memory_supersedes_the_earlier_one() -> None:
    osaka = home(1)
    kyoto = home(2, osaka)

    assert superseded([osaka, kyoto]) == superseded([kyoto, osaka]) == {osaka.id: (kyoto.id,)}


def test_nothing_supersedes_what_was_said_later() -> None:
    kyoto = home(2)

    assert superseded([kyoto, home(3, kyoto, said_at=minute(1))]) == {}


def test_of_two_that_name_each_other_the_later_one_stands() -> None:
    osaka, kyoto = home(1, home(2)), home(2, home(1))

    assert superseded([osaka, kyoto]) == {osaka.id: (kyoto.id,)}


def test_of_what_was_said_at_one_time_the_later_message_stands() -> None:
    osaka = home(9, home(10), said_at=minute(1))
    kyoto = home(10, home(9), said_at=minute(1))

    assert superseded([osaka, kyoto]) == {osaka.id: (kyoto.id,)}


def test_in_a_chain_each_supersedes_only_what_it_names() -> None:
    osaka = home(1)
    kyoto = home(2, osaka)
    kobe = home(3, kyoto)

    assert superseded([osaka, kyoto, kobe]) == {osaka.id: (kyoto.id,), kyoto.id: (kobe.id,)}
    assert superseded([osaka, kobe]) == {}


def test_those_that_supersede_come_the_latest_first() -> None:
    osaka = home(1)
    kyoto, kobe = home(2, osaka), home(3, osaka)

    assert superseded([osaka, kyoto, kobe]) == {osaka.id: (kobe.id, kyoto.id)}


def test_another_users_memory_supersedes_nothing() -> None:
    osaka = home(1)

    assert superseded([osaka, home(2, osaka, user_id="bob")]) == {}


def test_a_memory_does_not_supersede_itself() -> None:
    assert superseded([home(1, home(1))]) == {}
