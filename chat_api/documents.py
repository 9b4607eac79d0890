"""What the OpenAPI document says of answers that no model describes."""

from collections.abc import Mapping
from typing import Any

#: Of a route that answers line by line.
JSON_LINES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A JSON object a line.",
        "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
    }
}


def json_of(schema: Mapping[str, Any]) -> dict[int | str, dict[str, Any]]:
    """Of a route that answers JSON which is not of our making."""
    return {200: {"description": "As OpenAI's.", "content": {"application/json": {"schema": schema}}}}


def answered_header(name: str, description: str) -> dict[str, Any]:
    """A header of an answer that is not always there."""
    return {name: {"description": description, "required": False, "schema": {"type": "string"}}}
