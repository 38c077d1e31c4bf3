"""Fit every method, learn their merge on past windows, judge all on the last one, and learn from that one too.

In: a `Timeline`, the customers' groups and the catalogue. Out: a `RecommenderModel`, fitted on the whole history, and
the scorecard of the last window, of which neither the choices nor the merge that is judged have seen anything. What
needs no groups is studied first (`studying`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict
from itertools import zip_longest
from typing import Any

import numpy as np

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.data.temporal_dataset import TemporalDataset
from smart_retail.evaluation.scorecard import plain, skipped_gate
from smart_retail.evaluation.temporal_split import sample
from smart_retail.progress import Progress
from smart_retail.recommenders.base import Catalogue
from smart_retail.recommenders.fitted_components import FittedComponents
from smart_retail.recommenders.hybrid import HybridModel
from smart_retail.recommenders.model import RecommenderModel
from smart_retail.settings import RecommendSettings
from smart_retail.training.hybrid.ablation import ablation
from smart_retail.training.hybrid.backtest_windows import GroupAssignment, GroupedWindow, assign_groups
from smart_retail.training.hybrid.merge_selection import LearnedMerge, choose_merge, learn_merge, merge_of
from smart_retail.training.hybrid.offline_evaluation import evaluate_model
from smart_retail.training.hybrid.training_examples import TASKS, TrainingExamples, build_examples
from smart_retail.training.hybrid.variant_study import VariantSelection, select_variants
from smart_retail.training.models.components import Similar, fit_parts
from smart_retail.utils.parallel import available_threads, thread_pool

MAX_TRAINING_CUSTOMERS = 3000
"""Customers of a window that the merge learns from: more of them changed no figure by more than its interval."""


def fit_recommenders(
    timeline: TemporalDataset,
    place: GroupAssignment,
    catalogue: Catalogue,
    settings: RecommendSettings,
    *,
    seed: int,
    threads: int,
    progress: Progress,
    segment_names: Sequence[str] = (),
    studied: VariantSelection | None = None,
) -> tuple[RecommenderModel, dict[str, Any]]:
    """Fit all methods and their merge.

    Parameters
    ----------
    place : callable
        Segment and cluster of every customer by their RFM of a day.
    threads : int
        Bound on the threads; 0 takes what the machine offers. It changes no result.
    segment_names : sequence of str
        For the scorecard's breakdown.
    studied : Studied, optional
        What `study` found with the same settings, seed and timeline, where that was done already.

    Returns
    -------
    model : RecommenderModel
        Fitted on the whole history.
    scorecard : dict
        How good every method was on a window that it had learnt nothing from; plain JSON data. The model that
        comes back has learnt the merge anew, with that window in place of the oldest.
    """
    threads = threads or available_threads()
    studied = studied or select_variants(timeline, settings, seed=seed, threads=threads, progress=progress)
    choices, told = studied.choices, studied.told
    pasts = assign_groups(studied.pasts, timeline, place)
    whole = place(timeline.rfm())

    def fit_before_window(past: GroupedWindow, similar: Similar | None = None) -> FittedComponents:
        progress.check()
        return fit_parts(past.before, past.groups, catalogue, choices, threads=1, future_items=True, similar=similar)

    def examples_of(past: GroupedWindow, similar: Similar | None) -> dict[str, TrainingExamples]:
        return _lessons(past, fit_before_window(past, similar), seed)

    def judged(merge: Sequence[Future[LearnedMerge]]) -> dict[str, Any]:
        parts = last.result() if last else None
        learnt = merge_of([one.result() for one in merge])
        return _card(pasts[-1] if pasts else None, parts, learnt, segment_names, threads, seed, progress)

    with thread_pool(threads) as pool:
        # Begun in the order in which the results are waited for: no worker is idle, or waits for work behind it.
        teaching = [pool.submit(examples_of, *window) for window in zip_longest(pasts[:-1], studied.similar)]
        last = pool.submit(fit_before_window, pasts[-1]) if pasts else None
        lessons = _by_task([window.result() for window in teaching])
        final = pool.submit(fit_parts, studied.history, whole, catalogue, choices, threads=threads)
        chosen = choose_merge(lessons, settings.merge, seed=seed, pool=pool, progress=progress)
        for line in (*told, *(one.words for one in chosen)):
            progress.message(line)
        before = learn_merge(chosen, lessons, seed=seed, pool=pool)
        latest = _lessons(pasts[-1], last.result(), seed) if last else {}
        now = learn_merge(chosen, _moved_on(lessons, latest), seed=seed, pool=pool)
        judging = pool.submit(judged, before)
        lost = ablation(lessons, chosen, pool, progress)
        card = judging.result()
        learnt = [one.result() for one in now]
    card["merge"] = "ranker" if any(one.ranker for one in learnt) else "blend"
    card["windows"] = [{"first_day": p.window.cut, "days": p.window.days} for p in pasts]
    card["choice"] = " ".join((*told, *(one.words for one in chosen)))
    card["validation"] = plain({name: one.figures for name, one in zip(TASKS, chosen, strict=True)})
    card["weights"] = _weights(learnt)
    card["chosen"] = asdict(choices)
    card["ablation"] = plain(lost)
    return RecommenderModel(final.result(), merge_of(learnt)), card


def _lessons(past: GroupedWindow, parts: FittedComponents, seed: int) -> dict[str, TrainingExamples]:
    """What one window has to teach, by task."""
    chosen = {task: sample(past.truths[task], MAX_TRAINING_CUSTOMERS, seed) for task in TASKS}
    return {
        task: build_examples(parts, past.before, *past.groups, truth, task)
        for task, truth in chosen.items()
        if len(truth)
    }


def _by_task(taught: Sequence[Mapping[str, TrainingExamples]]) -> dict[str, list[TrainingExamples]]:
    """The windows' lessons of each task, oldest first."""
    return {task: [one[task] for one in taught if task in one] for task in TASKS}


