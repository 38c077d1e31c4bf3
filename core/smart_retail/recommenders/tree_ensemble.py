"""Boosted regression trees as plain arrays, scored by NumPy.

Instead of walking each tree, the value of every feature rules out leaves (QuickScorer, Lucchese et al. 2015): the
leaves of a tree are bits, numbered from left to right, and a split that fails clears the bits of its left subtree.
Cleared bits are accumulated over the sorted thresholds of a feature while fitting, so that scoring takes one lookup
for each feature. The lowest remaining bit is the leaf.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from smart_retail.utils.csr import indptr_from_lengths

MAX_LEAVES = 32
_BLOCK_ROWS = 2048
ALL_LEAVES = np.uint32(2**32 - 1)


@dataclass(frozen=True, slots=True)
class TreeEnsemble:
    """An ensemble of trees with at most `MAX_LEAVES` leaves; a split sends ``x <= threshold`` to the left."""

    cut_ptr: NDArray[np.int64]
    """Bounds of each feature's thresholds in `cut`, shape ``(n_features + 1,)``."""
    cut: NDArray[np.float64]
    """Thresholds, ascending within a feature."""
    mask: NDArray[np.uint32]
    """Leaves that remain when r thresholds of feature f are below its value: row ``cut_ptr[f] + f + r``; shape
    ``(len(cut) + n_features, n_trees)``."""
    leaf: NDArray[np.float64]
    """Leaf values, shape ``(n_trees, MAX_LEAVES)``."""

    @classmethod
    def from_structures(cls, structures: list[dict[str, Any]], n_features: int) -> Self:
        """Convert nested trees.

        Parameters
        ----------
        structures : list of dict
            Nodes with ``split_feature, threshold, left_child, right_child``, or ``leaf_value``, as LightGBM dumps them.
        n_features : int
        """
        leaf = np.zeros((len(structures), MAX_LEAVES))
        splits: list[tuple[int, float, int, int]] = []
        for tree, structure in enumerate(structures):
            _collect_splits(structure, tree, 0, leaf, splits)
        cuts = [sorted({t for f, t, _, _ in splits if f == feature}) for feature in range(n_features)]
        cut_ptr = indptr_from_lengths([len(c) for c in cuts])
        mask = np.full((int(cut_ptr[-1]) + n_features, len(structures)), 2**32 - 1, np.uint32)
        for feature, threshold, tree, cleared in splits:
            low = int(cut_ptr[feature]) + feature
            row = low + cuts[feature].index(threshold) + 1
            mask[row : low + len(cuts[feature]) + 1, tree] &= np.uint32(~cleared & (2**32 - 1))
        return cls(cut_ptr, np.array([t for c in cuts for t in c], np.float64), mask, leaf)

    @property
    def n_trees(self) -> int:
        return len(self.leaf)

    def score(self, features: NDArray[Any]) -> NDArray[np.float64]:
        """Sum the leaf values of each row.

        Parameters
        ----------
        features : float array, shape (n, n_features)
            Without NaN.

        Returns
        -------
        float64 array, shape (n,)
        """
        out = np.empty(len(features))
        for start in range(0, len(features), _BLOCK_ROWS):
            block = features[start : start + _BLOCK_ROWS]
            out[start : start + _BLOCK_ROWS] = self._sum_leaves(self.reachable_leaves(block, range(block.shape[1])))
        return out

    def reachable_leaves(self, features: NDArray[Any], columns: Sequence[int]) -> NDArray[np.uint32]:
        """Return the leaves that some features leave possible, as bits.

        Parameters
        ----------
        features : float array, shape (n, n_features)
        columns : sequence of int
            The features to use.

        Returns
        -------
        uint32 array, shape (n, n_trees)
        """
        reachable = np.full((len(features), self.n_trees), ALL_LEAVES)
        for f in columns:
            low, high = int(self.cut_ptr[f]), int(self.cut_ptr[f + 1])
            if low < high:
                # x > threshold fails the split: thresholds below the value count, an equal one does not.
                below = np.searchsorted(self.cut[low:high], features[:, f].astype(np.float64), side="left")
                reachable &= np.take(self.mask, below + (low + f), axis=0)
        return reachable

    def _sum_leaves(self, reachable: NDArray[np.uint32]) -> NDArray[np.float64]:
        lowest = (reachable & (~reachable + np.uint32(1))).astype(np.float32)
        leaf = ((lowest.view(np.int32) >> 23) - 127).T
        # Added tree by tree: a running sum has one order, for any number of rows and in the compiled loop too.
        total: NDArray[np.float64] = np.add.accumulate(np.take_along_axis(self.leaf, leaf, axis=1), axis=0)[-1]
        return total


def _collect_splits(
    node: dict[str, Any],
    tree: int,
    first: int,
    leaf: NDArray[np.float64],
    splits: list[tuple[int, float, int, int]],
) -> int:
    """Number the leaves below `node` from `first` on and collect its splits; return the next free number."""
    if "leaf_value" in node:
        leaf[tree, first] = node["leaf_value"]
        return first + 1
    middle = _collect_splits(node["left_child"], tree, first, leaf, splits)
    cleared = (1 << middle) - (1 << first)
    splits.append((int(node["split_feature"]), float(node["threshold"]), tree, cleared))
    return _collect_splits(node["right_child"], tree, middle, leaf, splits)
