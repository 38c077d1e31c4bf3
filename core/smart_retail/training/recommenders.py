"""Fit every method, learn the hybrid on backtest windows, and evaluate all methods on the last window.

The scorecard is computed with variants and a hybrid that were selected and learned without the last window. The
published model is then fitted on the whole history, and its hybrid is learned again with the last window in place of
the oldest.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field, replace
from itertools import zip_longest
from typing import Any

import numpy as np

from smart_retail.data.guest_orders import NO_GUESTS, GuestOrders
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.data.temporal_dataset import TemporalDataset
from smart_retail.evaluation.scorecard import skipped_gate, to_plain_json
from smart_retail.evaluation.temporal_split import (
    MAX_HISTORY_ROWS,
    Window,
    draw_customers,
    extract_ground_truth,
    sample_customers,
)
from smart_retail.recommenders.base import Catalogue, Shoppers
from smart_retail.recommenders.blend import HISTORY_BUCKETS
from smart_retail.recommenders.fitted_components import FittedComponents
from smart_retail.recommenders.hybrid import HybridModel
from smart_retail.recommenders.model import RecommenderModel
from smart_retail.recommenders.new_items import NewItemModel
from smart_retail.recommenders.popularity import Demand
from smart_retail.recommenders.source_registry import SOURCES
from smart_retail.settings import RecommendSettings
from smart_retail.training.baskets.evaluate_baskets import evaluate_baskets
from smart_retail.training.baskets.fit_baskets import FittedBaskets, fit_baskets
from smart_retail.training.fit_context import FitContext
from smart_retail.training.hybrid.ablation import run_ablation
from smart_retail.training.hybrid.backtest_windows import (
    BacktestWindow,
    GroupAssignment,
    GroupedWindow,
    Groups,
    add_groups,
)
from smart_retail.training.hybrid.merge_selection import (
    MIN_WINDOWS,
    LearnedMerge,
    MergeDecision,
    choose_merge,
    learn_merge,
    to_hybrid_model,
)
from smart_retail.training.hybrid.offline_evaluation import evaluate_model
from smart_retail.training.hybrid.selection_note import SelectionNote
from smart_retail.training.hybrid.sequence_trial import SequenceArrays, SequenceTrial, try_sequence_model
from smart_retail.training.hybrid.training_examples import TASKS, TrainingExamples, build_examples
from smart_retail.training.hybrid.variant_selection import VariantSelection, select_variants
from smart_retail.training.models.components import ComponentVariants, SimilarityModels, fit_components
from smart_retail.training.models.item_baskets import CustomerItems
from smart_retail.training.new_items.evaluate_new_items import detailed_category, evaluate_new_items
from smart_retail.training.new_items.fit_new_items import fit_new_items
from smart_retail.training.new_items.share_selection import select_new_items_share
from smart_retail.utils.parallel import one_algebra_thread

MAX_PAST_WINDOWS, MAX_PAST_CUSTOMERS = 4, 400
"""Older windows on which the merge is checked, and their customers of each task: few, to limit the time of a fit."""
MIN_PAST_SHARE = 0.3
"""Share of the whole period before an older window: with less, similar products are found less well than today."""
MAX_TRAINING_CUSTOMERS = 3000
"""Customers of each window on which the hybrid is learned: more changed no figure by more than its interval."""
FEW_CUSTOMERS = 200
"""Evaluated customers below which the scorecard warns of wide intervals."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _LearnedHybrid:
    """What is learned on the windows, and how well it does."""

    decisions: list[MergeDecision]
    learned: list[LearnedMerge]
    """Of the published model."""
    card: dict[str, Any]
    validated: HybridModel
    """Learned without the last window."""
    ablation: dict[str, Any] = field(default_factory=dict)


