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
_BLOCK = 512
"""Rows scored at once; their bits fit into the cache of a processor."""
_FEW = 4
"""Up to so many rows, all features are looked up in one call: time goes into calls, not into values."""


class _Feature(NamedTuple):
    """Splits of one feature, in all trees."""

    column: int
    cuts: NDArray[np.float64]
    """Thresholds, ascending."""
    possible: NDArray[np.unsignedinteger]
    """Leaves that a value leaves possible, as bits, by number of cuts below the value and tree."""


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
            values = _leaf_values(self._reachable_leaves(table), self.ensemble.leaf)
            return np.add.reduceat(values, self.tree_ptr[:-1], axis=1) + self.start
        return _sum_leaves(table, self._features, self.ensemble.leaf, self.tree_ptr[:-1]) + self.start

    def score_spend(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores of the head for spend, zeros for the others; shape as in `score`."""
        head = TREE_HEADS.index("spend")
        first, last = self.tree_ptr[head : head + 2].tolist()
        out = np.zeros((len(table), len(self.start)))
        sums = _sum_leaves(table, self._spend_features, self.ensemble.leaf[first:last], self.tree_ptr[:1])
        out[:, head] = sums[:, 0] + self.start[head]
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
    def _features(self) -> list[_Feature]:
        return _features_of(self.ensemble, 0, self.ensemble.n_trees)

    @cached_property
    def _spend_features(self) -> list[_Feature]:
        head = TREE_HEADS.index("spend")
        return _features_of(self.ensemble, int(self.tree_ptr[head]), int(self.tree_ptr[head + 1]))


def _features_of(ensemble: TreeEnsemble, first: int, last: int) -> list[_Feature]:
    """Return the splits of the trees `first` to `last` - 1 by feature."""
    # Sixteen leaves fit into half the memory. Only trees with more of them have a split that rules out the sixteenth.
    bits = np.uint16 if (ensemble.mask & np.uint32(1 << 15)).all() else np.uint32
    found = []
    for column, (low, high) in enumerate(pairwise(ensemble.cut_ptr.tolist())):
        possible = ensemble.mask[low + column : high + column + 1, first:last]
        if (possible != ALL_LEAVES).any():
            found.append(_Feature(column, ensemble.cut[low:high], np.ascontiguousarray(possible.astype(bits))))
    return found


def _sum_leaves(
    table: NDArray[np.float64], features: list[_Feature], leaf: NDArray[np.float64], ptr: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Sum of each group of trees, which begin at `ptr`, shape ``(n_rows, len(ptr))``."""
    out = np.empty((len(table), len(ptr)))
    bits = features[0].possible.dtype if features else np.dtype(np.uint16)
    reachable, by_feature = (np.empty((_BLOCK, len(leaf)), bits) for _ in range(2))
    for at in range(0, len(table), _BLOCK):
        rows = table[at : at + _BLOCK]
        left, one = reachable[: len(rows)], by_feature[: len(rows)]
        left.fill(np.iinfo(bits).max)
        for f in features:
            # x > threshold fails the split: thresholds below the value count, an equal one does not.
            below = np.searchsorted(f.cuts, rows[:, f.column], side="left")
            np.take(f.possible, below, axis=0, out=one, mode="clip")
            np.bitwise_and(left, one, out=left)
        out[at : at + _BLOCK] = np.add.reduceat(_leaf_values(left, leaf), ptr, axis=1)
    return out


def _leaf_values(possible: NDArray[Any], leaf: NDArray[np.float64]) -> NDArray[np.float64]:
    """Value of the first possible leaf, shape ``(n_rows, n_trees)``."""
    at = np.arange(len(leaf), dtype=np.int32) * np.int32(leaf.shape[1])
    if possible.dtype == np.uint16:
        at = at + _lowest_bits().take(possible, mode="clip")
    else:
        lowest = (possible & (~possible + np.uint32(1))).astype(np.float32)
        at = at + ((lowest.view(np.int32) >> 23) - 127)
    values: NDArray[np.float64] = leaf.ravel().take(at, mode="clip")
    return values


@cache
def _lowest_bits() -> NDArray[np.uint8]:
    """Position of the lowest bit that is set, of each number of 16 bits."""
    number = np.arange(1 << 16, dtype=np.uint32)
    lowest = (number & (~number + np.uint32(1))).astype(np.float32)
    position: NDArray[np.uint8] = np.maximum((lowest.view(np.int32) >> 23) - 127, 0).astype(np.uint8)
    return position
