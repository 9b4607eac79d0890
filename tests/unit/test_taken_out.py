"""Erased messages are taken out of each former log once it can be done, and once only."""

from memory_store.models import Extent
from oboegaki.erasing import TakenOut

ALICE, BOB = Extent("alice", 1), Extent("bob", 2)


def test_what_another_process_still_holds_is_tried_again_and_what_is_done_is_not() -> None:
    asked, answers = list[tuple[str, Extent]](), dict[Extent, int | None]({ALICE: 0, BOB: None})

    def take_out(log: str, extent: Extent) -> int | None:
        asked.append((log, extent))
        return answers[extent]

    taken_out = TakenOut(take_out)
    taken_out.see_to([("f1", ALICE), ("f1", BOB)])
    answers[BOB] = 3
    taken_out.see_to([("f1", ALICE), ("f1", BOB)])
    taken_out.see_to([("f1", ALICE), ("f1", BOB)])

    assert asked == [("f1", ALICE), ("f1", BOB), ("f1", BOB)]


def test_what_is_left_no_more_is_not_kept_in_mind() -> None:
    asked = list[str]()

    def take_out(log: str, _extent: Extent) -> int:
        asked.append(log)
        return 1

    taken_out = TakenOut(take_out)
    taken_out.see_to([("f1", ALICE)])
    taken_out.see_to([])
    # As where a log is restored from a backup.
    taken_out.see_to([("f1", ALICE)])

    assert asked == ["f1", "f1"]
