"""Tokens of an identity provider: whose they are, and all that makes one worth nothing."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from chat_api.auth.admission import _WAITING, Admission
from chat_api.auth.callers import Caller
from chat_api.auth.key_ring import KeyRing
from chat_api.auth.tokens import Tokens
from chat_api.errors import Overloaded, Unauthorized, Unavailable
from chat_api.settings import Provider
from tests.support.deadline import DEADLINE_S, eventually
from tests.support.keys import KeptKeys
from tests.support.services import now
from tests.support.tokens import AUDIENCE, ISSUER, Issuer, publish

ISSUED_BY = Issuer()
ANOTHER = Issuer()


@pytest.fixture
def provider(tmp_path: Path) -> Provider:
    return Provider(str(publish(tmp_path / "keys.json", ISSUED_BY.public())), AUDIENCE, ISSUER)


def forged(header: dict[str, object], secret: bytes | None) -> str:
    claims = {"sub": "hanako", "aud": AUDIENCE, "iss": ISSUER, "exp": int(time.time()) + 300}
    told = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
    signature = b"" if secret is None else hmac.digest(secret, told.encode(), hashlib.sha256)
    return f"{told}.{_encoded(signature)}"


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def test_a_token_is_its_users_and_nobody_elses(provider: Provider) -> None:
    caller = Tokens(provider).caller(ISSUED_BY.token())

    assert (caller.kind, caller.bound_to, caller.trusts_user_header) == ("user", "hanako", False)
    assert not caller.may_name("taro")


def test_the_user_and_the_tenant_are_the_claims_that_are_set(provider: Provider) -> None:
    set_so = replace(provider, user_claim="email", tenant_claim="org")
    caller = Tokens(set_so).caller(ISSUED_BY.token(email="h@example", org="shop"))

    assert caller.bound_to == "shop/h@example"


WORTHLESS: dict[str, Callable[[], str]] = {
    "of another key by the same name": ANOTHER.token,
    "of a key by another name": lambda: Issuer("two").token(),
    "expired": lambda: ISSUED_BY.token(lasts_s=-60),
    "not valid yet": lambda: ISSUED_BY.token(nbf=int(time.time()) + 60),
    "for another service": lambda: ISSUED_BY.token(aud="another"),
    "of another issuer": lambda: ISSUED_BY.token(iss="https://another.example"),
    "good for ever": lambda: ISSUED_BY.token(without="exp"),
    "for nobody": lambda: ISSUED_BY.token(without="aud"),
    "of nobody": lambda: ISSUED_BY.token(without="iss"),
    "without a user": lambda: ISSUED_BY.token(without="sub"),
    "of a user that is no text": lambda: ISSUED_BY.token(email=7, without="sub"),
    "of a user with too long an id": lambda: ISSUED_BY.token(sub="u" * 256),
    "of a user without an id": lambda: ISSUED_BY.token(sub=""),
    "without a signature": lambda: forged({"alg": "none", "kid": "one"}, None),
    "signed by the public key as if it were a secret": lambda: forged(
        {"alg": "HS256", "kid": "one"}, ISSUED_BY.pem()
    ),
    "no token": lambda: "a.b.c",
    "no text": lambda: "..",
}


@pytest.mark.parametrize("kind", WORTHLESS)
def test_a_token_is_worth_nothing_that_is(provider: Provider, kind: str) -> None:
    with pytest.raises(Unauthorized) as refused:
        Tokens(provider).caller(WORTHLESS[kind]())
    assert "hanako" not in str(refused.value)


@pytest.mark.parametrize("claims", [{}, {"org": ""}, {"org": 7}, {"org": "shop/tokyo"}], ids=str)
def test_where_tenants_are_told_every_token_tells_one_that_nobody_elses_user_can_be_in(
    provider: Provider, claims: dict[str, Any]
) -> None:
    with pytest.raises(Unauthorized):
        Tokens(replace(provider, tenant_claim="org")).caller(ISSUED_BY.token(**claims))


def test_the_providers_clock_may_be_a_little_off(provider: Provider) -> None:
    assert Tokens(provider).caller(ISSUED_BY.token(lasts_s=-5)).bound_to == "hanako"


def test_a_shared_secret_among_the_keys_is_taken_for_none(tmp_path: Path) -> None:
    secret = {"kty": "oct", "k": _encoded(b"s" * 32), "kid": "one"}
    keys = publish(tmp_path / "keys.json", secret, Issuer("two").public())
    with pytest.raises(Unauthorized):
        Tokens(Provider(str(keys), AUDIENCE, ISSUER)).caller(forged({"alg": "HS256", "kid": "one"}, b"s" * 32))


def test_a_new_key_is_found_by_the_first_token_of_it_but_not_looked_for_at_each(
    provider: Provider, tmp_path: Path
) -> None:
    at = [0.0]
    tokens, new = Tokens(provider, lambda: at[0]), Issuer("two")
    tokens.caller(ISSUED_BY.token())
    publish(tmp_path / "keys.json", ISSUED_BY.public(), new.public())
    with pytest.raises(Unauthorized):
        tokens.caller(new.token())
    at[0] = 11.0

    assert tokens.caller(new.token()).bound_to == "hanako"


def test_a_key_that_was_withdrawn_is_no_longer_taken_after_five_minutes(
    provider: Provider, tmp_path: Path
) -> None:
    at = [0.0]
    tokens = Tokens(provider, lambda: at[0])
    tokens.caller(ISSUED_BY.token())
    publish(tmp_path / "keys.json", Issuer("two").public())
    at[0] = 300.0

    with pytest.raises(Unauthorized):
        tokens.caller(ISSUED_BY.token())


@pytest.mark.parametrize("text", [None, "", "[]", '{"keys": []}', "{"])
def test_while_the_provider_is_away_known_keys_go_on_and_others_are_not_called_wrong(
    provider: Provider, tmp_path: Path, text: str | None
) -> None:
    at = [0.0]
    tokens = Tokens(provider, lambda: at[0])
    tokens.caller(ISSUED_BY.token())
    (tmp_path / "keys.json").unlink()
    if text is not None:
        (tmp_path / "keys.json").write_text(text)
    for at[0] in (400.0, 401.0):
        assert tokens.caller(ISSUED_BY.token()).bound_to == "hanako"
        with pytest.raises(Unavailable):
            tokens.caller(Issuer("two").token())
    with pytest.raises(Unavailable):
        Tokens(provider).caller(ISSUED_BY.token())


def test_keys_are_fetched_from_an_address(provider: Provider) -> None:
    body = Path(provider.keys).read_bytes()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            address = f"http://127.0.0.1:{server.server_port}/keys"
            assert Tokens(replace(provider, keys=address)).caller(ISSUED_BY.token()).bound_to == "hanako"
        finally:
            server.shutdown()
            thread.join()


def admission(provider: Provider) -> Admission:
    return Admission(SecretStr("x" * 20), KeyRing(KeptKeys(), now), now, Tokens(provider))


def test_tokens_that_wait_for_the_providers_keys_are_bounded(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    # Nobody can read it until somebody writes it.
    os.mkfifo(keys)
    gate, told = admission(Provider(str(keys), AUDIENCE, ISSUER)), list[type[Exception]]()

    async def stranger(number: int) -> None:
        token = Issuer(str(number)).token() if number % 2 else f"{number}.b.c"
        try:
            await gate.caller(f"Bearer {token}")
        except (Unauthorized, Unavailable) as exc:
            told.append(type(exc))

    async def run() -> None:
        asked = [asyncio.create_task(stranger(number)) for number in range(_WAITING + 10)]
        try:
            await eventually(lambda: told.count(Overloaded) == 10, deadline_s=20)
        finally:
            await asyncio.to_thread(keys.write_bytes, b"")
        await asyncio.gather(*asked)

    asyncio.run(asyncio.wait_for(run(), DEADLINE_S))
    assert told.count(Unavailable) + told.count(Unauthorized) == _WAITING


def test_tokens_of_a_key_that_was_read_are_never_too_many(provider: Provider) -> None:
    gate, token = admission(provider), ISSUED_BY.token()

    async def run() -> list[Caller]:
        await gate.caller(f"Bearer {token}")
        return await asyncio.gather(*(gate.caller(f"Bearer {token}") for _ in range(_WAITING + 10)))

    assert {caller.bound_to for caller in asyncio.run(run())} == {"hanako"}
