"""Settings of the memory consumer, from the environment (`OBOEGAKI_…`)."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from memory_consumer.windows import WindowPolicy


class ConsumerSettings(BaseSettings):
    """How change events become memories."""

    model_config = SettingsConfigDict(env_prefix="OBOEGAKI_", frozen=True, extra="ignore")

    kafka: str = Field(
        default="127.0.0.1:8422",
        description="Kafka's address, `host:port`, several with commas between. `oboegaki run` sets it.",
    )
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
        description="With a language model: so many messages of a user are learned at once, in one call.",
    )
    window_tokens: int = Field(
        default=2000,
        ge=1,
        description="With a language model: so many tokens (about) of a user's messages are learned at once; a"
        " longer message has a call of its own.",
    )
    model_concurrency: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Calls of the language model at the same time, for different users. A model on the same CPU"
        " gains nothing from more.",
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
        description="The promise for erased text: compaction has removed it from both logs within this time"
        " of the next write to its partition.",
    )

    def window_policy(self) -> WindowPolicy:
        """When a window of messages closes."""
        return WindowPolicy(idle=self.window_idle, messages=self.window_messages, tokens=self.window_tokens)

    def client(self) -> dict[str, str | int | float | bool]:
        """What every Kafka client of ours is configured with."""
        return {
            "bootstrap.servers": self.kafka,
            "client.id": "oboegaki",
            # What fails is raised or told to a callback; librdkafka would also write it to the terminal.
            "log_level": 0,
            "reconnect.backoff.ms": 200,
            "reconnect.backoff.max.ms": 2000,
        }
