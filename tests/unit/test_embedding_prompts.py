"""What stands before a question and a passage."""

import pytest

from memory_store.embedders.prompts import Prompts, prompts_of


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("intfloat/multilingual-e5-small", Prompts("query: ", "passage: ")),
        ("models/e5-base-v2", Prompts("query: ", "passage: ")),
        ("intfloat/multilingual-e5-large-instruct", Prompts()),
        ("cl-nagoya/ruri-v3-30m", Prompts("検索クエリ: ", "検索文書: ")),
        ("nomic-ai/nomic-embed-text-v1.5", Prompts("search_query: ", "search_document: ")),
        ("BAAI/bge-m3", Prompts()),
    ],
)
def test_a_model_that_says_nothing_gets_what_is_known_of_it(model: str, expected: Prompts) -> None:
    assert prompts_of(model, {"query": "", "document": ""}) == expected


def test_what_a_model_says_counts_more_than_what_is_known() -> None:
    assert prompts_of("e5-mine", {"query": "Ask: "}) == Prompts("Ask: ", "")


@pytest.mark.parametrize("name", ["document", "passage", "corpus"])
def test_a_model_may_call_a_passage_by_three_names(name: str) -> None:
    assert prompts_of("mine", {"query": "q: ", name: "p: "}) == Prompts("q: ", "p: ")


def test_a_setting_counts_most_also_one_of_nothing() -> None:
    assert prompts_of("e5-mine", {"query": "Ask: "}, query="none", passage="Told: ") == Prompts("", "Told: ")
