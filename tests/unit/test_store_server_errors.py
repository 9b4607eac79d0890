"""Whatever qdrant-client raises becomes an error that says what the caller may do."""

import importlib
import inspect
import pkgutil

import httpx
import pytest
import qdrant_client
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from memory_store.errors import Refused, StoreError, Unavailable
from memory_store.server_errors import MAPPED, translated

SECRET = "I like tea"


def ours(error: Exception) -> StoreError:
    with pytest.raises(StoreError) as caught, translated():
        raise error
    assert caught.value.__cause__ is error
    return caught.value


def answered(status: int) -> StoreError:
    return ours(UnexpectedResponse(status, "Reason", SECRET.encode(), httpx.Headers()))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_an_answer_that_may_be_better_later_is_unavailable(status: int) -> None:
    assert type(answered(status)) is Unavailable


@pytest.mark.parametrize(("status", "hint"), [(401, "key"), (403, "key"), (400, "layout"), (404, "layout")])
def test_an_answer_that_stays_is_refused_with_where_to_look(status: int, hint: str) -> None:
    error = answered(status)

    assert type(error) is Refused
    assert hint in str(error)


@pytest.mark.parametrize("status", [400, 500])
def test_what_the_server_quotes_of_a_request_is_not_said_again(status: int) -> None:
    assert SECRET not in str(answered(status))


@pytest.mark.parametrize(
    "error",
    [
        ResponseHandlingException(httpx.ConnectError("refused")),
        ResourceExhaustedResponse("slow down", retry_after_s=1),
        httpx.ReadTimeout("slow"),
        RuntimeError("QdrantLocal instance is closed."),
    ],
)
def test_a_server_that_cannot_be_asked_is_unavailable(error: Exception) -> None:
    assert type(ours(error)) is Unavailable


def test_a_mistake_of_ours_stays_what_it_is() -> None:
    with pytest.raises(KeyError), translated():
        raise KeyError(SECRET)


def test_every_exception_of_the_client_is_mapped() -> None:
    """A release of qdrant-client with a new one fails here."""
    found = {each for module in _modules() for _, each in inspect.getmembers(module, _is_their_error)}

    assert {each.__name__ for each in found} >= {"UnexpectedResponse", "ResourceExhaustedResponse"}
    assert [each.__name__ for each in found if not issubclass(each, MAPPED)] == []


def _modules() -> list[object]:
    names = [each.name for each in pkgutil.walk_packages(qdrant_client.__path__, "qdrant_client.")]
    return [importlib.import_module(name) for name in names if "exception" in name]


def _is_their_error(member: object) -> bool:
    return (
        inspect.isclass(member) and issubclass(member, Exception) and member.__module__.startswith("qdrant_client")
    )
