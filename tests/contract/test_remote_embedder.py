"""Embedders on a server: how they ask, what they take for an answer, and what they say of a failure."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stamina
from pydantic import ValidationError

from memory_store.embedders.connection import Overloaded, pause
from memory_store.embedders.remote import RemoteEmbedder
from memory_store.errors import Refused, StoreError, Unavailable
from memory_store.fake import HashEmbedder
from memory_store.settings import EmbedderSettings
from tests.support.embedding_server import Answer, EmbeddingServer, embedding_server

SECRET = "I like green tea, my PIN is 4711"
KEY = "key-that-must-not-leak"


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server() as made:
        yield made


@pytest.fixture(autouse=True)
def without_pauses() -> Iterator[None]:
    stamina.set_testing(True, attempts=3)
    yield
    stamina.set_testing(False)


def settings(server: EmbeddingServer, kind: str = "tei", **more: Any) -> EmbedderSettings:  # noqa: ANN401  any field
    url = server.url if kind == "tei" else f"{server.url}/v1"
    fields: dict[str, Any] = {"embedder": kind, "embedder_url": url, "embedder_model": "hash"}
    return EmbedderSettings(**fields | more)


@pytest.fixture
def embedder(server: EmbeddingServer, tmp_path: Path) -> Iterator[RemoteEmbedder]:
    made = RemoteEmbedder(settings(server, embedder_api_key=KEY), tmp_path)
    server.asked.clear()
    yield made
    made.close()


@pytest.mark.parametrize("kind", ["tei", "openai"])
def test_vectors_stand_at_the_texts_they_belong_to_whatever_the_batches(
    server: EmbeddingServer, tmp_path: Path, kind: str
) -> None:
    embedder = RemoteEmbedder(settings(server, kind, embedder_batch_tokens=16), tmp_path)
    texts = [f"{'x' * (number % 5)} {number}" for number in range(40)]
    vectors = embedder.passages(texts)
    embedder.close()

    assert np.allclose(vectors, HashEmbedder().passages(texts), atol=1e-6)
    assert len(server.batches()) == 12


def test_no_request_has_more_texts_than_the_server_takes(server: EmbeddingServer, tmp_path: Path) -> None:
    server.max_texts = 3
    embedder = RemoteEmbedder(settings(server), tmp_path)
    embedder.passages(["a", "b", "c", "d", "e", "f", "g"])
    embedder.close()

    assert sorted(len(batch) for batch in server.batches()[3:]) == [1, 3, 3]


def test_prompts_and_numbers_asked_for_are_sent_and_name_the_embedder(
    server: EmbeddingServer, tmp_path: Path
) -> None:
    asked = settings(server, embedder_query_prompt="Ask: ", embedder_dimensions=32)
    embedder, plain = RemoteEmbedder(asked, tmp_path), RemoteEmbedder(settings(server), tmp_path)
    embedder.queries(["tea?"])
    for each in (embedder, plain):
        each.close()

    assert (server.batches()[-1], server.asked[-1]["dimensions"]) == (["Ask: tea?"], 32)
    assert (embedder.dim, plain.dim) == (32, 64)
    assert embedder.name.startswith("tei:tests/hash@01234567:")
    assert embedder.name != plain.name


def test_a_key_is_sent_and_shown_nowhere(
    embedder: RemoteEmbedder, server: EmbeddingServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answer_first(Answer(401, {"error": f"wrong {KEY}"}))
    with pytest.raises(Refused, match="OBOEGAKI_EMBEDDER_API_KEY") as refusal:
        embedder.passages([SECRET])

    assert server.keys[-1] == f"Bearer {KEY}"
    assert KEY not in f"{refusal.value!r} {embedder!r} {caplog.text}"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(embedder: RemoteEmbedder, server: EmbeddingServer, status: int) -> None:
    server.answer_first(Answer(status, {"error": "later"}, {"Retry-After": "1"}))

    assert len(embedder.passages(["tea"])) == 1
    assert len(server.asked) == 2


@pytest.mark.parametrize(("status", "kind"), [(503, Unavailable), (404, Refused), (413, Refused), (422, Refused)])
def test_a_failure_is_one_of_the_stores_and_quotes_neither_text_nor_answer(
    embedder: RemoteEmbedder,
    server: EmbeddingServer,
    caplog: pytest.LogCaptureFixture,
    status: int,
    kind: type[StoreError],
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answer_first(*[Answer(status, {"error": SECRET})] * 3)
    with pytest.raises(kind) as failure:
        embedder.passages([SECRET])

    assert str(status) in str(failure.value)
    assert SECRET not in f"{failure.value!r} {failure.value.__cause__!r} {caplog.text}"


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        {"data": [{"index": 0}]},
        [],
        [[1.0] * 64] * 2,
        [[1.0] * 63],
        [[0.0] * 64],
        [[None] * 64],
        [["nan"] * 64],
        b"[[" + b"1e999," * 63 + b"1]]",
    ],
)
def test_what_is_no_vector_for_each_text_is_taken_for_none(
    embedder: RemoteEmbedder, server: EmbeddingServer, body: object
) -> None:
    server.answer_first(Answer(body=body))

    with pytest.raises(Unavailable):
        embedder.passages(["tea"])


@pytest.mark.parametrize("indexes", [[0, 0], [1, 2]])
def test_vectors_that_are_numbered_wrongly_are_taken_for_none(
    server: EmbeddingServer, tmp_path: Path, indexes: list[int]
) -> None:
    embedder = RemoteEmbedder(settings(server, "openai"), tmp_path)
    vector = [1.0] * 64
    server.answer_first(Answer(body={"data": [{"index": place, "embedding": vector} for place in indexes]}))

    with pytest.raises(Unavailable, match="numbered"):
        embedder.passages(["tea", "rain"])
    embedder.close()


def test_a_server_says_how_long_to_wait_and_too_long_is_given_up() -> None:
    assert pause(Overloaded("429", 7.0), longest_s=30) == 7.0
    assert pause(Overloaded("429", 31.0), longest_s=30) is False
    assert pause(Overloaded("429", None), longest_s=30) is True
    assert pause(Refused("404"), longest_s=30) is False


def test_a_server_that_is_away_at_the_start_is_what_it_was_when_last_asked(tmp_path: Path) -> None:
    with embedding_server() as server:
        there = RemoteEmbedder(settings(server), tmp_path)
    away = RemoteEmbedder(settings(server), tmp_path)

    assert (away.name, away.dim) == (there.name, there.dim)
    with pytest.raises(Unavailable, match="OBOEGAKI_EMBEDDER_URL"):
        away.queries(["tea?"])
    for each in (there, away):
        each.close()


def test_a_server_that_is_away_and_was_never_asked_is_refused(tmp_path: Path) -> None:
    with embedding_server() as server:
        pass

    with pytest.raises(Unavailable):
        RemoteEmbedder(settings(server), tmp_path)


def test_a_server_that_came_back_with_another_model_is_refused(server: EmbeddingServer, tmp_path: Path) -> None:
    RemoteEmbedder(settings(server), tmp_path).close()
    server.answer_first(*[Answer(503)] * 3)
    embedder = RemoteEmbedder(settings(server), tmp_path)
    server.first.clear()
    server.model = "tests/other"

    with pytest.raises(Refused, match="`oboegaki rebuild`"):
        embedder.queries(["tea?"])
    embedder.close()


@pytest.mark.parametrize("kind", ["tei", "openai"])
def test_a_server_whose_vectors_depend_on_what_is_asked_beside_is_refused_with_what_to_set(
    server: EmbeddingServer, tmp_path: Path, kind: str
) -> None:
    server.mixes_up = True

    with pytest.raises(Refused, match="`--max-batch-requests 1`"):
        RemoteEmbedder(settings(server, kind), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_server_that_came_back_and_mixes_up_texts_is_refused(server: EmbeddingServer, tmp_path: Path) -> None:
    RemoteEmbedder(settings(server), tmp_path).close()
    server.answer_first(*[Answer(503)] * 3)
    embedder = RemoteEmbedder(settings(server), tmp_path)
    server.first.clear()
    server.mixes_up = True

    with pytest.raises(Refused, match="`--max-batch-requests 1`"):
        embedder.queries(["tea?"])
    embedder.close()


def test_whether_vectors_depend_on_what_is_asked_beside_is_asked_once(
    server: EmbeddingServer, tmp_path: Path
) -> None:
    embedder = RemoteEmbedder(settings(server), tmp_path)
    asked_first = len(server.asked)
    for _ in range(3):
        embedder.queries(["tea?"])
    embedder.close()

    assert (asked_first, len(server.asked)) == (3, 6)


def test_a_server_that_takes_one_text_at_a_time_is_not_asked_for_two(
    server: EmbeddingServer, tmp_path: Path
) -> None:
    server.max_texts = 1
    RemoteEmbedder(settings(server), tmp_path).close()

    assert [len(batch) for batch in server.batches()] == [1, 1]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"embedder": "openai", "embedder_url": "http://x/v1"}, "OBOEGAKI_EMBEDDER_MODEL"),
        ({"embedder": "sentence-transformers"}, "OBOEGAKI_EMBEDDER_MODEL"),
        ({"embedder": "tei"}, "OBOEGAKI_EMBEDDER_URL"),
        ({"embedder": "tei", "embedder_url": "localhost:8080"}, "OBOEGAKI_EMBEDDER_URL"),
        ({"embedder": "tei", "embedder_url": "http://me:secret@x"}, "OBOEGAKI_EMBEDDER_API_KEY"),
    ],
)
def test_settings_that_do_not_suffice_are_named_without_what_is_secret(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError) as complaint:
        EmbedderSettings(**fields)

    [error] = complaint.value.errors(include_input=False, include_context=False, include_url=False)
    assert named in error["msg"]
    assert "secret" not in error["msg"]
