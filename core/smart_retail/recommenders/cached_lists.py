"""Cached lists: the `Ranked` rows of all customers, packed into plain arrays and read one customer at a time.

`quantize_shares` rounds shares to four decimals that sum to exactly 1. Live responses are rounded in the same way, so
that a cached list and a live one are equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.base import Ranked
from smart_retail.utils.csr import indptr_from_lengths, positions_in_row, row_indices

SHARE_UNITS = 10_000
"""Shares are stored as integers in units of 1/10,000."""
MAX_RANK = 65_535
MIN_SHARE = 0.01
"""Smaller shares are set to 0."""

CACHED_LISTS: Final = (("hybrid", False), ("hybrid", True))
"""Lists that a fit computes for every customer: method and `exclude_purchased`."""


@dataclass(frozen=True, slots=True)
class ListRequest:
    """What one table of cached lists contains."""

    method: str
    exclude_purchased: bool
    """Whether items that the customer bought or returned are left out."""
    list_length: int
    """Items of each list at most."""


_ENTRY_ARRAYS = ("item", "score", "rank", "explaining_item", "fallback")


def quantize_shares(ranked: Ranked) -> Ranked:
    """Round shares to ten-thousandths that sum to exactly 1.

    Shares below `MIN_SHARE` become 0, and the largest share absorbs the rounding. Ranks end at `MAX_RANK`.
    """
    if len(ranked.item) == 0:
        return ranked
    largest = ranked.share.argmax(axis=1)
    rows = np.arange(len(largest))
    share = np.where(ranked.share >= MIN_SHARE, ranked.share, 0.0)
    share[rows, largest] = ranked.share[rows, largest]
    units = np.floor(share / share.sum(axis=1)[:, None] * SHARE_UNITS + 0.5).astype(np.int64)
    units[rows, largest] += SHARE_UNITS - units.sum(axis=1)
    return replace(ranked, share=units / SHARE_UNITS, rank=np.minimum(ranked.rank, MAX_RANK))


@dataclass(frozen=True, slots=True)
class CachedLists:
    """The first entries of every customer's list, shape ``(n_customers, length)`` unless stated otherwise."""

    size: NDArray[np.int32]
    """Entries of each customer's list, shape ``(n_customers,)``."""
    item: NDArray[np.int32]
    score: NDArray[np.float64]
    share: NDArray[np.uint16]
    """In units of 1/10,000, shape ``(n_customers, length, n_components)``."""
    rank: NDArray[np.uint16]
    """Shape ``(n_customers, length, n_components)``."""
    explaining_item: NDArray[np.int32]
    fallback: NDArray[np.bool_]

    @classmethod
    def empty(cls, n_customers: int, length: int) -> CachedLists:
        """Allocate a table of empty lists."""
        from smart_retail.recommenders.source_registry import SOURCES  # only while fitting: serving reads ready tables

        shape, by_component = (n_customers, length), (n_customers, length, len(SOURCES.components))
        return cls(
            size=np.zeros(n_customers, np.int32),
            item=np.zeros(shape, np.int32),
            score=np.zeros(shape),
            share=np.zeros(by_component, np.uint16),
            rank=np.zeros(by_component, np.uint16),
            explaining_item=np.zeros(shape, np.int32),
            fallback=np.zeros(shape, np.bool_),
        )

    def fill(self, first: int, ranked: Ranked, hidden: Sequence[NDArray[np.int32]]) -> None:
        """Store the lists of the customers from `first` on, without their hidden items.

        Parameters
        ----------
        first : int
            Code of the first customer.
        ranked : Ranked
        hidden : sequence of int32 arrays
            Hidden item codes, one array for each list.
        """
        quantized, n = quantize_shares(ranked), len(hidden)
        length = self.item.shape[1]
        if not any(map(len, hidden)) and (np.diff(ranked.indptr) == length).all():
            # The usual case: every list is complete, so that rows are stored without selection.
            rows = slice(first, first + n)
            self.size[rows] = length
            for name in _ENTRY_ARRAYS:
                target = getattr(self, name)[rows]
                target[:] = getattr(quantized, name).reshape(target.shape)
            self.share[rows] = np.rint(quantized.share * SHARE_UNITS).reshape(self.share[rows].shape)
            return
        row = row_indices(ranked.indptr)
        hidden_row = np.repeat(np.arange(n), [len(items) for items in hidden])
        entries = np.arange(len(row))
        if len(hidden_row):
            hidden_key = hidden_row << 32 | np.concatenate(hidden)
            entries = np.flatnonzero(~np.isin(row << 32 | ranked.item, hidden_key))
        row = row[entries]
        counts = np.bincount(row, minlength=n)
        position = positions_in_row(indptr_from_lengths(counts))
        within = position < length
        entries, target_index = entries[within], (first + row[within], position[within])
        self.size[first : first + n] = np.minimum(counts, length)
        for name in _ENTRY_ARRAYS:
            getattr(self, name)[target_index] = getattr(quantized, name)[entries]
        self.share[target_index] = np.rint(quantized.share[entries] * SHARE_UNITS)

    def row(self, customer: int, stop: int | None = None) -> Ranked:
        """Return one customer's list, or its first `stop` entries."""
        n = int(self.size[customer]) if stop is None else min(int(self.size[customer]), stop)
        return Ranked(
            indptr=np.array([0, n], dtype=np.int64),
            item=self.item[customer, :n],
            score=self.score[customer, :n],
            share=self.share[customer, :n] / SHARE_UNITS,
            rank=self.rank[customer, :n].astype(np.int32),
            explaining_item=self.explaining_item[customer, :n],
            fallback=self.fallback[customer, :n],
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, for `from_arrays`."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> CachedLists:
        """Build the table from its arrays, without copies."""
        return cls(**{name: arrays[name] for name in cls.__slots__})
