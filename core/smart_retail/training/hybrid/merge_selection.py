"""Learn the hybrid: blend weights, a ranker where it is clearly better, and more popularity in unstable shops.

`choose_merge` decides how the sources of each task are combined: models fitted on the earlier windows are compared on
the newest one and on older windows that they were not fitted on, by average and worst result. `learn_merge` then fits
what was chosen on any windows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.evaluation.metrics import bootstrap_ci, mean_and_worst
from smart_retail.presentation import labels
from smart_retail.presentation.formatting import format_percent
from smart_retail.recommenders.blend import default_weights
from smart_retail.recommenders.hybrid import HybridModel
from smart_retail.recommenders.source_registry import SOURCES
from smart_retail.recommenders.tree_ensemble import TreeEnsemble
from smart_retail.training.fit_context import FitContext
from smart_retail.training.hybrid.blend_weights import WeightTables, fit_weights
from smart_retail.training.hybrid.lambdarank import fit_ranker
from smart_retail.training.hybrid.selection_note import SelectionNote
from smart_retail.training.hybrid.training_examples import TASKS, TrainingExamples
from smart_retail.training.hybrid.window_checks import WindowChecks, WindowFigures, hedged_weights

TASK_NAMES = {"any": "all purchases", "new": "new products"}
MIN_WINDOWS = 3
"""Windows needed to compare models: two to fit, one to compare."""
_MIN_UTILITY = 0.015
"""Gain in the mean of average and worst window, relative to the best source, from which popularity gets more weight."""
_MAX_COST = 0.02
"""Share of NDCG@10 that a hedge may cost, on the average of the windows and on the newest one."""
BLEND_HEDGES = (0.0, 0.15, 0.3, 0.6, 1.2)
"""Weights added to popularity in a blend, relative to the largest weight."""
RANKER_HEDGES = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Weights of popularity in the order of a ranker, in standard deviations of its scores."""
_STRENGTHS = ("no", "a little", "some", "much", "very much")


@dataclass(frozen=True, slots=True)
class MergeDecision(SelectionNote):
    """How the sources of one task are combined."""

    uses_ranker: bool = False
    """Whether a ranker sets the order."""
    single_source: str | None = None
    """The source that replaces the blend."""
    hedge: float = 0.0
    """Weight of popularity in addition to the fitted weights."""
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
    hedge: float = 0.0
    """Weight of popularity in the order of the ranker."""


def choose_merge(
    windows: Mapping[str, Sequence[TrainingExamples]],
    past: Mapping[str, Sequence[TrainingExamples]],
    merge: str,
    context: FitContext,
) -> list[MergeDecision]:
    """Choose how to combine the sources of each task, in the order of `TASKS`.

    Parameters
    ----------
    windows : mapping
        Task -> training examples of each window, oldest first.
    past : mapping
        Task -> examples of still older windows, on which nothing is fitted.
    merge : {"auto", "blend", "ranker"}
    context : FitContext
        With an open pool. Each task trains on one thread: LightGBM's threads spin while waiting; on a loaded machine
        this was 10x slower.
    """
    context.progress.check()
    jobs = [
        context.submit(_choose, list(windows[task]), list(past.get(task, ())), task, merge, context.seed)
        for task in TASKS
    ]
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
    return HybridModel(np.stack((any_.weights, new.weights)), (any_.ranker, new.ranker), (any_.hedge, new.hedge))


def _learn(decision: MergeDecision, windows: Sequence[TrainingExamples], task: str, seed: int) -> LearnedMerge:
    weights = (
        fit_weights(WeightTables(windows), task) if decision.fits_weights else default_weights()[TASKS.index(task)]
    )
    if decision.single_source is not None:
        weights = _weights_of_single_source(decision.single_source, weights)
    if not decision.uses_ranker:
        return LearnedMerge(hedged_weights(weights, decision.hedge) if decision.hedge else weights, None)
    ranker = fit_ranker((examples.reranked(weights) for examples in windows), seed=seed)
    return LearnedMerge(weights, ranker, decision.hedge)


def _choose(
    windows: list[TrainingExamples], past: list[TrainingExamples], task: str, merge: str, seed: int
) -> MergeDecision:
    name = TASK_NAMES[task].capitalize()
    if not windows:
        text = f"{name}: the history is too short to fit weights, so default weights are used."
        return MergeDecision(text, fits_weights=False)
    if len(windows) >= MIN_WINDOWS:
        return _validate(windows, past, task, merge, seed)
    if merge == "ranker":
        return MergeDecision(f"{name}: the learned ranker is used, as requested.", uses_ranker=True)
    text = f"{name}: there is too little history to compare ways of combining the methods, so a weighted blend is used."
    return MergeDecision(text)


