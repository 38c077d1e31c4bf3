"""Pre-calculated lists: `Ranked` rows of all customers, packed into plain arrays and read back one row at a time.

Evidence is packed losslessly: `settle` brings shares to four decimals that sum to exactly 1, and
live answers pass through it too, so a list from the cache and a live one are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.base import COMPONENTS, Ranked

UNITS = 10_000
MAX_RANK = 65_535
LEAST_SHARE = 0.01

CACHED_LISTS: Final = (("hybrid", False), ("hybrid", True))
"""Lists that a fit calculates for every customer: method, `exclude_purchased`."""


def quantize_shares(ranked: Ranked) -> Ranked:
    """Evidence as it is told: what weighs less than a hundredth is left out, the rest sums to exactly 1.

    Shares come in ten-thousandths (the largest takes what rounding leaves), ranks end at 65,535.
    """
    if len(ranked.item) == 0:
        return ranked
    largest = ranked.share.argmax(axis=1)
    rows = np.arange(len(largest))
    told = np.where(ranked.share >= LEAST_SHARE, ranked.share, 0.0)
    told[rows, largest] = ranked.share[rows, largest]
    units = np.floor(told / told.sum(axis=1)[:, None] * UNITS + 0.5).astype(np.int64)
    units[rows, largest] += UNITS - units.sum(axis=1)
    return replace(ranked, share=units / UNITS, rank=np.minimum(ranked.rank, MAX_RANK))


@dataclass(frozen=True, slots=True)
class CachedLists:
    """The first entries of every customer's list; shape ``(n_customers, length)`` and up."""

    size: NDArray[np.int32]
    """Entries that a customer has, shape ``(n_customers,)``."""
    item: NDArray[np.int32]
    score: NDArray[np.float64]
    share: NDArray[np.uint16]
    rank: NDArray[np.uint16]
    because: NDArray[np.int32]
    fallback: NDArray[np.bool_]

    @classmethod
    def empty(cls, n_customers: int, length: int) -> CachedLists:
        shape, wide = (n_customers, length), (n_customers, length, len(COMPONENTS))
        return cls(
            size=np.zeros(n_customers, np.int32),
            item=np.zeros(shape, np.int32),
            score=np.zeros(shape),
            share=np.zeros(wide, np.uint16),
            rank=np.zeros(wide, np.uint16),
            because=np.zeros(shape, np.int32),
            fallback=np.zeros(shape, np.bool_),
        )

    def fill(self, first: int, ranked: Ranked, hidden: Sequence[NDArray[np.int32]]) -> None:
        """Store the lists of the customers from `first` on, each without its hidden items."""
        settled, n = quantize_shares(ranked), len(hidden)
        length = self.item.shape[1]
        if not any(map(len, hidden)) and (np.diff(ranked.indptr) == length).all():
            # Nearly always: every list is complete, and its rows are stored as they stand.
            rows = slice(first, first + n)
            self.size[rows] = length
            for name in ("item", "score", "rank", "because", "fallback"):
                target = getattr(self, name)[rows]
                target[:] = getattr(settled, name).reshape(target.shape)
            self.share[rows] = np.rint(settled.share * UNITS).reshape(self.share[rows].shape)
            return
        row = np.repeat(np.arange(n), np.diff(ranked.indptr))
        unwanted = np.repeat(np.arange(n), [len(items) for items in hidden])
        kept = np.arange(len(row))
        if len(unwanted):
            key = unwanted << 32 | np.concatenate(hidden)
            kept = np.flatnonzero(~np.isin(row << 32 | ranked.item, key))
        row = row[kept]
        counts = np.bincount(row, minlength=n)
        place = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        first_ones = place < length
        kept, at = kept[first_ones], (first + row[first_ones], place[first_ones])
        self.size[first : first + n] = np.minimum(counts, length)
        for name in ("item", "score", "rank", "because", "fallback"):
            getattr(self, name)[at] = getattr(settled, name)[kept]
        self.share[at] = np.rint(settled.share[kept] * UNITS)

    def row(self, customer: int, stop: int | None = None) -> Ranked:
        """One customer's list, or its first `stop` entries."""
        n = int(self.size[customer]) if stop is None else min(int(self.size[customer]), stop)
        return Ranked(
            indptr=np.array([0, n], dtype=np.int64),
            item=self.item[customer, :n],
            score=self.score[customer, :n],
            share=self.share[customer, :n] / UNITS,
            rank=self.rank[customer, :n].astype(np.int32),
            because=self.because[customer, :n],
            fallback=self.fallback[customer, :n],
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> CachedLists:
        return cls(**{name: arrays[name] for name in cls.__slots__})
