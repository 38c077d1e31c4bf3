"""Ablation: how much each group of sources and features contributes to the hybrid.

For each task and group, the NDCG@10 that is lost on the newest window without the group, with a 95 % paired interval.
For the blend, the weights are fitted again on the earlier windows without the sources of the group. For a ranker, the
features of the group are set to their median in the fitted trees.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.evaluation.metrics import bootstrap_ci
from smart_retail.recommenders.hybrid import combine_with_blend
from smart_retail.recommenders.ranking_features import feature_groups, feature_names
from smart_retail.recommenders.source_registry import SOURCES
from smart_retail.recommenders.tree_ensemble import TreeEnsemble
from smart_retail.training.fit_context import FitContext
from smart_retail.training.hybrid.blend_weights import WeightTables, fit_weights, ndcg
from smart_retail.training.hybrid.merge_selection import MergeDecision
from smart_retail.training.hybrid.training_examples import TASKS, TrainingExamples

_DRAWS = 500
"""Bootstrap draws."""


def source_groups(fitted: Collection[str] = ()) -> dict[str, tuple[int, ...]]:
    """Return the positions of the sources that the ablation leaves out together, by group.

    `fitted` names the optional sources of the model.
    """
    groups: dict[str, list[int]] = {}
    names = SOURCES.names_in(fitted)
    for position, source in enumerate(SOURCES):
        for group in source.ablation_groups if source.name in names else ():
            groups.setdefault(group, []).append(position)
    return {group: tuple(positions) for group, positions in groups.items()}


def run_ablation(
    windows: Mapping[str, Sequence[TrainingExamples]], decisions: Sequence[MergeDecision], context: FitContext
) -> dict[str, Any]:
    """Compute the loss by task and group; empty where fewer than two windows could be held out.

    Parameters
    ----------
    windows : mapping
        Task -> training examples of each window, oldest first.
    decisions : sequence of MergeDecision
        In the order of `TASKS`.
    context : FitContext
        With an open pool.

    Returns
    -------
    dict
        Task -> ``blend`` or ``ranker`` -> group -> ``adds`` (NDCG@10), ``low``, ``high``.
    """
    context.progress.check()
    used = {task: list(windows[task]) for task in TASKS if len(windows[task]) > 1}
    models = {
        task: decision.validation_model
        for task, decision in zip(TASKS, decisions, strict=True)
        if task in used and decision.validation_model is not None
    }
    # The longest jobs start first, so that no worker is idle at the end.
    rankers = {task: context.submit(_ablate_ranker, used[task][-1], *model) for task, model in models.items()}
    blends = {task: _ablate_blend(examples, task, context) for task, examples in used.items()}
    return {
        task: {"blend": blend, **({"ranker": rankers[task].result()} if task in rankers else {})}
        for task, blend in blends.items()
    }


def _ablate_blend(windows: list[TrainingExamples], task: str, context: FitContext) -> dict[str, Any]:
    newest, tables = windows[-1], WeightTables(windows[:-1])
    weights = fit_weights(tables, task)
    full = ndcg(newest, newest.blend(weights))

    def loss(sources: Sequence[int]) -> dict[str, float]:
        without = fit_weights(tables, task, frozenset(sources), start=weights)
        return _summarize(full - ndcg(newest, newest.blend(without)))

    jobs = {group: context.submit(loss, sources) for group, sources in source_groups(newest.optional).items()}
    return {group: job.result() for group, job in jobs.items()}


def _ablate_ranker(newest: TrainingExamples, weights: NDArray[np.float64], ranker: TreeEnsemble) -> dict[str, Any]:
    from smart_retail.training.kernels.batch_scorer import (  # imports Numba: only while fitting
        score_trees,
        score_with_groups_at_median,
    )

    newest = newest.reranked(weights)
    names, groups = feature_names(newest.optional), feature_groups(newest.optional)
    blend, shopper = newest.features[:, names.index("blend")], newest.candidates.shopper
    full = ndcg(newest, combine_with_blend(score_trees(ranker, newest.features), blend, shopper))
    columns = [[names.index(name) for name in group] for group in groups.values()]
    scores = score_with_groups_at_median(ranker, newest.features, columns)

    def order_without(group: str, score: NDArray[np.float64]) -> NDArray[np.float64]:
        return combine_with_blend(score, np.zeros_like(blend) if group == "blend" else blend, shopper)

    return {
        group: _summarize(full - ndcg(newest, order_without(group, score)))
        for group, score in zip(groups, scores, strict=True)
    }


def _summarize(loss: NDArray[np.float64]) -> dict[str, float]:
    """Return the mean loss with its interval."""
    low, high = bootstrap_ci(loss, draws=_DRAWS)
    return {"adds": float(loss.mean()), "low": low, "high": high}
