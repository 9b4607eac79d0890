"""Profiles: one of a user, read by key, the latest in the log, whatever is filed beside it."""

from pathlib import Path

import pytest

from memory_store.errors import Unavailable
from memory_store.models import SourceRef
from memory_store.port import MemoryStore, MemoryVersion
from tests.contract.making import LAYOUT, file, filing, gone, line, minute, profile
from tests.contract.stores import Opener, embedded

TEA, CAT = line(1, "drinks tea"), line(2, "owns a cat")


def test_a_profile_is_read_by_its_user(version: MemoryVersion) -> None:
    version.apply_profiles([profile(TEA, CAT), profile(CAT, user="Alice"), profile(TEA, user="アリス/x")])

    assert version.profile("alice") == profile(TEA, CAT)
    assert version.profile("Alice") == profile(CAT, user="Alice")
    assert version.profile("アリス/x") == profile(TEA, user="アリス/x")
    assert version.profile("nobody") is None


def test_every_field_of_a_line_comes_back(version: MemoryVersion) -> None:
    said_at = minute(3).replace(microsecond=999_999)
    refs, sources = ("llm-2:" + "0" * 32, "llm-2:" + "1" * 32), (SourceRef(2**63 - 1, "r1"), SourceRef(2, "r2"))
    whole = profile(line(1, "ハナコ🌸 likes\n「お茶」", refs=refs, sources=sources, said_at=said_at))
    version.apply_profiles([whole])

    assert version.profile("alice") == whole


def test_a_newer_profile_replaces_the_former_one_and_an_older_one_changes_nothing(version: MemoryVersion) -> None:
    version.apply_profiles([profile(TEA, offset=3)])
    version.apply_profiles([profile(CAT, offset=9)])
    version.apply_profiles([profile(TEA, offset=8)])

    assert version.profile("alice") == profile(CAT, offset=9)


def test_in_one_batch_the_later_one_counts_wherever_it_stands(version: MemoryVersion) -> None:
    version.apply_profiles([profile(CAT, offset=9), profile(TEA, offset=8), profile(TEA, offset=2, user="bob")])

    assert version.profile("alice") == profile(CAT, offset=9)
    assert version.profile("bob") == profile(TEA, offset=2, user="bob")


def test_an_emptied_profile_tells_nothing_and_older_ones_do_not_come_back(version: MemoryVersion) -> None:
    version.apply_profiles([profile(TEA, offset=3)])
    version.apply_profiles([profile(offset=4)])
    version.apply_profiles([profile(TEA, offset=3)])

    assert version.profile("alice") == profile(offset=4)


def test_a_profile_is_neither_a_memory_nor_a_receipt(version: MemoryVersion) -> None:
    version.apply_profiles([profile(TEA), profile(CAT, user="bob")])
    file(version, filing(1, "I like tea"), gone(2, "deleted", offset=1))

    assert [each.message_id for each in version.scan_receipts()] == [1, 2]
    assert (version.count(), len(list(version.scan())), len(version.page("alice", limit=9).memories)) == (1, 1, 1)


def test_each_version_has_its_own_profiles(store: MemoryStore) -> None:
    store.create("v1").apply_profiles([profile(TEA, offset=7)])
    store.create("v2").apply_profiles([profile(CAT, offset=1)])

    assert store.open("v1").profile("alice") == profile(TEA, offset=7)
    assert store.open("v2").profile("alice") == profile(CAT, offset=1)


def test_no_profiles_change_nothing(version: MemoryVersion) -> None:
    version.apply_profiles([])

    assert version.profile("alice") is None


def test_a_closed_version_tells_and_takes_no_profiles(version: MemoryVersion) -> None:
    version.close()

    with pytest.raises(Unavailable):
        version.profile("alice")
    with pytest.raises(Unavailable):
        version.apply_profiles([profile(TEA)])


def test_profiles_are_there_when_the_store_is_opened_again(opener: Opener, tmp_path: Path) -> None:
    with opener(tmp_path, LAYOUT) as store:
        store.create("v1").apply_profiles([profile(TEA, offset=7)])
    with opener(tmp_path, LAYOUT) as store:
        assert store.open("v1").profile("alice") == profile(TEA, offset=7)


def test_what_a_profile_no_longer_tells_is_in_no_file(tmp_path: Path) -> None:
    with embedded(tmp_path) as store:
        version = store.create("v1")
        version.apply_profiles([profile(line(1, "keeps a secret"), offset=3), profile(TEA, user="bob")])
        version.apply_profiles([profile(offset=4)])
        files = [each.read_bytes() for each in (tmp_path / "store" / "v1").glob("profiles.db*")]

    assert any(b"drinks tea" in content for content in files)
    assert not any(b"a secret" in content for content in files)
