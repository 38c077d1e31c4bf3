"""Offline evaluation of the fitted model and of baselines on a backtest window.

Baselines: popularity of all time and of the last 28 days, the items that the customer ordered most often, and plain
cosine item-kNN without recency weights, shrinkage or trend.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.evaluation.backtest import WindowFacts, run_backtest
from smart_retail.evaluation.metrics import Lists
from smart_retail.evaluation.scorecard import build_scorecard
from smart_retail.evaluation.temporal_split import compute_repeat_share
from smart_retail.recommenders.base import UNKNOWN_GROUP, Ranked, Shoppers
from smart_retail.recommenders.blend import HISTORY_BUCKETS, bucket_by_orders
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.model import METHODS, RecommenderModel
from smart_retail.recommenders.popularity import ALL_TIME, compute_popularity
from smart_retail.recommenders.shopper_context import top_k_positions
from smart_retail.recommenders.shopper_items import build_user_item_matrix, compute_shopper_stats
from smart_retail.recommenders.top_n import drop_hidden
from smart_retail.training.fit_context import FitContext
from smart_retail.training.hybrid.backtest_windows import GroupedWindow
from smart_retail.training.models.item_knn import fit_item_knn
from smart_retail.utils.csr import indptr_from_lengths

K = 10
MAX_EVALUATED_CUSTOMERS = 5000
"""Customers of each task; a larger shop is evaluated on a sample."""
BASELINES = {"popular all time": ALL_TIME, "popular recent": 28}
PLAIN_CF, FREQUENCY = "cosine CF", "personal frequency"


def evaluate_model(
    model: RecommenderModel, window: GroupedWindow, segment_names: Sequence[str], context: FitContext
) -> dict[str, Any]:
    """Compute the scorecard of one window.

    Parameters
    ----------
    model : RecommenderModel
        Fitted on the history before the window.
    window : GroupedWindow
    segment_names : sequence of str
        Names by segment index, for the breakdown; empty for numbers.
    context : FitContext
    """
    from smart_retail.training.kernels import batch_scorer  # imports Numba: only while fitting

    segment, cluster = window.groups
    before, components, threads = window.before, model.components, context.n_threads
    matrix = build_user_item_matrix(before)
    plain = fit_item_knn(
        matrix,
        before.n_items,
        "cosine",
        neighbours=len(components.item_knn.item) and 100,
        threads=threads,
        shrink=0.0,
    )

    def rank_all(task: str, customers: NDArray[np.int32]) -> dict[str, Lists]:
        shoppers = Shoppers(before.select(customers), segment[customers], cluster[customers])
        exclude = task == "new"
        rank = partial(
            model.rank,
            shoppers=shoppers,
            exclude_purchased=exclude,
            length=K,
            scorer=batch_scorer,
            threads=threads,
        )
        lists = {method: _to_lists(rank(method)) for method in METHODS}
        purchased = _purchased_items(shoppers.history)
        hidden = purchased if exclude else [items[:0] for items in purchased]
        for name, days in BASELINES.items():
            order = compute_popularity(components.demand, days).order
            lists[name] = _join_lists(drop_hidden(order, hidden, K))
        fill = compute_popularity(components.demand, ALL_TIME).order
        lists[PLAIN_CF] = _rank_by_plain_similarity(plain, purchased, hidden, fill)
        lists[FREQUENCY] = _rank_by_frequency(shoppers.history, hidden, fill)
        return lists

    bucket = bucket_by_orders(compute_shopper_stats(before, matrix).orders)
    names = dict(enumerate(segment_names)) or {s: f"segment {s}" for s in range(int(segment.max(initial=-1)) + 1)}
    return build_scorecard(
        run_backtest(window.ground_truth, rank_all, k=K, max_customers=MAX_EVALUATED_CUSTOMERS, seed=context.seed),
        window.window,
        WindowFacts(
            buyers=components.demand.buyers,
            orders=components.demand.ever,
            customers=int((np.diff(before.indptr) > 0).sum()),
            category=components.items.category,
        ),
        repeat_share=compute_repeat_share(window.ground_truth),
        groupings={
            "segment": (
                segment.astype(np.int64),
                {s: n for s, n in names.items() if s != UNKNOWN_GROUP},
            ),
            "history": (bucket, dict(enumerate(HISTORY_BUCKETS))),
        },
        k=K,
        seed=context.seed,
    )


def _purchased_items(history: PurchaseHistory) -> list[NDArray[np.int64]]:
    """Return the distinct items that each customer bought."""
    return [np.unique(history.item[a:b]).astype(np.int64) for a, b in pairwise(history.indptr.tolist())]


def _to_lists(ranked: Ranked) -> Lists:
    return Lists(ranked.indptr, ranked.item)


def _rank_by_plain_similarity(
    similarity: Similarity,
    purchased: list[NDArray[np.int64]],
    hidden: list[NDArray[np.int64]],
    fill: NDArray[np.int32],
) -> Lists:
    """Rank by the sum of similarities to the purchased items; short lists are filled from `fill`."""
    rows = []
    for items, hidden_items in zip(purchased, hidden, strict=True):
        score = similarity.score(items, np.ones(len(items)), len(fill))
        score[hidden_items] = 0.0
        rows.append(_fill(top_k_positions(score, K), score, hidden_items, fill))
    return _join_lists(rows)


def _rank_by_frequency(history: PurchaseHistory, hidden: list[NDArray[np.int64]], fill: NDArray[np.int32]) -> Lists:
    """Rank by the customer's orders of the item, the later bought first; short lists are filled from `fill`."""
    matrix = build_user_item_matrix(history)
    frequency = matrix.orders + 1 / (2.0 + history.last_day - matrix.last_day)
    rows = []
    for shopper, hidden_items in enumerate(hidden):
        entries = slice(int(matrix.indptr[shopper]), int(matrix.indptr[shopper + 1]))
        score = np.zeros(len(fill))
        score[matrix.item[entries]] = frequency[entries]
        score[hidden_items] = 0.0
        rows.append(_fill(top_k_positions(score, K), score, hidden_items, fill))
    return _join_lists(rows)


def _fill(
    top: NDArray[np.int64], score: NDArray[np.float64], hidden: NDArray[np.int64], fill: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Return the top items, best first, and items of `fill` up to `K`."""
    top_items = top[np.argsort(-score[top], kind="stable")].astype(np.int32)
    if len(top_items) >= K:
        return top_items
    (more,) = drop_hidden(fill, [np.concatenate((top_items, hidden))], K)
    return np.concatenate((top_items, more))[:K].astype(np.int32)


def _join_lists(rows: list[NDArray[np.int32]]) -> Lists:
    return Lists(indptr_from_lengths([len(row) for row in rows]), np.concatenate([np.empty(0, np.int32), *rows]))
