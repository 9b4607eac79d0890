"""Settings of the process itself, whichever role it has, from the environment (`OBOEGAKI_…`)."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class MetricsSettings(BaseSettings):
    """Where metrics are told without a key, beside the API's own `GET /metrics`."""

    model_config = SettingsConfigDict(env_prefix="OBOEGAKI_", frozen=True, extra="ignore", env_ignore_empty=True)

    metrics_host: str = Field(
        default="127.0.0.1",
        description="Address that `OBOEGAKI_METRICS_PORT` is listened on. Whoever reaches it reads the metrics.",
    )
    metrics_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port for `/metrics` alone, without a key, in `oboegaki serve`, `api` and `consume`; unset,"
        " there is none. `consume` has no other.",
    )
