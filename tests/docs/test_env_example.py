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
SET = {f"OBOEGAKI_{name}" for name in ("CONTAINERS", "HOST", "IMAGE_VERSION", "METRICS_HOST", "METRICS_PORT")}


def test_the_example_is_as_it_is_made() -> None:
    assert env_example.page() == EXAMPLE, "python -m tests.docs.env_example > .env.example"


def test_nothing_in_it_is_set() -> None:
    assert [line for line in EXAMPLE.splitlines() if line and not line.startswith("#")] == []


def test_the_containers_are_given_every_setting_that_there_is_to_choose() -> None:
    given = given_by("x-configuration") | given_by("x-settings")
    to_choose = {variable(*each) for each in names()} - env_example.FIXED

    assert to_choose - PUBLISHED == given - SET
    assert all(f"${{{name}:-" in COMPOSE for name in PUBLISHED)


def given_by(part: str) -> set[str]:
    """The variables that a part of docker-compose.yml sets."""
    text = COMPOSE.split(f"\n{part}:")[1].split("\n\n")[0]
    return set(re.findall(r"^  (OBOEGAKI_\w+):", text, re.MULTILINE))


def test_whatever_the_example_names_is_used_by_the_containers() -> None:
    own = set(re.findall(r"^#(\w+)=", env_example.page().split("# --- ")[0], re.MULTILINE))

    assert [name for name in own - {"COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME"} if name not in COMPOSE] == []


def test_every_default_of_the_containers_own_is_the_one_told() -> None:
    own = dict(re.findall(r"^#(OBOEGAKI_\w+)=(.*)$", env_example.page().split("# --- ")[0], re.MULTILINE))
    limits = {name: value for name, value in own.items() if name.endswith("_MEMORY")}

    assert len(limits) == 7
    assert all(f"${{{name}:-{value}}}" in COMPOSE for name, value in limits.items())


def test_where_the_containers_have_another_default_the_example_says_so() -> None:
    assert all(f"${{{name}:-{value}}}" in COMPOSE for name, value in env_example.DEFAULTS.items())
