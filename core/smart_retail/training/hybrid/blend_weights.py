"""The blend's weights, fitted on past windows: coordinate ascent on the lists' own quality.

In: `Lesson`s of one task. Out: weights by amount of history. A step is taken when it raises the mean NDCG@10 over the
windows and clearly lowers none of them; amounts of history get weights of their own only where that
pays beyond chance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.blend import HISTORY_BUCKETS, default_weights
from smart_retail.recommenders.candidates import SOURCES
from smart_retail.recommenders.top_n import top_n
from smart_retail.training.hybrid.training_examples import TASKS, TrainingExamples

K = 10
_GAIN, _LOSS = 3e-4, 2e-3
"""A step must raise the mean by so much, and may lower one window by so much."""
_STEPS = (0.0, 0.4, 0.7, 1.4, 2.5)
_FIRST = 0.05
"""What a source that weighs nothing is tried with."""
_ROUNDS = 3
_ENOUGH = 200
"""Customers that an amount of history needs for weights of its own."""
_DISCOUNT = 1.0 / np.log2(np.arange(2, K + 2))
_BEST = np.cumsum(_DISCOUNT)


class _Padded:
    """A lesson as tables of equal row length."""

    def __init__(self, lesson: TrainingExamples, wanted: NDArray[np.bool_]) -> None:
        sizes = np.diff(lesson.candidates.indptr)
        keep = np.repeat(wanted, sizes)
        row = (np.cumsum(wanted) - 1)[lesson.candidates.shopper[keep]]
        place = (np.arange(len(keep)) - lesson.candidates.indptr[lesson.candidates.shopper])[keep]
        shape = (int(wanted.sum()), max(int(sizes.max(initial=0)), K))
        self.relative = np.zeros((len(SOURCES), *shape), np.float32)
        self.relative[:, row, place] = lesson.relative[:, keep]
        self.hit = np.zeros(shape, bool)
        self.hit[row, place] = lesson.hit[keep]
        self.best = _BEST[np.minimum(lesson.true[wanted], K) - 1]

    def __len__(self) -> int:
        return len(self.hit)

    def blend(self, weights: NDArray[np.float64]) -> NDArray[np.float32]:
        out = np.zeros(self.hit.shape, np.float32)
        for source in np.flatnonzero(weights):
            out += np.float32(weights[source]) * self.relative[source]
        return out

    def ndcg(self, blend: NDArray[np.float32], source: int = 0, change: float = 0.0) -> NDArray[np.float64]:
        """By shopper, with `change` added to the weight of a source."""
        from smart_retail.training.kernels.rank_loops import fill_gains  # Numba: only where something is fitted

        gain = np.empty(len(self))
        fill_gains(blend, self.relative[source], np.float32(change), self.hit, _DISCOUNT, gain)
        gain /= self.best
        return gain


def ndcg(lesson: TrainingExamples, score: NDArray[np.float64]) -> NDArray[np.float64]:
    """NDCG@10 of each shopper of a lesson with its candidates ordered by `score`."""
    order, indptr = top_n(
        lesson.candidates.indptr,
        score - score.min(initial=0.0) + 1.0,
        K,
    )
    sizes = np.diff(indptr)
    shopper = np.repeat(np.arange(len(sizes)), sizes)
    place = np.arange(len(order)) - indptr[shopper]
    gain = np.bincount(shopper, lesson.hit[order] * _DISCOUNT[place], len(sizes))
    result: NDArray[np.float64] = gain / _BEST[np.minimum(lesson.true, K) - 1]
    return result


def fit_weights(
    lessons: Sequence[TrainingExamples],
    task: str,
    left_out: frozenset[int] = frozenset(),
    start: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Weights of one task, shape ``(len(AMOUNTS), len(SOURCES))``, sought from `start` on or from the defaults;
    those themselves where there is too little to go by."""
    out: NDArray[np.float64] = default_weights()[TASKS.index(task)] if start is None else start.copy()
    out[1:, sorted(left_out)] = 0.0
    tables = [_Padded(lesson, lesson.amount > 0) for lesson in lessons]
    if sum(len(t) for t in tables) < _ENOUGH:
        return out
    out[1:] = joint = _climb([t for t in tables if len(t)], out[-1], left_out)
    for amount in range(1, len(HISTORY_BUCKETS)):
        own = [t for t in (_Padded(lesson, lesson.amount == amount) for lesson in lessons) if len(t)]
        if sum(len(t) for t in own) < _ENOUGH:
            continue
        special = _climb(own, joint, left_out)
        gain = np.concatenate([t.ndcg(t.blend(special)) - t.ndcg(t.blend(joint)) for t in own])
        if gain.mean() > 2 * gain.std() / np.sqrt(len(gain)):
            out[amount] = special
    return out


def _climb(tables: Sequence[_Padded], start: NDArray[np.float64], left_out: frozenset[int]) -> NDArray[np.float64]:
    """The best weights found from `start`, the largest scaled to 1."""
    weights = start.copy()
    blends = [t.blend(weights) for t in tables]
    now = np.array([t.ndcg(b).mean() for t, b in zip(tables, blends, strict=True)])
    for _ in range(_ROUNDS):
        before = now.mean()
        for source in sorted(set(range(len(SOURCES))) - left_out):
            for value in (weights[source] * np.array(_STEPS)) if weights[source] else (_FIRST, 4 * _FIRST):
                change = float(value - weights[source])
                then = _tried(tables, blends, source, change, now)
                if then is not None and then.mean() > now.mean() + _GAIN:
                    weights[source], now = value, then
                    blends = [b + np.float32(change) * t.relative[source] for t, b in zip(tables, blends, strict=True)]
        if now.mean() < before + _GAIN:
            break
    return weights / max(float(weights.max()), 1e-12)


def _tried(
    tables: Sequence[_Padded],
    blends: Sequence[NDArray[np.float32]],
    source: int,
    change: float,
    now: NDArray[np.float64],
) -> NDArray[np.float64] | None:
    """NDCG by window with another weight; None as soon as one window clearly loses."""
    then = []
    for table, blend, before in zip(tables, blends, now, strict=True):
        then.append(table.ndcg(blend, source, change).mean())
        if then[-1] <= before - _LOSS:
            return None
    return np.array(then)
