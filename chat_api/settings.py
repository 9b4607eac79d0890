"""Settings of the chat API, from the environment (`OBOEGAKI_…`)."""

from dataclasses import dataclass
from datetime import timedelta

from pydantic import Field, SecretStr
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


class ApiSettings(BaseSettings):
    """How the chat API listens, stores and answers."""

    model_config = SettingsConfigDict(env_prefix="OBOEGAKI_", frozen=True, extra="ignore")

    host: str = Field(
        default="127.0.0.1",
        description="Address the API listens on. Anything but loopback lets other machines in: use TLS before it.",
    )
    port: int = Field(default=8420, ge=1, le=65535, description="Port of the API. Two instances need two of them.")
    api_key: SecretStr = Field(
        min_length=16,
        description="The admin key: whoever has it may read and write every user's memory.",
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
        description="Most connections to MySQL at once; further requests wait for one, five seconds at most.",
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
    system_prompt: str = Field(
        default=_SYSTEM_PROMPT,
        description="What the model is told before the memories and the conversation.",
    )

    def account(self) -> Account:
        """The account that rows are written as."""
        return Account(
            host=self.mysql_host,
            port=self.mysql_port,
            database=DATABASE,
            user=_ACCOUNT,
            password=self.mysql_password,
        )
