"""What a field takes, and the sentence where it does not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from chat_api.fields import Content, FactRef, Identifier, Metadata, RowId, rfc3339


def refusal(kind: Any, value: object) -> str:  # noqa: ANN401  an annotated type
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value)
    return refused.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-02T09:00:00Z", datetime(2026, 3, 2, 9, tzinfo=UTC)),
        ("2026-03-02t09:00:00z", datetime(2026, 3, 2, 9, tzinfo=UTC)),
        ("2026-03-02 09:00:00-00:00", datetime(2026, 3, 2, 9, tzinfo=UTC)),
        ("2026-03-02T09:00:00.1+09:00", datetime(2026, 3, 2, 0, 0, 0, 100_000, tzinfo=UTC)),
        ("2026-03-02T09:00:00.123456789Z", datetime(2026, 3, 2, 9, 0, 0, 123_456, tzinfo=UTC)),
        ("1970-01-01T00:00:01Z", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("2038-01-19T03:14:07Z", datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC)),
        ("2024-02-29T00:00:00+00:00", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_a_time_with_its_offset_is_read(text: str, expected: datetime) -> None:
    assert rfc3339(text) == expected


def test_the_speakers_offset_is_kept() -> None:
    assert rfc3339("2026-03-02T09:00:00-09:30").utcoffset() == -timedelta(hours=9, minutes=30)


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-02T09:00:00",
        "2026-03-02",
        "20260302T090000Z",
        "2026-03-02T09:00Z",
        "2026-03-02T09:00:00+0900",
        "2026-03-02T09:00:00+09",
        "2026-03-02T09:00:00+09:60",
        "2026-03-02T09:00:00+24:00",
        "2026-03-02T09:00:00Z ",
        "2026-03-02T09:00:00Z\n",
        "２０２６-03-02T09:00:00Z",
        "2026-02-30T09:00:00Z",
        "2026-03-02T24:00:00Z",
        "2026-03-02T09:00:60Z",
        "1970-01-01T00:00:00Z",
        "2038-01-19T03:14:08Z",
        "0001-01-01T00:00:00+23:59",
        1772442000,
        None,
        datetime(2026, 3, 2, tzinfo=UTC),
    ],
)
def test_a_time_that_is_not_whole_or_not_there_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must"):
        rfc3339(value)


@pytest.mark.parametrize("text", ["a", " a ", "覚え書き", "🎏", "a\nb\t", "\x01", "\ufffe", "x" * 200_000])
def test_any_text_that_says_something_is_taken_as_it_is(text: str) -> None:
    assert TypeAdapter(Content).validate_python(text) == text


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u3000", "\u2003\u00a0"])
def test_a_blank_text_is_refused(text: str) -> None:
    assert refusal(Content, text) == "Value error, must not be empty or blank"


@pytest.mark.parametrize(
    ("text", "words"), [("a secret\0", "NUL"), ("a secret\ud800", "surrogate"), ("\udc00a secret", "surrogate")]
)
def test_what_the_pipeline_does_not_take_is_refused_without_quoting_it(text: str, words: str) -> None:
    assert words in refusal(Content, text)
    assert refusal(Identifier, text)
    assert "secret" not in refusal(Content, text) + refusal(Identifier, text)


def test_identifiers_are_counted_in_characters() -> None:
    assert TypeAdapter(Identifier).validate_python("🎏" * 255) == "🎏" * 255
    assert "255 characters" in refusal(Identifier, "a" * 256)
    assert "1 character" in refusal(Identifier, "")


def nested(depth: int, wrap: Callable[[object], object]) -> object:
    value: object = 1
    for _ in range(depth):
        value = wrap(value)
    return value


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"k": [1, -(2**63), 2**64 - 1, 1.5, True, None, "覚", {"k": []}]},
        {"k": "x" * 32_000},
        {"k": nested(14, lambda inner: [inner])},
    ],
)
def test_metadata_comes_out_as_it_went_in(value: dict[str, Any]) -> None:
    assert TypeAdapter(Metadata).validate_python(value) == value


def test_what_only_we_say_in_metadata_is_not_taken_from_clients() -> None:
    taken = TypeAdapter(Metadata).validate_python({"k": {"oboegaki": 1}, "oboegaki": {"reply_to": ["a@b"]}})

    assert taken == {"k": {"oboegaki": 1}}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"k": 2**64}, "64 bits"),
        ({"k": -(2**63) - 1}, "64 bits"),
        ({"k": float("inf")}, "finite"),
        ({"k": [{"k": float("nan")}]}, "finite"),
        ({"k\0": 1}, "NUL"),
        ({"k": ["\ud800"]}, "surrogate"),
        ({"k": "x" * 33_000}, "32768 characters"),
        ({"k": [1] * 5000}, "32768 characters"),
        ({"k": nested(16, lambda inner: [inner])}, "16 deep"),
        ({"k": nested(16, lambda inner: {"k": inner})}, "16 deep"),
        ({"k": nested(100_000, lambda inner: [inner])}, "16 deep"),
    ],
)
def test_metadata_that_would_not_come_back_the_same_is_refused(value: dict[str, Any], words: str) -> None:
    assert words in refusal(Metadata, value)


@pytest.mark.parametrize("ref", ["offline-1:" + "0" * 32, "a:b:" + "f" * 32])
def test_a_fact_reference_names_extractor_and_hash(ref: str) -> None:
    assert TypeAdapter(FactRef).validate_python(ref) == ref


@pytest.mark.parametrize(
    "ref",
    ["all", "0" * 32, ":" + "0" * 32, "e:" + "0" * 31, "e:" + "F" * 32, "e e:" + "0" * 32, f"e:{'0' * 32}\n"],
)
def test_what_is_no_fact_reference_is_refused(ref: str) -> None:
    assert "should match pattern" in refusal(FactRef, ref)


@pytest.mark.parametrize("number", [0, -1, 2**63])
def test_a_number_that_no_row_can_have_is_refused(number: int) -> None:
    assert refusal(RowId, number)
