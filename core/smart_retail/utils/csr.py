"""Compressed sparse row (CSR) bookkeeping: row bounds (`indptr`) and positions derived from row lengths.

Row i of a CSR array has the entries ``indptr[i]:indptr[i + 1]``, as in SciPy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def indptr_from_lengths(lengths: ArrayLike | Sequence[int]) -> NDArray[np.int64]:
    """Return the row bounds of rows with the given lengths.

    Parameters
    ----------
    lengths : array of integers or bools, shape (n,)

    Returns
    -------
    int64 array, shape (n + 1,)
    """
    counts = np.asarray(lengths, np.int64)
    indptr = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=indptr[1:])
    return indptr


def row_blocks(indptr: NDArray[np.int64], entries: int = 4_000_000) -> Iterator[tuple[slice, slice]]:
    """Divide the rows into blocks whose temporary arrays fit in memory.

    Parameters
    ----------
    indptr : int64 array, shape (n + 1,)
    entries : int
        Largest number of entries of a block, if they are not of one row.

    Yields
    ------
    rows, entries : slice
        Rows of a block, and their entries.
    """
    first, n = 0, len(indptr) - 1
    while first < n:
        last = int(np.searchsorted(indptr, indptr[first] + entries, side="right")) - 1
        last = min(max(last, first + 1), n)
        yield slice(first, last), slice(int(indptr[first]), int(indptr[last]))
        first = last


def row_indices(indptr: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the row of each entry, int64 array, shape ``(indptr[-1],)``."""
    return np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))


def positions_in_row(indptr: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the position of each entry within its row, from 0, int64 array, shape ``(indptr[-1],)``."""
    return np.arange(int(indptr[-1])) - np.repeat(indptr[:-1], np.diff(indptr))


def concat_ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Concatenate the ranges ``start, start + 1, ..., start + length - 1``.

    Parameters
    ----------
    starts, lengths : int64 arrays, shape (n,)

    Returns
    -------
    int64 array, shape (lengths.sum(),)
    """
    return np.repeat(starts - (np.cumsum(lengths) - lengths), lengths) + np.arange(int(lengths.sum()))
