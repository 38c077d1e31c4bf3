"""Trial of the sequence model: whether it makes the hybrid better on a past window.

The model is trained before each of the earlier windows. Blend and ranker are fitted with and without it on all of them
but the newest, and the better of the two compared there; the last window, which the scorecard is for, is not used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.evaluation.metrics import bootstrap_ci
from smart_retail.training.fit_context import FitContext
from smart_retail.training.hybrid.backtest_windows import GroupedWindow
from smart_retail.training.hybrid.blend_weights import WeightTables, fit_weights
from smart_retail.training.hybrid.lambdarank import fit_ranker
from smart_retail.training.hybrid.merge_selection import MIN_WINDOWS, TASK_NAMES
from smart_retail.training.hybrid.selection_note import SelectionNote
from smart_retail.training.hybrid.training_examples import TASKS, TrainingExamples
from smart_retail.training.hybrid.variant_selection import VariantSelection
from smart_retail.training.hybrid.window_checks import WindowChecks
from smart_retail.training.models.sequence_model import fit_sequence_model

SequenceArrays = Mapping[str, NDArray[Any]]
"""The arrays of a trained model."""


@dataclass(frozen=True, slots=True)
class SequenceTrial:
    """Result of the trial."""

    selection: VariantSelection
    """With the model as one of the sources, if it is used, and with the note of the trial."""
    trained: Mapping[int, SequenceArrays] = field(default_factory=dict)
    """First day of a window -> the model that was trained before it; empty if it is not used."""


def try_sequence_model(
    selection: VariantSelection,
    windows: Sequence[GroupedWindow],
    build_examples: Callable[[GroupedWindow, SequenceArrays], dict[str, TrainingExamples]],
    merge: str,
    context: FitContext,
) -> SequenceTrial:
    """Train the model before the earlier windows, and use it if it is clearly better in one task and not worse in any.

    Parameters
    ----------
    selection : VariantSelection
    windows : sequence of GroupedWindow
        All windows, oldest first.
    build_examples : callable
        Returns the examples of a window by task, with a trained model as one of the sources.
    merge : {"auto", "blend", "ranker"}
        How the fit combines the sources; with ``blend`` no ranker is compared.
    context : FitContext
    """
    earlier = windows[:-1]
    if len(earlier) < MIN_WINDOWS:
        text = "The sequence model is not used: there is too little history to try it."
        return SequenceTrial(_with_note(selection, SelectionNote(text)))
    trained: dict[int, SequenceArrays] = {}
    examples: list[dict[str, TrainingExamples]] = []
    for window in earlier:
        context.progress.check()
        model = fit_sequence_model(window.before, seed=context.seed)
        if model is None:
            text = "The sequence model is not used: there are too few orders to train it."
            return SequenceTrial(_with_note(selection, SelectionNote(text)))
        trained[window.window.cut] = model.arrays()
        examples.append(build_examples(window, model.arrays()))
    gains = {
        task: _gain([e[task] for e in examples], task, merge, context.seed)
        for task in TASKS
        if all(task in found for found in examples)
    }
    intervals = {task: bootstrap_ci(gain, seed=context.seed) for task, gain in gains.items()}
    helps = any(low > 0 for low, _ in intervals.values()) and not any(high < 0 for _, high in intervals.values())
    figures = (
        f"{TASK_NAMES[task]} {gain.mean():+.4f} (95 % interval {intervals[task][0]:+.4f} to {intervals[task][1]:+.4f})"
        for task, gain in gains.items()
    )
    details = f"Sequence model: change of NDCG@10 of the hybrid on the validation window: {'; '.join(figures)}."
    text = "The sequence model is used: the lists of a past period are clearly better with it."
    if not helps:
        text = "The sequence model is not used: the lists of a past period are not clearly better with it."
    noted = _with_note(selection, SelectionNote(text, details))
    if not helps:
        return SequenceTrial(noted)
    variants, published = (replace(chosen, sequence_model=True) for chosen in (noted.variants, noted.published))
    return SequenceTrial(replace(noted, variants=variants, published=published), trained)


def _gain(windows: list[TrainingExamples], task: str, merge: str, seed: int) -> NDArray[np.float64]:
    """Return how much NDCG@10 rises by the model, by shopper of the newest window."""
    without = [examples.without_optional() for examples in windows]
    return _figures(windows, task, merge, seed) - _figures(without, task, merge, seed)


def _figures(windows: list[TrainingExamples], task: str, merge: str, seed: int) -> NDArray[np.float64]:
    """Return NDCG@10 by shopper of the newest window: of the blend or of a ranker, whichever is better."""
    *earlier, newest = windows
    weights, checks = fit_weights(WeightTables(earlier), task), WindowChecks([newest])
    found = [checks.evaluate(weights).newest]
    ranker = None if merge == "blend" else fit_ranker((e.reranked(weights) for e in earlier), seed=seed)
    if ranker is not None:
        found.append(checks.evaluate(weights, ranker).newest)
    return max(found, key=lambda figures: float(figures.mean()))


def _with_note(selection: VariantSelection, note: SelectionNote) -> VariantSelection:
    return replace(selection, notes=[*selection.notes, note])
