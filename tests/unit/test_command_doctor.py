"""A check that hangs or finds something never keeps the others from being made."""

from threading import Event

from oboegaki import doctor
from oboegaki.doctor import Broken, Check, Finding


def test_a_check_that_hangs_is_left_behind_in_time() -> None:
    never = Event()

    def hang() -> str:
        never.wait()
        return "too late"

    finding = doctor.answered(Check("Kafka", hang), within_s=0.05)
    never.set()

    assert finding == Finding("Kafka", well=False, words="no answer within 0 s.")


def test_what_is_broken_is_told_in_its_own_words() -> None:
    def broken() -> str:
        raise Broken("Nothing answers on port 8422.")

    assert doctor.answered(Check("Kafka", broken)) == Finding("Kafka", False, "Nothing answers on port 8422.")


def test_what_is_well_is_told_too() -> None:
    assert doctor.answered(Check("disk", lambda: "80 GB left")) == Finding("disk", True, "80 GB left")
