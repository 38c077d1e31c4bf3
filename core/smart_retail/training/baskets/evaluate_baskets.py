"""Evaluate the basket lists on the orders of the last window, next to baselines that see the same baskets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.evaluation.metrics import bootstrap_ci
from smart_retail.evaluation.scorecard import to_plain_json
from smart_retail.recommenders.baskets import BASKET_SOURCES, BasketModel
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.training.baskets.basket_queries import BasketQueries, sample_queries
from smart_retail.training.baskets.fit_baskets import CustomerContexts, K
from smart_retail.utils.csr import indptr_from_lengths

MAX_EVALUATED_QUERIES = 2000
MIN_SUPPORT = 5
"""Common orders of a rule of the baselines lift and confidence."""
RULES_PER_ITEM = 200
"""Rules of each item in the baselines, the best ones by lift or by confidence."""
BASKET, LIFT, CONFIDENCE, ITEM_KNN, EASE, POPULAR = (
    "basket", "pair lift", "pair confidence", "item-kNN", "EASE", "popular recent",
)  # fmt: skip
"""The basket list, and the baselines."""

Scorer = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""Returns a new array with the score of each item for the items of a basket."""


def evaluate_baskets(
    model: BasketModel,
    before: PurchaseHistory,
    after: PurchaseHistory,
    item_knn: Similarity,
    ease: Similarity,
    *,
    seed: int,
    threads: int = 1,
    max_queries: int = MAX_EVALUATED_QUERIES,
    further: Mapping[str, Scorer] | None = None,
) -> dict[str, Any]:
    """Return NDCG@10 and hit rate of the basket list and of the baselines, as plain JSON data.

    Parameters
    ----------
    model : BasketModel
        Fitted on `before`, with weights learned earlier.
    before, after : PurchaseHistory
        Purchases before and in the window.
    item_knn, ease : Similarity
        The models of the same customers' purchases, fitted on `before`.
    seed : int
    threads : int
        The result does not depend on it.
    max_queries : int
    further : mapping, optional
        Further baselines by name.

    Returns
    -------
    dict
        ``methods`` has for each method ``ndcg@10`` with ``low`` and ``high`` (a bootstrap interval over orders),
        ``hit_rate@10``, and for the baselines ``lead`` with ``lead_low`` and ``lead_high``: the paired difference by
        which the basket list is better.
    """
    queries = sample_queries(after, max_queries, seed)
    if not len(queries):
        return {"orders": 0, "queries": 0, "known_share": 0.0, "methods": {}}
    scorers = _baselines(model, before, item_knn, ease, threads) | dict(further or {})
    values: dict[str, NDArray[np.float64]] = {name: np.zeros(len(queries)) for name in (BASKET, *scorers)}
    contexts = CustomerContexts(before)
    is_known = np.diff(before.indptr) > 0
    for query in range(len(queries)):
        basket, hidden = queries.basket(query), int(queries.hidden[query])
        ranked = model.rank(basket, contexts.of(int(queries.customer[query])), length=K)
        values[BASKET][query] = _ndcg(int((ranked.item == hidden).argmax()) if hidden in ranked.item else K)
        for name, score in scorers.items():
            values[name][query] = _ndcg(_position(score(basket), basket, hidden))
    card: dict[str, Any] = to_plain_json(
        {
            "orders": len(np.unique(queries.order)),
            "queries": len(queries),
            "known_share": float(is_known[queries.customer].mean()),
            "methods": {name: _figures(name, values, queries) for name in values},
            "weights": {
                who: {s: float(w) for s, w in zip(BASKET_SOURCES, row, strict=True) if w > 0}
                for who, row in zip(("unknown customer", "known customer"), model.weights.tolist(), strict=True)
            },
        }
    )
    return card


def _baselines(
    model: BasketModel, before: PurchaseHistory, item_knn: Similarity, ease: Similarity, threads: int
) -> dict[str, Scorer]:
    """Return the baselines by name: each scores the catalogue by the items of a basket."""
    from smart_retail.training.kernels.top_k_cosine import top_k_counts, top_k_lift  # imports Numba: only while fitting

    ptr = indptr_from_lengths(np.unique(before.order, return_counts=True)[1])
    item = before.item.astype(np.int64)
    total = np.maximum(np.bincount(item, minlength=before.n_items), 1).astype(np.float64)
    support = np.full(before.n_items, float(MIN_SUPPORT))
    options: Any = {"k": RULES_PER_ITEM, "support": support, "threads": threads}
    others, counts = top_k_lift(ptr, item, before.n_items, **options)
    lift = Similarity.from_table(others, (counts / (total[:, None] * total[others])).astype(np.float32))
    others, counts = top_k_counts(ptr, item, before.n_items, **options)
    confidence = Similarity.from_table(others, (counts / total[:, None]).astype(np.float32))

    def scorer(table: Similarity) -> Scorer:
        return lambda basket: table.score(basket, np.ones(len(basket)), before.n_items)

    tables = {LIFT: lift, CONFIDENCE: confidence, ITEM_KNN: item_knn, EASE: ease}
    return {name: scorer(table) for name, table in tables.items()} | {POPULAR: lambda basket: model.recent.copy()}


def _position(score: NDArray[np.float64], basket: NDArray[np.int64], hidden: int) -> int:
    """Return the position (from 0) of the hidden item in the order of the scores, `K` if it has none."""
    score[basket] = 0.0
    value = score[hidden]
    if value <= 0:
        return K
    return int(np.count_nonzero(score > value) + np.count_nonzero(score[:hidden] == value))


def _ndcg(position: int) -> float:
    return 1 / float(np.log2(position + 2)) if position < K else 0.0


def _figures(name: str, values: dict[str, NDArray[np.float64]], queries: BasketQueries) -> dict[str, float]:
    own = values[name]
    low, high = bootstrap_ci(_mean_by_order(own, queries))
    figures = {
        f"ndcg@{K}": float(_mean_by_order(own, queries).mean()),
        "low": low,
        "high": high,
        f"hit_rate@{K}": float(_mean_by_order((own > 0).astype(np.float64), queries).mean()),
    }
    if name != BASKET:
        lead = _mean_by_order(values[BASKET] - own, queries)
        figures |= dict(zip(("lead", "lead_low", "lead_high"), (float(lead.mean()), *bootstrap_ci(lead)), strict=True))
    return figures


def _mean_by_order(values: NDArray[np.float64], queries: BasketQueries) -> NDArray[np.float64]:
    return np.bincount(queries.order, values) / np.bincount(queries.order)
