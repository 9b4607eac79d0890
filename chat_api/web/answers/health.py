"""Whether all of it answers."""

from typing import Literal

from pydantic import Field

from chat_api.web.answers.answer import Answer


class HealthOut(Answer):
    """Whether a part answers."""

    status: Literal["ok", "degraded"] = Field(
        description="`degraded`: requests are served, some without the memories."
    )
    parts: dict[str, Literal["ok", "away"]] = Field(
        default={}, description="Whether each part answers; without any, where only the process is asked."
    )


class ReadyOut(HealthOut):
    """The same, and of which release."""

    version: str = Field(description="Of oboegaki.")
