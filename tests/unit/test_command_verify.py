"""How a verification is shown, and which exit status it comes to."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from devstack.errors import StackError
from memory_consumer.errors import Transient
from memory_consumer.verify.look import Line
from oboegaki.errors import CommandError
from oboegaki.instance import Instance
from oboegaki.verifying import as_json_object, as_tables, concluded, until, verify

COUNTS = {"rows": 3, "messages": 3, "learned": 3, "receipts": 3, "pending": 0, "facts": 4, "memories": 4}


def difference(message_id: int, *, under_way: bool = False) -> Line:
    return {
        "difference": {
            "kind": "stale",
            "message_id": message_id,
            "user_id": "hanako",
            "place": "store",
            "detail": "a memory of it says something else",
            "under_way": under_way,
        }
    }


def report(differences: dict[str, int], under_way: int = 0) -> Line:
    return {"report": {"counts": COUNTS, "differences": differences, "under_way": under_way}}


def shown(*lines: Line, user: str | None = None) -> tuple[str, int]:
    out = Console(file=StringIO(), width=160)
    status = as_tables(concluded(iter(lines)), out, user)
    assert isinstance(out.file, StringIO)
    return out.file.getvalue(), status


def written(*lines: Line) -> tuple[dict[str, Any], int]:
    file = StringIO()
    status = as_json_object(concluded(iter(lines)), file)
    return json.loads(file.getvalue()), status


CLEAN = (difference(5, under_way=True), report({}, under_way=1))
BROKEN = (*(difference(number) for number in range(1, 36)), report({"stale": 35}))
MENDED = (difference(5), {"mended": True}, difference(6), report({"stale": 1}))
UNSURE = ({"unsure": "MySQL cannot be read."},)


@pytest.mark.parametrize(("lines", "status"), [(CLEAN, 0), (BROKEN, 1), (MENDED, 1), (UNSURE, 2)])
def test_the_exit_status_tells_clean_from_different_and_from_what_could_not_be_told(
    lines: tuple[Line, ...], status: int
) -> None:
    assert shown(*lines)[1] == written(*lines)[1] == written(*lines)[0]["status"] == status


def test_some_differences_of_a_kind_are_shown_and_all_are_counted() -> None:
    text, _ = shown(*BROKEN)

    assert " 10 " in text
    assert " 11 " not in text
    assert "25 more" in text
    assert "35 differences (stale: 35)" in text


def test_a_user_of_whom_there_is_nothing_is_not_said_to_agree() -> None:
    nothing = {"report": {"counts": dict.fromkeys(COUNTS, 0), "differences": {}, "under_way": 0}}
    text, status = shown(nothing, user="nobody")

    assert "There is nothing of nobody" in text
    assert "agree" not in text
    assert status == 0


def test_healing_that_is_held_is_told_with_what_lets_it_go_on() -> None:
    held = {"report": {**report({})["report"], "held": "MySQL lost rows."}}
    text, status = shown(held)

    assert "MySQL lost rows. Nothing is healed by itself until `oboegaki verify --repair` has been run." in text
    assert status == 0


def test_what_is_under_way_is_counted_and_not_listed() -> None:
    text, _ = shown(*CLEAN)

    assert "Rows, logs and memories agree. 1 under way" in text
    assert "hanako" not in text


def test_as_json_every_difference_is_there() -> None:
    found, _ = written(*BROKEN)

    assert [each["message_id"] for each in found["differences"]] == list(range(1, 36))
    assert found["report"]["counts"] == COUNTS


def test_as_json_what_was_mended_is_told_from_what_is_left() -> None:
    found, _ = written(*MENDED)

    assert [each["message_id"] for each in found["differences"]] == [5]
    assert [each["message_id"] for each in found["left"]] == [6]


def test_a_process_that_ends_breaks_its_verification_off_and_says_so() -> None:
    lines = iter([{"progress": {"step": "rows", "done": number}} for number in range(10)])
    ends = iter([False, True])
    told = list(until(lambda: next(ends), lines))
    assert [next(iter(line)) for line in told] == ["progress", "progress", "unsure"]
    assert "is being stopped" in told[-1]["unsure"]


def test_an_answer_that_breaks_off_is_no_verdict() -> None:
    text, status = shown(difference(5))

    assert (status, "before it had told" in text) == (2, True)
    assert written(difference(5))[0]["status"] == 2


@pytest.mark.parametrize(
    "refusal", [CommandError("It is busy."), StackError("It is busy."), Transient("It is busy.")]
)
def test_as_json_a_refusal_amid_the_differences_is_one_whole_object(refusal: Exception) -> None:
    def refused() -> Iterator[Line]:
        yield difference(5)
        raise refusal

    file = StringIO()
    status = as_json_object(concluded(refused()), file)
    told = json.loads(file.getvalue())

    assert (status, told["status"], told["unsure"], len(told["differences"])) == (2, 2, "It is busy.", 1)


@pytest.mark.parametrize("as_json", [True, False])
def test_settings_that_cannot_be_read_are_no_verdict_either(as_json: bool) -> None:
    def load() -> Instance:
        raise CommandError("OBOEGAKI_PORT is no port.")

    out = Console(file=StringIO(), width=160)
    assert verify(load, out, user=None, repair=False, as_json=as_json) == 2

    assert isinstance(out.file, StringIO)
    said = out.file.getvalue()
    assert (json.loads(said)["unsure"] if as_json else said.strip()) == "OBOEGAKI_PORT is no port."
