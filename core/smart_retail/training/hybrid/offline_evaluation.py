"""Judge the fitted model and the baselines on a past window.

In: a `RecommenderModel` fitted before the window, and the window. Out: the scorecard. Baselines: popularity of all time
and of the last 28 days, and plain cosine item CF without fading, shrinkage or trend.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.evaluation.backtest import backtest
from smart_retail.evaluation.metrics import Lists
from smart_retail.evaluation.scorecard import scorecard
from smart_retail.evaluation.temporal_split import repeat_share
from smart_retail.recommenders.base import UNKNOWN_GROUP, Ranked, Shoppers
from smart_retail.recommenders.blend import HISTORY_BUCKETS, history_bucket
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.model import METHODS, RecommenderModel
from smart_retail.recommenders.popularity import ALL_TIME, popularity_of
from smart_retail.recommenders.shopper_context import highest
from smart_retail.recommenders.shopper_items import shopper_stats, user_item_matrix
from smart_retail.recommenders.top_n import without
from smart_retail.training.hybrid.backtest_windows import GroupedWindow
from smart_retail.training.models.item_knn import similarity_of

K = 10
MAX_EVALUATED_CUSTOMERS = 5000
"""Customers judged a task at most."""
BASELINES = {"popular all time": ALL_TIME, "popular recent": 28}
PLAIN_CF = "cosine CF"


def evaluate_model(
    model: RecommenderModel,
    past: GroupedWindow,
    segment_names: Sequence[str],
    *,
    threads: int,
    seed: int,
) -> dict[str, Any]:
    """The scorecard of one window."""
    from smart_retail.training.kernels import batch_scorer  # Numba: only where something is fitted

    segment, cluster = past.groups
    before, parts = past.before, model.parts
    pairs = user_item_matrix(before)
    plain = similarity_of(
        pairs,
        before.n_items,
        "cosine",
        len(parts.item_knn.item) and 100,
        threads,
        shrink=0.0,
    )

    def make(task: str, customers: NDArray[np.int32]) -> dict[str, Lists]:
        who = Shoppers(before.select(customers), segment[customers], cluster[customers])
        hide = task == "new"
        rank = partial(model.rank, shoppers=who, exclude_purchased=hide, length=K, scorer=batch_scorer, threads=threads)
        lists = {method: _lists(rank(method)) for method in METHODS}
        own = _own(who.history)
        hidden = own if hide else [o[:0] for o in own]
        for name, days in BASELINES.items():
            lists[name] = _same(popularity_of(parts.demand, days).order, hidden)
        lists[PLAIN_CF] = _plain(plain, own, hidden, popularity_of(parts.demand, ALL_TIME).order)
        return lists

    amount = history_bucket(shopper_stats(before, pairs).orders)
    names = dict(enumerate(segment_names)) or {s: f"segment {s}" for s in range(int(segment.max(initial=-1)) + 1)}
    return scorecard(
        backtest(past.truths, make, k=K, at_most=MAX_EVALUATED_CUSTOMERS, seed=seed),
        past.window,
        repeat_share=repeat_share(past.truths),
        buyers=parts.demand.buyers,
        orders=parts.demand.ever,
        customers=int((np.diff(before.indptr) > 0).sum()),
        category=parts.items.category,
        groupings={
            "segment": (
                segment.astype(np.int64),
                {s: n for s, n in names.items() if s != UNKNOWN_GROUP},
            ),
            "history": (amount, dict(enumerate(HISTORY_BUCKETS))),
        },
        k=K,
        seed=seed,
    )


def _own(history: PurchaseHistory) -> list[NDArray[np.int64]]:
    """The items that each customer bought."""
    bounds = history.indptr
    return [np.unique(history.item[a:b]).astype(np.int64) for a, b in pairwise(bounds.tolist())]


def _lists(ranked: Ranked) -> Lists:
    return Lists(ranked.indptr, ranked.item)


def _same(order: NDArray[np.int32], hidden: list[NDArray[np.int64]]) -> Lists:
    """One list for everybody, each without the hidden items."""
    return _stacked(without(order, hidden, K))


def _plain(
    near: Similarity,
    own: list[NDArray[np.int64]],
    hidden: list[NDArray[np.int64]],
    fill: NDArray[np.int32],
) -> Lists:
    """Sum of similarities to the shopper's items, filled up from popularity."""
    rows = []
    for items, unwanted in zip(own, hidden, strict=True):
        score = near.score(items, np.ones(len(items)), len(fill))
        score[unwanted] = 0.0
        top = highest(score, K)
        top = top[np.argsort(-score[top], kind="stable")].astype(np.int32)
        (more,) = without(fill, [np.concatenate((top, unwanted))], K) if len(top) < K else (top[:0],)
        rows.append(np.concatenate((top, more))[:K].astype(np.int32))
    return _stacked(rows)


def _stacked(rows: list[NDArray[np.int32]]) -> Lists:
    sizes = np.array([len(row) for row in rows], np.int64)
    return Lists(
        np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        np.concatenate([np.empty(0, np.int32), *rows]),
    )