def fit_recommenders(
    dataset: TemporalDataset,
    assign_groups: GroupAssignment,
    groups: Groups,
    catalogue: Catalogue,
    settings: RecommendSettings,
    context: FitContext,
    *,
    segment_names: Sequence[str] = (),
    selection: VariantSelection | None = None,
    guests: GuestOrders = NO_GUESTS,
    customer_items: tuple[CustomerItems, Demand] | None = None,
) -> tuple[RecommenderModel, dict[str, Any]]:
    """Fit all methods and the hybrid.

    Parameters
    ----------
    dataset : TemporalDataset
    assign_groups : callable
        Returns segment and fine cluster of every customer before a past day.
    groups : (int16 array, int16 array)
        Segment and fine cluster of every customer at the end of the history.
    catalogue : Catalogue
    settings : RecommendSettings
    context : FitContext
    segment_names : sequence of str
        For the breakdown of the scorecard.
    selection : VariantSelection, optional
        Result of `select_variants` with the same dataset, settings and context, if it has been computed already.
    guests : GuestOrders
        Orders that count for the popularity of the whole shop, in addition to those of customers.
    customer_items : (CustomerItems, Demand), optional
        Result of `collect_customer_items` of the whole history, if it has been computed already.

    Returns
    -------
    model : RecommenderModel
        Fitted on the whole history.
    scorecard : dict
        Quality of every method on the last window, which was held out from fitting and selection; plain JSON data.
    """
    selection = selection or select_variants(dataset, settings, context)
    windows = add_groups(selection.windows, dataset, assign_groups, context)
    # The histories of the windows are a sample of the customers where there are many purchases.
    sampled = guests.sample(MAX_HISTORY_ROWS / max(len(selection.history), 1), context.seed)
    trial = _try_sequence_model(selection, windows, catalogue, sampled, settings, context)
    selection, variants = trial.selection, trial.selection.variants
    features = settings.merge != "blend"
    past_windows = add_groups(_build_past_windows(selection, dataset, context), dataset, assign_groups, context)

    def fit_before(window: GroupedWindow, models: SimilarityModels | None = None) -> FittedComponents:
        context.progress.check()
        sequence = trial.trained.get(window.window.cut)
        return _fit_before(window, catalogue, variants, models=models, sequence=sequence, guests=sampled)

    def examples_of(window: GroupedWindow, models: SimilarityModels | None) -> dict[str, TrainingExamples]:
        return _build_window_examples(window, fit_before(window, models), context, features=features)

    def past_examples_of(window: GroupedWindow) -> dict[str, TrainingExamples]:
        return _build_window_examples(window, fit_before(window), context, MAX_PAST_CUSTOMERS, features=features)

    def fit_and_evaluate_baskets() -> tuple[FittedBaskets, dict[str, Any]]:
        fitted = fit_baskets(windows, selection.history, max_items=variants.ease_items, context=context)
        if last is None or fitted.evaluated is None:
            return fitted, {}
        before, after, models = windows[-1].before, windows[-1].after, last.result()
        similarities = models.item_knn, models.ease
        card = evaluate_baskets(
            fitted.evaluated, before, after, *similarities, seed=context.seed, threads=context.n_threads
        )
        return fitted, card

    with context.open_pool() as pooled:
        # Jobs are submitted in the order in which their results are consumed, so that no worker blocks on a later job.
        examples = [
            pooled.submit(examples_of, window, models) for window, models in zip_longest(windows[:-1], selection.models)
        ]
        past = [pooled.submit(past_examples_of, window) for window in past_windows]
        last = pooled.submit(fit_before, windows[-1]) if windows else None
        by_task = _group_by_task([job.result() for job in examples])
        final = pooled.submit(
            fit_components,
            selection.history,
            groups,
            catalogue,
            selection.published,
            threads=context.n_threads,
            guests=guests,
            customer_items=customer_items,
        )
        basket_job = pooled.submit(fit_and_evaluate_baskets)
        checks = _group_by_task([job.result() for job in past])
        hybrid = _learn_hybrid(by_task, checks, windows, last, settings, segment_names, selection, pooled)
        baskets, basket_card = basket_job.result()
    new_items = _fit_new_items(selection.history, final.result(), catalogue, context)
    model = RecommenderModel(final.result(), to_hybrid_model(hybrid.learned), baskets.published, new_items)
    card = _complete_scorecard(hybrid, windows, selection)
    if basket_card:
        card["basket"] = basket_card
    if last and catalogue.vectors is not None:
        validated = RecommenderModel(last.result(), hybrid.validated)
        card["new_item"] = _evaluate_new_items(validated, windows[-1], catalogue, selection.variants, context)
    return model, card


def _fit_before(
    window: GroupedWindow,
    catalogue: Catalogue,
    variants: ComponentVariants,
    *,
    guests: GuestOrders,
    models: SimilarityModels | None = None,
    sequence: SequenceArrays | None = None,
) -> FittedComponents:
    """Fit the components on the history before a window, on one thread."""
    return fit_components(
        window.before,
        window.groups,
        catalogue,
        variants,
        threads=1,
        future_items=True,
        models=models,
        sequence=sequence,
        guests=guests,
    )


