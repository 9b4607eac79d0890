"""Learning goes on as it began, unless it is told otherwise."""

import pytest

from memory_consumer.extractors.choice import asks_a_model, chosen, goes_on_without
from memory_consumer.extractors.model.usage import Tally
from memory_consumer.extractors.offline import EXTRACTOR
from memory_consumer.settings import ConsumerSettings

URL = "http://127.0.0.1:1/v1"


@pytest.mark.parametrize(
    ("extractor", "url", "built_by", "asks"),
    [
        ("auto", None, None, False),
        ("auto", URL, None, True),
        ("auto", URL, "mem0-2-compact-m", True),
        ("auto", URL, "offline-1", False),
        ("mem0", URL, "offline-1", True),
        ("offline", URL, None, False),
    ],
)
def test_a_model_is_asked_where_one_is_set_and_the_version_was_not_begun_without(
    extractor: str, url: str | None, built_by: str | None, asks: bool
) -> None:
    settings = ConsumerSettings.model_validate({"extractor": extractor, "llm_url": url})

    assert asks_a_model(settings, built_by) is asks


def test_a_version_that_goes_on_without_the_model_that_is_set_is_told() -> None:
    settings = ConsumerSettings(llm_url=URL)

    assert goes_on_without(settings, "offline-1")
    assert not goes_on_without(settings, None)


def test_without_a_model_what_users_say_is_kept_in_their_words() -> None:
    assert chosen(ConsumerSettings(), None, Tally()) is EXTRACTOR


def test_the_version_names_prompt_and_model() -> None:
    settings = ConsumerSettings(llm_url=URL, llm_model="qwen3:4b")

    assert chosen(settings, None, Tally()).version == "mem0-2-compact-qwen3-4b"
