"""Settings of the stack, from the environment (`OBOEGAKI_…`)."""

from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

#: Java's class path, Kafka's log.dirs and the reference to the connector's password split at these.
_UNUSABLE = ':,{}*"\n'


class StackSettings(BaseSettings):
    """Where MySQL, Kafka and Kafka Connect keep their files, and where they listen."""

    model_config = SettingsConfigDict(
        env_prefix="OBOEGAKI_", frozen=True, extra="ignore", env_ignore_empty=True, validate_default=True
    )

    home: Path = Field(
        default=Path(".oboegaki"),
        description="Folder of everything that oboegaki keeps on disk; two instances need two of them.",
    )
    secrets_home: Path | None = Field(
        default=None,
        description="Folder of secrets.json where that is not the home: several processes of one instance on a"
        " Qdrant server have a home each.",
    )
    dist: Path = Field(
        default=Path(".oboegaki/dist"),
        description="Folder of the downloaded programs (MySQL, Kafka, Debezium); instances may share it.",
    )
    mysql_port: int = Field(default=8421, ge=1, le=65535, description="Port that MySQL listens on.")
    kafka_port: int = Field(default=8422, ge=1, le=65535, description="Port that Kafka listens on.")
    kafka_controller_port: int = Field(
        default=8423, ge=1, le=65535, description="Port that Kafka's controller listens on."
    )
    connect_port: int = Field(default=8424, ge=1, le=65535, description="Port that Kafka Connect listens on.")
    containers: bool = Field(
        default=False,
        description="Whether MySQL, Kafka and Kafka Connect are the containers of docker-compose.yml, reached by"
        " their names; that file sets it.",
    )
    kafka_heap_mb: int = Field(
        default=512, ge=256, description="Most memory that Kafka's heap may take, in MiB; it may use half more."
    )
    connect_heap_mb: int = Field(
        default=512, ge=256, description="Most memory that Kafka Connect's heap may take, in MiB."
    )

    @field_validator("home", "dist")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        # The parts run with their own ideas of the working directory.
        absolute = path.expanduser().absolute()
        if set(str(absolute)) & set(_UNUSABLE):
            raise ValueError(f"{absolute} has a character in it that Java or Kafka Connect cannot take in a path")
        return absolute

    @model_validator(mode="after")
    def _distinct_ports(self) -> Self:
        ports = [self.mysql_port, self.kafka_port, self.kafka_controller_port, self.connect_port]
        if len(set(ports)) < len(ports):
            raise ValueError("the stack's ports have to differ from each other")
        return self

    def host(self, part: str) -> str:
        """Where a part is: this machine, or the container of its name."""
        return part if self.containers else "127.0.0.1"

    def bind_host(self) -> str:
        """Where a part listens: on this machine only, or on its container's network, which nobody else is in."""
        return "0.0.0.0" if self.containers else "127.0.0.1"  # noqa: S104  a network of the containers' own

    def kafka(self) -> str:
        """Kafka's address."""
        return f"{self.host('kafka')}:{self.kafka_port}"

    def connect_url(self) -> str:
        """Kafka Connect's address."""
        return f"http://{self.host('connect')}:{self.connect_port}"
