"""Candidates: for each shopper the items worth scoring, with the scores of every source.

Everything in a shopper's rows is computed from that shopper alone, with sums in a fixed order, so that one live request
and a batch of thousands give the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.fitted_components import FittedComponents
from smart_retail.recommenders.shopper_context import ShopperContext, top_k_positions
from smart_retail.recommenders.source import SourceInput, SourceScores
from smart_retail.recommenders.source_registry import SOURCES
from smart_retail.recommenders.top_n import top_n
from smart_retail.recommenders.tree_ensemble import TreeEnsemble
from smart_retail.utils.csr import indptr_from_lengths, positions_in_row

ROUNDING_TOLERANCE = 1.1e-5
"""Relative difference below which two scores can be equal after rounding to 6 significant digits."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """One row for each (shopper, item), sorted by shopper, then item; n rows in total."""

    indptr: NDArray[np.int64]
    """Bounds of each shopper's rows, shape ``(n_shoppers + 1,)``."""
    shopper: NDArray[np.int64]
    item: NDArray[np.int64]
    source_scores: NDArray[np.float64]
    """Score by source, at least 0, shape ``(n_sources, n)``."""
    entry: NDArray[np.int64]
    """Entry of the item in ``ShopperContext.matrix``, -1 where the shopper never bought it."""

    def take(self, rows: NDArray[np.int64]) -> Candidates:
        """Return some of the rows, given in ascending order."""
        return Candidates(
            indptr=indptr_from_lengths(np.bincount(self.shopper[rows], minlength=len(self.indptr) - 1)),
            shopper=self.shopper[rows],
            item=self.item[rows],
            source_scores=self.source_scores[:, rows],
            entry=self.entry[rows],
        )


@dataclass(frozen=True, slots=True)
class ScoredItems:
    """Items with a single score in CSR form, neither rounded nor ordered; sorted by shopper, then item."""

    indptr: NDArray[np.int64]
    item: NDArray[np.int64]
    score: NDArray[np.float64]


class CandidateScorer(Protocol):
    """The loops over shoppers: this module (NumPy), or `training.kernels.batch_scorer` (compiled), with equal bits."""

    def generate_candidates(
        self, components: FittedComponents, context: ShopperContext, *, exclude_purchased: bool
    ) -> Candidates: ...

    def score_neighbours(
        self, components: FittedComponents, context: ShopperContext, *, exclude_purchased: bool, length: int | None
    ) -> ScoredItems: ...

    def find_explaining_items(
        self,
        components: FittedComponents,
        context: ShopperContext,
        indptr: NDArray[np.int64],
        listed: NDArray[np.int64],
    ) -> NDArray[np.int32]: ...

    def prune_below_top_n(
        self, indptr: NDArray[np.int64], score: NDArray[np.float64], length: int
    ) -> NDArray[np.float64]: ...

    def compute_ranks(
        self,
        indptr: NDArray[np.int64],
        score: NDArray[np.float64],
        selected_ptr: NDArray[np.int64],
        selected: NDArray[np.int64],
    ) -> NDArray[np.int32]: ...

    def score_trees(self, trees: TreeEnsemble, features: NDArray[Any]) -> NDArray[np.float64]: ...


def score_neighbours(
    components: FittedComponents, context: ShopperContext, *, exclude_purchased: bool, length: int | None
) -> ScoredItems:
    """Score items by item-kNN and EASE with trend, each divided by its maximum, and added.

    Parameters
    ----------
    components : FittedComponents
    context : ShopperContext
    exclude_purchased : bool
        Whether purchased items get no score.
    length : int or None
        Items needed for each shopper; None for all with a score.

    Returns
    -------
    ScoredItems
    """
    scores = []
    for shopper in range(len(context.shoppers)):
        source = SourceInput(components, context, shopper)
        trend = components.items.trend_weight
        score = _relative_to_maximum(source.item_knn_scores * trend) + _relative_to_maximum(source.ease_scores * trend)
        if exclude_purchased:
            score[source.purchased] = 0.0
        scores.append(score)
    return select_leading(scores, length)


