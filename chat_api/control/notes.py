"""Memories in the user's own hand: added, corrected, pinned. The rows keep all of it, so any rebuild does.

An added memory is a row with role `note`, which learning takes over word for word. A correction is such a note,
and the old memory is suppressed in its sources, as if it were forgotten: so what was wrong comes back with no
rebuild, no other extractor, and not when the correction is deleted (docs/decisions/0027).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from chat_api.errors import Conflict, Invalid
from chat_api.messages import (
    KEEP,
    OURS,
    PINNED_CHARACTERS,
    Edit,
    Message,
    NewMessage,
    Pinned,
    fact_ref,
    ours,
    pins,
    with_ours,
)
from chat_api.recall.profile import Profiles
from chat_api.recall.recaller import Recaller
from chat_api.recall.recollection import Remembered
from chat_api.rows.rows import Rows
from memory_store.models import point_id, text_hash

#: The conversation of memories that are added without one.
ADDED = "memories"
#: Among what we say of a note: the memory that it stands in place of.
_IN_PLACE_OF = "in_place_of"


@dataclass(frozen=True, slots=True)
class Noted:
    """A memory's id, and the row that it is filed under; `created` where the row is new."""

    memory_id: str
    text: str
    pinned: bool
    row: Message
    created: bool


@dataclass(frozen=True, slots=True)
class MemoryChange:
    """What to change of a memory; None leaves it."""

    text: str | None = None
    pinned: bool | None = None
    metadata: Mapping[str, Any] | None = None


class Notes:
    """Adds and changes memories. A row may be learned a moment later; until then recall shows it as pending."""

    def __init__(self, rows: Rows, recaller: Recaller, profiles: Profiles) -> None:
        self._rows = rows
        self._recaller = recaller
        self._profiles = profiles

    def add(self, user_id: str, note: NewMessage) -> Noted:
        """Writes a note. A repeat by `external_id` changes nothing. Raises Conflict where that one differs."""
        known = None if note.external_id is None else self._named(user_id, note.external_id)
        if note.pinned is not None and known is None:
            self._check_room(user_id, note.content)
        # A repeat that names no conversation means the one it is in.
        place = note.conversation_id or (ADDED if known is None else known.conversation_id)
        [added] = self._rows.add_messages(user_id, [replace(note, conversation_id=place)])
        return _noted(self._rows.get(user_id, added.message_id), created=added.created)

    def change(self, user_id: str, memory_id: str, change: MemoryChange) -> Noted:
        """Corrects, pins or marks a memory; of a new text the memory has a new id.

        The same again is the same answer. Raises NotFound, Conflict where it was corrected otherwise already, and
        the store's errors.
        """
        corrected = self._named(user_id, _correction_of(memory_id))
        if corrected is not None and corrected.suppressed is None:
            return self._again(user_id, corrected, change)
        remembered = self._recaller.one(user_id, memory_id)
        if change.text is not None and change.text.strip() != remembered.memory.text:
            return self._correct(user_id, remembered, change)
        return self._mark(user_id, remembered, change)

    def _named(self, user_id: str, external_id: str) -> Message | None:
        return self._rows.named(user_id, [external_id]).get(external_id)

    def _again(self, user_id: str, row: Message, change: MemoryChange) -> Noted:
        if change.text is not None and change.text.strip() != row.content.strip():
            raise Conflict("This memory was corrected already. Correct the one that stands in its place.")
        if change.pinned and row.pinned is None:
            self._check_room(user_id, row.content)
        edit = Edit(
            metadata=KEEP if change.metadata is None else dict(change.metadata) or None,
            pinned=KEEP if change.pinned is None else _all(change.pinned),
        )
        return _noted(self._rows.edit(user_id, row.id, edit), created=False)

    def _correct(self, user_id: str, remembered: Remembered, change: MemoryChange) -> Noted:
        memory = remembered.memory
        text = change.text or ""
        pinned = remembered.pinned if change.pinned is None else change.pinned
        if pinned:
            self._check_room(user_id, text, without=memory.text)

        def note(row: Message) -> NewMessage:
            metadata = row.metadata if change.metadata is None else dict(change.metadata)
            return NewMessage(
                "note",
                text,
                conversation_id=row.conversation_id,
                external_id=_correction_of(memory.id),
                metadata=with_ours(metadata, {_IN_PLACE_OF: memory.id}),
                agent_id=row.agent_id,
                pinned=_all(pinned),
            )

        ref = fact_ref(memory.extractor, memory.hash)
        refs = {source.id: ref for source in remembered.sources}
        added = self._rows.put_in_place(user_id, remembered.row.id, refs, note)
        return _noted(self._rows.get(user_id, added.message_id), created=added.created)

    def _mark(self, user_id: str, remembered: Remembered, change: MemoryChange) -> Noted:
        memory, row = remembered.memory, remembered.row
        pins_anew = change.pinned is not None and change.pinned != remembered.pinned
        # Before anything is written: what is refused changes nothing.
        if pins_anew and change.pinned:
            self._check_room(user_id, memory.text)
        edit = Edit(metadata=KEEP if change.metadata is None else dict(change.metadata) or None)
        ref = memory.extractor, memory.hash
        if change.pinned is not None and pins_anew:
            marked = self._rows.mark(user_id, row.id, edit, fact_ref(*ref), pinned=change.pinned)
        else:
            marked = self._rows.edit(user_id, row.id, edit)
        return Noted(memory.id, memory.text, pins(marked.pinned, *ref), marked, created=False)

    def _check_room(self, user_id: str, text: str, *, without: str | None = None) -> None:
        held = [line.text for line in self._profiles.pinned(user_id) if line.text != without]
        if sum(map(len, held)) + len(text.strip()) > PINNED_CHARACTERS:
            raise Invalid(
                f"pinned: all that is pinned must not come to more than {PINNED_CHARACTERS} characters."
                " Unpin something first."
            )


def stands_in_place_of(row: Message) -> str | None:
    """The id of the memory that a note corrected; None for any other row."""
    stood = ours(row.metadata).get(_IN_PLACE_OF) if row.role == "note" else None
    return stood if isinstance(stood, str) else None


def _noted(row: Message, *, created: bool) -> Noted:
    text = row.content.strip()
    return Noted(point_id(row.id, text_hash(text)), text, row.pinned is not None, row, created)


def _all(pinned: bool) -> Pinned:
    return "all" if pinned else None


def _correction_of(memory_id: str) -> str:
    return f"{OURS}/in-place-of/{memory_id}"
