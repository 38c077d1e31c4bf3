"""Blend weights, fitted on backtest windows by coordinate ascent on NDCG@10.

A step is taken when it raises the mean NDCG@10 over the windows and clearly lowers none of them. A history bucket gets
its own weights only where that improves NDCG beyond chance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.blend import HISTORY_BUCKETS, default_weights
from smart_retail.recommenders.source_registry import SOURCES
from smart_retail.recommenders.top_n import top_n
from smart_retail.training.hybrid.training_examples import TASKS, TrainingExamples
from smart_retail.utils.csr import positions_in_row, row_indices

K = 10
_MIN_GAIN, _MAX_LOSS = 3e-4, 2e-3
"""NDCG: a step must raise the mean by so much, and may lower one window by so much."""
_FACTORS = (0.0, 0.4, 0.7, 1.4, 2.5)
"""Multiples of a weight that are tried."""
_FIRST_WEIGHT = 0.05
"""Weight that is tried for a source without weight, and four times as much."""
_ROUNDS = 3
_MIN_CUSTOMERS = 200
"""Customers needed to fit weights, and for each history bucket with weights of its own."""
_DISCOUNT = 1.0 / np.log2(np.arange(2, K + 2))
_IDEAL_GAIN = np.cumsum(_DISCOUNT)


class _Table:
    """The examples of some shoppers as arrays of equal row length, shape ``(n_rows, width)``.

    Only shoppers with a bought candidate have a row: the NDCG of the others is 0 with any weights.
    """

    def __init__(self, examples: TrainingExamples, included: NDArray[np.bool_]) -> None:
        candidates = examples.candidates
        sizes = np.diff(candidates.indptr)
        with_hit = included & (np.bincount(candidates.shopper, examples.hit, len(included)) > 0)
        keep = np.repeat(with_hit, sizes)
        row = (np.cumsum(with_hit) - 1)[candidates.shopper[keep]]
        column = (np.arange(len(keep)) - candidates.indptr[candidates.shopper])[keep]
        shape = (int(with_hit.sum()), max(int(sizes[with_hit].max(initial=0)), K))
        self.normalized = np.zeros((len(SOURCES), *shape), np.float32)
        self.normalized[:, row, column] = examples.normalized[:, keep]
        self.hit = np.zeros(shape, bool)
        self.hit[row, column] = examples.hit[keep]
        self.ideal_gain = _IDEAL_GAIN[np.minimum(examples.n_bought[with_hit], K) - 1]
        self.shopper = np.flatnonzero(with_hit[included])
        self.n_shoppers = int(included.sum())

    def __len__(self) -> int:
        return self.n_shoppers

    def blend(self, weights: NDArray[np.float64]) -> NDArray[np.float32]:
        out = np.zeros(self.hit.shape, np.float32)
        for source in np.flatnonzero(weights):
            out += np.float32(weights[source]) * self.normalized[source]
        return out

    def ndcg(self, blend: NDArray[np.float32], source: int = 0, change: float = 0.0) -> NDArray[np.float64]:
        """Compute NDCG@10 by shopper, with `change` added to the weight of a source."""
        from smart_retail.training.kernels.rank_loops import discounted_gains  # imports Numba: only while fitting

        gain = np.empty(len(self.hit))
        discounted_gains(blend, self.normalized[source], np.float32(change), self.hit, _DISCOUNT, gain)
        result = np.zeros(self.n_shoppers)
        result[self.shopper] = gain / self.ideal_gain
        return result


class WeightTables:
    """The examples of some windows as tables, which several fits of weights share."""

    def __init__(self, windows: Sequence[TrainingExamples]) -> None:
        self.all = self._tables(windows, [examples.bucket > 0 for examples in windows])
        self.by_bucket = {
            bucket: self._tables(windows, [examples.bucket == bucket for examples in windows])
            for bucket in range(1, len(HISTORY_BUCKETS))
        }

    @staticmethod
    def _tables(windows: Sequence[TrainingExamples], included: Sequence[NDArray[np.bool_]]) -> list[_Table]:
        """Return the table of each window; none where there are too few customers to fit weights."""
        if sum(int(rows.sum()) for rows in included) < _MIN_CUSTOMERS:
            return []
        tables = (_Table(examples, rows) for examples, rows in zip(windows, included, strict=True))
        return [table for table in tables if len(table)]


def ndcg(examples: TrainingExamples, score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute NDCG@10 of each shopper with its candidates ordered by `score`, shape ``(n_shoppers,)``."""
    order, indptr = top_n(examples.candidates.indptr, score - score.min(initial=0.0) + 1.0, K)
    gain = np.bincount(row_indices(indptr), examples.hit[order] * _DISCOUNT[positions_in_row(indptr)], len(indptr) - 1)
    result: NDArray[np.float64] = gain / _IDEAL_GAIN[np.minimum(examples.n_bought, K) - 1]
    return result


