"""docs/settings.md says what the settings are."""

import re

import pytest
from pydantic_settings import BaseSettings

from tests.docs import settings_table
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
REMEDY = "Bring docs/settings.md up to date: python -m tests.docs.settings_table > docs/settings.md"


@pytest.mark.parametrize(("settings", "field"), settings_table.names())
def test_a_setting_stands_there_with_its_default_and_its_meaning(settings: type[BaseSettings], field: str) -> None:
    described = settings.model_fields[field].description
    assert described, f"{settings.__name__}.{field} has no description."
    assert settings_table.row(settings, field) in PAGE.splitlines(), REMEDY


def test_a_setting_that_several_share_is_the_same_to_each_of_them() -> None:
    meant: dict[str, list[object]] = {}
    for settings, field in settings_table.names():
        info = settings.model_fields[field]
        read = info.annotation, info.default, info.metadata
        meant.setdefault(settings_table.variable(settings, field), []).append(read)

    assert len(meant["OBOEGAKI_ERASED_WITHIN"]) > 1
    assert [name for name, (first, *others) in meant.items() if any(each != first for each in others)] == []


def test_no_setting_stands_there_that_does_not_exist() -> None:
    listed = re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE)
    known = {settings_table.variable(*setting) for setting in settings_table.names()}

    assert set(listed) - known == set(), REMEDY
    assert len(listed) == len(set(listed)), "A setting stands in docs/settings.md twice."


def test_the_rest_of_the_page_is_as_it_is_made() -> None:
    assert settings_table.page() == PAGE, REMEDY