def _try_sequence_model(
    selection: VariantSelection,
    windows: Sequence[GroupedWindow],
    catalogue: Catalogue,
    guests: GuestOrders,
    settings: RecommendSettings,
    context: FitContext,
) -> SequenceTrial:
    """Return the selection with the sequence model where the settings allow it and it helps."""
    if settings.sequence_model == "off":
        return SequenceTrial(selection)

    def examples_with(window: GroupedWindow, arrays: SequenceArrays) -> dict[str, TrainingExamples]:
        components = _fit_before(window, catalogue, selection.variants, sequence=arrays, guests=guests)
        return _build_window_examples(window, components, context, features=settings.merge != "blend")

    return try_sequence_model(selection, windows, examples_with, settings.merge, context)


def _fit_new_items(
    history: PurchaseHistory, components: FittedComponents, catalogue: Catalogue, context: FitContext
) -> NewItemModel | None:
    """Return the model of the items without purchases, None where the catalogue has none."""
    unbought = np.flatnonzero(components.demand.ever == 0)
    if catalogue.vectors is None or not len(unbought):
        return None
    with one_algebra_thread():
        return fit_new_items(history, catalogue.vectors, unbought, seed=context.seed)


def _evaluate_new_items(
    model: RecommenderModel,
    window: GroupedWindow,
    catalogue: Catalogue,
    variants: ComponentVariants,
    context: FitContext,
) -> dict[str, Any]:
    """Return how well the new items of the last window were ranked, and the share of positions selected for them."""
    assert catalogue.vectors is not None
    options: dict[str, Any] = {"neighbours": variants.neighbours, "seed": context.seed}
    vectors = catalogue.vectors
    category = detailed_category(catalogue.category, catalogue.subcategory)
    with one_algebra_thread():
        card = evaluate_new_items(window.before, window.after, vectors, category, **options)
        share = select_new_items_share(model, window, vectors, **options, threads=context.n_threads)
    return card | {"share": to_plain_json(share)}


def _learn_hybrid(
    examples: Mapping[str, list[TrainingExamples]],
    past: Mapping[str, list[TrainingExamples]],
    windows: Sequence[GroupedWindow],
    last: Future[FittedComponents] | None,
    settings: RecommendSettings,
    segment_names: Sequence[str],
    selection: VariantSelection,
    context: FitContext,
) -> _LearnedHybrid:
    """Choose and learn the hybrid without the last window, evaluate it there, and learn it again with that window.

    Parameters
    ----------
    examples : mapping
        Task -> training examples of all windows but the last, oldest first.
    past : mapping
        Task -> examples of still older windows, on which the merge is checked.
    windows : sequence of GroupedWindow
    last : future of FittedComponents, or None
        Fitted before the last window; None without windows.
    settings : RecommendSettings
    segment_names : sequence of str
    selection : VariantSelection
    context : FitContext
        With an open pool.
    """
    decisions = choose_merge(examples, past, settings.merge, context)
    notes: list[SelectionNote] = [*selection.notes, *decisions]
    for note in notes:
        context.progress.message(note.text)
        if note.details:
            logger.info(note.details)
    validated = learn_merge(decisions, examples, context)
    features = settings.merge != "blend"
    latest = _build_window_examples(windows[-1], last.result(), context, features=features) if last else {}
    learned = learn_merge(decisions, _replace_oldest(examples, latest), context)

    def evaluate() -> tuple[dict[str, Any], HybridModel]:
        components = last.result() if last else None
        hybrid = to_hybrid_model([job.result() for job in validated])
        return _build_card(windows[-1] if windows else None, components, hybrid, segment_names, context), hybrid

    evaluation = context.submit(evaluate)
    losses = run_ablation(examples, decisions, context)
    return _LearnedHybrid(decisions, [job.result() for job in learned], *evaluation.result(), losses)


def _complete_scorecard(
    hybrid: _LearnedHybrid, windows: Sequence[GroupedWindow], selection: VariantSelection
) -> dict[str, Any]:
    """Add what was selected and learned to the scorecard."""
    card, decisions = hybrid.card, hybrid.decisions
    card["merge"] = "ranker" if any(learned.ranker for learned in hybrid.learned) else "blend"
    card["windows"] = [{"first_day": w.window.cut, "days": w.window.days} for w in windows]
    notes: list[SelectionNote] = [*selection.notes, *decisions]
    card["choice"] = " ".join(note.text for note in notes)
    card["choice_details"] = [note.details for note in notes if note.details]
    card["validation"] = to_plain_json({task: d.figures for task, d in zip(TASKS, decisions, strict=True)})
    card["weights"] = _weights_by_name(hybrid.learned)
    card["chosen"] = asdict(selection.published)
    card["ablation"] = to_plain_json(hybrid.ablation)
    return card