def _validate(
    windows: list[TrainingExamples], past: list[TrainingExamples], task: str, merge: str, seed: int
) -> MergeDecision:
    """Compare blend, best single source, ranker and more popularity on the newest and on older windows.

    Parameters
    ----------
    windows : list of TrainingExamples
        Oldest first; models are fitted on all but the last.
    past : list of TrainingExamples
    task : {"any", "new"}
    merge : {"auto", "blend", "ranker"}
    seed : int
    """
    name = TASK_NAMES[task].capitalize()
    earlier, newest = windows[:-1], windows[-1]
    weights = fit_weights(WeightTables(earlier), task)
    checks = WindowChecks([*past, newest])
    blend = checks.evaluate(weights)
    best = checks.best_source()
    single = checks.by_source[best]
    figures: dict[str, Any] = {
        "blend": float(blend.newest.mean()),
        "best single": {"source": best, "ndcg@10": float(single.newest.mean())},
    }
    details = (
        f"{name}: NDCG@10 on the validation window: blend {blend.newest.mean():.4f}, best source {best} "
        f"{single.newest.mean():.4f}."
    )
    single_source, text = None, f"{name}: a weighted blend of the methods is used."
    if bootstrap_ci(single.newest - blend.newest, seed=seed)[0] > 0 and checks.is_as_good(single, blend):
        single_source, weights = best, _weights_of_single_source(best, weights)
        blend = single
        text = f"{name}: the list of {labels.source_label(best)} alone was clearly best and is used."
    decision = MergeDecision(text, details, single_source=single_source, figures=figures)
    ranker = None
    if merge != "blend":
        ranker = fit_ranker((examples.reranked(weights) for examples in earlier), seed=seed)
        decision = _validate_ranker(decision, checks, weights, ranker, blend, merge, seed)
    used = ranker if decision.uses_ranker else None
    return _choose_hedge(decision, checks, weights, used)


def _validate_ranker(
    decision: MergeDecision,
    checks: WindowChecks,
    weights: NDArray[np.float64],
    ranker: TreeEnsemble | None,
    blend: WindowFigures,
    merge: str,
    seed: int,
) -> MergeDecision:
    """Extend a decision for the blend: whether a ranker sets the order.

    Parameters
    ----------
    decision : MergeDecision
        Without ranker.
    checks : WindowChecks
    weights : float64 array, shape (len(HISTORY_BUCKETS), n_sources)
    ranker : TreeEnsemble or None
        Fitted on the earlier windows; None where there was nothing to fit on.
    blend : WindowFigures
        Of the blend.
    merge : {"auto", "ranker"}
    seed : int
    """
    name = decision.text.split(":")[0]
    if ranker is None:
        return replace(decision, details=f"{decision.details} No purchases to train a ranker on.")
    ranked = checks.evaluate(weights, ranker)
    gain = ranked.newest - blend.newest
    low, high = bootstrap_ci(gain, seed=seed)
    uses_ranker = (low > 0 and checks.is_as_good(ranked, blend)) or merge == "ranker"
    text = decision.text
    if uses_ranker:
        reason = "as requested" if merge == "ranker" else "it was clearly better than the weighted blend"
        text = f"{name}: a learned ranker orders the products: {reason}."
    return replace(
        decision,
        text=text,
        details=f"{decision.details[:-1]}, ranker {ranked.newest.mean():.4f}; ranker minus blend "
        f"{gain.mean():+.4f} (95 % interval {low:+.4f} to {high:+.4f}).",
        uses_ranker=uses_ranker,
        figures={**decision.figures, "ranker": {"ndcg@10": float(ranked.newest.mean()), "low": low, "high": high}},
        validation_model=(weights, ranker),
    )


def _choose_hedge(
    decision: MergeDecision, checks: WindowChecks, weights: NDArray[np.float64], ranker: TreeEnsemble | None
) -> MergeDecision:
    """Extend a decision: the weight of popularity that is added for the worst of the windows."""
    hedges = BLEND_HEDGES if ranker is None else RANKER_HEDGES
    options = [checks.evaluate(weights, ranker, hedge) for hedge in hedges]
    relative = [checks.relative(option) for option in options]
    worst, mean = [float(r.min()) for r in relative], [float(r.mean()) for r in relative]
    best = _best_hedge(options, relative)
    periods = f"in {len(checks.windows)} past periods"
    if best:
        text = (
            f" Popular products get {_STRENGTHS[best]} additional weight, in case demand changes: {periods} the worst "
            f"lists reached {format_percent(worst[best])} of the best single method instead of "
            f"{format_percent(worst[0])}, and the average "
            f"changed by {100 * (mean[best] / mean[0] - 1):+.1f} %."
        )
    else:
        text = (
            f" Popular products need no additional weight: {periods} the worst lists reached "
            f"{format_percent(worst[0])} of the best single method."
        )
    tried = "; ".join(f"{h:g}: {m:.4f}, {w:.4f}" for h, m, w in zip(hedges, mean, worst, strict=True))
    return replace(
        decision,
        text=decision.text + text,
        details=f"{decision.details} NDCG@10 relative to the best source {periods}, mean and worst by added weight of "
        f"popularity: {tried}.",
        hedge=hedges[best],
        figures={
            **decision.figures,
            "hedging": {"windows": len(checks.windows), "weight": hedges[best], "mean": mean, "worst": worst},
        },
    )


def _best_hedge(options: Sequence[WindowFigures], relative: Sequence[NDArray[np.float64]]) -> int:
    """Return the position of the hedge to use: 0 (none) unless another one helps enough and costs little.

    Parameters
    ----------
    options : sequence of WindowFigures
        By hedge, ascending from none.
    relative : sequence of float64 arrays, shape (n_windows,)
        NDCG@10 relative to the best source of each window.
    """
    utilities = [float(mean_and_worst(r)) for r in relative]
    affordable = [
        k
        for k, option in enumerate(options)
        if relative[k].mean() >= (1 - _MAX_COST) * relative[0].mean()
        and option.newest.mean() >= (1 - _MAX_COST) * options[0].newest.mean()
    ]
    best = max(affordable, key=lambda k: utilities[k])
    return best if utilities[best] >= utilities[0] + _MIN_UTILITY else 0


def _weights_of_single_source(source: str, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights of one source alone for all shoppers with purchases."""
    out = weights.copy()
    out[1:] = 0.0
    out[1:, SOURCES.index(source)] = 1.0
    return out
