"""Which messages' memories are wanted, by what the rows say beside their words. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chat_api.messages import Message


@dataclass(frozen=True, slots=True)
class RowFilter:
    """What the message that a memory is filed under has to be; without bounds every one is taken.

    Asked of the rows and not of the store: they are read for every memory anyway, and what they say may be edited
    at any time without anything being learned anew.
    """

    agent_id: str | None = None
    #: By key what a value on the first level of the metadata has to be, as text: `true`, `3`, `work`.
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        """Whether nothing is asked."""
        return self.agent_id is None and not self.metadata

    def takes(self, row: Message) -> bool:
        """Whether a message is wanted."""
        if self.agent_id not in (None, row.agent_id):
            return False
        held = row.metadata or {}
        return all(key in held and _as_text(held[key]) == value for key, value in self.metadata.items())


def _as_text(value: Any) -> str:  # noqa: ANN401  JSON
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
