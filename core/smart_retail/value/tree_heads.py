"""Tree heads of the feature model: boosted trees for orders, spend, return and the quantiles of the return day."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.tree_ensemble import ALL_LEAVES, TreeEnsemble

TREE_HEADS = ("orders", "spend", "return", "day_low", "day_median", "day_high")
"""The day heads predict the first order's day as a share of the horizon, 0 to 1, given a return within it."""
_BLOCK = 1024
"""Rows scored at once; their bits fit into the cache of a processor."""

_FEW = 128
"""Up to so many rows, one pass over all trees is faster than a pass over the trees of each feature."""
_VERY_FEW = 4
"""Up to so many rows, all features are looked up in one call: time goes into calls, not into values."""


class _Splits(NamedTuple):
    """Splits of one feature, in the trees that use it."""

    feature: int
    cuts: NDArray[np.float64]
    trees: NDArray[np.intp]
    possible: NDArray[np.unsignedinteger]
    """Leaves that a value leaves possible, as bits, by tree and number of cuts below the value."""


@dataclass(frozen=True)
class TreeHeads:
    """All heads as one ensemble, so that each feature is looked up once."""

    ensemble: TreeEnsemble
    tree_ptr: NDArray[np.int64]
    """Bounds of each head's trees, shape ``(len(TREE_HEADS) + 1,)``."""
    start: NDArray[np.float64]
    """Constant of each head, shape ``(len(TREE_HEADS),)``."""

    def score(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores of each head, shape ``(n_customers, len(TREE_HEADS))``; `table` is the feature table."""
        if len(table) <= _FEW:
            if len(table) <= _VERY_FEW:
                possible = self._reachable_leaves(table)
            else:
                possible = self.ensemble.reachable_leaves(table, range(table.shape[1]))
            few = _values_of(possible.T, self.ensemble.leaf)
            return np.add.reduceat(few, self.tree_ptr[:-1], axis=0).T + self.start
        out = np.empty((len(table), len(self.start)))
        for at in range(0, len(table), _BLOCK):
            values = _leaf_values(table[at : at + _BLOCK], self._splits, self.ensemble.leaf)
            for head, (first, last) in enumerate(pairwise(self.tree_ptr.tolist())):
                out[at : at + _BLOCK, head] = values[first:last].sum(axis=0)
        return out + self.start

    def score_spend(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores of the head for spend, zeros for the others; shape as in `score`."""
        head = TREE_HEADS.index("spend")
        first, last = self.tree_ptr[head : head + 2].tolist()
        out = np.zeros((len(table), len(self.start)))
        for at in range(0, len(table), _BLOCK):
            values = _leaf_values(table[at : at + _BLOCK], self._spend_splits, self.ensemble.leaf[first:last])
            out[at : at + _BLOCK, head] = values.sum(axis=0)
        out[:, head] += self.start[head]
        return out

    def _reachable_leaves(self, table: NDArray[np.float64]) -> NDArray[np.uint32]:
        """The leaves that the features leave possible, as in `TreeEnsemble.reachable_leaves`, all features at once."""
        feature, ends = self._cut_features
        passed = np.zeros((len(table), len(feature) + 1), np.int64)
        np.cumsum(table[:, feature] > self.ensemble.cut, axis=1, out=passed[:, 1:])
        below = passed[:, ends[1:]] - passed[:, ends[:-1]]
        found: NDArray[np.uint32] = np.bitwise_and.reduce(
            self.ensemble.mask[below + ends[:-1] + np.arange(len(ends) - 1)], axis=1
        )
        return found

    @cached_property
    def _cut_features(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Feature of each cut, and the bounds of each feature's cuts."""
        ends = self.ensemble.cut_ptr.astype(np.int64)
        return np.repeat(np.arange(len(ends) - 1), np.diff(ends)), ends

    @cached_property
    def _splits(self) -> list[_Splits]:
        return _splits_of(self.ensemble, 0, self.ensemble.n_trees)

    @cached_property
    def _spend_splits(self) -> list[_Splits]:
        head = TREE_HEADS.index("spend")
        return _splits_of(self.ensemble, int(self.tree_ptr[head]), int(self.tree_ptr[head + 1]))


def _splits_of(ensemble: TreeEnsemble, first: int, last: int) -> list[_Splits]:
    """Return the splits of the trees `first` to `last` - 1 by feature."""
    # Sixteen leaves fit into half the memory.
    bits = np.uint16 if ensemble.leaf.shape[1] <= 16 else np.uint32
    found = []
    for feature, (low, high) in enumerate(
        zip(ensemble.cut_ptr[:-1].tolist(), ensemble.cut_ptr[1:].tolist(), strict=True)
    ):
        if low < high:
            possible = ensemble.mask[low + feature : high + feature + 1, first:last]
            trees = np.flatnonzero((possible != ALL_LEAVES).any(axis=0))
            if len(trees):
                by_tree = np.ascontiguousarray(possible[:, trees].T.astype(bits))
                found.append(_Splits(feature, ensemble.cut[low:high], trees, by_tree))
    return found


def _leaf_values(table: NDArray[np.float64], splits: list[_Splits], leaf: NDArray[np.float64]) -> NDArray[np.float64]:
    """Value of the leaf that each row falls into, shape ``(n_trees, n_rows)``."""
    bits = splits[0].possible.dtype if splits else np.dtype(np.uint16)
    possible = np.full((len(leaf), len(table)), np.iinfo(bits).max, bits)
    for s in splits:
        # x > threshold fails the split: thresholds below the value count, an equal one does not.
        below = np.searchsorted(s.cuts, table[:, s.feature], side="left")
        possible[s.trees] &= s.possible.take(below, axis=1, mode="clip")
    return _values_of(possible, leaf)


def _values_of(possible: NDArray[Any], leaf: NDArray[np.float64]) -> NDArray[np.float64]:
    """Value of the first possible leaf, shape ``(n_trees, n_rows)``."""
    if possible.dtype == np.uint16:
        first = _lowest_bits().take(possible, mode="clip")
    else:
        first = (((possible & (~possible + np.uint32(1))).astype(np.float32).view(np.int32) >> 23) - 127).astype(
            np.int32
        )
    offset = np.arange(len(leaf), dtype=np.int32)[:, None] * np.int32(leaf.shape[1])
    values: NDArray[np.float64] = leaf.ravel().take(first + offset, mode="clip")
    return values


@cache
def _lowest_bits() -> NDArray[np.uint8]:
    """Position of the lowest bit that is set, of each number of 16 bits."""
    number = np.arange(1 << 16, dtype=np.uint32)
    lowest = (number & (~number + np.uint32(1))).astype(np.float32)
    position: NDArray[np.uint8] = np.maximum((lowest.view(np.int32) >> 23) - 127, 0).astype(np.uint8)
    return position
