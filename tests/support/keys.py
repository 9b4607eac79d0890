"""Keys kept in memory, where they can be away, beside what keeps them in MySQL."""

from dataclasses import replace
from datetime import datetime

from chat_api.auth.keys import ApiKey, NewKey
from chat_api.errors import NotFound, Overloaded, Unavailable
from tests.support.services import now


class KeptKeys:
    """As `MySqlKeyRows` keeps them: held to the same tests."""

    def __init__(self) -> None:
        self._by_digest: dict[str, ApiKey] = {}
        self.away = False
        #: Whether every connection is in use.
        self.busy = False
        #: How often a key was looked up.
        self.looked_up = 0

    def add(self, key_id: str, digest: str, new: NewKey) -> ApiKey:
        self._check()
        made = ApiKey(
            key_id, new.kind, new.bound_to, new.label, new.trusts_user_header, now(), None, new.expires_at, None
        )
        self._by_digest[digest] = made
        return made

    def used(self, digest: str, now: datetime) -> ApiKey | None:
        self.looked_up += 1
        self._check()
        found = self._by_digest.get(digest)
        if found is not None:
            self._by_digest[digest] = replace(found, last_used_at=now)
        return found

    def listed(self, *, limit: int, after: str = "") -> list[ApiKey]:
        self._check()
        found = sorted(self._by_digest.values(), key=lambda key: key.key_id)
        return [key for key in found if key.key_id > after][:limit]

    def revoke(self, key_id: str, now: datetime) -> ApiKey:
        self._check()
        for digest, key in self._by_digest.items():
            if key.key_id == key_id:
                self._by_digest[digest] = replace(key, revoked_at=key.revoked_at or now)
                return self._by_digest[digest]
        raise NotFound("There is no such key.")

    def _check(self) -> None:
        if self.away:
            raise Unavailable("The database is away.")
        if self.busy:
            raise Overloaded("Every connection is in use.")