def fit_weights(
    tables: WeightTables,
    task: str,
    excluded: frozenset[int] = frozenset(),
    start: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Fit the weights of one task.

    Parameters
    ----------
    tables : WeightTables
    task : {"any", "new"}
    excluded : frozenset of int
        Positions of sources that get no weight.
    start : float64 array, shape (len(HISTORY_BUCKETS), n_sources), optional
        Weights to start from; by default the default weights.

    Returns
    -------
    float64 array, shape (len(HISTORY_BUCKETS), n_sources)
        The weights of the start where there are too few customers.
    """
    out: NDArray[np.float64] = default_weights()[TASKS.index(task)] if start is None else start.copy()
    out[1:, sorted(excluded)] = 0.0
    if not tables.all:
        return out
    out[1:] = joint = _ascend(tables.all, out[-1], excluded)
    for bucket, some in tables.by_bucket.items():
        if not some:
            continue
        special = _ascend(some, joint, excluded)
        gain = np.concatenate([t.ndcg(t.blend(special)) - t.ndcg(t.blend(joint)) for t in some])
        if gain.mean() > 2 * gain.std() / np.sqrt(len(gain)):
            out[bucket] = special
    return out


def _ascend(tables: Sequence[_Table], start: NDArray[np.float64], excluded: frozenset[int]) -> NDArray[np.float64]:
    """Return the best weights found from `start`, the largest scaled to 1."""
    weights = start.copy()
    blends = [t.blend(weights) for t in tables]
    current = np.array([t.ndcg(b).mean() for t, b in zip(tables, blends, strict=True)])
    scored = {source for source in range(len(SOURCES)) if any(t.normalized[source].any() for t in tables)}
    for _ in range(_ROUNDS):
        before = current.mean()
        for source in sorted(scored - excluded):
            values = weights[source] * np.array(_FACTORS) if weights[source] else (_FIRST_WEIGHT, 4 * _FIRST_WEIGHT)
            for value in values:
                change = float(value - weights[source])
                changed = _ndcg_with_change(tables, blends, source, change, current)
                if changed is not None and changed.mean() > current.mean() + _MIN_GAIN:
                    weights[source], current = value, changed
                    blends = [
                        b + np.float32(change) * t.normalized[source] for t, b in zip(tables, blends, strict=True)
                    ]
        if current.mean() < before + _MIN_GAIN:
            break
    return weights / max(float(weights.max()), 1e-12)


def _ndcg_with_change(
    tables: Sequence[_Table],
    blends: Sequence[NDArray[np.float32]],
    source: int,
    change: float,
    current: NDArray[np.float64],
) -> NDArray[np.float64] | None:
    """Return the mean NDCG by window with another weight of a source; None as soon as one window clearly loses."""
    changed = []
    for table, blend, before in zip(tables, blends, current, strict=True):
        changed.append(table.ndcg(blend, source, change).mean())
        if changed[-1] <= before - _MAX_LOSS:
            return None
    return np.array(changed)
