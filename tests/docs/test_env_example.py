""".env.example and docker-compose.yml know every setting."""

import re

from tests.docs import env_example
from tests.docs.pages import ROOT
from tests.docs.settings_table import names, variable

EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
#: In containers they say where the API is published; in its own container it listens everywhere.
PUBLISHED = {"OBOEGAKI_HOST", "OBOEGAKI_PORT"}
#: Set there for everybody, as containers are.
SET = {f"OBOEGAKI_{name}" for name in ("CONTAINERS", "HOST", "METRICS_HOST", "METRICS_PORT")}


def test_the_example_is_as_it_is_made() -> None:
    assert env_example.page() == EXAMPLE, "python -m tests.docs.env_example > .env.example"


def test_nothing_in_it_is_set() -> None:
    assert [line for line in EXAMPLE.splitlines() if line and not line.startswith("#")] == []


def test_the_containers_are_given_every_setting_that_there_is_to_choose() -> None:
    settings = COMPOSE.split("x-settings:")[1].split("\n\n")[0]
    given = set(re.findall(r"^  (OBOEGAKI_\w+):", settings, re.MULTILINE))
    to_choose = {variable(*each) for each in names()} - env_example.FIXED

    assert to_choose - PUBLISHED == given - SET
    assert all(f"${{{name}:-" in COMPOSE for name in PUBLISHED)


def test_where_the_containers_have_another_default_the_example_says_so() -> None:
    assert all(f"${{{name}:-{value}}}" in COMPOSE for name, value in env_example.DEFAULTS.items())
