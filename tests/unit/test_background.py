"""Work that may wait."""

import os
import sys
import threading

import pytest

from memory_store.embedders.background import NICENESS, Background


def priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="Elsewhere a priority is a whole process's.")
def test_what_may_wait_leaves_the_processor_to_whoever_asked_for_it() -> None:
    own, background = priority(), Background()

    assert background.run(priority) == min(19, own + NICENESS)
    assert priority() == own


@pytest.mark.skipif(sys.platform != "linux", reason="Elsewhere a priority is a whole process's.")
def test_threads_that_it_starts_leave_it_too() -> None:
    def of_another() -> int:
        found = list[int]()
        thread = threading.Thread(target=lambda: found.append(priority()))
        thread.start()
        thread.join()
        return found[0]

    assert Background().run(of_another) == min(19, priority() + NICENESS)


def test_whoever_waits_is_told_what_went_wrong() -> None:
    def fails() -> None:
        raise ValueError("so")

    with pytest.raises(ValueError, match="so"):
        Background().run(fails)
