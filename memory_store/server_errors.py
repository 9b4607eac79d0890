"""The one place where errors of qdrant-client become ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import grpc
import httpx
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from memory_store.errors import Refused, StoreError, Unavailable

#: What the client raises when it got no answer, or none that it could read.
MAPPED: tuple[type[Exception], ...] = (ApiException, QdrantException, httpx.HTTPError, grpc.RpcError)

_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
_DENIED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


@contextmanager
def translated() -> Iterator[None]:
    """Raises Unavailable or Refused for whatever qdrant-client raises."""
    try:
        yield
    except UnexpectedResponse as exc:
        raise _answered(exc.status_code or 0, exc.reason_phrase) from exc
    except MAPPED as exc:
        raise Unavailable(f"The Qdrant server cannot be reached: {type(exc).__name__}.") from exc
    except RuntimeError as exc:
        # What the client says of itself once it is closed.
        raise Unavailable(f"The Qdrant client cannot be used: {exc}") from exc


def _answered(status: int, reason: str) -> StoreError:
    # Without the body, which may quote what was sent.
    said = f"The Qdrant server answered {status} {reason}".rstrip()
    if status in _DENIED:
        return Refused(f"{said}: check the key for it in the settings.")
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(f"{said}.")
    return Refused(f"{said}: its version and our layout may not fit, see its log.")
