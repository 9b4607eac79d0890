"""docs/api.md says what the OpenAPI document says, and shows how each route is called."""

import re
import shlex

import pytest

from tests.docs import api_page
from tests.docs.api_examples import EXAMPLES, Example
from tests.docs.pages import ROOT

REMEDY = "Bring docs/api.md up to date: python -m tests.docs.api_page > docs/api.md"


def test_the_page_is_as_it_is_made() -> None:
    assert (ROOT / "docs/api.md").read_text(encoding="utf-8") == api_page.page(), REMEDY


def test_every_route_has_an_example() -> None:
    assert {name for name, _ in api_page.routes()} - {example.route for example in EXAMPLES} == set()


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_example_calls_the_route_that_it_stands_with(example: Example) -> None:
    words = shlex.split(example.call)
    [url] = [word for word in words if word.startswith("$URL")]
    sent = words[words.index("-X") + 1] if "-X" in words else "GET"
    if "-d" in words and "-G" not in words and sent == "GET":
        sent = "POST"
    method, path = example.route.split(" ")
    shape = re.sub(r"\\\{\w+\\\}", "[^/?]+", re.escape(path))

    assert sent == method
    assert re.fullmatch(rf"\$URL{shape}(\?.*)?", url), url


@pytest.mark.parametrize(("name", "told"), api_page.fields())
def test_every_field_and_parameter_says_what_it_means(name: str, told: str) -> None:
    assert told, f"{name} has no description."
