"""What was removed: how much of a user's is left, and that nothing of it stays in the embedded store's files."""

from pathlib import Path

import pytest
from qdrant_edge import EdgeShard

from memory_store.edge_points import EdgePoints
from memory_store.errors import Unavailable
from memory_store.models import Extent, SourceRef
from memory_store.points import EVERYTHING
from memory_store.port import MemoryVersion
from tests.contract.making import LAYOUT, file, filing, gone, line, profile, recalled
from tests.contract.stores import embedded

#: As it may stand in a file: a payload, a key of an index, text of another encoding.
FORMS = ("utf-8", "utf-16-le", "utf-16-be")
SECRET = "合言葉は zanzibar-7319 です"


def files_with(home: Path, text: str) -> list[str]:
    """The files below a folder that hold a text in any form."""
    forms = [text.encode(each) for each in FORMS]
    found = [each for each in home.rglob("*") if each.is_file()]
    return [each.name for each in found if any(form in each.read_bytes() for form in forms)]


def test_what_is_left_of_a_user_is_counted_up_to_a_message(version: MemoryVersion) -> None:
    file(
        version,
        filing(1, "I like tea", "I live in Oslo", conversation_id="a"),
        filing(2, "I own a cat", conversation_id="b"),
        filing(3, "It rains", conversation_id="a"),
        filing(4, "It snows", user_id="bob"),
    )

    def left(up_to: int, **more: object) -> int:
        return version.count_of(Extent("alice", up_to, **more))  # type: ignore[arg-type]

    assert [left(0), left(2), left(3), left(9)] == [0, 3, 4, 4]
    assert [left(2, conversation_id="a"), left(9, conversation_id="a")] == [2, 3]
    assert [left(2, alone=True), left(9, alone=True)] == [1, 0]


def test_lines_of_a_profile_count_while_they_rest_on_what_is_to_go(version: MemoryVersion) -> None:
    version.apply_profiles([profile(line(1, "Likes tea"), line(5, "Owns a cat"))])

    assert version.count_of(Extent("alice", 4)) == 1
    assert version.count_of(Extent("alice", 5, alone=True)) == 1
    assert version.count_of(Extent("bob", 9)) == 0


def test_what_is_erased_goes_with_all_that_rests_on_it_and_nothing_else(version: MemoryVersion) -> None:
    cited = (SourceRef(message_id=1, revision="r1"), SourceRef(message_id=9, revision="r1"))
    file(
        version,
        filing(1, "I like tea"),
        filing(2, "I own a cat"),
        filing(9, "I like tea and cats", sources=cited),
        filing(3, "It snows", user_id="bob"),
    )
    version.apply_profiles([profile(line(1, "Likes tea"), line(9, "Owns a cat"))])

    erased = [version.erase(Extent("alice", 1)) for _ in range(2)]

    assert erased == [3, 0]
    assert sorted(memory.text for memory in version.scan()) == ["I own a cat", "It snows"]
    known = version.profile("alice")
    assert known is not None
    assert [each.text for each in known.lines] == ["Owns a cat"]


def test_once_purged_nothing_that_was_removed_is_in_any_file_and_the_rest_is_as_it_was(tmp_path: Path) -> None:
    with embedded(tmp_path) as store:
        version = store.create("v1")
        file(version, *(filing(number, f"Message {number} of many") for number in range(1, 600)))
        file(version, filing(600, SECRET), filing(601, "I like tea"))
        left = [memory.id for memory in version.scan() if memory.message_id != 600]
        before = version.vectors_of(left)
        file(version, gone(600, "deleted", offset=9))
        assert files_with(tmp_path, SECRET)
        was = version.purged

        version.purge()

        assert (was, version.purged) == (False, True)
        assert files_with(tmp_path, SECRET) == []
        assert version.vectors_of(left) == before
        assert recalled(version, "I like tea", limit=1) == ["I like tea"]
        file(version, filing(602, "It rains"))
    with embedded(tmp_path) as store:
        assert store.open("v1").count() == len(left) + 1
        assert files_with(tmp_path, SECRET) == []


def test_a_purge_that_is_told_to_end_leaves_everything_as_it_was_and_can_be_done_later(tmp_path: Path) -> None:
    with embedded(tmp_path) as store:
        version = store.create("v1")
        file(version, *(filing(number, f"Message {number}") for number in range(1, 400)), filing(400, SECRET))
        file(version, gone(400, "deleted", offset=9))

        version.purge(lambda: True)
        ended = version.purged, version.count()
        version.purge()

        assert (ended, version.purged, version.count()) == ((False, 399), True, 399)


def test_what_was_removed_before_a_restart_is_purged_after_it(tmp_path: Path) -> None:
    with embedded(tmp_path) as store:
        file(store.create("v1"), filing(1, SECRET))
        file(store.open("v1"), gone(1, "deleted", offset=9))
    with embedded(tmp_path) as store:
        version = store.open("v1")
        assert not version.purged
        version.purge()

    assert files_with(tmp_path, SECRET) == []


@pytest.mark.parametrize("replaced", [False, True])
def test_a_purge_that_was_cut_off_loses_nothing(tmp_path: Path, *, replaced: bool) -> None:
    with embedded(tmp_path) as store:
        file(store.create("v1"), filing(1, "I like tea"))
    points = tmp_path / "store" / "v1" / "points"
    # Between the two renames, or after them, before the former files were removed.
    points.rename(points.with_name(".points.new"))
    points.with_name(".points.old").mkdir()
    if replaced:
        points.with_name(".points.new").rename(points)

    with embedded(tmp_path) as store:
        assert recalled(store.open("v1"), "tea") == ["I like tea"]
    assert {each.name for each in points.parent.glob(".points*")} == set()


def test_where_the_files_written_anew_cannot_be_opened_the_former_ones_stay_and_lose_nothing(
    tmp_path: Path,
) -> None:
    with embedded(tmp_path) as store:
        version = store.create("v1")
        file(version, *(filing(number, f"Message {number}") for number in range(1, 9)))
        file(version, gone(8, "deleted", offset=9))
    path, loads = tmp_path / "store" / "v1" / "points", list[str]()

    def load(folder: str) -> EdgeShard:
        loads.append(folder)
        if len(loads) == 2:
            raise OSError("Too many open files")
        return EdgeShard.load(folder)

    points = EdgePoints(path, LAYOUT.dim, load)
    [first, second, *_] = points.find(EVERYTHING)
    with pytest.raises(Unavailable, match="Too many open files"):
        points.purge(lambda: False)
    # What is removed from now on, too, is removed for good.
    points.delete([first.id])
    points.flush()
    points.close()
    points = EdgePoints(path, LAYOUT.dim, load)
    left = {each.id for each in points.find(EVERYTHING)}
    was = points.purged
    points.purge(lambda: False)

    assert len(left) == 6
    assert (second.id in left, first.id in left) == (True, False)
    assert (was, points.purged, points.count()) == (False, True, 6)
    assert {each.name for each in path.parent.glob(".points*")} == set()
    points.close()


def test_a_purge_that_was_cut_off_as_it_was_undone_loses_nothing(tmp_path: Path) -> None:
    with embedded(tmp_path) as store:
        file(store.create("v1"), filing(1, "I like tea"))
    points = tmp_path / "store" / "v1" / "points"
    points.rename(points.with_name(".points.old"))
    points.with_name(".points.part").mkdir()

    with embedded(tmp_path) as store:
        assert recalled(store.open("v1"), "tea") == ["I like tea"]
