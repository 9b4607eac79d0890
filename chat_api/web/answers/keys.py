"""What is answered about keys."""

from datetime import datetime
from typing import Self

from pydantic import Field

from chat_api.auth.keys import ApiKey
from chat_api.auth.keys import Kind as KeyKind
from chat_api.web.answers.answer import Answer


class KeyOut(Answer):
    """What is known of a key; its text is kept nowhere."""

    key_id: str = Field(description="To revoke it by; no secret.")
    kind: KeyKind = Field(description="Whom it may name.")
    bound_to: str | None = Field(description="The user or the tenant; null for an admin's.")
    label: str | None = Field(description="For people, to tell keys apart by.")
    trusts_user_header: bool = Field(description="Whether `X-OpenWebUI-User-Id` is believed.")
    created_at: datetime = Field(description="When it was made.")
    last_used_at: datetime | None = Field(description="To the minute; null where it was never used.")
    expires_at: datetime | None = Field(description="Null where it does not expire.")
    revoked_at: datetime | None = Field(description="Null where it was not revoked.")

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        return cls(
            key_id=key.key_id,
            kind=key.kind,
            bound_to=key.bound_to,
            label=key.label,
            trusts_user_header=key.trusts_user_header,
            created_at=key.created_at,
            last_used_at=key.last_used_at,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
        )


class KeyMadeOut(KeyOut):
    """A new key."""

    key: str = Field(description="Its text, which nobody can tell later.")


class KeysOut(Answer):
    """A page of keys, by their ids."""

    keys: list[KeyOut] = Field(description="The page.")
    after: str | None = Field(description="To ask for the next page with; null on the last one.")
