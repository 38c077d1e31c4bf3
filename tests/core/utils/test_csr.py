"""Row bounds and positions of CSR arrays."""

from __future__ import annotations

import numpy as np
import pytest

from smart_retail.utils.csr import concat_ranges, indptr_from_lengths, positions_in_row, row_indices


@pytest.mark.parametrize("lengths", [[], [0], [3], [2, 0, 1, 4, 0]])
def test_row_bounds_follow_from_the_lengths_of_the_rows(lengths: list[int]) -> None:
    indptr = indptr_from_lengths(lengths)
    assert indptr.dtype == np.int64
    assert np.diff(indptr).tolist() == lengths
    assert row_indices(indptr).tolist() == [row for row, length in enumerate(lengths) for _ in range(length)]
    assert positions_in_row(indptr).tolist() == [k for length in lengths for k in range(length)]


def test_bools_count_as_lengths() -> None:
    assert indptr_from_lengths(np.array([True, False, True])).tolist() == [0, 1, 1, 2]


def test_ranges_are_concatenated() -> None:
    assert concat_ranges(np.array([5, 0, 9]), np.array([2, 0, 3])).tolist() == [5, 6, 9, 10, 11]
