"""Metrics against loops written out from their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_retail.evaluation.metrics import (
    Lists,
    bootstrap_ci,
    compute_accuracy,
    compute_coverage,
    compute_diversity,
    compute_novelty,
    compute_popularity_bias,
)
from smart_retail.evaluation.temporal_split import GroundTruth


def _csr(rows):
    indptr = np.concatenate(([0], np.cumsum([len(r) for r in rows]))).astype(np.int64)
    return indptr, np.array([i for r in rows for i in r], np.int64)


def _lists(rows) -> Lists:
    indptr, item = _csr(rows)
    return Lists(indptr, item.astype(np.int32))


def _truth(rows) -> GroundTruth:
    return GroundTruth(np.arange(len(rows), dtype=np.int32), *_csr([sorted(set(r)) for r in rows]))


def _by_hand(listed, true, k):
    gain, hits, first = 0.0, 0, 0.0
    for position, item in enumerate(listed[:k]):
        if item in true and item not in listed[:position]:
            gain += 1 / math.log2(position + 2)
            hits += 1
            first = first or 1 / (position + 1)
    ideal = sum(1 / math.log2(position + 2) for position in range(min(len(true), k)))
    return gain / ideal, hits / len(true), hits / k, float(hits > 0), first


items = st.integers(0, 12)
customers = st.lists(
    st.tuples(st.lists(items, max_size=15), st.sets(items, min_size=1, max_size=12)), min_size=1, max_size=8
)


@settings(deadline=None, max_examples=80)
@given(customers, st.integers(1, 12))
def test_accuracy_equals_the_definitions(rows, k):
    found = compute_accuracy(_lists([listed for listed, _ in rows]), _truth([true for _, true in rows]), k)
    expected = np.array([_by_hand(listed, true, k) for listed, true in rows])
    for column, values in enumerate(found.values()):
        np.testing.assert_allclose(values, expected[:, column], atol=1e-12)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # its own compiled code warns of casts
def test_agrees_with_an_independent_library():
    ranx = pytest.importorskip("ranx", reason="ranx is not installed")
    rng = np.random.default_rng(0)
    listed = [rng.choice(50, 10, replace=False).tolist() for _ in range(40)]
    true = [rng.choice(50, rng.integers(1, 15), replace=False).tolist() for _ in range(40)]
    qrels = ranx.Qrels({str(c): {str(i): 1 for i in t} for c, t in enumerate(true)})
    run = ranx.Run({str(c): {str(i): 1 / (p + 1) for p, i in enumerate(r)} for c, r in enumerate(listed)})
    theirs = ranx.evaluate(qrels, run, ["ndcg@10", "recall@10", "precision@10", "hit_rate@10", "mrr@10"])
    ours = compute_accuracy(_lists(listed), _truth(true), 10)
    for name, value in theirs.items():
        assert ours[name].mean() == pytest.approx(value, abs=1e-6)


def test_coverage_counts_items_in_at_least_one_list():
    assert compute_coverage(_lists([[1, 2, 3], [2, 9]]), 10, k=2) == pytest.approx(3 / 10)


def test_novelty_is_the_information_of_the_listed_items():
    buyers = np.array([8.0, 4.0, 1.0])
    assert compute_novelty(_lists([[0, 1], [2]]), buyers, 8) == pytest.approx((0 + 1 + 3) / 3)


def test_diversity_is_the_share_of_pairs_that_differ_in_category():
    category = np.array([0, 0, 1, -1], np.int32)
    assert compute_diversity(_lists([[0, 1, 2]]), category) == pytest.approx(2 / 3)
    assert compute_diversity(_lists([[0, 1], [0, 2]]), category) == pytest.approx(0.5)
    assert compute_diversity(_lists([[3]]), category) is None


def test_popularity_bias_compares_with_purchases():
    orders = np.array([10.0, 2.0, 6.0])
    assert compute_popularity_bias(_lists([[0]]), _truth([[1, 2]]), orders) == pytest.approx(2.5)


def test_an_interval_contains_the_mean_and_narrows_with_customers():
    rng = np.random.default_rng(1)
    few, many = rng.random(50), rng.random(5000)
    low, high = bootstrap_ci(few)
    assert low < few.mean() < high
    assert np.subtract(*bootstrap_ci(many)[::-1]) < (high - low) / 3
    assert bootstrap_ci(few) == (low, high)


def test_the_interval_of_one_customer_is_undefined():
    assert bootstrap_ci(np.array([0.7])) == (-1.0, 1.0)