def _moved_on(
    lessons: Mapping[str, list[TrainingExamples]], latest: Mapping[str, TrainingExamples]
) -> dict[str, list[TrainingExamples]]:
    """The lessons of as many windows, the latest in place of the oldest."""
    return {task: [*own[1:], latest[task]] if own and task in latest else own for task, own in lessons.items()}


def _card(
    last: GroupedWindow | None,
    parts: FittedComponents | None,
    merge: HybridModel,
    segment_names: Sequence[str],
    threads: int,
    seed: int,
    progress: Progress,
) -> dict[str, Any]:
    """The scorecard of the last window."""
    progress.check()
    if last is None or parts is None:
        reason = "the history is too short to hold out a slice"
        return {
            "k": 10,
            "customers": 0,
            "repeat_share": 0.0,
            "tasks": {},
            "gate": skipped_gate(reason),
            "notes": [f"No method was judged and the blend has its default weights: {reason}."],
        }
    card = evaluate_model(
        RecommenderModel(parts, merge),
        last,
        segment_names,
        threads=threads,
        seed=seed,
    )
    card["notes"] = _notes(last.before, card)
    return card


def _notes(before: PurchaseHistory, card: dict[str, Any]) -> list[str]:
    """What a reader of the scorecard should know."""
    notes = []
    customers = int(np.count_nonzero(np.bincount(before.customer)))
    if card["customers"] < 200:
        notes.append(f"Only {card['customers']} customers could be judged: the intervals are wide.")
    if card["gate"]["skipped"]:
        notes.append(f"The publishing gate decides nothing: {card['gate']['skipped']}.")
    elif card["gate"]["high"] < 0:
        notes.append("The hybrid is clearly worse than popularity on the last window.")
    notes.append(f"Judged on lists made from {customers:,} customers' purchases before the window.")
    return notes


def _weights(learnt: Sequence[LearnedMerge]) -> dict[str, Any]:
    """The blend's weights in words: task, amount of history, source."""
    from smart_retail.recommenders.blend import HISTORY_BUCKETS
    from smart_retail.recommenders.candidates import SOURCES

    return {
        task: {
            amount: {
                source: round(float(weight), 4)
                for source, weight in zip(SOURCES, learnt[t].weights[a], strict=True)
                if weight > 0
            }
            for a, amount in enumerate(HISTORY_BUCKETS)
        }
        for t, task in enumerate(TASKS)
    }
