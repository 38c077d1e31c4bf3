"""Compiled loops that score boosted trees, one row at a time.

A leaf is found and leaf values are added as in `TreeEnsemble.score`, so that scores have the same bits.
"""

from __future__ import annotations

import numpy as np

from smart_retail.recommenders.tree_ensemble import ALL_LEAVES
from smart_retail.training.kernels.jit import compiled, trailing_zeros


@compiled
def _restrict_leaves(trees, row, first, last, members, reachable):  # type: ignore[no-untyped-def]
    """Keep the leaves that the features ``members[first:last]`` of a row leave reachable, as in `TreeEnsemble`.

    trees as in `score_trees`; row float32 or float64 (n_features,); members int64; reachable uint32 (n_trees,).
    """
    cut_ptr, cut, mask, _ = trees
    for m in range(first, last):
        f = members[m]
        low, high = cut_ptr[f], cut_ptr[f + 1]
        if low == high:
            continue
        # As in `TreeEnsemble.reachable_leaves`: thresholds below the value count, an equal one does not.
        at = low + f + np.searchsorted(cut[low:high], np.float64(row[f]))
        for t in range(len(reachable)):
            reachable[t] &= mask[at, t]


@compiled
def score_trees(trees, features, groups, replacement, out):  # type: ignore[no-untyped-def]
    """Score each row with one group of features at a time replaced.

    Parameters
    ----------
    trees : (int64 (n_features + 1,), float64 (n_cuts,), uint32 (n_cuts + n_features, n_trees), float64 (n_trees, 32))
        `TreeEnsemble` as cut_ptr, cut, mask, leaf.
    features : float32 or float64 (n, n_features)
    groups : (int64 (n_groups + 1,), int64 (n_features,))
        Bounds and members; disjoint, with every feature in one.
    replacement : uint32 (n_replaced, n_trees)
        Leaves that replace those of group g in row g of `out`.
    out : float64 (n_replaced, n)
        Filled.
    """
    leaf = trees[3]
    ptr, members = groups
    n_groups, n_trees = len(ptr) - 1, len(leaf)
    own, before = np.empty((n_groups, n_trees), np.uint32), np.empty(n_trees, np.uint32)
    behind = np.empty((n_groups + 1, n_trees), np.uint32)
    for t in range(n_trees):
        behind[n_groups, t] = ALL_LEAVES
    for i in range(len(features)):
        for g in range(n_groups - 1, -1, -1):
            for t in range(n_trees):
                own[g, t] = ALL_LEAVES
            _restrict_leaves(trees, features[i], ptr[g], ptr[g + 1], members, own[g])
            for t in range(n_trees):
                behind[g, t] = behind[g + 1, t] & own[g, t]
        for t in range(n_trees):
            before[t] = ALL_LEAVES
        for g in range(len(out)):
            # Added tree by tree, as in NumPy.
            total = 0.0
            for t in range(n_trees):
                reachable = np.uint64(before[t] & replacement[g, t] & behind[g + 1, t])
                total += leaf[t, trailing_zeros(reachable)]
                before[t] &= own[g, t]
            out[g, i] = total
