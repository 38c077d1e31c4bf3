"""Cached lists equal the ranked lists without hidden items."""

from __future__ import annotations

import numpy as np
import pytest

from smart_retail.recommenders.base import COMPONENTS, Ranked
from smart_retail.recommenders.cached_lists import CachedLists, quantize_shares

LENGTH = 6


@pytest.fixture(params=[(0, 12, 3, 6, 7, 1), (LENGTH,) * 6], ids=["of some lengths", "complete"])
def ranked(request: pytest.FixtureRequest) -> Ranked:
    rng = np.random.default_rng(3)
    sizes = np.array(request.param)
    n = int(sizes.sum())
    return Ranked(
        indptr=np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        item=np.concatenate([rng.permutation(40)[:size] for size in sizes]).astype(np.int32),
        score=rng.random(n),
        share=rng.dirichlet(np.ones(len(COMPONENTS)), n),
        rank=rng.integers(0, 90, (n, len(COMPONENTS))).astype(np.int32),
        explaining_item=rng.integers(-1, 40, n).astype(np.int32),
        fallback=rng.random(n) < 0.5,
    )


@pytest.mark.parametrize("some", [False, True])
def test_rows_are_the_first_entries_that_are_not_hidden(ranked, some):
    hidden = [np.empty(0, np.int32)] * 6
    if some:
        first = ranked.indptr
        hidden[1] = ranked.item[first[1] + np.array([2, 0, 5])]
        hidden[2] = ranked.item[first[2] : first[3]]
        hidden[3] = ranked.item[first[2] : first[2] + 2]  # of another shopper's list
    table = CachedLists.empty(9, LENGTH)
    table.fill(2, ranked, hidden)
    settled = quantize_shares(ranked)
    for shopper in range(6):
        rows = np.arange(ranked.indptr[shopper], ranked.indptr[shopper + 1])
        rows = rows[~np.isin(ranked.item[rows], hidden[shopper])][:LENGTH]
        row = table.row(2 + shopper)
        for name in ("item", "score", "rank", "explaining_item", "fallback"):
            np.testing.assert_array_equal(getattr(row, name), getattr(settled, name)[rows], name)
        np.testing.assert_allclose(row.share, settled.share[rows], atol=1e-12)
    assert not table.size[[0, 1, 8]].any()
