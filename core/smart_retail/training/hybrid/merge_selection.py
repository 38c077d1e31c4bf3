"""Learn the merge: the blend's weights, and a ranker where one is proved better.

In: `Lesson`s by task, oldest window first. Out: what was chosen and why (`choose_merge`), and what that teaches on any
windows (`learn_merge`). The newest window is kept from the first round of learning and decides; then everything is
learnt again with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.evaluation.metrics import interval
from smart_retail.progress import Progress
from smart_retail.recommenders.blend import default_weights
from smart_retail.recommenders.candidates import SOURCES
from smart_retail.recommenders.hybrid import Merge, ordered
from smart_retail.recommenders.ranking_features import NAMES as SIGNALS
from smart_retail.recommenders.tree_ensemble import Trees
from smart_retail.training.hybrid.blend_weights import fit_weights, ndcg
from smart_retail.training.hybrid.lambdarank import fit_ranker
from smart_retail.training.hybrid.training_examples import TASKS, Lesson

NAMES = {"any": "repeats allowed", "new": "new items only"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """How the sources of one task shall be merged."""

    words: str
    ranked: bool = False
    """Whether a ranker shall set the order."""
    alone: str | None = None
    """The source that takes the blend's place."""
    learns: bool = True
    """Whether weights are fitted; the defaults stay otherwise."""
    figures: dict[str, Any] = field(default_factory=dict)
    """Of the validation window."""
    trial: tuple[NDArray[np.float64], Trees] | None = None
    """Weights and ranker of the first round, which had not seen the validation window."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """What one task's windows taught."""

    weights: NDArray[np.float64]
    """Shape ``(len(AMOUNTS), len(SOURCES))``."""
    ranker: Trees | None


def choose_merge(
    lessons: Mapping[str, Sequence[Lesson]], merge: str, *, seed: int, pool: Executor, progress: Progress
) -> list[Chosen]:
    """Choose on the newest window, by task in the order of `TASKS`.

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
    running = [pool.submit(_choose, list(lessons[task]), task, merge, seed) for task in TASKS]
    chosen = [one.result() for one in running]
    progress.check()
    return chosen


def learn_merge(
    chosen: Sequence[Chosen], lessons: Mapping[str, Sequence[Lesson]], *, seed: int, pool: Executor
) -> list[Future[Learnt]]:
    """What the lessons teach of what was chosen, by task: begun on the pool, each task on one thread."""
    return [pool.submit(_learn, one, lessons[task], task, seed) for one, task in zip(chosen, TASKS, strict=True)]


def merge_of(learnt: Sequence[Learnt]) -> Merge:
    """The merge of both tasks."""
    any_, new = learnt
    return Merge(np.stack((any_.weights, new.weights)), (any_.ranker, new.ranker))


def _learn(chosen: Chosen, own: Sequence[Lesson], task: str, seed: int) -> Learnt:
    weights = fit_weights(own, task) if chosen.learns else default_weights()[TASKS.index(task)]
    if chosen.alone is not None:
        weights = _only(chosen.alone, weights)
    ranker = fit_ranker((lesson.led_by(weights) for lesson in own), seed=seed) if chosen.ranked else None
    return Learnt(weights, ranker)


def _choose(own: list[Lesson], task: str, merge: str, seed: int) -> Chosen:
    if not own:
        return Chosen(f"{NAMES[task]}: default weights, no window could be held out.", learns=False)
    if len(own) > 2:
        return _validated(own, task, merge, seed)
    return Chosen(f"{NAMES[task]}: too few windows to choose on, merge {merge}.", ranked=merge == "ranker")


def _validated(own: list[Lesson], task: str, merge: str, seed: int) -> Chosen:
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
    words = f"{NAMES[task]}: blend {blend.mean():.4f}, best single source {best} {single.mean():.4f}"
    alone = None
    if interval(single - blend, seed=seed)[0] > 0:
        words += " (the windows disagree, and it is clearly better: it takes the place of the blend)"
        alone, weights = best, _only(best, weights)
        judged, blend = newest.led_by(weights), single
    if merge == "blend":
        return Chosen(f"{words}; the blend was asked for.", alone=alone, figures=figures)
    from smart_retail.training.kernels.batch_scorer import scores_of  # Numba: only where something is fitted

    ranker = fit_ranker((one.led_by(weights) for one in earlier), seed=seed)
    if ranker is None:
        return Chosen(f"{words}; nothing to train a ranker on.", alone=alone, figures=figures)
    order = ordered(scores_of(ranker, judged.table), judged.table[:, SIGNALS.index("blend")], judged.candidates.shopper)
    ranked = ndcg(judged, order)
    low, high = interval(ranked - blend, seed=seed)
    figures["ranker"] = {"ndcg@10": float(ranked.mean()), "low": low, "high": high}
    better = low > 0 or merge == "ranker"
    words += (
        f", ranker {ranked.mean():.4f} ({(ranked - blend).mean():+.4f}, 95 % interval {low:+.4f} to {high:+.4f}) "
        f"on the validation window; the {'ranker' if better else 'blend'} is used"
        + (" as asked for." if merge == "ranker" else "." if better else ", which is simpler and not clearly worse.")
    )
    return Chosen(words, ranked=better, alone=alone, figures=figures, trial=(weights, ranker))


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
