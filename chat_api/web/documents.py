"""What the OpenAPI document says of answers that no model describes."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

#: Of a route that answers line by line; `itemSchema` as of OpenAPI 3.2, and as FastAPI has it in its documents.
JSON_LINES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A JSON object a line.",
        "content": {"application/x-ndjson": {"itemSchema": {"type": "object"}}},
    }
}
#: Server-sent events without names.
LINES_OF_DATA = {
    "text/event-stream": {
        "itemSchema": {"type": "object", "properties": {"data": {"type": "string"}}, "required": ["data"]}
    }
}
_REFS = "#/components/schemas/{model}"


def events(**models: type[BaseModel]) -> dict[str, Any]:
    """Server-sent events by their names, with JSON in their data.

    What the models have in them must be in some other answer, too: else the document has no schema of it.
    """
    return {"text/event-stream": {"itemSchema": {"oneOf": [_event(*each) for each in models.items()]}}}


def json_of(schema: Mapping[str, Any]) -> dict[int | str, dict[str, Any]]:
    """Of a route that answers JSON which is not of our making."""
    return {200: {"description": "As OpenAI's.", "content": {"application/json": {"schema": schema}}}}


def answered_header(name: str, description: str) -> dict[str, Any]:
    """A header of an answer that is not always there."""
    return {name: {"description": description, "required": False, "schema": {"type": "string"}}}


def _event(name: str, model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(mode="serialization", ref_template=_REFS)
    schema.pop("$defs", None)
    data = {"type": "string", "contentMediaType": "application/json", "contentSchema": schema}
    return {
        "type": "object",
        "properties": {"event": {"const": name}, "data": data},
        "required": ["event", "data"],
    }
