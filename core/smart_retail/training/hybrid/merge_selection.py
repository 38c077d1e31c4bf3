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

from smart_retail.evaluation.metrics import bootstrap_ci
from smart_retail.progress import Progress
from smart_retail.recommenders.blend import default_weights
from smart_retail.recommenders.candidates import SOURCES
from smart_retail.recommenders.hybrid import HybridModel, ordered
from smart_retail.recommenders.ranking_features import NAMES as SIGNALS
from smart_retail.recommenders.tree_ensemble import TreeEnsemble
from smart_retail.training.hybrid.blend_weights import fit_weights, ndcg
from smart_retail.training.hybrid.lambdarank import fit_ranker
from smart_retail.training.hybrid.training_examples import TASKS, TrainingExamples

NAMES = {"any": "repeats allowed", "new": "new items only"}


@dataclass(frozen=True, slots=True)
class MergeDecision:
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
    trial: tuple[NDArray[np.float64], TreeEnsemble] | None = None
    """Weights and ranker of the first round, which had not seen the validation window."""


@dataclass(frozen=True, slots=True)
class LearnedMerge:
    """What one task's windows taught."""

    weights: NDArray[np.float64]
    """Shape ``(len(AMOUNTS), len(SOURCES))``."""
    ranker: TreeEnsemble | None


def choose_merge(
    lessons: Mapping[str, Sequence[TrainingExamples]], merge: str, *, seed: int, pool: Executor, progress: Progress
) -> list[MergeDecision]:
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
    chosen: Sequence[MergeDecision], lessons: Mapping[str, Sequence[TrainingExamples]], *, seed: int, pool: Executor
) -> list[Future[LearnedMerge]]:
    """What the lessons teach of what was chosen, by task: begun on the pool, each task on one thread."""
    return [pool.submit(_learn, one, lessons[task], task, seed) for one, task in zip(chosen, TASKS, strict=True)]


def merge_of(learnt: Sequence[LearnedMerge]) -> HybridModel:
    """The merge of both tasks."""
    any_, new = learnt
    return HybridModel(np.stack((any_.weights, new.weights)), (any_.ranker, new.ranker))


def _learn(chosen: MergeDecision, own: Sequence[TrainingExamples], task: str, seed: int) -> LearnedMerge:
    weights = fit_weights(own, task) if chosen.learns else default_weights()[TASKS.index(task)]
    if chosen.alone is not None:
        weights = _only(chosen.alone, weights)
    ranker = fit_ranker((lesson.reranked(weights) for lesson in own), seed=seed) if chosen.ranked else None
    return LearnedMerge(weights, ranker)


def _choose(own: list[TrainingExamples], task: str, merge: str, seed: int) -> MergeDecision:
    if not own:
        return MergeDecision(f"{NAMES[task]}: default weights, no window could be held out.", learns=False)
    if len(own) > 2:
        return _validated(own, task, merge, seed)
    return MergeDecision(f"{NAMES[task]}: too few windows to choose on, merge {merge}.", ranked=merge == "ranker")


def _validated(own: list[TrainingExamples], task: str, merge: str, seed: int) -> MergeDecision:
    """What the newest window says of what the earlier ones teach, and whether a ranker shall set the order."""
    earlier, newest = own[:-1], own[-1]
    weights = fit_weights(earlier, task)
    judged = newest.reranked(weights)
    blend = ndcg(judged, judged.blend(weights))
    best, single = _best_single(judged)
    figures: dict[str, Any] = {
        "blend": float(blend.mean()),
        "best single": {"source": best, "ndcg@10": float(single.mean())},
    }
    words = f"{NAMES[task]}: blend {blend.mean():.4f}, best single source {best} {single.mean():.4f}"
    alone = None
    if bootstrap_ci(single - blend, seed=seed)[0] > 0:
        words += " (the windows disagree, and it is clearly better: it takes the place of the blend)"
        alone, weights = best, _only(best, weights)
        judged, blend = newest.reranked(weights), single
    if merge == "blend":
        return MergeDecision(f"{words}; the blend was asked for.", alone=alone, figures=figures)
    from smart_retail.training.kernels.batch_scorer import tree_scores  # Numba: only where something is fitted

    ranker = fit_ranker((one.reranked(weights) for one in earlier), seed=seed)
    if ranker is None:
        return MergeDecision(f"{words}; nothing to train a ranker on.", alone=alone, figures=figures)
    order = ordered(
        tree_scores(ranker, judged.table), judged.table[:, SIGNALS.index("blend")], judged.candidates.shopper
    )
    ranked = ndcg(judged, order)
    low, high = bootstrap_ci(ranked - blend, seed=seed)
    figures["ranker"] = {"ndcg@10": float(ranked.mean()), "low": low, "high": high}
    better = low > 0 or merge == "ranker"
    words += (
        f", ranker {ranked.mean():.4f} ({(ranked - blend).mean():+.4f}, 95 % interval {low:+.4f} to {high:+.4f}) "
        f"on the validation window; the {'ranker' if better else 'blend'} is used"
        + (" as asked for." if merge == "ranker" else "." if better else ", which is simpler and not clearly worse.")
    )
    return MergeDecision(words, ranked=better, alone=alone, figures=figures, trial=(weights, ranker))


def _best_single(judged: TrainingExamples) -> tuple[str, NDArray[np.float64]]:
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
