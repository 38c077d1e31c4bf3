"""Tree heads of the feature model: boosted trees for orders, spend, return and the quantiles of the return day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.tree_ensemble import TreeEnsemble

TREE_HEADS = ("orders", "spend", "return", "day_low", "day_median", "day_high")
"""The day heads predict the first order's day as a share of the horizon, 0 to 1, given a return within it."""
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class TreeHeads:
    """All heads as one ensemble, so that each feature is looked up once."""

    ensemble: TreeEnsemble
    tree_ptr: NDArray[np.int64]
    """Bounds of each head's trees, shape ``(len(TREE_HEADS) + 1,)``."""
    start: NDArray[np.float64]
    """Constant of each head, shape ``(len(TREE_HEADS),)``."""

    def score(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores of each head, shape ``(n_customers, len(TREE_HEADS))``; `table` is the feature table."""
        out = np.empty((len(table), len(self.start)))
        for at in range(0, len(table), _BLOCK):
            leaf = self._leaf_values(table[at : at + _BLOCK])
            out[at : at + _BLOCK] = np.add.reduceat(leaf, self.tree_ptr[:-1], axis=0).T + self.start
        return out

    def _leaf_values(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Value of the leaf that each row falls into, shape ``(n_trees, n_rows)``."""
        possible = self.ensemble.reachable_leaves(table, range(table.shape[1]))
        lowest = (possible & (~possible + np.uint32(1))).astype(np.float32)
        leaf = ((lowest.view(np.int32) >> 23) - 127).T
        values: NDArray[np.float64] = np.take_along_axis(self.ensemble.leaf, leaf, axis=1)
        return values
