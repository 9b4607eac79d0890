"""Versions: made, opened, made live and dropped; and what closing means."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from memory_store.errors import NoLiveVersion, Refused, StoreError, Unavailable, WrongLayout
from memory_store.models import Layout
from memory_store.port import MemoryStore, MemoryVersion
from tests.contract.making import LAYOUT, file, filing, memory, query, recalled, said
from tests.contract.stores import Opener

T = TypeVar("T")

_ID = memory(1, "I like tea").id

CALLS: list[Callable[[MemoryVersion], object]] = [
    lambda version: file(version, filing(1, "I like tea")),
    lambda version: version.search(query("tea")),
    lambda version: version.page("alice", limit=1),
    lambda version: version.get(_ID),
    lambda version: version.filed_under([1]),
    lambda version: version.receipts([1]),
    lambda version: list(version.scan()),
    lambda version: list(version.scan_receipts()),
    lambda version: version.count(),
    lambda version: version.vectors_of([_ID]),
]

STORE_CALLS: list[Callable[[MemoryStore], object]] = [
    lambda store: store.live(),
    lambda store: store.create("v9"),
    lambda store: store.open("v1"),
    lambda store: store.versions(),
    lambda store: store.activate("v1"),
    lambda store: store.drop("v1"),
    lambda store: store.retire(),
]


def raised(calls: Sequence[Callable[[T], object]], given: T) -> set[type[StoreError] | None]:
    """What the calls raise."""
    return {_raised(call, given) for call in calls}


def _raised(call: Callable[[T], object], given: T) -> type[StoreError] | None:
    try:
        call(given)
    except StoreError as exc:
        return type(exc)
    return None


def test_a_new_store_has_no_versions_and_none_is_live(store: MemoryStore) -> None:
    assert store.versions() == []
    with pytest.raises(NoLiveVersion, match="create one and activate it"):
        store.live()


def test_a_created_version_is_empty_named_listed_and_not_live(store: MemoryStore) -> None:
    version = store.create("v1")

    assert (version.name, version.count(), store.versions()) == ("v1", 0, ["v1"])
    with pytest.raises(NoLiveVersion):
        store.live()


def test_versions_are_sorted_by_name(store: MemoryStore) -> None:
    for name in ("v2", "b", "v10"):
        store.create(name)

    assert store.versions() == ["b", "v10", "v2"]


def test_a_taken_name_is_refused_and_its_version_unharmed(store: MemoryStore) -> None:
    file(store.create("v1"), filing(1, "I like tea"))
    with pytest.raises(Refused, match="choose another name"):
        store.create("v1")

    assert store.open("v1").count() == 1


def test_what_is_no_name_is_refused(store: MemoryStore) -> None:
    for name in (
        "",
        "V1",
        "1",
        "-a",
        "v_1",
        "v1.part",
        ".v1",
        "../x",
        "v/1",
        "ｖ1",
        "猫",
        "a" * 41,
        "live",
        "v1\n",
    ):
        with pytest.raises(Refused, match="Name a version"):
            store.create(name)

    assert store.versions() == []


def test_the_longest_name_works(store: MemoryStore) -> None:
    store.create("a" + "b-9" * 13)
    store.activate("a" + "b-9" * 13)

    assert store.live().name == "a" + "b-9" * 13


def test_opening_twice_gives_the_same_version(store: MemoryStore) -> None:
    created = store.create("v1")
    store.activate("v1")

    assert store.open("v1") is created
    assert store.live() is created


def test_a_version_that_is_not_there_is_refused(store: MemoryStore) -> None:
    store.create("v1")
    for call in (store.open, store.activate, store.drop):
        for name in ("v2", "", "../v1", "live"):
            with pytest.raises(Refused, match="There is no version"):
                call(name)


def test_activating_switches_and_switches_back(store: MemoryStore) -> None:
    file(store.create("v1"), filing(1, "Old"))
    file(store.create("v2"), filing(1, "New"))
    seen = []
    for name in ("v1", "v2", "v2", "v1"):
        store.activate(name)
        seen += recalled(store.live(), "what")

    assert seen == ["Old", "New", "New", "Old"]


def test_activating_what_is_not_there_leaves_the_live_one(store: MemoryStore) -> None:
    store.create("v1")
    store.activate("v1")
    with pytest.raises(Refused):
        store.activate("v2")

    assert store.live().name == "v1"


def test_versions_share_nothing(store: MemoryStore) -> None:
    one, another = store.create("v1"), store.create("v2")
    file(one, filing(1, "Old"))
    file(another, filing(2, "New"))

    assert (said(one.scan()), said(another.scan())) == (["Old"], ["New"])
    assert (list(one.receipts([1, 2])), list(another.receipts([1, 2]))) == ([1], [2])


def test_the_live_version_cannot_be_dropped(store: MemoryStore) -> None:
    file(store.create("v1"), filing(1, "I like tea"))
    store.activate("v1")
    with pytest.raises(Refused, match="activate another one"):
        store.drop("v1")

    assert recalled(store.live(), "tea") == ["I like tea"]


def test_a_dropped_version_is_gone_and_its_name_free_and_empty(store: MemoryStore) -> None:
    file(store.create("v1"), filing(1, "I like tea"))
    store.drop("v1")

    assert store.versions() == []
    assert raised([store.open], "v1") == {Refused}
    assert store.create("v1").count() == 0
    assert store.open("v1").receipts([1]) == {}


def test_a_retired_version_is_gone_and_none_is_live(store: MemoryStore) -> None:
    file(store.create("v1"), filing(1, "I like tea"))
    kept = store.create("v2")
    store.activate("v1")
    store.retire()
    store.retire()

    assert raised([lambda each: each.live()], store) == {NoLiveVersion}
    assert store.versions() == [kept.name]
    assert store.create("v1").count() == 0


def test_a_version_is_retired_whatever_it_was_built_with_and_stays_gone(tmp_path: Path, opener: Opener) -> None:
    with opener(tmp_path, LAYOUT) as store:
        store.create("v1")
        store.activate("v1")
    other = Layout("another", LAYOUT.dim + 1)
    with opener(tmp_path, other) as store:
        assert raised([lambda each: each.live()], store) == {WrongLayout}
        store.retire()
    with opener(tmp_path, other) as store:
        assert store.versions() == []
        assert store.create("v1").count() == 0


def test_a_version_in_hand_is_closed_when_it_is_dropped(store: MemoryStore) -> None:
    version = store.create("v1")
    store.drop("v1")

    assert raised(CALLS, version) == {Unavailable}


def test_every_call_of_a_closed_version_raises_unavailable_and_closing_again_nothing(
    version: MemoryVersion,
) -> None:
    file(version, filing(1, "I like tea"))
    version.close()
    version.close()

    assert raised(CALLS, version) == {Unavailable}


def test_a_closed_version_can_be_opened_again(store: MemoryStore) -> None:
    file(store.create("v1"), filing(1, "I like tea"))
    store.activate("v1")
    store.live().close()

    assert recalled(store.open("v1"), "tea") == ["I like tea"]
    assert recalled(store.live(), "tea") == ["I like tea"]


def test_a_closed_store_raises_unavailable_and_has_closed_its_versions(store: MemoryStore) -> None:
    version = store.create("v1")
    store.activate("v1")
    store.close()
    store.close()

    assert raised(STORE_CALLS, store) == {Unavailable}
    assert raised(CALLS, version) == {Unavailable}


def test_a_store_that_is_opened_again_is_as_it_was(opener: Opener, tmp_path: Path) -> None:
    with opener(tmp_path, LAYOUT) as store:
        file(store.create("v1"), filing(1, "I like tea", context="What?", offset=5))
        store.create("v2")
        store.activate("v1")
        before = (list(store.live().scan()), store.live().vectors_of([_ID]), store.live().receipts([1]))
    with opener(tmp_path, LAYOUT) as store:
        after = (list(store.live().scan()), store.live().vectors_of([_ID]), store.live().receipts([1]))

        assert after == before
        assert store.versions() == ["v1", "v2"]


@pytest.mark.parametrize("layout", [Layout("other", 64), Layout("hash-64", 384), Layout("hash-64", 64, number=3)])
def test_a_version_of_another_layout_is_refused_with_what_to_do(
    opener: Opener, tmp_path: Path, layout: Layout
) -> None:
    with opener(tmp_path, LAYOUT) as store:
        store.create("v1")
        store.activate("v1")
    with opener(tmp_path, layout) as store:
        for call in (store.live, lambda: store.open("v1"), lambda: store.activate("v1")):
            with pytest.raises(WrongLayout, match=r"built with embedder hash-64 \(64 numbers, layout 2\)"):
                call()


def test_beside_a_version_of_another_layout_a_new_one_can_be_built(opener: Opener, tmp_path: Path) -> None:
    with opener(tmp_path, Layout("other", 32)) as store:
        store.create("v1")
        store.activate("v1")
    with opener(tmp_path, LAYOUT) as store:
        file(store.create("v2"), filing(1, "I like tea"))
        store.activate("v2")
        store.drop("v1")

        assert (store.versions(), recalled(store.live(), "tea")) == (["v2"], ["I like tea"])