def find_explaining_items(
    components: FittedComponents, context: ShopperContext, indptr: NDArray[np.int64], listed: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Find the purchase that explains each listed item: the most similar one.

    Not the purchase with the largest part of the score: an item bought every week would explain everything.

    Parameters
    ----------
    components : FittedComponents
    context : ShopperContext
    indptr : int64 array, shape (n_shoppers + 1,)
    listed : int64 array, shape (n,)
        Item codes by shopper.

    Returns
    -------
    int32 array, shape (n,)
        Item codes, -1 where no purchase is similar.
    """
    out = np.full(len(listed), -1, np.int32)
    tables = [table for table in (components.item_knn, components.ease, components.content_back) if len(table.item)]
    for shopper in range(len(indptr) - 1):
        bounds = slice(int(indptr[shopper]), int(indptr[shopper + 1]))
        purchased, _ = context.profile_items(shopper)
        for table in tables:
            missing = bounds.start + np.flatnonzero(out[bounds] < 0)
            if not len(missing):
                break
            out[missing] = table.explained_by(purchased, listed[missing], components.n_items)
    return out


def prune_below_top_n(indptr: NDArray[np.int64], score: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Zero out scores that cannot reach the top `length` of their shopper.

    The NumPy version returns them unchanged: pruning would not be faster.

    Parameters
    ----------
    indptr : int64 array, shape (n_shoppers + 1,)
    score : float64 array, shape (n,)
        Rows by shopper.
    length : int

    Returns
    -------
    float64 array, shape (n,)
    """
    return score


def compute_ranks(
    indptr: NDArray[np.int64], score: NDArray[np.float64], selected_ptr: NDArray[np.int64], selected: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Compute the rank of selected rows among all rows of their shopper, ties by row.

    Parameters
    ----------
    indptr : int64 array, shape (n_shoppers + 1,)
    score : float64 array, shape (n,)
        Rows by shopper.
    selected_ptr : int64 array, shape (n_shoppers + 1,)
    selected : int64 array, shape (m,)
        Positions of the selected rows by shopper, in any order.

    Returns
    -------
    int32 array, shape (m,)
        1 and up, 0 for a row without score.
    """
    order, bounds = top_n(indptr, score, None)
    ranks = np.zeros(len(score), np.int32)
    ranks[order] = positions_in_row(bounds) + 1
    return ranks[selected]


def score_trees(trees: TreeEnsemble, features: NDArray[Any]) -> NDArray[np.float64]:
    """Score each row of features by a ranker."""
    return trees.score(features)


def generate_candidates(
    components: FittedComponents, context: ShopperContext, *, exclude_purchased: bool
) -> Candidates:
    """Collect the candidates of all sources, with the scores of all sources.

    Parameters
    ----------
    components : FittedComponents
    context : ShopperContext
    exclude_purchased : bool
        Whether purchased items are left out. Otherwise all of them are candidates.

    Returns
    -------
    Candidates
    """
    matrix = context.matrix
    entry_of_item = np.full(components.n_items, -1, np.int64)
    rows = [
        _candidates_of_shopper(SourceInput(components, context, shopper), entry_of_item, exclude_purchased)
        for shopper in range(len(context.shoppers))
    ]
    sizes = np.array([len(item) for item, _, _ in rows], np.int64)
    return Candidates(
        indptr=indptr_from_lengths(sizes),
        shopper=np.repeat(np.arange(len(sizes)), sizes),
        item=np.concatenate([matrix.item[:0], *(item for item, _, _ in rows)]),
        source_scores=np.concatenate([np.empty((len(SOURCES), 0)), *(scores for _, scores, _ in rows)], axis=1),
        entry=np.concatenate([matrix.item[:0], *(entry for _, _, entry in rows)]),
    )


def excluded_items(source: SourceInput, exclude_purchased: bool) -> NDArray[np.bool_] | None:
    """Return which items must not be proposed, by item code: the shopper's purchases, or None for none."""
    if not exclude_purchased:
        return None
    excluded = np.zeros(source.components.n_items, bool)
    excluded[source.purchased] = True
    return excluded


def propose_items(scores: SourceScores, max_candidates: int, excluded: NDArray[np.bool_] | None) -> NDArray[Any]:
    """Return the codes of the items that a source proposes, in any order.

    Parameters
    ----------
    scores : SourceScores
    max_candidates : int
    excluded : bool array, shape (n_items,), or None
        Items that the scores must not propose; the leading items of a ready ranking are returned with them.
    """
    if scores.order is not None:
        return scores.order[:max_candidates]
    return top_k_positions(scores.score, max_candidates, excluded) if max_candidates else np.empty(0, np.int64)


def _candidates_of_shopper(
    source: SourceInput, entry_of_item: NDArray[np.int64], exclude_purchased: bool
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return items, source scores and matrix entries; `entry_of_item` is scratch space, -1 before and after."""
    purchased = source.purchased
    scored = [(position, scores) for position, s in enumerate(SOURCES) if (scores := s.score(source)) is not None]
    wanted, excluded = np.zeros(source.components.n_items, bool), excluded_items(source, exclude_purchased)
    for position, scores in scored:
        wanted[propose_items(scores, SOURCES[position].max_candidates, excluded)] = True
    wanted[purchased] = not exclude_purchased
    item = np.flatnonzero(wanted)
    entry_of_item[purchased] = np.arange(source.entries.start, source.entries.stop)
    entry = entry_of_item[item]
    entry_of_item[purchased] = -1
    table = np.zeros((len(SOURCES), len(item)))
    for position, scores in scored:
        table[position] = scores.score[item]
    return item, table, entry


def select_leading(scores: Sequence[NDArray[np.float64]], length: int | None) -> ScoredItems:
    """Select the items that can be among the first `length` once scores are rounded and ties are ordered.

    Parameters
    ----------
    scores : sequence of float64 arrays, shape (n_items,)
        One array for each shopper.
    length : int or None
        None selects all items with a score above 0.
    """
    items = []
    for score in scores:
        positive = np.flatnonzero(score > 0)
        if length is not None and len(positive) > length:
            values = score[positive]
            positive = positive[values >= np.partition(values, -length)[-length] * (1 - ROUNDING_TOLERANCE)]
        items.append(positive)
    return ScoredItems(
        indptr_from_lengths([len(item) for item in items]),
        np.concatenate([np.empty(0, np.int64), *items]),
        np.concatenate([np.empty(0), *(score[item] for score, item in zip(scores, items, strict=True))]),
    )


def _relative_to_maximum(score: NDArray[np.float64]) -> NDArray[np.float64]:
    maximum = float(score.max(initial=0.0))
    return score / maximum if maximum > 0 else score
