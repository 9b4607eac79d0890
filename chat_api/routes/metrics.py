"""Metrics of this process, for Prometheus."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from chat_api.errors import Forbidden
from chat_api.parts import Wired

router = APIRouter(tags=["health"])

#: https://prometheus.io/docs/instrumenting/exposition_formats/
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_DOCUMENTED: dict[int | str, dict[str, Any]] = {
    200: {"description": "A metric a line.", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


@router.get("/metrics", summary="Read the process's metrics", response_class=Response, responses=_DOCUMENTED)
def metrics(parts: Wired, request: Request) -> Response:
    """In Prometheus's text format; docs/metrics.md says what each means. No user is named in any."""
    if not parts.settings.metrics_open and request.state.caller.kind != "admin":
        raise Forbidden("Metrics are of everybody, so they need the admin key.")
    return Response(parts.metrics(), media_type=_TEXT)
