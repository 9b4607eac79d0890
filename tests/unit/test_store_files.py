"""Files are replaced whole, and a folder has one owner."""

import os
from pathlib import Path

import pytest

from memory_store.errors import OwnedElsewhere
from memory_store.files import Owned, replace_durably


def test_a_replaced_file_holds_the_new_text_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "live"
    replace_durably(path, "a long text")
    replace_durably(path, "版")

    assert path.read_text(encoding="utf-8") == "版"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_of_the_old_file_keeps_the_old_text(tmp_path: Path) -> None:
    path = tmp_path / "live"
    replace_durably(path, "old")
    with path.open(encoding="utf-8") as reader:
        replace_durably(path, "new")

        assert reader.read() == "old"


def test_what_an_interrupted_replacement_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".live.new").write_text("half of a much longer te", encoding="utf-8")
    replace_durably(tmp_path / "live", "v2")

    assert (tmp_path / "live").read_text(encoding="utf-8") == "v2"


def test_an_owned_folder_has_no_second_owner_until_it_is_released(tmp_path: Path) -> None:
    owned = Owned(tmp_path / "owner.lock")
    with pytest.raises(OwnedElsewhere, match=rf"\(pid {os.getpid()}\)"):
        Owned(tmp_path / "owner.lock")
    owned.release()
    owned.release()

    Owned(tmp_path / "owner.lock").release()


def test_a_former_owner_who_releases_again_takes_nothing_from_the_next(tmp_path: Path) -> None:
    former = Owned(tmp_path / "owner.lock")
    former.release()
    following = Owned(tmp_path / "owner.lock")
    former.release()
    with pytest.raises(OwnedElsewhere):
        Owned(tmp_path / "owner.lock")
    following.release()
