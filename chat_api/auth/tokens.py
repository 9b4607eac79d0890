"""JSON Web Tokens of an identity provider: whose they are, checked by the provider's public keys."""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import jwt
from pydantic import TypeAdapter, ValidationError

from chat_api.auth.callers import Caller
from chat_api.errors import Unauthorized, Unavailable
from chat_api.fields import Identifier
from chat_api.settings import Provider

_log = logging.getLogger(__name__)

#: Asymmetric ones only: a public key must never be taken for a shared secret.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
#: The provider's keys are read again after so long, so that one it has withdrawn is no longer taken.
_FRESH_S = 300.0
#: A key that nobody knows has them read again, but no more often than this; they may also just have been away.
_AGAIN_S = 10.0
_FETCH_S = 5.0
_MOST_BYTES = 1_000_000
_WRONG = "This token is not one of this service's identity provider, or not for this service."

_user = TypeAdapter[str](Identifier)


class Tokens:
    """Thread-safe. Keys that were read go on while the provider is away."""

    def __init__(self, provider: Provider, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._provider = provider
        self._monotonic = monotonic
        self._reading = threading.Lock()
        self._keys: Mapping[str | None, jwt.PyJWK] = {}
        #: Whether a key that is not among them may be one all the same.
        self._unsure = True
        self._read_at = self._tried_at = float("-inf")

    def caller(self, token: str) -> Caller:
        """Who calls with it. Raises Unauthorized, and Unavailable where the provider's keys cannot be read."""
        try:
            key = self._key(jwt.get_unverified_header(token))
            claims = self._claims(token, key)
        except jwt.ExpiredSignatureError as exc:
            raise Unauthorized("This token has expired.") from exc
        except jwt.PyJWTError as exc:
            raise Unauthorized(_WRONG) from exc
        return self._caller(claims)

    def knows_key_of(self, token: str) -> bool:
        """Whether it names a key that was read, so that nothing is waited for; it may still be worth nothing."""
        try:
            return jwt.get_unverified_header(token).get("kid") in self._keys
        except jwt.PyJWTError:
            return False

    def _claims(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        provider = self._provider
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=_ALGORITHMS,
            audience=provider.audience,
            issuer=provider.issuer,
            leeway=provider.leeway,
            options={"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True},
        )
        return claims

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        provider = self._provider
        user = _text(claims, provider.user_claim)
        if provider.tenant_claim is not None:
            tenant = _text(claims, provider.tenant_claim)
            if "/" in tenant:
                # `a/b` and `c` would be the same user as `a` and `b/c`.
                raise Unauthorized(f"The token's claim {provider.tenant_claim} must not hold a slash.")
            user = f"{tenant}/{user}"
        try:
            bound_to = _user.validate_python(user, strict=True)
        except ValidationError as exc:
            raise Unauthorized(f"The token's claim {provider.user_claim} is no id of a user.") from exc
        return Caller(f"jwt:{bound_to}", "user", bound_to)

    def _key(self, header: Mapping[str, Any]) -> jwt.PyJWK:
        kid = header.get("kid")
        if self._monotonic() - self._read_at >= _FRESH_S:
            self._read()
        if kid not in self._keys:
            self._read()
        if kid in self._keys:
            return self._keys[kid]
        if self._unsure:
            raise Unavailable("The identity provider's keys cannot be read. Try again.")
        raise jwt.InvalidKeyError

    def _read(self) -> None:
        """Reads the provider's keys, unless that was just tried or is under way."""
        # Whoever has a good key waits for nobody who has none, however slow the provider is.
        if not self._reading.acquire(blocking=not self._keys):
            return
        try:
            now = self._monotonic()
            if now - self._tried_at < _AGAIN_S:
                return
            self._tried_at, self._unsure = now, True
            self._keys = _by_id(_fetched(self._provider.keys))
            self._read_at, self._unsure = now, False
        except (OSError, ValueError, httpx.HTTPError, jwt.PyJWTError) as exc:
            _log.warning("The identity provider's keys cannot be read (%s).", type(exc).__name__)
        finally:
            self._reading.release()


def _fetched(place: str) -> bytes:
    if not place.startswith(("http://", "https://")):
        return Path(place).read_bytes()
    answer = httpx.get(place, timeout=_FETCH_S, follow_redirects=False)
    answer.raise_for_status()
    if answer.status_code != httpx.codes.OK or len(answer.content) > _MOST_BYTES:
        raise ValueError
    return answer.content


def _by_id(text: bytes) -> dict[str | None, jwt.PyJWK]:
    listed = json.loads(text)
    if not isinstance(listed, dict):
        raise ValueError  # noqa: TRY004  as for any other text that is no key set
    keys = [
        key for key in jwt.PyJWKSet.from_dict(listed).keys if key.key_type != "oct" and key.public_key_use != "enc"
    ]
    # Only one that is alone can be meant by a token that names none.
    alone: dict[str | None, jwt.PyJWK] = {None: keys[0]} if len(keys) == 1 else {}
    return alone | {key.key_id: key for key in keys if key.key_id is not None}


def _text(claims: Mapping[str, Any], name: str) -> str:
    found = claims.get(name)
    if not isinstance(found, str) or not found:
        raise Unauthorized(f"The token has no claim {name} that is a text.")
    return found
