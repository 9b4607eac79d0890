"""Suppression: which facts of a row must not be recalled (design, rule 4)."""

import pytest

from chat_api.messages import Suppressed, suppresses


@pytest.mark.parametrize(
    ("suppressed", "expected"),
    [
        (None, False),
        ((), False),
        ("all", True),
        (("offline-1:aa",), True),
        (("offline-1:bb",), False),
        (("offline-1:bb", "offline-1:aa"), True),
        (("llm-2:bb",), True),
        (("offline-1:bb", "llm-2:bb"), True),
        (("offline-10:bb",), True),
    ],
)
def test_a_fact_is_suppressed_by_its_name_by_all_and_by_any_name_of_another_extractor(
    suppressed: Suppressed, expected: bool
) -> None:
    assert suppresses(suppressed, "offline-1", "aa") is expected
