"""Selection of the variant of each single method, by backtesting.

Which recent window predicts demand best, which similarity finds better new items, and how much the trend should count
differ between shops. Needs no segments or clusters, so that it can run while the clusters are fitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.data.temporal_dataset import TemporalDataset
from smart_retail.evaluation.metrics import Lists, compute_accuracy
from smart_retail.evaluation.temporal_split import GroundTruth, rolling_windows, sample_customers
from smart_retail.recommenders.base import UNKNOWN_GROUP, Shoppers
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.popularity import compute_trend, count_demand
from smart_retail.recommenders.repurchase import compute_recency_weights
from smart_retail.recommenders.shopper_context import build_context, top_k_positions
from smart_retail.recommenders.shopper_items import build_user_item_matrix
from smart_retail.settings import RecommendSettings
from smart_retail.training.fit_context import FitContext
from smart_retail.training.hybrid.backtest_windows import BacktestWindow, build_windows
from smart_retail.training.hybrid.popularity_selection import overlapping_windows, select_popularity
from smart_retail.training.hybrid.selection_note import SelectionNote
from smart_retail.training.models.components import AUTO, ComponentVariants, SimilarityModels
from smart_retail.training.models.ease import PENALTIES, fit_weighted_ease
from smart_retail.training.models.item_knn import WEIGHTINGS, fit_item_knn
from smart_retail.utils.csr import indptr_from_lengths
from smart_retail.utils.parallel import parallel_map

K = 10
MAX_COMPARISON_CUSTOMERS = 800
"""Customers of each window on which similarities are compared."""
_TREND_POWERS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class VariantSelection:
    """Backtest windows and the variants that were selected on all but the last."""

    history: PurchaseHistory
    """The whole history."""
    windows: list[BacktestWindow]
    """Oldest first; the last is only used by the scorecard."""
    variants: ComponentVariants
    published: ComponentVariants
    """The same with the popularity list that was selected with the last window, for the whole history."""
    notes: list[SelectionNote]
    models: list[SimilarityModels]
    """The selected similarity models of the first windows, which were fitted for the comparison."""


def select_variants(dataset: TemporalDataset, settings: RecommendSettings, context: FitContext) -> VariantSelection:
    """Build the backtest windows and select the variants.

    Parameters
    ----------
    dataset : TemporalDataset
    settings : RecommendSettings
    context : FitContext
    """
    history = dataset.history_between()
    bounds = rolling_windows(dataset.first_day, dataset.last_day, settings.windows + 2)
    windows = build_windows(dataset, bounds, history, context)
    variants = ComponentVariants(item_knn_weighting=settings.cf_variant, neighbours=settings.neighbours)
    earlier = windows[:-1]
    if not earlier:
        return VariantSelection(history, windows, variants, variants, [], [])
    context.progress.check()
    past = overlapping_windows(dataset.first_day, dataset.last_day)
    variants, _ = select_popularity(history, past, variants, context.seed)
    context.progress.check()
    variants, similarity_note, models = select_similarity(earlier[:-1] or earlier, variants, context)
    past = overlapping_windows(dataset.first_day, dataset.last_day, with_last=True)
    published, popularity_note = select_popularity(history, past, variants, context.seed)
    return VariantSelection(history, windows, variants, published, [popularity_note, similarity_note], models)


def select_similarity(
    windows: Sequence[BacktestWindow], variants: ComponentVariants, context: FitContext
) -> tuple[ComponentVariants, SelectionNote, list[SimilarityModels]]:
    """Select the weighting of item-kNN (unless given), the weighting of EASE, and the power of the trend.

    Each is the best by the mean NDCG@10 of new items over the windows: first EASE with the power, then item-kNN with
    that power.

    Parameters
    ----------
    windows : sequence of BacktestWindow
    variants : ComponentVariants
    context : FitContext

    Returns
    -------
    variants : ComponentVariants
    note : SelectionNote
    models : list of SimilarityModels
        The selected models of each window, so that they need not be fitted again.
    """
    views = [
        _WindowView(window, sample_customers(window.ground_truth["new"], MAX_COMPARISON_CUSTOMERS, context.seed))
        for window in windows
    ]
    if not any(len(view.truth) for view in views):
        text = "Similar products are found with the default settings: the history is too short to compare others."
        return variants, SelectionNote(text), []
    size = {"max_items": variants.ease_items, "neighbours": variants.neighbours}

    def fit(option: tuple[str, _WindowView]) -> Similarity:
        weighting, view = option
        return fit_weighted_ease(view.matrix, view.recency_weight, view.n_items, weighting, **size)

    fitted = parallel_map(fit, [(weighting, view) for weighting in PENALTIES for view in views], context.n_threads)
    ease = {weighting: fitted[i * len(views) : (i + 1) * len(views)] for i, weighting in enumerate(PENALTIES)}
    by_option = {
        (weighting, power): mean
        for weighting, models in ease.items()
        for power, mean in zip(_TREND_POWERS, _mean_ndcg_by_power(views, models, _TREND_POWERS), strict=True)
    }
    ease_weighting, power = max(by_option, key=lambda option: by_option[option])
    weightings = WEIGHTINGS if variants.item_knn_weighting == AUTO else (variants.item_knn_weighting,)
    item_knn = {
        weighting: [
            fit_item_knn(
                view.matrix, view.n_items, weighting, neighbours=variants.neighbours, threads=context.n_threads
            )
            for view in views
        ]
        for weighting in weightings
    }
    by_weighting = {
        weighting: _mean_ndcg_by_power(views, models, (power,))[0] for weighting, models in item_knn.items()
    }
    weighting = max(by_weighting, key=lambda option: by_weighting[option])
    note = SelectionNote(
        "Similar products are found with the settings that predicted new purchases best.",
        f"NDCG@{K} of new items: EASE by weighting and trend power: "
        + _format_figures({f"{name} {p}": mean for (name, p), mean in by_option.items()})
        + f" (selected: {ease_weighting} {power}); item-kNN by weighting: {_format_figures(by_weighting)}"
        + f" (selected: {weighting}).",
    )
    selected = [SimilarityModels(*pair) for pair in zip(item_knn[weighting], ease[ease_weighting], strict=True)]
    variants = replace(variants, item_knn_weighting=weighting, ease_weighting=ease_weighting, trend_power=power)
    return variants, note, selected


class _WindowView:
    """A window with what its sampled customers bought before it."""

    def __init__(self, window: BacktestWindow, truth: GroundTruth) -> None:
        before = window.before
        self.truth, self.n_items = truth, before.n_items
        self.matrix = build_user_item_matrix(before)
        self.recency_weight = compute_recency_weights(before, self.matrix)
        no_group = np.full(len(truth), UNKNOWN_GROUP, np.int16)
        self.context = build_context(Shoppers(before.select(truth.customer), no_group, no_group))
        self.trend = compute_trend(count_demand(before, self.matrix))

    def ndcg(self, model: Similarity, powers: Sequence[float]) -> list[float]:
        """Compute the mean NDCG@10 of new items of a similarity times the trend to each power."""
        multipliers = [self.trend**power for power in powers]
        lists: list[list[NDArray[np.int32]]] = [[] for _ in powers]
        bounds = self.context.matrix.indptr
        for s in range(len(self.truth)):
            score = model.score(*self.context.profile_items(s), self.n_items)
            score[self.context.matrix.item[bounds[s] : bounds[s + 1]]] = 0.0
            for rows, multiplier in zip(lists, multipliers, strict=True):
                product = score * multiplier
                top = top_k_positions(product, K)
                rows.append(top[np.argsort(-product[top], kind="stable")].astype(np.int32))
        return [_mean_ndcg(rows, self.truth) for rows in lists]


def _mean_ndcg_by_power(
    views: Sequence[_WindowView], models: Sequence[Similarity], powers: Sequence[float]
) -> list[float]:
    """Return NDCG@10 of new items by power, averaged over the windows with new items."""
    values = [view.ndcg(model, powers) for view, model in zip(views, models, strict=True) if len(view.truth)]
    return [float(np.mean(column)) for column in zip(*values, strict=True)]


def _mean_ndcg(rows: list[NDArray[np.int32]], truth: GroundTruth) -> float:
    lists = Lists(indptr_from_lengths([len(row) for row in rows]), np.concatenate(rows))
    return float(compute_accuracy(lists, truth, K)[f"ndcg@{K}"].mean())


def _format_figures(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
