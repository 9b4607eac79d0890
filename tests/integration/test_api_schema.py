"""The API against its own OpenAPI document: whatever is asked, the answer is one that the document describes."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema

from chat_api.app import create_app
from chat_api.rows.database import Database
from memory_store.fake import HashEmbedder
from tests.support.api import KEY, MySql, new_store, settings_for
from tests.support.route_table import ROUTES, Entry

HEADERS = {"Authorization": f"Bearer {KEY}"}
#: Verifying needs Kafka, and the document does not describe itself.
DESCRIBED = [entry for entry in ROUTES if entry.path not in ("/v1/admin/verify", "/openapi.json")]

#: Refused for what a schema cannot say: when a time is, that a cursor was handed out, what metadata holds, which
#: time zones there are, that the key is bound to nobody, how long a header is once it is decoded, how much is
#: pinned already.
BEYOND = (
    "must lie between",
    "was sent with another request before",
    "must not have passed",
    "is none that a page was answered with",
    "metadata: must",
    "must be the name of a time zone",
    "must say whose memory this is about",
    "must hold between one and 255 characters",
    "something can be pinned of at most",
)


@pytest.fixture(scope="module")
def document(mysql: MySql, database: Database) -> OpenApiSchema:
    app = create_app(settings_for(mysql.api), database=database, store=new_store(), embedder=HashEmbedder())
    return schemathesis.openapi.from_asgi("/openapi.json", app, headers=HEADERS)


@pytest.mark.parametrize(
    ("entry", "mode"),
    [(entry, mode) for entry in DESCRIBED for mode in GenerationMode if entry.who != "open" or mode.is_positive],
    ids=str,
)
def test_every_answer_is_one_that_the_document_describes(
    document: OpenApiSchema, entry: Entry, mode: GenerationMode
) -> None:
    operation = document[entry.path.replace(":path}", "}")][entry.method]

    @settings(
        max_examples=20, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def holds(case: Case[Any]) -> None:
        answer = case.call(headers=HEADERS)
        beyond = answer.status_code in {400, 422} and any(words in answer.text for words in BEYOND)
        case.validate_response(answer, excluded_checks=[positive_data_acceptance] if beyond else [])

    holds()
