"""What only the embedded store promises: one owner, and all that was filed after any kill."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memory_store.embedded import EmbeddedStore
from memory_store.errors import OwnedElsewhere
from tests.contract.making import LAYOUT, file, filing, recalled, said
from tests.contract.owner import record
from tests.contract.stores import embedded

ROOT = Path(__file__).parents[2]


@contextmanager
def owner(home: Path, work: str) -> Iterator[subprocess.Popen[str]]:
    """A process with the store, killed in the end."""
    command = [sys.executable, "-m", "tests.contract.owner", str(home), work]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def lines(process: subprocess.Popen[str], number: int) -> list[str]:
    """The next lines that it prints."""
    assert process.stdout is not None
    read = [process.stdout.readline().strip() for _ in range(number)]
    assert all(read), process.communicate()[1]
    return read


def killed_after(process: subprocess.Popen[str], number: int) -> str:
    """The last line of a process that is killed some time after so many of them."""
    lines(process, number)
    process.kill()
    out, _ = process.communicate()
    # A line may be cut off by the kill; what it names may then not count on being durable.
    return [str(number - 1), *out.split("\n")[:-1]][-1]


def test_a_second_process_is_refused_and_told_the_owner(tmp_path: Path) -> None:
    with owner(tmp_path, "hold") as process:
        lines(process, 1)

        with pytest.raises(OwnedElsewhere, match=rf"\(pid {process.pid}\)"):
            EmbeddedStore(tmp_path, LAYOUT)


def test_the_owner_is_not_disturbed_by_one_who_tries(tmp_path: Path) -> None:
    with embedded(tmp_path) as store:
        file(store.create("v1"), filing(1, "I like tea"))
        (tmp_path / "store" / ".v9.part").mkdir()
        with owner(tmp_path, "hold") as process:
            _, refusal = process.communicate()

        assert f"(pid {os.getpid()}) owns the store" in refusal
        assert recalled(store.open("v1"), "tea") == ["I like tea"]
        # It may be what the owner is making just now.
        assert (tmp_path / "store" / ".v9.part").exists()


def test_a_second_store_in_the_same_process_is_refused(tmp_path: Path) -> None:
    with embedded(tmp_path), pytest.raises(OwnedElsewhere):
        EmbeddedStore(tmp_path, LAYOUT)


def test_a_closed_store_and_a_killed_owner_let_others_own_it(tmp_path: Path) -> None:
    with embedded(tmp_path) as store:
        store.create("v1")
    with owner(tmp_path, "hold") as process:
        lines(process, 1)
    with embedded(tmp_path) as store:
        assert store.versions() == ["v1"]


@pytest.mark.parametrize("number", [1, 6, 14])
def test_what_was_filed_survives_a_kill_at_any_time(tmp_path: Path, number: int) -> None:
    with owner(tmp_path, "file") as process:
        last = int(killed_after(process, number))
    with embedded(tmp_path) as store:
        version = store.live()
        offsets = {receipt.message_id: receipt.facts_offset for receipt in version.scan_receipts()}
        settled = range((last + 1) // 2)

        # The kill may have come between filing the next one and saying so.
        assert max(offsets.values()) in (last, last + 1)
        assert [offsets[each] for each in settled] == [2 * each + 1 for each in settled]
        assert [said(version.filed_under([each])) for each in settled] == [_settled(each) for each in settled]


def test_filing_again_after_a_kill_completes_what_it_cut_off(tmp_path: Path) -> None:
    with owner(tmp_path, "file") as process:
        last = int(killed_after(process, 9))
    messages = range(last // 2 + 2)
    with embedded(tmp_path) as store:
        file(store.live(), *(record(offset) for offset in range(2 * len(messages))))
    with embedded(tmp_path) as store:
        found = [said(store.live().filed_under([each])) for each in messages]

        assert found == [_settled(each) for each in messages]
        assert sorted(said(store.live().scan())) == sorted(text for texts in found for text in texts)


def test_the_pointer_to_the_live_version_is_always_whole(tmp_path: Path) -> None:
    pointer = tmp_path / "store" / "live"
    with owner(tmp_path, "switch") as process:
        lines(process, 2)
        seen = {pointer.read_text(encoding="utf-8") for _ in range(5000)}
        lines(process, 1)
        process.kill()

    assert seen <= {"v1", "v2"}
    with embedded(tmp_path) as store:
        assert store.live().name in ("v1", "v2")


@pytest.mark.parametrize("number", [1, 3])
def test_a_kill_while_a_version_is_made_or_dropped_leaves_whole_versions_only(tmp_path: Path, number: int) -> None:
    with owner(tmp_path, "rebuild") as process:
        killed_after(process, number)
    with embedded(tmp_path) as store:
        assert [store.open(name).name for name in store.versions()] == store.versions()
        assert recalled(store.live(), "tea") == ["I like tea"]
        assert list((tmp_path / "store").glob(".*.part")) == []


def test_half_made_folders_are_cleaned_and_their_names_free(tmp_path: Path) -> None:
    half_made = tmp_path / "store" / ".v1.part" / "points"
    half_made.mkdir(parents=True)
    (half_made / "secret.dat").write_text("I like tea", encoding="utf-8")
    with embedded(tmp_path) as store:
        assert not half_made.parent.exists()
        assert store.versions() == []
        assert store.create("v1").count() == 0


def test_a_dropped_version_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    with embedded(tmp_path) as store:
        file(store.create("v1"), filing(1, "I like tea"))
        store.drop("v1")

        assert sorted(path.name for path in (tmp_path / "store").iterdir()) == ["owner.lock"]


def test_memories_are_for_their_owner_s_eyes_only(tmp_path: Path) -> None:
    with embedded(tmp_path) as store:
        store.create("v1")
    folder = tmp_path / "store"

    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "v1")] == [0o700, 0o700]


def _settled(message_id: int) -> list[str]:
    return [] if message_id % 3 == 0 else [f"New {message_id}"]
