"""A consumer in a process of its own, as tests start, stop and kill it: `python -m tests.chaos.consumer_process`.

Its model says whose answer it is, and answers only while it may: as long as there is a file for it.
"""

import asyncio
import json
import signal
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from memory_consumer import app
from memory_consumer.asking.windows import Found, Window
from memory_consumer.settings import ConsumerSettings
from memory_store.fake import FakeStore, HashEmbedder
from tests.support.deadline import wait_until
from tests.support.logs import nothing
from tests.support.services import now

VERSION = "scripted-1"
_TOLD_S = 0.05


@dataclass(frozen=True, slots=True)
class Model:
    """Puts its name before what was said."""

    name: str
    may_answer: Path
    asked: Path
    version: str = VERSION

    def extract(self, window: Window) -> tuple[Found, ...]:
        with self.asked.open("a", encoding="utf-8") as file:
            file.write(f"{window.user_id}\n")
        wait_until(self.may_answer.exists, 300)
        return tuple(
            Found(f"{self.name}: {turn.text}", (turn.message_id,), "en")
            for turn in window.turns
            if turn.role == "user"
        )


async def run(home: Path) -> None:
    """Learns until SIGTERM, and keeps a file with what the stages have done."""
    settings = ConsumerSettings(
        home=home, window_idle=timedelta(milliseconds=200), ask_concurrency=16, extract_batch=20
    )
    model = Model(home.name, home / "may-answer", home / "asked")
    version = FakeStore().create("v1")
    learning = app.build(settings, version, HashEmbedder(), now, extractor=model, near=nothing)
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    await learning.start()
    while not stopping.is_set():
        _tell(home / "reports.json", learning)
        try:
            await asyncio.wait_for(stopping.wait(), _TOLD_S)
        except TimeoutError:
            continue
    await learning.stop()


def _tell(path: Path, learning: app.Learning) -> None:
    partial = path.with_suffix(".new")
    partial.write_text(json.dumps({report.name: report.as_dict() for report in learning.reports()}))
    partial.replace(path)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
