"""Boosted regression trees as plain arrays, and the one NumPy function that scores them.

In: split tables of a fitted ensemble. Out: `Trees`. Instead of walking each tree, every signal's value rules out
leaves at once (QuickScorer, Lucchese et al. 2015): a tree's leaves are bits, numbered from left to right, and a
split that fails clears the bits of its left subtree. Cleared bits are accumulated over a signal's sorted
thresholds while fitting, so that scoring is one look-up a signal. The lowest bit left is the leaf.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

MAX_LEAVES = 32
_BLOCK = 2048
ALL_LEAVES = np.uint32(2**32 - 1)


@dataclass(frozen=True, slots=True)
class TreeEnsemble:
    """An ensemble of at most `MAX_LEAVES` leaves a tree; a split sends ``x <= threshold`` to the left."""

    cut_ptr: NDArray[np.int64]
    """Bounds of each signal's thresholds in `cut`, shape ``(n_signals + 1,)``."""
    cut: NDArray[np.float64]
    """Thresholds, ascending within a signal."""
    mask: NDArray[np.uint32]
    """Leaves still possible when r thresholds of signal s lie below its value: row ``cut_ptr[s] + s + r``;
    shape ``(len(cut) + n_signals, n_trees)``."""
    leaf: NDArray[np.float64]
    """Leaf values, shape ``(n_trees, MAX_LEAVES)``."""

    @classmethod
    def from_structures(cls, structures: list[dict[str, Any]], n_signals: int) -> Self:
        """From nested trees: ``split_feature, threshold, left_child, right_child`` or ``leaf_value``."""
        leaf = np.zeros((len(structures), MAX_LEAVES))
        splits: list[tuple[int, float, int, int]] = []
        for tree, structure in enumerate(structures):
            _collect(structure, tree, 0, leaf, splits)
        cuts = [sorted({t for f, t, _, _ in splits if f == signal}) for signal in range(n_signals)]
        cut_ptr = np.concatenate(([0], np.cumsum([len(c) for c in cuts]))).astype(np.int64)
        mask = np.full((int(cut_ptr[-1]) + n_signals, len(structures)), 2**32 - 1, np.uint32)
        for signal, threshold, tree, cleared in splits:
            low = int(cut_ptr[signal]) + signal
            row = low + cuts[signal].index(threshold) + 1
            mask[row : low + len(cuts[signal]) + 1, tree] &= np.uint32(~cleared & (2**32 - 1))
        return cls(cut_ptr, np.array([t for c in cuts for t in c], np.float64), mask, leaf)

    @property
    def n_trees(self) -> int:
        return len(self.leaf)

    def score(self, signals: NDArray[Any]) -> NDArray[np.float64]:
        """Sum of the leaf values of each row, shape ``(n,)``; `signals` has shape ``(n, n_signals)``, no NaN."""
        out = np.empty(len(signals))
        for at in range(0, len(signals), _BLOCK):
            out[at : at + _BLOCK] = self._score(signals[at : at + _BLOCK])
        return out

    def _score(self, signals: NDArray[Any]) -> NDArray[np.float64]:
        return self._leaves(self.reachable_leaves(signals, range(signals.shape[1])))

    def reachable_leaves(self, signals: NDArray[Any], some: Sequence[int]) -> NDArray[np.uint32]:
        """Leaves that some signals leave possible, shape ``(n, n_trees)``."""
        possible = np.full((len(signals), self.n_trees), ALL_LEAVES)
        for s in some:
            low, high = int(self.cut_ptr[s]), int(self.cut_ptr[s + 1])
            if low < high:
                # x > threshold fails the split: thresholds below the value, not the equal one, count.
                below = np.searchsorted(self.cut[low:high], signals[:, s].astype(np.float64), side="left")
                possible &= np.take(self.mask, below + (low + s), axis=0)
        return possible

    def _leaves(self, possible: NDArray[np.uint32]) -> NDArray[np.float64]:
        lowest = (possible & (~possible + np.uint32(1))).astype(np.float32)
        place = ((lowest.view(np.int32) >> 23) - 127).T
        # Added tree by tree: a running sum has one order, for any number of rows and in the compiled loop too.
        total: NDArray[np.float64] = np.add.accumulate(np.take_along_axis(self.leaf, place, axis=1), axis=0)[-1]
        return total


def _collect(
    node: dict[str, Any],
    tree: int,
    first: int,
    leaf: NDArray[np.float64],
    splits: list[tuple[int, float, int, int]],
) -> int:
    """Number the leaves below `node` from `first` on and note its splits; the next free number comes back."""
    if "leaf_value" in node:
        leaf[tree, first] = node["leaf_value"]
        return first + 1
    middle = _collect(node["left_child"], tree, first, leaf, splits)
    cleared = (1 << middle) - (1 << first)
    splits.append((int(node["split_feature"]), float(node["threshold"]), tree, cleared))
    return _collect(node["right_child"], tree, middle, leaf, splits)
