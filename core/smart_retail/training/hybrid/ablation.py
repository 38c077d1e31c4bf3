"""What each signal adds, also when it adds nothing.

In: the lessons and what was chosen on them. Out: by task and idea, the NDCG@10 that is lost on the newest
lesson without it, with a 95 % paired interval. For the blend, the weights are fitted again without the idea's
sources on the earlier windows. For a ranker, the idea's signals are held at their median in the trees as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.evaluation.metrics import bootstrap_ci
from smart_retail.progress import Progress
from smart_retail.recommenders.candidates import SOURCES
from smart_retail.recommenders.hybrid import ordered
from smart_retail.recommenders.ranking_features import FEATURE_GROUPS, NAMES
from smart_retail.recommenders.tree_ensemble import TreeEnsemble
from smart_retail.training.hybrid.blend_weights import fit_weights, ndcg
from smart_retail.training.hybrid.merge_selection import MergeDecision
from smart_retail.training.hybrid.training_examples import TASKS, TrainingExamples

IDEAS: Final[dict[str, tuple[str, ...]]] = {
    "own frequency and recency": ("again", "again lately"),
    "neighbours": ("neighbours", "neighbours x trend"),
    "linear model": ("linear", "linear x trend"),
    "trend": ("neighbours x trend", "linear x trend", "trending"),
    "popularity": ("popular", "trending"),
    "RFM segment": ("segment",),
    "cluster": ("cluster",),
}
_DRAWS = 500


def ablation(
    lessons: Mapping[str, Sequence[TrainingExamples]],
    chosen: Sequence[MergeDecision],
    pool: Executor,
    progress: Progress,
) -> dict[str, Any]:
    """Loss by task and idea, worked out on a pool; empty where fewer than two windows could be held out."""
    progress.check()
    own = {task: list(lessons[task]) for task in TASKS if len(lessons[task]) > 1}
    trials = {task: one.trial for task, one in zip(TASKS, chosen, strict=True) if task in own and one.trial is not None}
    # The longest jobs begin first, so that no worker is idle at the end.
    rankers = {task: pool.submit(_ranker, own[task][-1], *trial) for task, trial in trials.items()}
    blends = {task: _blend(windows, task, pool) for task, windows in own.items()}
    return {
        task: {"blend": blend, **({"ranker": rankers[task].result()} if task in rankers else {})}
        for task, blend in blends.items()
    }


def _blend(own: list[TrainingExamples], task: str, pool: Executor) -> dict[str, Any]:
    newest = own[-1]
    every = fit_weights(own[:-1], task)
    full = ndcg(newest, newest.blend(every))

    def loss(sources: Sequence[str]) -> dict[str, float]:
        without = fit_weights(own[:-1], task, frozenset(SOURCES.index(s) for s in sources), start=every)
        return _loss(full - ndcg(newest, newest.blend(without)))

    return dict(zip(IDEAS, pool.map(loss, IDEAS.values()), strict=True))


def _ranker(newest: TrainingExamples, weights: NDArray[np.float64], ranker: TreeEnsemble) -> dict[str, Any]:
    from smart_retail.training.kernels.batch_scorer import (  # Numba: only where something is fitted
        scores_held,
        tree_scores,
    )

    newest = newest.reranked(weights)
    blend, shopper = newest.table[:, NAMES.index("blend")], newest.candidates.shopper
    full = ndcg(newest, ordered(tree_scores(ranker, newest.table), blend, shopper))
    held = scores_held(
        ranker, newest.table, [[NAMES.index(name) for name in names] for names in FEATURE_GROUPS.values()]
    )

    def without(group: str, score: NDArray[np.float64]) -> NDArray[np.float64]:
        return ordered(score, np.zeros_like(blend) if group == "blend" else blend, shopper)

    return {
        group: _loss(full - ndcg(newest, without(group, score)))
        for group, score in zip(FEATURE_GROUPS, held, strict=True)
    }


def _loss(each: NDArray[np.float64]) -> dict[str, float]:
    low, high = bootstrap_ci(each, draws=_DRAWS)
    return {"adds": float(each.mean()), "low": low, "high": high}
