"""Asking which memories name others as superseded."""

from memory_store.models import Memory
from memory_store.port import MemoryVersion
from tests.contract.making import file, filing, gone, memory, said

OSAKA, TEA = memory(1, "lives in Osaka"), memory(2, "drinks tea")


def naming(version: MemoryVersion, *named: Memory, user: str = "alice") -> list[str]:
    return sorted(said(version.superseding(user, [each.id for each in named])))


def test_memories_are_found_by_what_they_name_as_superseded(version: MemoryVersion) -> None:
    file(version, filing(1, OSAKA.text), filing(2, TEA.text))
    file(version, filing(3, "lives in Kyoto", supersedes=(OSAKA.id, memory(77, "gone").id)))
    file(version, filing(4, "lives in Kobe", supersedes=(OSAKA.id,)), filing(5, "owns a cat"))

    assert naming(version, OSAKA) == naming(version, OSAKA, TEA) == ["lives in Kobe", "lives in Kyoto"]
    assert naming(version, TEA) == naming(version) == []


def test_what_names_a_memory_is_found_whole(version: MemoryVersion) -> None:
    kyoto = memory(3, "lives in Kyoto", supersedes=(OSAKA.id,))
    file(version, filing(3, kyoto.text, supersedes=(OSAKA.id,)))

    assert version.superseding("alice", [OSAKA.id]) == [kyoto]


def test_only_the_users_own_memories_are_asked(version: MemoryVersion) -> None:
    file(version, filing(3, "lives in Kyoto", supersedes=(OSAKA.id,), user_id="bob"))

    assert naming(version, OSAKA) == []
    assert naming(version, OSAKA, user="bob") == ["lives in Kyoto"]


def test_what_is_gone_names_nothing_any_more(version: MemoryVersion) -> None:
    file(version, filing(3, "lives in Kyoto", supersedes=(OSAKA.id,)))
    file(version, gone(3, "deleted", offset=1))

    assert naming(version, OSAKA) == []


def test_hundreds_may_be_named_and_hundreds_may_name_one(version: MemoryVersion) -> None:
    towns = [memory(number, f"town {number}") for number in range(1, 401)]
    file(version, *(filing(1000 + n, f"later {n}", supersedes=(towns[0].id, towns[n].id)) for n in range(1, 400)))

    assert len(naming(version, towns[0])) == len(naming(version, *towns)) == 399
    assert naming(version, towns[399]) == ["later 399"]
