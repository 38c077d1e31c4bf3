"""Evaluate the ranking of new items: those first sold in the last window, known by their texts only.

For each customer who bought one of them, all of them are ranked by what the customer bought before the window.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.evaluation.metrics import Lists, bootstrap_ci, compute_accuracy
from smart_retail.evaluation.scorecard import to_plain_json
from smart_retail.evaluation.temporal_split import GroundTruth, extract_ground_truth, sample_customers
from smart_retail.training.models.content_vectors import fit_vector_similarity
from smart_retail.training.new_items.fit_new_items import RECENT_DAYS, fit_new_items
from smart_retail.utils.csr import concat_ranges, indptr_from_lengths

K: Final = 10
MAX_EVALUATED_CUSTOMERS: Final = 2_000
CONTENT, CATEGORY, OWN_CATEGORY, NEWEST, RANDOM = (
    "content", "recent popularity of the category", "customer's categories", "most recent launches", "random",
)  # fmt: skip
"""The ranking by content, and the baselines. A baseline orders items that it cannot distinguish at random."""

Scorer = Callable[[int, NDArray[np.int64]], NDArray[np.float64]]
"""Returns the score of each new item for a customer code with these purchases."""


def evaluate_new_items(
    before: PurchaseHistory,
    after: PurchaseHistory,
    vectors: NDArray[np.float32],
    category: NDArray[np.int32],
    *,
    neighbours: int = 100,
    seed: int = 0,
    max_customers: int = MAX_EVALUATED_CUSTOMERS,
    further: Callable[[NDArray[np.int64]], Mapping[str, Scorer]] | None = None,
) -> dict[str, Any]:
    """Return NDCG@10 and hit rate of the content ranking and of the baselines, as plain JSON data.

    Parameters
    ----------
    before, after : PurchaseHistory
        Purchases before and in the window.
    vectors : float32 array, shape (n_items, dimensions)
        Content vectors of all items; they use no purchases.
    category : int32 array, shape (n_items,)
        Most detailed category of each item, -1 for none.
    neighbours : int
        Similar items of each new item.
    seed : int
    max_customers : int
    further : callable, optional
        Returns further rankings of the new items by name.

    Returns
    -------
    dict
        ``items`` and ``customers`` of the task, and for each of ``methods`` ``ndcg@10`` with ``low`` and ``high`` (a
        bootstrap interval over customers), ``hit_rate@10``, and for the baselines ``lead`` with ``lead_low`` and
        ``lead_high``: the paired difference by which the content ranking is better.
    """
    sold_before = np.bincount(before.item, minlength=before.n_items) > 0
    new = np.flatnonzero(~sold_before & (np.bincount(after.item, minlength=after.n_items) > 0))
    truth = extract_ground_truth(before, after)["any"]
    truth = sample_customers(_only_items(truth, new, after.n_items), max_customers, seed)
    card: dict[str, Any] = {"items": len(new), "customers": len(truth), "methods": {}}
    if not len(truth):
        return card
    scorers = _scorers(before, after, vectors, category, new, neighbours, seed)
    scorers |= dict(further(new)) if further else {}
    indptr, items = before.indptr, before.item
    values: dict[str, dict[str, NDArray[np.float64]]] = {}
    for name, score in scorers.items():
        rng = np.random.default_rng(seed)
        listed = []
        for customer in truth.customer.tolist():
            purchased = np.unique(items[indptr[customer] : indptr[customer + 1]]).astype(np.int64)
            tie = rng.random(len(new))
            listed.append(new[np.lexsort((tie, -score(customer, purchased)))[:K]])
        lists = Lists(indptr_from_lengths([len(one) for one in listed]), np.concatenate(listed))
        values[name] = compute_accuracy(lists, truth, K)
    card["methods"] = {name: _figures(name, values) for name in values}
    plain: dict[str, Any] = to_plain_json(card)
    return plain


def detailed_category(category: NDArray[np.int32], subcategory: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return one code for the most detailed category of each item: its subcategory, else its category; -1 for none."""
    n = int(category.max(initial=-1)) + 1
    return np.where(subcategory >= 0, subcategory + n, category).astype(np.int32)


def _only_items(truth: GroundTruth, new: NDArray[np.int64], n_items: int) -> GroundTruth:
    """Return the purchases of some items only, of the customers who have any."""
    is_new = np.zeros(n_items, bool)
    is_new[new] = True
    kept = is_new[truth.item]
    sizes = np.bincount(np.repeat(np.arange(len(truth)), truth.sizes)[kept], minlength=len(truth))
    has_any = np.flatnonzero(sizes)
    rows = concat_ranges(truth.indptr[has_any], truth.sizes[has_any])
    rows = rows[kept[rows]]
    return GroundTruth(truth.customer[has_any], indptr_from_lengths(sizes[has_any]), truth.item[rows])


def _scorers(
    before: PurchaseHistory,
    after: PurchaseHistory,
    vectors: NDArray[np.float32],
    category: NDArray[np.int32],
    new: NDArray[np.int64],
    neighbours: int,
    seed: int,
) -> dict[str, Scorer]:
    bought = np.flatnonzero(np.bincount(before.item, minlength=before.n_items))
    content_back = fit_vector_similarity(vectors, new, bought, neighbours=neighbours)[1]
    model = fit_new_items(before, vectors, new, seed=seed)
    of_new = category[new] + 1
    n_categories = int(category.max(initial=-1)) + 2
    recent = before.item[before.day > before.last_day - RECENT_DAYS]
    popular = np.bincount(category[recent] + 1, minlength=n_categories).astype(np.float64)
    popular[0] = 0.0
    first = np.full(after.n_items, np.iinfo(np.int32).max, np.int64)
    np.minimum.at(first, after.item, after.day)
    indptr, items = before.indptr, before.item

    def own_category(customer: int, _: NDArray[np.int64]) -> NDArray[np.float64]:
        own = category[items[indptr[customer] : indptr[customer + 1]]] + 1
        count = np.bincount(own, minlength=n_categories).astype(np.float64)
        count[0] = 0.0
        return count[of_new]

    return {
        CONTENT: lambda _, purchased: model.score(purchased, content_back),
        OWN_CATEGORY: own_category,
        CATEGORY: lambda *_: popular[of_new],
        NEWEST: lambda *_: first[new].astype(np.float64),
        RANDOM: lambda *_: np.zeros(len(new)),
    }


def _figures(name: str, values: dict[str, dict[str, NDArray[np.float64]]]) -> dict[str, float]:
    own = values[name][f"ndcg@{K}"]
    low, high = bootstrap_ci(own)
    hits = float(values[name][f"hit_rate@{K}"].mean())
    figures = {f"ndcg@{K}": float(own.mean()), "low": low, "high": high, f"hit_rate@{K}": hits}
    if name != CONTENT:
        lead = values[CONTENT][f"ndcg@{K}"] - own
        figures |= dict(zip(("lead", "lead_low", "lead_high"), (float(lead.mean()), *bootstrap_ci(lead)), strict=True))
    return figures
