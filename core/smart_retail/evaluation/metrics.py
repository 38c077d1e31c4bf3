"""How good lists are: accuracy by customer, and what the lists are like as a whole.

In: lists in CSR form and the `Truth` of the same customers, row by row. Out: one number per customer and metric, or
one number for all. Only the first k entries count; an item listed twice earns its gain once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.evaluation.temporal_split import Truth
from smart_retail.utils.set_ops import in_sorted, sorted_unique

DRAWS: Final = 2000
"""Bootstrap draws."""


@dataclass(frozen=True, slots=True)
class Lists:
    """Row i recommends ``item[indptr[i]:indptr[i + 1]]``, best first."""

    indptr: NDArray[np.int64]
    item: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def top(self, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Row, place from 0, and item of the first k entries of every list."""
        sizes = np.diff(self.indptr)
        row = np.repeat(np.arange(len(sizes)), sizes)
        place = np.arange(len(row)) - self.indptr[row]
        kept = place < k
        return row[kept], place[kept], self.item[kept].astype(np.int64)


def accuracy(lists: Lists, truth: Truth, k: int = 10) -> dict[str, NDArray[np.float64]]:
    """NDCG, recall, precision, hit rate and reciprocal rank at k of each customer, shape ``(len(truth),)``.

    NDCG has gain 1 for every true item, discount ``1 / log2(place + 1)``, and is divided by that of the best
    possible list of k (Järvelin and Kekäläinen 2002). Recall is divided by all true items, precision by k.
    """
    n = len(truth)
    row, place, item = lists.top(k)
    width = int(max(item.max(initial=0), truth.item.max(initial=0))) + 1
    true = np.repeat(np.arange(n), truth.sizes) * width + truth.item
    listed = row * width + item
    first = np.ones(len(listed), bool)
    if len(sorted_unique(listed)) < len(listed):
        first[:] = False
        first[np.unique(listed, return_index=True)[1]] = True
    hit = (in_sorted(listed, true) & first).astype(np.float64)
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    hits = np.bincount(row, hit, n).astype(np.float64)
    best = np.cumsum(discount)[np.minimum(truth.sizes, k) - 1]
    reciprocal = np.zeros(n)
    np.maximum.at(reciprocal, row, hit / (place + 1))
    return {
        f"ndcg@{k}": np.bincount(row, hit * discount[place], n) / best,
        f"recall@{k}": hits / truth.sizes,
        f"precision@{k}": hits / k,
        f"hit_rate@{k}": (hits > 0).astype(np.float64),
        f"mrr@{k}": reciprocal,
    }


def coverage(lists: Lists, catalogue: int, k: int = 10) -> float:
    """Part of the items that could be listed which stand in at least one list."""
    return len(sorted_unique(lists.top(k)[2])) / catalogue if catalogue else 0.0


def novelty(lists: Lists, buyers: NDArray[np.float64], customers: int, k: int = 10) -> float:
    """Mean self-information ``-log2(buyers / customers)`` of the listed items, in bits."""
    item = lists.top(k)[2]
    known = np.maximum(buyers[item], 1.0) / max(customers, 1)
    return float(-np.log2(known).mean()) if len(item) else 0.0


def diversity(lists: Lists, category: NDArray[np.int32], k: int = 10) -> float | None:
    """Mean share of pairs in a list that differ in category; None where no item has one."""
    row, _, item = lists.top(k)
    if not (category[item] >= 0).any():
        return None
    size = np.bincount(row, minlength=len(lists)).astype(np.float64)
    width = int(category.max()) + 2
    _, same = np.unique(row * width + category[item] + 1, return_counts=True)
    where = np.unique(row * width + category[item] + 1) // width
    alike = np.bincount(where, same * (same - 1) / 2, len(lists))
    pairs = size * (size - 1) / 2
    several = pairs > 0
    return float((1 - alike[several] / pairs[several]).mean()) if several.any() else None


def popularity_bias(lists: Lists, truth: Truth, orders: NDArray[np.float64], k: int = 10) -> float:
    """Mean orders of a listed item over mean orders of a truly bought one: 1 is as popular as what people buy."""
    item = lists.top(k)[2]
    real = float(orders[truth.item].mean()) if len(truth.item) else 0.0
    return float(orders[item].mean()) / real if len(item) and real > 0 else 0.0


def bootstrap_ci(each: NDArray[np.float64], *, draws: int = DRAWS, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the mean over customers; of differences, it is a paired one.

    A single customer says nothing: the widest interval a metric can have.
    """
    if len(each) < 2:
        return (-1.0, 1.0)
    means = _resamples(len(each), draws, seed) @ each.astype(np.float32) / len(each)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


@lru_cache(maxsize=2)
def _resamples(n: int, draws: int, seed: int) -> NDArray[np.float32]:
    """How often each of `n` customers is drawn, shape ``(draws, n)``: the same for every method that is judged."""
    rng = np.random.default_rng(seed)
    return np.stack([np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float32) for _ in range(draws)])
