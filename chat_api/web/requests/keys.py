"""What is asked about keys."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Discriminator, Field

from chat_api.auth.keys import NewKey
from chat_api.errors import Invalid
from chat_api.fields import Identifier, Rfc3339, Tenant
from chat_api.web.requests.request import Body, Query


class _AnyKeyIn(Body):
    label: Identifier | None = Field(default=None, description="For people, to tell keys apart by.")
    expires_at: Rfc3339 | None = Field(default=None, description="Never, if left out.")

    def _expiry(self, now: datetime) -> datetime | None:
        if self.expires_at is not None and self.expires_at <= now:
            raise Invalid("expires_at: must not have passed.")
        return None if self.expires_at is None else self.expires_at.astimezone(UTC)


_Trusts = Annotated[
    bool, Field(description="Whether `X-OpenWebUI-User-Id` tells the user, among those that the key may name.")
]


class UserKeyIn(_AnyKeyIn):
    """A key that names one user."""

    kind: Literal["user"] = Field(description="Whom it may name.")
    bound_to: Identifier = Field(description="The user.")

    def new(self, now: datetime) -> NewKey:
        """The key as the rows take it. Raises Invalid."""
        return NewKey("user", self.bound_to, self.label, expires_at=self._expiry(now))


class TenantKeyIn(_AnyKeyIn):
    """A key that names the users of a tenant: those whose ids begin with the tenant and a slash."""

    kind: Literal["tenant"] = Field(description="Whom it may name.")
    bound_to: Tenant = Field(description="The tenant.")
    trusts_user_header: _Trusts = False

    def new(self, now: datetime) -> NewKey:
        """The key as the rows take it. Raises Invalid."""
        return NewKey("tenant", self.bound_to, self.label, self.trusts_user_header, self._expiry(now))


class AdminKeyIn(_AnyKeyIn):
    """A key that names everybody and may do everything."""

    kind: Literal["admin"] = Field(description="Whom it may name.")
    trusts_user_header: _Trusts = False

    def new(self, now: datetime) -> NewKey:
        """The key as the rows take it. Raises Invalid."""
        return NewKey("admin", None, self.label, self.trusts_user_header, self._expiry(now))


KeyIn = Annotated[UserKeyIn | TenantKeyIn | AdminKeyIn, Discriminator("kind")]


class KeysQuery(Query):
    """A page of keys."""

    limit: int = Field(default=100, ge=1, le=1000, description="How many at most.")
    after: str = Field(
        default="", max_length=32, pattern="^[0-9a-f]*$", description="The last key id of the page before."
    )
