"""A sparse table of similar items, K for each item, and the sources that score items with it.

Serves item-kNN, EASE and content similarity. Only NumPy; the arrays may be read-only memory maps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.presentation import labels
from smart_retail.recommenders.rounding import sum_by_group
from smart_retail.recommenders.source import (
    MAX_CONTENT_CANDIDATES,
    MAX_SIMILAR_CANDIDATES,
    DefaultWeight,
    Source,
    SourceInput,
    SourceScores,
)
from smart_retail.utils.csr import concat_ranges, indptr_from_lengths


@dataclass(frozen=True, slots=True)
class Similarity:
    """Similar items of item i: entries ``indptr[i]:indptr[i + 1]``, best first, ties by item code."""

    indptr: NDArray[np.int64]
    item: NDArray[np.int32]
    value: NDArray[np.float32]

    @classmethod
    def from_table(cls, item: NDArray[np.int32], value: NDArray[np.float32]) -> Similarity:
        """Build the table from rows of equal length, padded with item -1.

        Parameters
        ----------
        item : int32 array, shape (n_items, k)
        value : float32 array, shape (n_items, k)
        """
        present = item >= 0
        return cls(indptr_from_lengths(present.sum(axis=1)), item[present], value[present])

    def neighbours(self, item: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the similar items of one item and their similarities, best first."""
        bounds = slice(int(self.indptr[item]), int(self.indptr[item + 1]))
        return self.item[bounds], self.value[bounds]

    def entries(self, items: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the positions of the similar items of several items, and for each the index into `items`."""
        starts = self.indptr[items]
        sizes = self.indptr[items + 1] - starts
        return concat_ranges(starts, sizes), np.repeat(np.arange(len(items)), sizes)

    def score(self, items: NDArray[np.int64], weight: NDArray[np.float64], n_items: int) -> NDArray[np.float64]:
        """Score the catalogue by the weighted sum of similarities to some items.

        Parameters
        ----------
        items : int64 array, shape (n,)
            Item codes, such as a shopper's purchases.
        weight : float64 array, shape (n,)
        n_items : int

        Returns
        -------
        float64 array, shape (n_items,)
        """
        position, index = self.entries(items)
        return sum_by_group(self.item[position], self.value[position] * weight[index], n_items)

    def explained_by(self, items: NDArray[np.int64], listed: NDArray[np.int64], n_items: int) -> NDArray[np.int32]:
        """Return for each listed item the one of `items` that is most similar to it.

        Parameters
        ----------
        items : int64 array
            Purchased items, ascending.
        listed : int64 array, shape (n,)
        n_items : int

        Returns
        -------
        int32 array, shape (n,)
            -1 where no similarity is above 0; of equal similarities the lower item code.
        """
        wanted = np.zeros(n_items, bool)
        wanted[listed] = True
        position, index = self.entries(items)
        used = wanted[self.item[position]] & (self.value[position] > 0)
        position, index = position[used], index[used]
        # Written in ascending order, so that the last write, the largest, remains.
        ascending = np.lexsort((-items[index], self.value[position]))
        explaining = np.full(n_items, -1, np.int32)
        explaining[self.item[position][ascending]] = items[index[ascending]]
        return explaining[listed]


def _score_item_knn(source: SourceInput) -> SourceScores:
    return SourceScores(source.item_knn_scores)


def _score_item_knn_trend(source: SourceInput) -> SourceScores:
    return SourceScores(source.item_knn_scores * source.components.items.trend_weight)


def _score_ease(source: SourceInput) -> SourceScores:
    return SourceScores(source.ease_scores)


def _score_ease_trend(source: SourceInput) -> SourceScores:
    return SourceScores(source.ease_scores * source.components.items.trend_weight)


def _score_content(source: SourceInput) -> SourceScores | None:
    table = source.components.content_back
    return SourceScores(table.score(*source.profile, source.components.n_items)) if len(table.item) else None


def _collaborative_source(
    name: str, score: Callable[[SourceInput], SourceScores], groups: tuple[str, ...], weight: DefaultWeight
) -> Source:
    """Return a source of the component ``cf``, whose reasons name a purchase that the buyers of the item also made."""
    return Source(
        name=name,
        component="cf",
        label=labels.HYBRID_SOURCES[name],
        reason_kind="same_customers",
        reason_method="cf",
        score=score,
        max_candidates=MAX_SIMILAR_CANDIDATES,
        default_weight=weight,
        ablation_groups=groups,
    )


ITEM_KNN_SOURCE = _collaborative_source("item_knn", _score_item_knn, ("item_knn",), DefaultWeight())
ITEM_KNN_TREND_SOURCE = _collaborative_source(
    "item_knn_trend", _score_item_knn_trend, ("item_knn", "trend"), DefaultWeight(repeats=0.1, new_items=0.4)
)
EASE_SOURCE = _collaborative_source("ease", _score_ease, ("ease",), DefaultWeight())
EASE_TREND_SOURCE = _collaborative_source(
    "ease_trend", _score_ease_trend, ("ease", "trend"), DefaultWeight(repeats=0.2, new_items=1.0)
)
CONTENT_SOURCE = Source(
    name="content",
    component="content",
    label=labels.HYBRID_SOURCES["content"],
    reason_kind="similar",
    reason_method="content",
    score=_score_content,
    max_candidates=MAX_CONTENT_CANDIDATES,
    default_weight=DefaultWeight(new_items=0.05),
)
