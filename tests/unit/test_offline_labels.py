"""What the offline extractor makes of messages labelled by hand, and of data with known evidence."""

import json
from pathlib import Path

import pytest

from memory_consumer.extractors import offline
from memory_consumer.records import cdc
from tests.support import events
from tests.support.labels import labelled, score

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def extracted(text: str) -> list[str]:
    said = cdc.decode(events.key(1), events.written(events.Row(1, text)))
    assert isinstance(said, cdc.Written)
    return [passage.text for passage in offline.extract(said.row)]


def test_there_are_enough_labels_of_both_languages() -> None:
    messages = labelled()

    assert len(messages) >= 300
    assert all(3 * sum(m.language == language for m in messages) >= len(messages) for language in ("en", "ja"))
    assert sum(message.held_out for message in messages) >= 0.3 * len(messages)


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize(("held_out", "precision", "recall"), [(False, 0.95, 0.97), (True, 0.85, 0.95)])
def test_what_is_worth_it_is_kept_and_little_else(
    language: str, *, held_out: bool, precision: float, recall: float
) -> None:
    chosen = [each for each in labelled() if (each.language, each.held_out) == (language, held_out)]
    found = score(chosen, extracted)

    assert found.precision >= precision
    assert found.recall >= recall


@pytest.mark.parametrize("name", ["locomo-conv-26", "locomo-conv-30", "ja-dev"])
def test_no_message_that_answers_a_question_is_left_out(name: str) -> None:
    path = DATA / f"{name}.json"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    data = json.loads(path.read_text(encoding="utf-8"))
    needed = {message for question in data["questions"] for message in question["evidence"]}
    said = [m for m in data["messages"] if m["role"] == "user" and m["external_id"] in needed]

    assert [m["external_id"] for m in said if not extracted(m["content"])] == []