def _build_past_windows(
    selection: VariantSelection, dataset: TemporalDataset, context: FitContext
) -> list[BacktestWindow]:
    """Build windows before those of the selection, half a window apart.

    They are cut from the whole history: purchases that were returned later are missing.
    """
    if len(selection.windows) <= MIN_WINDOWS:
        return []
    history, oldest = selection.history, selection.windows[0].window
    drawn = draw_customers(history, context.seed)
    history = history if drawn is None else history.between(customers=drawn)
    first = dataset.first_day + MIN_PAST_SHARE * (dataset.last_day - dataset.first_day)
    out = []
    for k in reversed(range(MAX_PAST_WINDOWS)):
        cut = oldest.cut - oldest.days - k * max(oldest.days // 2, 1)
        window = Window(cut, cut + oldest.days)
        before = replace(history.take(history.day < window.cut), last_day=window.cut - 1)
        after = history.take((history.day >= window.cut) & (history.day < window.end))
        if cut >= first and len(before) and len(after):
            out.append(BacktestWindow(window, before, after, extract_ground_truth(before, after)))
    return out


def _build_window_examples(
    window: GroupedWindow,
    components: FittedComponents,
    context: FitContext,
    max_customers: int = MAX_TRAINING_CUSTOMERS,
    *,
    features: bool,
) -> dict[str, TrainingExamples]:
    """Build the training examples of one window by task; only a ranker needs `features`."""
    segment, cluster = window.groups
    out = {}
    for task in TASKS:
        truth = sample_customers(window.ground_truth[task], max_customers, context.seed)
        if len(truth):
            customers = truth.customer
            shoppers = Shoppers(window.before.select(customers), segment[customers], cluster[customers])
            out[task] = build_examples(components, shoppers, truth, task, with_features=features)
    return out


def _group_by_task(windows: Sequence[Mapping[str, TrainingExamples]]) -> dict[str, list[TrainingExamples]]:
    """Return the examples of each task by window, oldest first."""
    return {task: [examples[task] for examples in windows if task in examples] for task in TASKS}


def _replace_oldest(
    windows: Mapping[str, list[TrainingExamples]], latest: Mapping[str, TrainingExamples]
) -> dict[str, list[TrainingExamples]]:
    """Return the examples of as many windows, with the latest in place of the oldest."""
    return {
        task: [*examples[1:], latest[task]] if examples and task in latest else examples
        for task, examples in windows.items()
    }


def _build_card(
    last: GroupedWindow | None,
    components: FittedComponents | None,
    hybrid: HybridModel,
    segment_names: Sequence[str],
    context: FitContext,
) -> dict[str, Any]:
    """Return the scorecard of the last window, or one without figures where there is no window."""
    context.progress.check()
    if last is None or components is None:
        return {
            "k": 10,
            "customers": 0,
            "repeat_share": 0.0,
            "tasks": {},
            "gate": skipped_gate("the history is too short to hold out a period"),
            "notes": ["The history is too short to test the methods on held-out purchases; default weights are used."],
        }
    card = evaluate_model(RecommenderModel(components, hybrid), last, segment_names, context)
    card["notes"] = _scorecard_notes(last.before, card)
    return card


def _scorecard_notes(before: PurchaseHistory, card: dict[str, Any]) -> list[str]:
    """Return remarks on the scorecard for its readers."""
    notes = []
    customers = int(np.count_nonzero(np.bincount(before.customer)))
    if card["customers"] < FEW_CUSTOMERS:
        notes.append(f"Only {card['customers']} customers could be tested: the intervals are wide.")
    if card["gate"]["skipped"]:
        notes.append(f"The quality gate was skipped: {card['gate']['skipped']}.")
    elif card["gate"]["high"] < 0:
        notes.append("The hybrid is clearly worse than popularity in the last period.")
    notes.append(
        f"Tested on the purchases of {card['customers']:,} customers in the held-out period, with lists computed from "
        f"the earlier purchases of {customers:,} customers."
    )
    return notes


def _weights_by_name(learned: Sequence[LearnedMerge]) -> dict[str, Any]:
    """Return the blend weights above 0 by task, history bucket and source."""
    return {
        task: {
            bucket: {
                source: round(float(weight), 4)
                for source, weight in zip(SOURCES.names, learned[t].weights[b], strict=True)
                if weight > 0
            }
            for b, bucket in enumerate(HISTORY_BUCKETS)
        }
        for t, task in enumerate(TASKS)
    }
