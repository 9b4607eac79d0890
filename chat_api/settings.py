"""Settings of the chat API, from the environment (`OBOEGAKI_…`)."""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Self

from limits import parse
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

#: The longest content that the table takes, and that Kafka's record size is derived from.
CONTENT_CEILING = 1_000_000

#: Part of the Kafka topics' names, so none to choose.
DATABASE = "chat"
#: May write rows, but not change whose they are.
_ACCOUNT = "oboegaki_api"

_SYSTEM_PROMPT = (
    "You are a helpful assistant with a long-term memory of the user. Answer in the user's language. "
    "Use what you remember where it helps, and mind the dates: newer notes win over older ones. "
    "Do not claim to remember what is not written here."
)


@dataclass(frozen=True, slots=True)
class Account:
    """Where MySQL is and as whom to speak to it."""

    host: str
    port: int
    database: str
    user: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class Provider:
    """An identity provider: whose tokens are taken, for whom, and where they say who calls."""

    #: A file, or an `http` or `https` address.
    keys: str
    audience: str
    issuer: str
    user_claim: str = "sub"
    #: Where set, every token has it, and its user is `<tenant>/<user>`.
    tenant_claim: str | None = None
    #: How far the provider's clock may be from ours.
    leeway: timedelta = timedelta(seconds=30)


