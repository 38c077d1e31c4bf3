"""A sparse table of similar items: K partners a row, best first, read by every neighbourhood method.

In: the partners of each item. Out: `Similarity`, which scores what goes with a shopper's own purchases
and says from which purchase an item follows. Only NumPy; the arrays may be read-only memory maps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.rounding import sums


@dataclass(frozen=True, slots=True)
class Similarity:
    """Partners of item i: entries ``indptr[i]:indptr[i + 1]``, best first, ties by item code."""

    indptr: NDArray[np.int64]
    item: NDArray[np.int32]
    value: NDArray[np.float32]

    @classmethod
    def from_table(cls, item: NDArray[np.int32], value: NDArray[np.float32]) -> Similarity:
        """From rows of equal length, item -1 where a row has fewer partners."""
        there = item >= 0
        return cls(
            np.concatenate(([0], np.cumsum(there.sum(axis=1)))).astype(np.int64),
            item[there],
            value[there],
        )

    def partners(self, item: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Similar items of one item, best first."""
        bounds = slice(int(self.indptr[item]), int(self.indptr[item + 1]))
        return self.item[bounds], self.value[bounds]

    def entries(self, own: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positions of the partners of several items, and for each the index into `own`."""
        starts = self.indptr[own]
        sizes = self.indptr[own + 1] - starts
        index = np.repeat(np.arange(len(own)), sizes)
        return np.arange(len(index)) + (starts - (np.cumsum(sizes) - sizes))[index], index

    def score(self, own: NDArray[np.int64], weight: NDArray[np.float64], n_items: int) -> NDArray[np.float64]:
        """What goes with the items `own`, weighted: dense scores, shape ``(n_items,)``."""
        at, index = self.entries(own)
        return sums(self.item[at], self.value[at] * weight[index], n_items)

    def explained_by(self, own: NDArray[np.int64], listed: NDArray[np.int64], n_items: int) -> NDArray[np.int32]:
        """For each listed item the own item that is most similar to it, -1 where none is; ties: the lower code."""
        wanted = np.zeros(n_items, bool)
        wanted[listed] = True
        at, index = self.entries(own)
        kept = wanted[self.item[at]] & (self.value[at] > 0)
        at, index = at[kept], index[kept]
        # Written in ascending order, so that the last write, the largest, stays.
        ascending = np.lexsort((-own[index], self.value[at]))
        cause = np.full(n_items, -1, np.int32)
        cause[self.item[at][ascending]] = own[index[ascending]]
        return cause[listed]
