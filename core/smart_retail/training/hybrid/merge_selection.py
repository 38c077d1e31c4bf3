"""Learn the hybrid: blend weights, and a ranker where it is clearly better.

`choose_merge` decides how the sources of each task are combined: models fitted on the earlier windows are compared on
the newest one. `learn_merge` then fits what was chosen on any windows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.evaluation.metrics import bootstrap_ci
from smart_retail.presentation import labels
from smart_retail.recommenders.blend import default_weights
from smart_retail.recommenders.hybrid import HybridModel, combine_with_blend
from smart_retail.recommenders.ranking_features import feature_names
from smart_retail.recommenders.source_registry import SOURCES
from smart_retail.recommenders.tree_ensemble import TreeEnsemble
from smart_retail.training.fit_context import FitContext
from smart_retail.training.hybrid.blend_weights import fit_weights, ndcg
from smart_retail.training.hybrid.lambdarank import fit_ranker
from smart_retail.training.hybrid.selection_note import SelectionNote
from smart_retail.training.hybrid.training_examples import TASKS, TrainingExamples

TASK_NAMES = {"any": "all purchases", "new": "new products"}
_MIN_WINDOWS = 3
"""Windows needed to compare models: two to fit, one to compare."""


@dataclass(frozen=True, slots=True)
class MergeDecision(SelectionNote):
    """How the sources of one task are combined."""

    uses_ranker: bool = False
    """Whether a ranker sets the order."""
    single_source: str | None = None
    """The source that replaces the blend."""
    fits_weights: bool = True
    """Whether weights are fitted; otherwise the default weights are used."""
    figures: dict[str, Any] = field(default_factory=dict)
    """NDCG@10 on the validation window."""
    validation_model: tuple[NDArray[np.float64], TreeEnsemble] | None = None
    """Weights and ranker that were fitted without the validation window."""


@dataclass(frozen=True, slots=True)
class LearnedMerge:
    """The weights and the ranker of one task."""

    weights: NDArray[np.float64]
    """Shape ``(len(HISTORY_BUCKETS), n_sources)``."""
    ranker: TreeEnsemble | None


def choose_merge(
    windows: Mapping[str, Sequence[TrainingExamples]], merge: str, context: FitContext
) -> list[MergeDecision]:
    """Choose how to combine the sources of each task, in the order of `TASKS`.

    Parameters
    ----------
    windows : mapping
        Task -> training examples of each window, oldest first.
    merge : {"auto", "blend", "ranker"}
    context : FitContext
        With an open pool. Each task trains on one thread: LightGBM's threads spin while waiting; on a loaded machine
        this was 10x slower.
    """
    context.progress.check()
    jobs = [context.submit(_choose, list(windows[task]), task, merge, context.seed) for task in TASKS]
    decisions = [job.result() for job in jobs]
    context.progress.check()
    return decisions


def learn_merge(
    decisions: Sequence[MergeDecision], windows: Mapping[str, Sequence[TrainingExamples]], context: FitContext
) -> list[Future[LearnedMerge]]:
    """Start fitting what was chosen, one job for each task on the pool of the context."""
    return [
        context.submit(_learn, decision, windows[task], task, context.seed)
        for decision, task in zip(decisions, TASKS, strict=True)
    ]


def to_hybrid_model(learned: Sequence[LearnedMerge]) -> HybridModel:
    """Combine the results of both tasks to the model."""
    any_, new = learned
    return HybridModel(np.stack((any_.weights, new.weights)), (any_.ranker, new.ranker))


def _learn(decision: MergeDecision, windows: Sequence[TrainingExamples], task: str, seed: int) -> LearnedMerge:
    weights = fit_weights(windows, task) if decision.fits_weights else default_weights()[TASKS.index(task)]
    if decision.single_source is not None:
        weights = _weights_of_single_source(decision.single_source, weights)
    ranker = None
    if decision.uses_ranker:
        ranker = fit_ranker((examples.reranked(weights) for examples in windows), seed=seed)
    return LearnedMerge(weights, ranker)


def _choose(windows: list[TrainingExamples], task: str, merge: str, seed: int) -> MergeDecision:
    name = TASK_NAMES[task].capitalize()
    if not windows:
        text = f"{name}: the history is too short to fit weights, so default weights are used."
        return MergeDecision(text, fits_weights=False)
    if len(windows) >= _MIN_WINDOWS:
        return _validate(windows, task, merge, seed)
    if merge == "ranker":
        return MergeDecision(f"{name}: the learned ranker is used, as requested.", uses_ranker=True)
    text = f"{name}: there is too little history to compare ways of combining the methods, so a weighted blend is used."
    return MergeDecision(text)


def _validate(windows: list[TrainingExamples], task: str, merge: str, seed: int) -> MergeDecision:
    """Compare blend, best single source and ranker, fitted on the earlier windows, on the newest window."""
    name = TASK_NAMES[task].capitalize()
    earlier, newest = windows[:-1], windows[-1]
    weights = fit_weights(earlier, task)
    examples = newest.reranked(weights)
    blend = ndcg(examples, examples.blend(weights))
    best, single = _best_single_source(examples)
    figures: dict[str, Any] = {
        "blend": float(blend.mean()),
        "best single": {"source": best, "ndcg@10": float(single.mean())},
    }
    details = (
        f"{name}: NDCG@10 on the validation window: blend {blend.mean():.4f}, best source {best} {single.mean():.4f}"
    )
    single_source, text = None, f"{name}: a weighted blend of the methods is used."
    if bootstrap_ci(single - blend, seed=seed)[0] > 0:
        single_source, weights = best, _weights_of_single_source(best, weights)
        examples, blend = newest.reranked(weights), single
        text = f"{name}: the list of {labels.source_label(best)} alone was clearly best and is used."
    decision = MergeDecision(text, f"{details}.", single_source=single_source, figures=figures)
    return (
        decision
        if merge == "blend"
        else _validate_ranker(decision, earlier, examples, weights, blend, task, merge, seed)
    )


def _validate_ranker(
    decision: MergeDecision,
    earlier: Sequence[TrainingExamples],
    examples: TrainingExamples,
    weights: NDArray[np.float64],
    blend: NDArray[np.float64],
    task: str,
    merge: str,
    seed: int,
) -> MergeDecision:
    """Extend a decision for the blend: whether a ranker sets the order.

    Parameters
    ----------
    decision : MergeDecision
        Without ranker.
    earlier : sequence of TrainingExamples
        The windows to fit on.
    examples : TrainingExamples
        Of the newest window, reordered by `weights`.
    weights : float64 array, shape (len(HISTORY_BUCKETS), n_sources)
    blend : float64 array, shape (n_shoppers,)
        NDCG@10 of the blend on the newest window.
    task : {"any", "new"}
    merge : {"auto", "ranker"}
    seed : int
    """
    from smart_retail.training.kernels.batch_scorer import score_trees  # imports Numba: only while fitting

    name = TASK_NAMES[task].capitalize()
    ranker = fit_ranker((examples.reranked(weights) for examples in earlier), seed=seed)
    if ranker is None:
        return replace(decision, details=f"{decision.details} No purchases to train a ranker on.")
    blend_score = examples.features[:, feature_names().index("blend")]
    order = combine_with_blend(score_trees(ranker, examples.features), blend_score, examples.candidates.shopper)
    ranked = ndcg(examples, order)
    low, high = bootstrap_ci(ranked - blend, seed=seed)
    uses_ranker = low > 0 or merge == "ranker"
    text = decision.text
    if uses_ranker:
        reason = "as requested" if merge == "ranker" else "it was clearly better than the weighted blend"
        text = f"{name}: a learned ranker orders the products: {reason}."
    return replace(
        decision,
        text=text,
        details=f"{decision.details[:-1]}, ranker {ranked.mean():.4f}; ranker minus blend "
        f"{(ranked - blend).mean():+.4f} (95 % interval {low:+.4f} to {high:+.4f}).",
        uses_ranker=uses_ranker,
        figures={**decision.figures, "ranker": {"ndcg@10": float(ranked.mean()), "low": low, "high": high}},
        validation_model=(weights, ranker),
    )


def _best_single_source(examples: TrainingExamples) -> tuple[str, NDArray[np.float64]]:
    """Return the source that ranks best on its own, and its NDCG@10 by shopper."""
    by_source = {source: ndcg(examples, examples.normalized[s]) for s, source in enumerate(SOURCES.names)}
    best = max(by_source, key=lambda source: float(by_source[source].mean()))
    return best, by_source[best]


def _weights_of_single_source(source: str, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights of one source alone for all shoppers with purchases."""
    out = weights.copy()
    out[1:] = 0.0
    out[1:, SOURCES.index(source)] = 1.0
    return out
