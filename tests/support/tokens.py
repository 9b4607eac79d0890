"""An identity provider: its keys as it publishes them, and its tokens."""

import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm

AUDIENCE, ISSUER = "oboegaki", "https://id.example"


class Issuer:
    """One key of a provider's."""

    def __init__(self, kid: str = "one") -> None:
        self.kid = kid
        self._key = ec.generate_private_key(ec.SECP256R1())

    def public(self) -> dict[str, Any]:
        """The key as it is published."""
        return {**ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True), "kid": self.kid, "use": "sig"}

    def pem(self) -> bytes:
        """The same as text, which somebody might take for a shared secret."""
        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def token(self, *, lasts_s: float = 300, without: str = "", **claims: object) -> str:
        """A token for this service, with other claims or without one of them."""
        usual = {"sub": "hanako", "aud": AUDIENCE, "iss": ISSUER, "exp": int(time.time() + lasts_s)}
        told = {name: value for name, value in {**usual, **claims}.items() if name != without}
        return jwt.encode(told, self._key, algorithm="ES256", headers={"kid": self.kid})


def publish(path: Path, *keys: dict[str, Any]) -> Path:
    """A file of keys."""
    path.write_text(json.dumps({"keys": keys}))
    return path
