"""What a store of memories and an embedder promise. All of it is synchronous and safe to call from any thread."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from memory_store.models import Extent, Filing, Hit, Memory, Page, Profile, Query, Receipt, Vectors


class MemoryVersion(Protocol):
    """One built version of the memories. Every call may raise Unavailable."""

    @property
    def name(self) -> str:
        """The name it was created by."""

    def apply(self, filings: Sequence[Filing], vectors: Vectors) -> None:
        """Files, durably on return: it survives a kill.

        Per message the new memories replace the old ones, and the receipt is stored after them. A filing with a
        lower `facts_offset` than the receipt at hand changes nothing; of equal ones the last counts. Applying
        twice is applying once. A deleted message keeps its receipt only.
        """

    def forget(self, offsets: Mapping[int, int]) -> None:
        """Takes messages out, receipts and memories, as if they had never been filed; durably on return.

        Each only while the `facts_offset` of its receipt is the one given, so nothing newer is taken out. After a
        stop in between memories may be left without a receipt: filing replaces them.
        """

    def apply_profiles(self, profiles: Sequence[Profile]) -> None:
        """Puts profiles in the place of the users' former ones, durably on return.

        A profile with a lower `facts_offset` than the one at hand changes nothing; of equal ones the last counts.
        """

    def profile(self, user_id: str) -> Profile | None:
        """A user's profile, by one look; None where there never was one."""

    def search(self, query: Query) -> list[Hit]:
        """The nearest memories by text, context and words; best first, then the latest said, then by id."""

    def page(self, user_id: str, *, limit: int, cursor: str | None = None) -> Page:
        """A user's memories, the latest said first, then by id. Raises Refused for a cursor that is not ours."""

    def get(self, memory_id: str) -> Memory | None:
        """One memory, whoever's it is; None for an unknown id or what is no id at all."""

    def filed_under(self, message_ids: Sequence[int]) -> list[Memory]:
        """All memories of these messages, by message, then id."""

    def superseding(self, user_id: str, memory_ids: Sequence[str]) -> list[Memory]:
        """The user's memories that name one of these as superseded, by id; whether they are later is not asked."""

    def receipts(self, message_ids: Sequence[int]) -> dict[int, Receipt]:
        """The receipts that are there, by message id."""

    def scan(self) -> Iterator[Memory]:
        """Every memory, by id, in bounded memory. What is filed meanwhile may be missing."""

    def scan_receipts(self) -> Iterator[Receipt]:
        """Every receipt, by message id, in bounded memory."""

    def count(self) -> int:
        """How many memories there are."""

    def count_of(self, extent: Extent) -> int:
        """How many memories of these messages there are, and lines of the profile that rest on one of them."""

    def erase(self, extent: Extent) -> int:
        """Removes these memories and lines, durably on return; answers how many there were.

        For a version that nothing is filed into any more: what is filed later stays.
        """

    def purge(self, ends: Callable[[], bool] = lambda: False) -> None:
        """Leaves nothing in the files of what was removed: they are written anew where something was.

        Nothing can be filed meanwhile, some seconds per 50,000 memories; once `ends` says so it gives up, and
        everything is as before. On a server, that is the server's to do.
        """

    @property
    def purged(self) -> bool | None:
        """Whether nothing of what was removed is left in the files; None where they are a server's."""

    def vectors_of(self, memory_ids: Sequence[str]) -> dict[str, tuple[list[float], list[float]]]:
        """Text and context vectors by id: equal ones applied are equal here, bit for bit, in every version."""

    def close(self) -> None:
        """Lets go of files and connections. Closing twice is closing once; later calls raise Unavailable."""


class MemoryStore(Protocol):
    """Versions of the memories, one of which may be live. Every call may raise Unavailable."""

    def live(self) -> MemoryVersion:
        """The live version. Raises NoLiveVersion."""

    def create(self, name: str) -> MemoryVersion:
        """A new, empty version. Raises Refused if the name is taken or no name (a-z, 0-9 and -)."""

    def open(self, name: str) -> MemoryVersion:
        """A version by name; twice the same gives the same. Raises Refused if there is none, and WrongLayout."""

    def versions(self) -> list[str]:
        """The names of all versions, sorted."""

    def activate(self, name: str) -> None:
        """Makes a version the live one in a single step. Raises Refused if there is none by that name."""

    def drop(self, name: str) -> None:
        """Deletes a version for good. Raises Refused for the live one."""

    def retire(self) -> None:
        """Deletes the live version for good, whatever it was built with; then none is live. Twice is once."""

    def close(self) -> None:
        """Closes all versions and lets go of the store."""


class Embedder(Protocol):
    """Texts to unit vectors. Any text is accepted.

    Equal texts give equal vectors, bit for bit, in any batch and on any thread of one machine. On a server they
    are only as equal as it computes them: docs/decisions/0011.
    """

    @property
    def name(self) -> str:
        """Names one behaviour: model, prompts, longest text and engine. Another name's vectors do not compare."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, dim) vectors of what is to be found. Raises Unavailable, and Refused for a server that will not."""

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, dim) vectors of what is looked for. Raises as passages does."""
