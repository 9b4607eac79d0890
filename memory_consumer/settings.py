"""Settings of the memory consumer, from the environment (`OBOEGAKI_…`)."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from memory_consumer.asking.windows import WindowPolicy


class ConsumerSettings(BaseSettings):
    """How change events become memories."""

    model_config = SettingsConfigDict(env_prefix="OBOEGAKI_", frozen=True, extra="ignore", env_ignore_empty=True)

    kafka: str = Field(
        default="127.0.0.1:8422",
        description="Kafka's address, `host:port`, several with commas between. `oboegaki run` sets it.",
    )
    kafka_user: str = Field(
        default="",
        description="Account at Kafka, proved by SCRAM-SHA-512; empty where Kafka asks for none. `oboegaki run`"
        " sets it for its own Kafka.",
    )
    kafka_password: SecretStr = Field(default=SecretStr(""), description="Password of that account.")
    home: Path = Field(
        default=Path(".oboegaki"),
        description="Folder of everything that oboegaki keeps on disk; two instances need two of them.",
    )
    facts_version: str = Field(
        default="v1",
        pattern=r"^v[0-9]+$",
        description="The facts log that extract writes and project reads: `oboegaki.chat.facts.<version>`.",
    )
    extract_batch: int = Field(
        default=500,
        ge=1,
        description="Most change events learned in one go; bounds memory at a backlog.",
    )
    project_batch: int = Field(
        default=64, ge=1, description="Most facts records that are embedded and stored in one go."
    )
    linger: timedelta = Field(
        default=timedelta(milliseconds=50),
        gt=timedelta(0),
        description="How long a stage waits for a batch to fill. Added to the freshness of each stage.",
    )
    window_idle: timedelta = Field(
        default=timedelta(seconds=5),
        ge=timedelta(0),
        description="With a language model: a user's messages are learned once nothing more came for so long."
        " Shorter is fresher, longer costs fewer calls of the model.",
    )
    window_messages: int = Field(
        default=10,
        ge=1,
        le=100,
        description="With a language model: once so many messages of a user wait they are learned, in one call.",
    )
    window_backlog: int = Field(
        default=20,
        ge=1,
        le=100,
        description="With a language model: most messages of a user in one call where more wait than"
        " `OBOEGAKI_WINDOW_MESSAGES`, as after an import. More cost fewer calls; a small model overlooks more.",
    )
    window_tokens: int = Field(
        default=2000,
        ge=1,
        description="With a language model: so many tokens (about) of a user's messages are learned at once; a"
        " longer message has a call of its own.",
    )
    ask_concurrency: int = Field(
        default=1,
        ge=1,
        le=64,
        description="With a language model: calls at the same time, for different users. More help only where the"
        " server answers several at once; a second call would wait within `OBOEGAKI_ASK_TIMEOUT`.",
    )
    profile_every: timedelta = Field(
        default=timedelta(minutes=10),
        ge=timedelta(0),
        description="With a language model: a user's profile is written anew by it at most once in this time, and"
        " only after facts changed. What is deleted leaves the profile at once in any case.",
    )
    transaction_timeout: timedelta = Field(
        default=timedelta(seconds=10),
        gt=timedelta(0),
        le=timedelta(seconds=60),
        description="After this long Kafka gives up a transaction whose owner has died; readers wait as long.",
    )
    erased_within: timedelta = Field(
        default=timedelta(hours=24),
        ge=timedelta(minutes=1),
        description="The promise for erased text: within this time of the call it is gone from both logs and from"
        " the files of the memories, where learning runs. A hundredth of it, five minutes at most, lies between"
        " two looks at how far it is, and never less than a look takes.",
    )
    extractor: Literal["auto", "offline", "mem0"] = Field(
        default="auto",
        description="Who finds the facts: `mem0` asks a language model, `offline` keeps what users say in"
        " their own words, `auto` is `mem0` where `OBOEGAKI_LLM_URL` or another provider than `openai` is set.",
    )
    llm_provider: str = Field(
        default="openai",
        description="Which of Mem0's providers asks the model when learning. `openai` fits every OpenAI-compatible"
        " server; some others need a package of their own. Chat replies always go to `OBOEGAKI_LLM_URL`.",
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
    ask_timeout: timedelta = Field(
        default=timedelta(minutes=10),
        gt=timedelta(0),
        description="With a language model: how long an answer may take when learning before it is asked again."
        " Only its user's learning waits for it. On a CPU a call may take minutes.",
    )
    extract_prompt: Literal["compact", "mem0"] = Field(
        default="compact",
        description="What the model is told: `compact` is of about 600 tokens, `mem0` is Mem0's own of about"
        " 8,000, for large models. Another prompt is another extractor.",
    )
    extract_answer_tokens: int = Field(
        default=4000,
        ge=256,
        description="Longest answer of the model when learning, in tokens, thinking included; one that is cut off"
        " is none.",
    )

    def window_policy(self) -> WindowPolicy:
        """When a window of messages closes."""
        return WindowPolicy(
            idle=self.window_idle,
            messages=self.window_messages,
            tokens=self.window_tokens,
            most=max(self.window_messages, self.window_backlog),
        )

    def client(self) -> dict[str, str | int | float | bool]:
        """What every Kafka client of ours is configured with."""
        return self._login() | {
            "bootstrap.servers": self.kafka,
            "client.id": "oboegaki",
            # What fails is raised or told to a callback; librdkafka would also write it to the terminal.
            "log_level": 0,
            "reconnect.backoff.ms": 200,
            "reconnect.backoff.max.ms": 2000,
        }

    def _login(self) -> dict[str, str | int | float | bool]:
        if not self.kafka_user:
            return {}
        return {
            "security.protocol": "sasl_plaintext",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": self.kafka_user,
            "sasl.password": self.kafka_password.get_secret_value(),
        }
