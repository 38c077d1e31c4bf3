"""Maximal marginal relevance: reorder a list so that its first items are relevant and unlike each other.

Carbonell and Goldstein (1998), "The use of MMR, diversity-based reranking for reordering documents and producing
summaries". Only NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.item_similarity import Similarity

POOL_ENTRIES: Final = 100
"""First entries of a list that are reordered; the others stay behind them."""
SUBCATEGORY_WEIGHT: Final = 0.5
"""Weight of a common subcategory next to a common category."""


@dataclass(frozen=True, slots=True)
class ItemLikeness:
    """How alike two items are, from 0 to 1: half by their categories, half by the customers they have in common."""

    category: NDArray[np.int32]
    """Category code of each item, -1 for none."""
    subcategory: NDArray[np.int32]
    """Subcategory code of each item, -1 for none."""
    item_knn: Similarity
    """Cosine similarity over customers; items with larger codes have none."""

    def matrix(self, items: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the likeness of each pair of items, shape ``(len(items), len(items))``, with 0 on the diagonal."""
        by_category = _same(self.category[items])
        sub = self.subcategory[items]
        if (sub >= 0).any():
            by_category = (1 - SUBCATEGORY_WEIGHT) * by_category + SUBCATEGORY_WEIGHT * _same(sub)
        cosine = np.zeros((len(items), len(items)))
        n_known = len(self.item_knn.indptr) - 1
        order = np.argsort(items, kind="stable")
        ordered = items[order]
        for row, item in enumerate(items.tolist()):
            if item < n_known:
                neighbours, value = self.item_knn.neighbours(item)
                at = np.minimum(np.searchsorted(ordered, neighbours), len(items) - 1)
                found = ordered[at] == neighbours
                cosine[row, order[at[found]]] = value[found]
        likeness: NDArray[np.float64] = (by_category + np.clip(np.maximum(cosine, cosine.T), 0.0, 1.0)) / 2
        np.fill_diagonal(likeness, 0.0)
        return likeness


def diversify(
    score: NDArray[np.float64], likeness: NDArray[np.float64], strength: float, picks: int, first: int = 0
) -> NDArray[np.int64]:
    """Return the order of the entries of a list by maximal marginal relevance.

    Each position gets the entry with the largest ``(1 - strength) * relevance - strength * likeness``, where relevance
    is the score divided by the largest one, and likeness that to the most similar entry before it.

    Parameters
    ----------
    score : float64 array, shape (n,)
        Scores of the entries in list order, at least 0.
    likeness : float64 array, shape (n, n)
        From 0 to 1.
    strength : float
        0 keeps the order, 1 ignores the scores.
    picks : int
        Positions to fill; the other entries follow in list order.
    first : int
        First entries that keep their positions.

    Returns
    -------
    int64 array, shape (n,)
        Of equal entries, the first one comes first. The beginning of the order does not depend on `picks`.
    """
    n = len(score)
    largest = float(score.max(initial=0.0))
    relevance = (1 - strength) * (score / largest if largest > 0 else score)
    chosen = list(range(min(first, n)))
    left = np.ones(n, np.bool_)
    left[chosen] = False
    nearest = likeness[chosen].max(axis=0, initial=0.0) if chosen else np.zeros(n)
    while len(chosen) < min(picks, n):
        best = int(np.argmax(np.where(left, relevance - strength * nearest, -np.inf)))
        chosen.append(best)
        left[best] = False
        np.maximum(nearest, likeness[best], out=nearest)
    return np.concatenate((np.array(chosen, np.int64), np.flatnonzero(left)))


def _same(code: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return 1 for pairs of the same code, 0 for others and for items without one."""
    same: NDArray[np.bool_] = (code[:, None] == code) & (code >= 0)
    return same.astype(np.float64)
