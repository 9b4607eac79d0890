"""Who calls, and whose things they may name. Pure."""

from dataclasses import dataclass, field
from typing import Literal

from chat_api.errors import Forbidden

#: Between a tenant's name and the rest of its users' ids.
_TENANT_END = "/"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from, as its key says.

    An admin may name everybody; a tenant's key the users whose ids begin with the tenant and a slash; a user's key
    that user alone. It is decided by the id alone, so nothing can be told by it of who is there.
    """

    #: Of the key, for the audit log; never the key itself.
    key_id: str
    kind: Literal["admin", "tenant", "user"]
    #: The tenant or the user; None for an admin.
    bound_to: str | None = None
    #: Whether `X-OpenWebUI-User-Id` is believed.
    trusts_user_header: bool = False
    #: Whom this request named, refused or not, for the audit log.
    asked_for: list[str] = field(default_factory=list, compare=False, repr=False)
    #: What this request was about and its address does not tell, by names of ids, for the audit log.
    about: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def may_name(self, user_id: str) -> bool:
        """Whether that user's things may be read and changed."""
        if self.kind == "admin":
            return True
        if self.kind == "tenant":
            return user_id.startswith(f"{self.bound_to}{_TENANT_END}")
        return user_id == self.bound_to

    def named(self, user_id: str) -> str:
        """The user, where the key may name them. Raises Forbidden."""
        if user_id not in self.asked_for:
            self.asked_for.append(user_id)
        if not self.may_name(user_id):
            raise Forbidden("This key is not for that user.")
        return user_id