class ApiSettings(BaseSettings):
    """How the chat API listens, stores and answers."""

    model_config = SettingsConfigDict(env_prefix="OBOEGAKI_", frozen=True, extra="ignore", env_ignore_empty=True)

    host: str = Field(
        default="127.0.0.1",
        description="Address the API listens on. Anything but loopback lets other machines in: use TLS before it.",
    )
    port: int = Field(default=8420, ge=1, le=65535, description="Port of the API. Two instances need two of them.")
    api_key: SecretStr = Field(
        min_length=16,
        description="The admin key: whoever has it may read and write every user's memory.",
    )
    jwt_keys: str | None = Field(
        default=None,
        min_length=1,
        description="Public keys of an identity provider (a JWKS), as a file or an address, such as"
        " `https://id.example/.well-known/jwks.json`. With it, its tokens (JWT) are taken for keys of their users."
        " Read again every five minutes, and where a token names a key that is not in it.",
    )
    jwt_audience: str | None = Field(
        default=None,
        min_length=1,
        description="Audience (`aud`) that a token must be for. Goes with `OBOEGAKI_JWT_KEYS`.",
    )
    jwt_issuer: str | None = Field(
        default=None,
        min_length=1,
        description="Issuer (`iss`) that a token must be of. Goes with `OBOEGAKI_JWT_KEYS`.",
    )
    jwt_user_claim: str = Field(default="sub", min_length=1, description="Claim of a token that is the user's id.")
    jwt_tenant_claim: str | None = Field(
        default=None,
        min_length=1,
        description="Claim of a token that names its tenant: with it every token must have one, and its user is"
        " `<tenant>/<user>`.",
    )
    jwt_leeway: timedelta = Field(
        default=timedelta(seconds=30),
        ge=timedelta(0),
        le=timedelta(minutes=10),
        description="How far the identity provider's clock may be from this one.",
    )
    metrics_open: bool = Field(
        default=False,
        description="Whether `GET /metrics` answers without a key. It names no user and quotes nothing.",
    )
    rate_limit: str = Field(
        default="600/minute",
        description="How often each key may ask, such as `10/second` or `5000/hour`; `none`: as often as it likes."
        " `OBOEGAKI_API_KEY` is not limited.",
    )
    rate_limit_storage: SecretStr = Field(
        default=SecretStr("memory://"),
        description="Where that is counted: `memory://` in each process by itself, or `redis://host:port/0` for"
        " several API processes (`pip install 'oboegaki[redis]'`). While Redis is away, each counts by itself.",
    )
    cors_origins: str = Field(
        default="",
        description="Origins whose pages may call the API from a browser, with commas between, such as"
        " `https://chat.example`; none by default.",
    )
    mysql_host: str = Field(default="127.0.0.1", description="Machine that MySQL runs on.")
    mysql_port: int = Field(default=8421, ge=1, le=65535, description="Port that MySQL listens on.")
    mysql_password: SecretStr = Field(
        default=SecretStr(""),
        description="Password of the account `oboegaki_api`, which rows are written as.",
    )
    mysql_pool_size: int = Field(
        default=8,
        ge=1,
        le=64,
        description="Most connections to MySQL at once; further requests wait for one, five seconds at most. Keys"
        " are looked up on up to four more.",
    )
    max_content_characters: int = Field(
        default=100_000,
        ge=1,
        le=CONTENT_CEILING,
        description="Longest message that is taken, in characters; longer ones are refused, never cut.",
    )
    max_body_bytes: int = Field(
        default=16 * 1024 * 1024,
        ge=1024,
        le=24 * 1024 * 1024,
        description="Largest request body that is read, so also how much can be posted in one call.",
    )
    recall_limit: int = Field(
        default=10,
        ge=1,
        le=100,
        description="Memories that a recall returns unless it says how many, and that a chat reply is given.",
    )
    min_score: float | None = Field(
        default=None,
        allow_inf_nan=False,
        description="What the best memory must come to for a recall to return any, where the request has no"
        " `min_score`: so what only looks like an answer is kept back. 0 returns the nearest always; unset, it is"
        " 0.753 for a Japanese memory and 0.77 for an English one with the bundled embedder, else 0. A request's"
        " own `min_score` is what each memory must come to.",
    )
    pending_limit: int = Field(
        default=20,
        ge=0,
        le=200,
        description="Most rows not learned yet that a recall adds, newest first.",
    )
    chat_turns: int = Field(
        default=20,
        ge=0,
        le=500,
        description="Earlier messages of the conversation that a reply is given. More cost more tokens.",
    )
    chat_turn_tokens: int = Field(
        default=8000,
        ge=0,
        le=1_000_000,
        description="Most tokens that those may come to, the oldest being left out: about, a character of Japanese"
        " being one and four of English.",
    )
    memory_tokens: int = Field(
        default=2000,
        ge=0,
        le=100_000,
        description="Most tokens of memories, and of what was said too recently to be learned, that a reply is"
        " given, estimated alike; the profile comes on top, 300 at most.",
    )
    recall_words: str = Field(
        default="",
        description="Words, with commas or 、 between them, that make `recall: auto` recall, beside those built in"
        " (such as 覚えて, 前回, remember, last time).",
    )
    max_replies: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        description="Most replies under way at once; more are refused with status 503 and asked to come again.",
    )
    max_requests: int = Field(
        default=2000,
        ge=1,
        le=100_000,
        description="Most requests under way at once in a process, streams and those that wait for learning among"
        " them; more are refused with status 503 and asked to come again. Each takes an open file, and a reply a"
        " second one.",
    )
    max_requests_per_user: int | None = Field(
        default=None,
        ge=1,
        description="Most of those for one user's keys and tokens together; more are refused with status 429 and"
        " asked to come again. A quarter of `OBOEGAKI_MAX_REQUESTS` if unset, and always the same part of"
        " `OBOEGAKI_MAX_REPLIES`. Keys of admins are not bounded.",
    )
    max_requests_per_tenant: int | None = Field(
        default=None,
        ge=1,
        description="The same for one tenant's keys together; three quarters if unset.",
    )
    llm_url: str | None = Field(
        default=None,
        description="Base address of an OpenAI-compatible server, such as `http://127.0.0.1:11434/v1`."
        " Without it, `/v1/chat` answers with what it recalled and says that no model is connected, and learning"
        " asks none.",
    )
    llm_model: str = Field(default="default", description="Name of the model to ask that server for.")
    llm_api_key: SecretStr = Field(
        default=SecretStr("none"), description="Key for that server; local servers take anything."
    )
    llm_timeout: timedelta = Field(
        default=timedelta(seconds=120),
        description="How long a reply, or the next piece of a streamed one, may take before the request ends with"
        " status 502.",
    )
    trust_openwebui_user: bool = Field(
        default=False,
        description="Whether `X-OpenWebUI-User-Id` says whose memory a chat completion is about where it comes"
        " with the admin key. Only where nobody but Open WebUI has that key.",
    )
    erased_within: timedelta = Field(
        default=timedelta(hours=24),
        ge=timedelta(minutes=1),
        description="The promise for erased text: within this time of the call it is gone from both logs and from"
        " the files of the memories, where learning runs. A hundredth of it, five minutes at most, lies between"
        " two looks at how far it is, and never less than a look takes.",
    )
    system_prompt: str = Field(
        default=_SYSTEM_PROMPT,
        description="What the model is told before the memories and the conversation.",
    )

    @field_validator("rate_limit")
    @classmethod
    def _rate_limit_is_one(cls, value: str) -> str:
        limit = "" if value.strip() == "none" else value.strip()
        try:
            if limit:
                parse(limit)
        except ValueError as exc:
            raise ValueError("must be a number by a length of time, such as 600/minute, or none") from exc
        return limit

    @field_validator("rate_limit_storage")
    @classmethod
    def _storage_is_known(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("memory://", "redis://", "rediss://", "unix://")):
            raise ValueError("must be memory://, or an address that begins with redis://, rediss:// or unix://")
        return value

    def rate_limit_redis(self) -> str | None:
        """The Redis that requests are counted in; None where each process counts by itself."""
        place = self.rate_limit_storage.get_secret_value()
        return None if place.startswith("memory://") else place

    def origins(self) -> list[str]:
        """Origins whose pages may call the API."""
        return [origin.strip().rstrip("/") for origin in self.cors_origins.split(",") if origin.strip()]

    @model_validator(mode="after")
    def _jwt_is_whole(self) -> Self:
        if (self.jwt_keys is None) != (self.jwt_audience is None) or (self.jwt_keys is None) != (
            self.jwt_issuer is None
        ):
            raise ValueError("OBOEGAKI_JWT_KEYS, OBOEGAKI_JWT_AUDIENCE and OBOEGAKI_JWT_ISSUER are set together")
        return self

    def provider(self) -> Provider | None:
        """Whose tokens are taken, if anybody's."""
        if self.jwt_keys is None or self.jwt_audience is None or self.jwt_issuer is None:
            return None
        return Provider(
            keys=self.jwt_keys,
            audience=self.jwt_audience,
            issuer=self.jwt_issuer,
            user_claim=self.jwt_user_claim,
            tenant_claim=self.jwt_tenant_claim,
            leeway=self.jwt_leeway,
        )

    def of_user(self, most: int) -> int:
        """How many of so many, requests or replies, one user may have under way."""
        return _part(most, self.max_requests_per_user or self.max_requests / 4, self.max_requests)

    def of_tenant(self, most: int) -> int:
        """How many of so many one tenant may have under way."""
        return _part(most, self.max_requests_per_tenant or self.max_requests * 3 / 4, self.max_requests)

    def account(self) -> Account:
        """The account that rows are written as."""
        return Account(
            host=self.mysql_host,
            port=self.mysql_port,
            database=DATABASE,
            user=_ACCOUNT,
            password=self.mysql_password,
        )


def _part(most: int, part: float, whole: int) -> int:
    # Whoever may ask at all may have one.
    return min(most, ceil(most * part / whole))
