"""Learn the merge: the blend's weights, and a ranker where one is proved better.

In: `Lesson`s by task, oldest window first. Out: `Merge`, and in words what was chosen and why. The newest window is
kept from the first round of learning and decides; then everything is learnt again with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.evaluation.metrics import interval
from smart_retail.progress import Progress
from smart_retail.recommenders.blend import default_weights
from smart_retail.recommenders.candidates import SOURCES
from smart_retail.recommenders.hybrid import Merge
from smart_retail.recommenders.lambdarank import fit_ranker
from smart_retail.recommenders.lessons import TASKS, Lesson
from smart_retail.recommenders.trees import Trees
from smart_retail.recommenders.weighing import fit_weights, ndcg

NAMES = {"any": "repeats allowed", "new": "new items only"}


@dataclass(slots=True)
class Learnt:
    """A merge and how it came about."""

    weights: NDArray[np.float64]
    rankers: list[Trees | None] = field(default_factory=lambda: [None, None])
    words: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    """By task, the validation window's figures."""
    trials: dict[str, tuple[NDArray[np.float64], Trees]] = field(default_factory=dict)
    """By task, the weights and the ranker of the first round, which had not seen the validation window."""

    def merge(self) -> Merge:
        return Merge(self.weights, (self.rankers[0], self.rankers[1]))


def learn_merge(
    lessons: Mapping[str, Sequence[Lesson]],
    merge: str,
    *,
    seed: int,
    threads: int,
    progress: Progress,
) -> Learnt:
    """Learn from all windows.

    Parameters
    ----------
    lessons : dict
        Task -> one lesson a window, oldest first.
    merge : {"auto", "blend", "ranker"}
    """
    learnt = Learnt(default_weights())
    for index, task in enumerate(TASKS):
        progress.check()
        own = list(lessons[task])
        if not own:
            learnt.words.append(f"{NAMES[task]}: default weights, no window could be held out.")
            continue
        ranked = merge == "ranker"
        if len(own) > 2:
            ranked = _decide(learnt, own, task, merge, seed=seed, threads=threads)
        elif merge == "auto":
            learnt.words.append(f"{NAMES[task]}: the blend, too few windows to prove a ranker on.")
        weights = fit_weights(own, task)
        learnt.weights[index] = weights
        if ranked:
            learnt.rankers[index] = fit_ranker([one.led_by(weights) for one in own], seed=seed, threads=threads)
    return learnt


def _decide(learnt: Learnt, own: list[Lesson], task: str, merge: str, *, seed: int, threads: int) -> bool:
    """Whether a ranker shall set the order of a task; what was found is noted."""
    earlier, newest = own[:-1], own[-1]
    weights = fit_weights(earlier, task)
    judged = newest.led_by(weights)
    blend = ndcg(judged, judged.blend(weights))
    single = {source: ndcg(judged, judged.relative[s]) for s, source in enumerate(SOURCES)}
    best = max(single, key=lambda source: float(single[source].mean()))
    figures: dict[str, Any] = {
        "blend": float(blend.mean()),
        "best single": {"source": best, "ndcg@10": float(single[best].mean())},
    }
    learnt.figures[task] = figures
    told = f"{NAMES[task]}: blend {blend.mean():.4f}, best single source {best} {single[best].mean():.4f}"
    if merge == "blend":
        learnt.words.append(f"{told}; the blend was asked for.")
        return False
    ranker = fit_ranker([one.led_by(weights) for one in earlier], seed=seed, threads=threads)
    if ranker is None:
        learnt.words.append(f"{told}; nothing to train a ranker on.")
        return False
    learnt.trials[task] = (weights, ranker)
    ranked = ndcg(judged, ranker.score(judged.table))
    low, high = interval(ranked - blend, seed=seed)
    figures["ranker"] = {"ndcg@10": float(ranked.mean()), "low": low, "high": high}
    better = low > 0 or merge == "ranker"
    learnt.words.append(
        f"{told}, ranker {ranked.mean():.4f} ({(ranked - blend).mean():+.4f}, 95 % interval {low:+.4f} to {high:+.4f}) "
        f"on the validation window; the {'ranker' if better else 'blend'} is used"
        + (" as asked for." if merge == "ranker" else "." if better else ", which is simpler and not clearly worse.")
    )
    return better
