"""Time splits, and the evaluation of lists made before a cut."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.evaluation.backtest import WindowFacts, compare_methods, run_backtest, summarize_methods
from smart_retail.evaluation.metrics import Lists
from smart_retail.evaluation.scorecard import compare_with_best_single, evaluate_gate, to_plain_json
from smart_retail.evaluation.temporal_split import (
    compute_repeat_share,
    extract_ground_truth,
    rolling_windows,
    sample_customers,
)


def _history(rows: list[tuple[int, int, int]], customers: int = 4, items: int = 6) -> PurchaseHistory:
    rows = sorted(rows)
    customer, day, item = (np.array(column, np.int32) for column in zip(*rows, strict=True))
    ones = np.ones(len(rows), np.int64)
    return PurchaseHistory(
        customer, np.arange(len(rows), dtype=np.int32), item, day, ones, ones, customers, items, int(day.max())
    )


BEFORE = _history([(0, 1, 0), (0, 2, 1), (1, 3, 2)])
AFTER = _history([(0, 10, 1), (0, 11, 3), (1, 10, 2), (2, 10, 4), (2, 12, 4)])


def test_each_task_has_its_customers_and_items():
    found = extract_ground_truth(BEFORE, AFTER)
    assert found["any"].customer.tolist() == [0, 1]
    assert found["any"].item.tolist() == [1, 3, 2]
    assert (found["new"].customer.tolist(), found["new"].item.tolist()) == ([0], [3])
    assert (found["cold"].customer.tolist(), found["cold"].item.tolist()) == ([2], [4])


def test_repeat_share_counts_known_pairs():
    assert compute_repeat_share(extract_ground_truth(BEFORE, AFTER)) == pytest.approx(2 / 3)


def test_windows_are_back_to_back_and_end_with_the_history():
    windows = rolling_windows(100, 1099, 4)
    assert [w.days for w in windows] == [99] * 4
    assert windows[-1].end == 1100
    assert all(a.end == b.cut for a, b in itertools.pairwise(windows))


def test_one_or_two_days_give_no_window():
    assert rolling_windows(5, 5, 4) == []
    assert rolling_windows(5, 6, 4) == []


def test_a_sample_keeps_each_customers_own_truth():
    truth = extract_ground_truth(BEFORE, AFTER)["any"]
    one = sample_customers(truth, 1, seed=0)
    row = truth.customer.tolist().index(int(one.customer[0]))
    assert one.item.tolist() == truth.item[truth.indptr[row] : truth.indptr[row + 1]].tolist()
    assert sample_customers(truth, 5, seed=0) is truth


def _make(task, customers):
    n = len(customers)
    right = {0: [1, 3], 1: [2, 0], 2: [4, 0]}
    rows = [right[c] for c in customers.tolist()]
    two = np.arange(n + 1, dtype=np.int64) * 2
    return {
        "hybrid": Lists(two, np.array(rows, np.int32).ravel()),
        "popular": Lists(two, np.tile(np.array([5, 0], np.int32), n)),
    }


def test_the_better_method_wins_and_passes_the_gate():
    evaluations = run_backtest(extract_ground_truth(BEFORE, AFTER), _make)
    assert evaluations["any"].metrics["hybrid"]["ndcg@10"].tolist() == [1.0, 1.0]
    assert compare_methods(evaluations["any"], "hybrid", "popular") == {"difference": 1.0, "low": 1.0, "high": 1.0}
    assert evaluate_gate(evaluations)["low"] == 1.0


def test_the_best_other_method_is_reported_with_the_gain_of_the_hybrid():
    evaluations = run_backtest(extract_ground_truth(BEFORE, AFTER), _make)
    assert compare_with_best_single(evaluations["any"]) == {
        "method": "popular",
        "difference": 1.0,
        "low": 1.0,
        "high": 1.0,
    }


def test_a_skipped_gate_has_a_reason():
    assert evaluate_gate({})["skipped"]


def test_figures_are_plain_numbers():
    evaluations = run_backtest(extract_ground_truth(BEFORE, AFTER), _make)["any"]
    facts = WindowFacts(np.ones(6), np.array([1.0, 1, 1, 0, 0, 0]), 2, np.zeros(6, np.int32))
    found = summarize_methods(evaluations, facts)
    assert found["hybrid"]["coverage"] == pytest.approx(4 / 3)
    assert to_plain_json(found)["hybrid"]["ndcg@10"] == 1.0
    assert to_plain_json({"x": np.float64(np.inf), "n": np.int64(3)}) == {"x": None, "n": 3}
