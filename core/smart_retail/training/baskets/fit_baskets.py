"""Fit the basket model: similarities over orders, and weights learned on the orders of an earlier window.

The scorecard's figures come from the last window, with weights that were learned on the window before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.base import UNKNOWN_GROUP, Shoppers
from smart_retail.recommenders.baskets import BASKET_SOURCES, DEFAULT_WEIGHTS, BasketModel, count_demand_for_baskets
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.shopper_context import ShopperContext, build_context, top_k_positions
from smart_retail.training.baskets.basket_queries import BasketQueries, sample_queries
from smart_retail.training.fit_context import FitContext
from smart_retail.training.hybrid.backtest_windows import BacktestWindow
from smart_retail.training.models.ease import fit_ease
from smart_retail.training.models.item_baskets import collect_order_items
from smart_retail.utils.csr import indptr_from_lengths
from smart_retail.utils.parallel import one_algebra_thread

PENALTY = 50.0
"""Ridge penalty of EASE over orders, selected on earlier windows of two shops."""
MAX_ITEMS = 3000
"""Items of EASE over orders; the others rely on cosine similarity over orders."""
NEIGHBOURS = 100
SHRINK = 10.0
"""Orders; see item-kNN."""
MAX_TRAINING_QUERIES = 1500
MIN_TRAINING_QUERIES = 50
"""Queries below which the default weights are used."""
CANDIDATES_PER_SOURCE = 100
K = 10
_STEPS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0)
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class FittedBaskets:
    """The published basket model, and the one that is evaluated."""

    published: BasketModel
    evaluated: BasketModel | None
    """Fitted before the last window, with weights learned earlier; None without windows."""


def fit_baskets(
    windows: Sequence[BacktestWindow], history: PurchaseHistory, *, max_items: int, context: FitContext
) -> FittedBaskets:
    """Fit the basket model on the whole history, and before the last window.

    Parameters
    ----------
    windows : sequence of BacktestWindow
        Oldest first; the last one is held out for the evaluation.
    history : PurchaseHistory
        The whole history.
    max_items : int
        Upper bound of the items of EASE, at most `MAX_ITEMS`.
    context : FitContext
    """
    with one_algebra_thread():  # sums of several threads would depend on their number
        return _fit_baskets(windows, history, min(max_items, MAX_ITEMS), context)


def _fit_baskets(
    windows: Sequence[BacktestWindow], history: PurchaseHistory, size: int, context: FitContext
) -> FittedBaskets:
    default = np.array(DEFAULT_WEIGHTS)

    def fit_before(window: BacktestWindow) -> BasketModel:
        context.progress.check()
        return fit_basket_sources(window.before, default, max_items=size, threads=context.n_threads)

    evaluated, latest = None, default
    if windows:
        evaluated = fit_before(windows[-1])
        if len(windows) > 1:
            earlier = learn_weights(fit_before(windows[-2]), windows[-2], context.seed)
            evaluated = replace(evaluated, weights=earlier)
        latest = learn_weights(evaluated, windows[-1], context.seed)
    context.progress.check()
    published = fit_basket_sources(history, latest, max_items=size, threads=context.n_threads)
    return FittedBaskets(published, evaluated)


def fit_basket_sources(
    history: PurchaseHistory, weights: NDArray[np.float64], *, max_items: int, threads: int
) -> BasketModel:
    """Fit the sources on one history, with given weights."""
    from smart_retail.training.kernels.top_k_cosine import top_k_cosine  # imports Numba: only while fitting

    orders = collect_order_items(history)
    knn = top_k_cosine(orders.indptr, orders.item, None, history.n_items, k=NEIGHBOURS, shrink=SHRINK, threads=threads)
    return BasketModel(
        fit_ease(orders, None, history.n_items, max_items=max_items, neighbours=NEIGHBOURS, penalty=PENALTY),
        Similarity.from_table(*knn),
        *count_demand_for_baskets(history),
        weights,
    )


def learn_weights(model: BasketModel, window: BacktestWindow, seed: int) -> NDArray[np.float64]:
    """Learn the weights for unknown and for known customers on the orders of a window.

    Coordinate ascent on NDCG@10 of the hidden items: a step is accepted if it raises the mean.

    Parameters
    ----------
    model : BasketModel
        Fitted before the window.
    window : BacktestWindow
    seed : int
    """
    queries = sample_queries(window.after, MAX_TRAINING_QUERIES, seed)
    weights = np.array(DEFAULT_WEIGHTS)
    for known in (False, True):
        examples = _collect_examples(model, queries, window.before, known=known)
        if len(examples.indptr) - 1 >= MIN_TRAINING_QUERIES:
            weights[int(known)] = _ascend(examples, weights[int(known)], known=known)
    return weights


class CustomerContexts:
    """The purchases of customers before a window, as the basket model takes them.

    Parameters
    ----------
    history : PurchaseHistory
    """

    def __init__(self, history: PurchaseHistory) -> None:
        self._history = history
        self._indptr = history.indptr

    def of(self, customer: int) -> ShopperContext:
        """Return the context of one customer, without purchases for a new one."""
        rows = slice(int(self._indptr[customer]), int(self._indptr[customer + 1]))
        own = self._history.take(rows, np.zeros(rows.stop - rows.start, np.int32), 1)
        no_group = np.array([UNKNOWN_GROUP], np.int16)
        return build_context(Shoppers(own, no_group, no_group))


@dataclass(frozen=True, slots=True)
class _Examples:
    """Candidates of all queries in CSR form; the hidden item is the first of each query."""

    indptr: NDArray[np.int64]
    scores: NDArray[np.float32]
    """Shape ``(n_sources, n)``."""


def _collect_examples(model: BasketModel, queries: BasketQueries, before: PurchaseHistory, *, known: bool) -> _Examples:
    """Return the candidates of the queries; of known customers only, or as if no customer were known."""
    columns, sizes = [], []
    contexts = CustomerContexts(before)
    for query in range(len(queries)):
        context = contexts.of(int(queries.customer[query])) if known else None
        if known and context is not None and not len(context.matrix):
            continue
        scores = model.source_scores(queries.basket(query), context)
        hidden = int(queries.hidden[query])
        wanted = np.zeros(model.n_items, bool)
        for row in scores:
            wanted[top_k_positions(row, CANDIDATES_PER_SOURCE)] = True
        wanted[hidden] = False
        item = np.concatenate(([hidden], np.flatnonzero(wanted)))
        columns.append(scores[:, item].astype(np.float32))
        sizes.append(len(item))
    empty = np.empty((len(BASKET_SOURCES), 0), np.float32)
    return _Examples(indptr_from_lengths(sizes), np.concatenate([empty, *columns], axis=1))


def _ascend(examples: _Examples, weights: NDArray[np.float64], *, known: bool) -> NDArray[np.float64]:
    """Improve the weights one after the other until no step raises the mean NDCG@10."""
    weights, best = weights.copy(), _mean_ndcg(examples, weights)
    usable = [s for s, name in enumerate(BASKET_SOURCES) if known or not name.startswith("repurchase")]
    for _ in range(_ROUNDS):
        improved = False
        for source in usable:
            for step in _STEPS:
                tried = weights.copy()
                tried[source] = step
                if tried.any() and (value := _mean_ndcg(examples, tried)) > best + 1e-6:
                    weights, best, improved = tried, value, True
        if not improved:
            break
    return weights


def _mean_ndcg(examples: _Examples, weights: NDArray[np.float64]) -> float:
    """Return the mean NDCG@10 of the hidden items; one with a score of 0 is not listed."""
    score = weights.astype(np.float32) @ examples.scores
    starts = examples.indptr[:-1]
    hidden = score[starts]
    is_above = score >= np.repeat(hidden, np.diff(examples.indptr))
    rank = np.add.reduceat(is_above.astype(np.int64), starts)  # the hidden item itself counts as 1
    return float(np.where((rank <= K) & (hidden > 0), 1 / np.log2(rank + 1.0), 0.0).mean())
