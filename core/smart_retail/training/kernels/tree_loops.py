"""The compiled loops that score boosted trees: what `Trees.score` does, a row at a time.

In: the arrays of `Trees` and signals. Out: an array filled in place. `compiled` calls them; a leaf is found and leaves
are added as in NumPy, so scores have the same bits.
"""

from __future__ import annotations

import numpy as np

from smart_retail.recommenders.tree_ensemble import ALL_LEAVES
from smart_retail.training.kernels.jit import compiled, lowest


@compiled
def _rule_out(trees, row, first, last, members, possible):  # type: ignore[no-untyped-def]
    """Keep the leaves that the signals ``members[first:last]`` of a row leave possible."""
    cut_ptr, cut, mask, _ = trees
    for m in range(first, last):
        s = members[m]
        low, high = cut_ptr[s], cut_ptr[s + 1]
        if low == high:
            continue
        # As in `Trees.possible`: thresholds below the value count, not the equal one.
        at = low + s + np.searchsorted(cut[low:high], np.float64(row[s]))
        for t in range(len(possible)):
            possible[t] &= mask[at, t]


@compiled
def fill_scores(trees, signals, groups, held, out):  # type: ignore[no-untyped-def]
    """Scores of each row with what groups of signals say replaced; one row of `out` for each replacement.

    Parameters
    ----------
    trees : ``cut_ptr, cut, mask, leaf``
    groups : bounds and members
        Disjoint, and every signal is in one.
    held : uint32 array, shape ``(len(out), n_trees)``
        The leaves that stand for group g in row g of `out`.
    """
    leaf = trees[3]
    ptr, members = groups
    n_groups, n_trees = len(ptr) - 1, len(leaf)
    own, before = np.empty((n_groups, n_trees), np.uint32), np.empty(n_trees, np.uint32)
    behind = np.empty((n_groups + 1, n_trees), np.uint32)
    for t in range(n_trees):
        behind[n_groups, t] = ALL_LEAVES
    for i in range(len(signals)):
        for g in range(n_groups - 1, -1, -1):
            for t in range(n_trees):
                own[g, t] = ALL_LEAVES
            _rule_out(trees, signals[i], ptr[g], ptr[g + 1], members, own[g])
            for t in range(n_trees):
                behind[g, t] = behind[g + 1, t] & own[g, t]
        for t in range(n_trees):
            before[t] = ALL_LEAVES
        for g in range(len(out)):
            # Added tree by tree, as in NumPy.
            total = 0.0
            for t in range(n_trees):
                left = np.uint64(before[t] & held[g, t] & behind[g + 1, t])
                total += leaf[t, lowest(left)]
                before[t] &= own[g, t]
            out[g, i] = total
