"""Keys of callers: what is known of one, and how its text is made and recognized. Pure but for the randomness."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chat_api.auth.callers import Caller
from chat_api.errors import Unauthorized

Kind = Literal["admin", "tenant", "user"]

_PREFIX = "oboegaki_"
_RANDOM_BYTES = 32
_TEXT = re.compile(rf"{_PREFIX}[A-Za-z0-9_-]{{43}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to make. `bound_to` is the user or the tenant; None for an admin's."""

    kind: Kind
    bound_to: str | None = None
    label: str | None = None
    trusts_user_header: bool = False
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key; its text is kept nowhere. Times are UTC."""

    key_id: str
    kind: Kind
    bound_to: str | None
    label: str | None
    trusts_user_header: bool
    created_at: datetime
    #: To the minute, as it is noted at most once in one.
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None

    def caller(self, now: datetime) -> Caller:
        """Who calls with it. Raises Unauthorized where it is revoked or has expired."""
        if self.revoked_at is not None:
            raise Unauthorized("This key was revoked.")
        if self.expires_at is not None and self.expires_at <= now:
            raise Unauthorized("This key has expired.")
        return Caller(self.key_id, self.kind, self.bound_to, self.trusts_user_header)


def new_text() -> str:
    """The text of a new key: 256 random bits."""
    return _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def new_id() -> str:
    """What a key is called by; nothing of its text."""
    return secrets.token_hex(8)


def is_text(text: str) -> bool:
    """Whether a key of ours may read so; others need not be looked up."""
    return _TEXT.fullmatch(text) is not None


def without_keys(text: str) -> str:
    """The text with whatever may be a key of ours taken out."""
    return _TEXT.sub("(a key)", text)


def digest(text: str) -> str:
    """What is kept of a key's text. It is random enough to need no slow hash."""
    return hashlib.sha256(text.encode()).hexdigest()
