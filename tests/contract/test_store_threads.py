"""Threads: the ports are called from many at once, and nothing is lost or doubled."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

from memory_store.errors import Refused
from memory_store.port import MemoryStore, MemoryVersion
from tests.contract.making import file, filing, gone, query, recalled, said

WRITERS = 4
BATCHES = 5


def test_parallel_filing_and_searching_lose_and_double_nothing(version: MemoryVersion) -> None:
    def write(writer: int) -> None:
        for batch in range(BATCHES):
            first = 1000 * writer + 10 * batch
            file(version, *(filing(first + each, f"Thing {first + each}") for each in range(10)))

    with _searching(version), ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(1, WRITERS + 1)))

    expected = {1000 * writer + each for writer in range(1, WRITERS + 1) for each in range(10 * BATCHES)}
    assert sorted(memory.message_id for memory in version.scan()) == sorted(expected)
    assert {receipt.message_id for receipt in version.scan_receipts()} == expected
    assert len(version.search(query("thing", limit=1000))) == len(expected)


def test_of_parallel_filings_of_one_message_the_latest_stays_whole(version: MemoryVersion) -> None:
    log = [filing(1, f"Old {offset}", f"And {offset}", offset=offset) for offset in range(12)]
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda record: file(version, record), log))

    assert sorted(said(version.scan())) == ["And 11", "Old 11"]
    assert version.receipts([1])[1].facts_offset == 11


def test_a_message_that_is_filed_again_is_never_missing_meanwhile(version: MemoryVersion) -> None:
    file(version, filing(1, "Tea 0", offset=0))
    with _searching(version) as found:
        for offset in range(1, 12):
            file(version, filing(1, f"Tea {offset % 2}", offset=offset))

    assert found
    assert all(found)


def test_a_page_read_while_others_are_deleted_holds_what_stays(version: MemoryVersion) -> None:
    file(version, *(filing(number, f"T{number}") for number in range(1, 21)))

    def delete_odd() -> None:
        for number in range(1, 21, 2):
            file(version, gone(number, "deleted", offset=1))

    with ThreadPoolExecutor(1) as pool:
        deleting = pool.submit(delete_odd)
        while not deleting.done():
            seen = said(version.page("alice", limit=20).memories)
            assert [text for text in seen if int(text[1:]) % 2 == 0] == [
                f"T{number}" for number in range(20, 0, -2)
            ]
        deleting.result()


def test_of_threads_that_create_one_name_a_single_one_succeeds(store: MemoryStore) -> None:
    def create(_: int) -> bool:
        try:
            store.create("v1")
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(WRITERS) as pool:
        assert sorted(pool.map(create, range(WRITERS))) == [False, False, False, True]


def test_threads_that_open_one_version_get_the_same(store: MemoryStore) -> None:
    store.create("v1").close()
    with ThreadPoolExecutor(WRITERS) as pool:
        opened = list(pool.map(lambda _: store.open("v1"), range(WRITERS)))

    assert len({id(version) for version in opened}) == 1


@contextmanager
def _searching(version: MemoryVersion) -> Iterator[list[list[str]]]:
    found: list[list[str]] = []
    done = Event()

    def search() -> None:
        while not done.is_set():
            found.append(recalled(version, "tea"))

    with ThreadPoolExecutor(1) as pool:
        searching = pool.submit(search)
        try:
            yield found
        finally:
            done.set()
            searching.result()
