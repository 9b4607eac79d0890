"""What all requests have in common."""

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Query(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
