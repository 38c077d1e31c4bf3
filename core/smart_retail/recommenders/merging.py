"""Learn the merge: the blend's weights, and a ranker where one is proved better.

In: `Lesson`s by task, oldest window first. Out: `Merge`, and in words what was chosen and why. The newest window is
kept from the first round of learning and decides; then everything is learnt again with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.evaluation.metrics import interval
from smart_retail.progress import Progress
from smart_retail.recommenders.blend import default_weights
from smart_retail.recommenders.candidates import SOURCES
from smart_retail.recommenders.hybrid import Merge, ordered
from smart_retail.recommenders.lessons import TASKS, Lesson
from smart_retail.recommenders.ranker import fit_ranker
from smart_retail.recommenders.signals import NAMES as SIGNALS
from smart_retail.recommenders.trees import Trees
from smart_retail.recommenders.weighing import fit_weights, ndcg

NAMES = {"any": "repeats allowed", "new": "new items only"}


@dataclass(slots=True)
class TaskLearnt:
    """What was learnt for one task, and how."""

    weights: NDArray[np.float64]
    """Shape ``(len(AMOUNTS), len(SOURCES))``."""
    words: str
    ranker: Trees | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    """Of the validation window."""
    trial: tuple[NDArray[np.float64], Trees] | None = None
    """Weights and ranker of the first round, which had not seen the validation window."""
    ranked: bool = False
    """Whether a ranker shall set the order; `ranker` is None until it has learnt from all windows."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """A merge and how it came about, by task in the order of `TASKS`."""

    tasks: tuple[TaskLearnt, TaskLearnt]

    @property
    def words(self) -> list[str]:
        return [task.words for task in self.tasks]

    def merge(self) -> Merge:
        any_, new = self.tasks
        return Merge(np.stack((any_.weights, new.weights)), (any_.ranker, new.ranker))


def learn_merge(
    lessons: Mapping[str, Sequence[Lesson]], merge: str, *, seed: int, pool: Executor, progress: Progress
) -> Learnt:
    """Learn the weights from all windows, and choose whether a ranker follows (`learn_rankers`).

    Parameters
    ----------
    lessons : dict
        Task -> one lesson a window, oldest first.
    merge : {"auto", "blend", "ranker"}
    pool : Executor
        The tasks are independent and learn side by side on it.
    """
    progress.check()
    # A ranker is trained on one thread: LightGBM's own threads wait for each other in busy loops, which on a machine
    # that has other work took ten times as long.
    running = [pool.submit(_learn_task, list(lessons[task]), task, merge, seed) for task in TASKS]
    any_, new = (one.result() for one in running)
    progress.check()
    return Learnt((any_, new))


def _learn_task(own: list[Lesson], task: str, merge: str, seed: int) -> TaskLearnt:
    if not own:
        weights = default_weights()[TASKS.index(task)]
        return TaskLearnt(weights, f"{NAMES[task]}: default weights, no window could be held out.")
    if len(own) > 2:
        return _validated(own, task, merge, seed)
    words = f"{NAMES[task]}: too few windows to choose on, merge {merge}."
    return TaskLearnt(fit_weights(own, task), words, ranked=merge == "ranker")


def learn_rankers(learnt: Learnt, lessons: Mapping[str, Sequence[Lesson]], *, seed: int) -> None:
    """The rankers that were chosen, from all windows, into `learnt`."""
    for task, one in zip(TASKS, learnt.tasks, strict=True):
        if one.ranked:
            one.ranker = fit_ranker([lesson.led_by(one.weights) for lesson in lessons[task]], seed=seed)


def _validated(own: list[Lesson], task: str, merge: str, seed: int) -> TaskLearnt:
    """What the newest window says of what the earlier ones teach, and whether a ranker shall set the order."""
    earlier, newest = own[:-1], own[-1]
    weights = fit_weights(earlier, task)
    judged = newest.led_by(weights)
    blend = ndcg(judged, judged.blend(weights))
    best, single = _best_single(judged)
    figures: dict[str, Any] = {
        "blend": float(blend.mean()),
        "best single": {"source": best, "ndcg@10": float(single.mean())},
    }
    told = f"{NAMES[task]}: blend {blend.mean():.4f}, best single source {best} {single.mean():.4f}"
    learnt = TaskLearnt(fit_weights(own, task), told, figures=figures)
    if interval(single - blend, seed=seed)[0] > 0:
        learnt.words += " (the windows disagree, and it is clearly better: it takes the place of the blend)"
        weights, learnt.weights = _only(best, weights), _only(best, learnt.weights)
        judged, blend = newest.led_by(weights), single
    if merge == "blend":
        learnt.words += "; the blend was asked for."
        return learnt
    ranker = fit_ranker([one.led_by(weights) for one in earlier], seed=seed)
    if ranker is None:
        learnt.words += "; nothing to train a ranker on."
        return learnt
    learnt.trial = (weights, ranker)
    order = ordered(ranker.score(judged.table), judged.table[:, SIGNALS.index("blend")], judged.candidates.shopper)
    ranked = ndcg(judged, order)
    low, high = interval(ranked - blend, seed=seed)
    figures["ranker"] = {"ndcg@10": float(ranked.mean()), "low": low, "high": high}
    learnt.ranked = better = low > 0 or merge == "ranker"
    learnt.words += (
        f", ranker {ranked.mean():.4f} ({(ranked - blend).mean():+.4f}, 95 % interval {low:+.4f} to {high:+.4f}) "
        f"on the validation window; the {'ranker' if better else 'blend'} is used"
        + (" as asked for." if merge == "ranker" else "." if better else ", which is simpler and not clearly worse.")
    )
    return learnt


def _best_single(judged: Lesson) -> tuple[str, NDArray[np.float64]]:
    """The source that does best alone, and its NDCG by shopper."""
    found = {source: ndcg(judged, judged.relative[s]) for s, source in enumerate(SOURCES)}
    best = max(found, key=lambda source: float(found[source].mean()))
    return best, found[best]


def _only(source: str, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of one source alone for everybody of whom something is known."""
    out = weights.copy()
    out[1:] = 0.0
    out[1:, SOURCES.index(source)] = 1.0
    return out
