"""How well the offline extractor tells what is worth remembering, beside keeping everything."""

import time

from benchmarks.figures import Plot, Result, Wanted, distribution
from memory_consumer.extractors import offline
from memory_consumer.records.cdc import MessageRow, Written, decode
from tests.support import events
from tests.support.labels import Labelled, Score, labelled, score

_ROUNDS, _ROUNDS_QUICK = 5, 1
_LANGUAGES = {"en": "English", "ja": "Japanese"}
_RECALL, _PRECISION = Wanted(0.95, at_most=False), Wanted(0.9, at_most=False)


def run(*, quick: bool) -> Result:
    """On the messages labelled by hand, those held out apart."""
    messages = labelled()
    timed = [_timed(messages) for _ in range(_ROUNDS_QUICK if quick else _ROUNDS)]
    of_labels = _of_labels(messages)
    return Result(
        name="extraction",
        title=f"Extraction from {len(messages)} messages labelled by hand",
        runs=[of_labels | _times(samples) for samples in timed],
        wanted={
            **{f"{name}, held out: recall": _RECALL for name in _LANGUAGES.values()},
            **{f"{name}, held out: precision": _PRECISION for name in _LANGUAGES.values()},
        },
        plot=Plot("ms per message", "share of messages", [distribution("offline extractor", timed[-1])]),
        note="Recall: of the sentences worth remembering, the share that is kept. Precision: of those kept, the"
        " share that is worth it. Everything: each message as it was said. A third of the messages is held out: no"
        " rule was written after looking at what becomes of them. Rules and labels have one author.",
    )


def _of_labels(messages: list[Labelled]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for language, name in _LANGUAGES.items():
        for held_out, which in ((True, "held out"), (False, "the others")):
            chosen = [m for m in messages if (m.language, m.held_out) == (language, held_out)]
            figures |= _shares(f"{name}, {which}", score(chosen, _extracted), score(chosen, lambda text: [text]))
    return figures


def _shares(name: str, ours: Score, everything: Score) -> dict[str, float]:
    return {
        f"{name}: recall": ours.recall,
        f"{name}: precision": ours.precision,
        f"{name}: precision of everything": everything.precision,
    }


def _times(samples: list[float]) -> dict[str, float]:
    return {"time per message (µs)": 1_000_000 * sum(samples) / len(samples)}


def _timed(messages: list[Labelled]) -> list[float]:
    samples = []
    for row in [_row(message.text) for message in messages]:
        begun = time.perf_counter()
        offline.extract(row)
        samples.append(time.perf_counter() - begun)
    return samples


def _extracted(text: str) -> list[str]:
    return [passage.text for passage in offline.extract(_row(text))]


def _row(text: str) -> MessageRow:
    said = decode(events.key(1), events.written(events.Row(1, text)))
    assert isinstance(said, Written)
    return said.row
