"""Choices between variants of a single method, made on past windows.

In: `Past` windows. Out: `Choices`, with the reasons in words. Which recent demand is the best guess of tomorrow, which
similarity finds the better new items, and how much the trend may count differ from shop to shop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from smart_retail.evaluation.metrics import Lists, accuracy
from smart_retail.evaluation.temporal_split import Truth, sample
from smart_retail.recommenders.base import UNKNOWN_GROUP, Shoppers
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.popularity import ALL_TIME, demand_of, popularity_of, trend
from smart_retail.recommenders.repurchase import recency_weights
from smart_retail.recommenders.shopper_context import highest, profile_items, shopper_context
from smart_retail.recommenders.shopper_items import user_item_matrix
from smart_retail.recommenders.top_n import without
from smart_retail.training.hybrid.backtest_windows import BacktestWindow
from smart_retail.training.models.components import AUTO, Choices, Similar
from smart_retail.training.models.ease import KINDS, linear_of
from smart_retail.training.models.item_knn import VARIANTS, similarity_of
from smart_retail.utils.parallel import parallel_map

K = 10
_JUDGES = 800
"""Customers a window by which similarities are compared."""
_DAYS = (7, 28, 91, ALL_TIME)
_POWERS = (0.25, 0.5, 0.75, 1.0)


def choose_popular(windows: Sequence[BacktestWindow], choices: Choices) -> tuple[Choices, str]:
    """The window of popularity: the best on average over tasks and windows, each relative to its own best."""
    scores: dict[int, list[float]] = {days: [] for days in _DAYS}
    for past in windows:
        demand = demand_of(past.before, user_item_matrix(past.before))
        orders = {days: popularity_of(demand, days).order for days in _DAYS}
        for name, truth in past.truths.items():
            hidden = _bought(past, truth) if name == "new" else None
            found = {days: _same_for_all(order, truth, hidden) for days, order in orders.items() if len(truth)}
            if found and max(found.values()) > 0:
                for days, value in found.items():
                    scores[days].append(value / max(found.values()))
    if not scores[ALL_TIME]:
        return choices, f"Popularity counts {_name(choices.popular_days)}: nothing was held out to compare with."
    means = {days: float(np.mean(values)) for days, values in scores.items()}
    best = max(_DAYS, key=lambda days: (means[days], days != ALL_TIME, -days))
    decision_notes = _told({_name(days): value for days, value in means.items()})
    return replace(
        choices, popular_days=best
    ), f"Popularity counts {_name(best)} (relative NDCG@{K}: {decision_notes})."


def choose_similarity(
    windows: Sequence[BacktestWindow], choices: Choices, *, threads: int, seed: int
) -> tuple[Choices, str, list[Similar]]:
    """Weighting of the neighbours (unless given), kind of the linear model, and power of the trend.

    Each is the best on average over windows by the NDCG of new items: first the linear model with the power, then
    the neighbours with that power. The chosen models of each window come back too: they need not be fitted again.
    """
    views = [_View(past, sample(past.truths["new"], _JUDGES, seed)) for past in windows]
    if not any(len(view.truth) for view in views):
        return choices, "Similarity has its default settings: nothing was held out to compare with.", []
    size = {"limit": choices.linear_items, "neighbours": choices.neighbours}

    def fit(option: tuple[str, _View]) -> Similarity:
        kind, view = option
        return linear_of(view.pairs, view.taste, view.n_items, kind, **size)

    models = parallel_map(fit, [(kind, view) for kind in KINDS for view in views], threads)
    linear = {kind: models[i * len(views) : (i + 1) * len(views)] for i, kind in enumerate(KINDS)}
    by_kind = {kind: _means(views, models, _POWERS) for kind, models in linear.items()}
    by_option = {(kind, p): mean for kind, means in by_kind.items() for p, mean in zip(_POWERS, means, strict=True)}
    kind, power = max(by_option, key=lambda option: by_option[option])
    near = {
        variant: [similarity_of(view.pairs, view.n_items, variant, choices.neighbours, threads) for view in views]
        for variant in (VARIANTS if choices.variant == AUTO else (choices.variant,))
    }
    by_variant = {variant: _means(views, models, (power,))[0] for variant, models in near.items()}
    variant = max(by_variant, key=lambda option: by_variant[option])
    told = (
        f"The linear model is of the kind {kind} with the trend to the power {power} (NDCG@{K} of new items: "
        + _told({f"{k} {p}": mean for (k, p), mean in by_option.items()})
        + f"). Neighbours are weighted by {variant} ({_told(by_variant)})."
    )
    fitted = [Similar(n, li) for n, li in zip(near[variant], linear[kind], strict=True)]
    return replace(choices, variant=variant, linear=kind, trend_power=power), told, fitted


def _means(views: Sequence[_View], models: Sequence[Similarity], powers: Sequence[float]) -> list[float]:
    """NDCG of new items by power, on average over the windows in which somebody bought one."""
    found = [view.ndcg(model, powers) for view, model in zip(views, models, strict=True) if len(view.truth)]
    return [float(np.mean(values)) for values in zip(*found, strict=True)]


class _View:
    """A window with what its sampled customers bought before it."""

    def __init__(self, past: BacktestWindow, truth: Truth) -> None:
        self.truth, self.n_items = truth, past.before.n_items
        self.pairs = user_item_matrix(past.before)
        self.taste = recency_weights(past.before, self.pairs)
        nobody = np.full(len(truth), UNKNOWN_GROUP, np.int16)
        self.context = shopper_context(Shoppers(past.before.select(truth.customer), nobody, nobody))
        self.trend = trend(demand_of(past.before, self.pairs))

    def ndcg(self, model: Similarity, powers: Sequence[float]) -> list[float]:
        """Mean NDCG of new items of a similarity times the trend to each power."""
        lifts = [self.trend**power for power in powers]
        lists: list[list[NDArray[np.int32]]] = [[] for _ in powers]
        bounds = self.context.pairs.indptr
        for s in range(len(self.truth)):
            score = model.score(*profile_items(self.context, s), self.n_items)
            score[self.context.pairs.item[bounds[s] : bounds[s + 1]]] = 0.0
            for rows, lift in zip(lists, lifts, strict=True):
                lifted = score * lift
                top = highest(lifted, K)
                rows.append(top[np.argsort(-lifted[top], kind="stable")].astype(np.int32))
        return [_mean_ndcg(rows, self.truth) for rows in lists]


def _bought(past: BacktestWindow, truth: Truth) -> list[NDArray[np.int32]]:
    """Items that each judged customer had before."""
    own = past.before.select(truth.customer)
    bounds = own.indptr
    return [own.item[bounds[i] : bounds[i + 1]] for i in range(len(truth))]


def _same_for_all(order: NDArray[np.int32], truth: Truth, hidden: list[NDArray[np.int32]] | None) -> float:
    """Mean NDCG of one list handed to everybody, each without the hidden items."""
    if hidden is None:
        return _mean_ndcg([order[:K]] * len(truth), truth)
    return _mean_ndcg(without(order, hidden, K), truth)


def _mean_ndcg(rows: list[NDArray[np.int32]], truth: Truth) -> float:
    indptr = np.concatenate(([0], np.cumsum([len(row) for row in rows]))).astype(np.int64)
    return float(accuracy(Lists(indptr, np.concatenate(rows)), truth, K)[f"ndcg@{K}"].mean())


def _told(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in figures.items())


def _name(days: int) -> str:
    return "the whole history" if days == ALL_TIME else f"the last {days} days"
