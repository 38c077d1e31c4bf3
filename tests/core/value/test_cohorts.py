"""Cohorts: periods, retention and cumulative value against counts by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from smart_retail.value.cohorts import cohort_matrix
from smart_retail.value.new_customers import new_customer_spend
from smart_retail.value.purchase_days import PurchaseDays


def history(rows: list[tuple[int, str, float]], end: str, customers: int | None = None) -> PurchaseDays:
    rows = sorted(rows)
    day = [(date.fromisoformat(d) - date(1970, 1, 1)).days for _, d, _ in rows]
    code = np.array([c for c, _, _ in rows], np.int32)
    last = (date.fromisoformat(end) - date(1970, 1, 1)).days + 1
    n = customers or (int(code.max()) + 1 if rows else 0)
    amount = np.array([a for _, _, a in rows], np.float64)
    return PurchaseDays(code, np.array(day, np.int32), np.ones(len(rows), np.int32), amount, n, last)


ROWS = [
    (0, "2024-01-05", 10.0),
    (0, "2024-02-07", 20.0),
    (0, "2024-02-09", 5.0),
    (1, "2024-01-31", 30.0),
    (2, "2024-02-01", 40.0),
    (2, "2024-03-31", 1.0),
]


def test_months_retention_and_value_equal_counts_by_hand() -> None:
    matrix = cohort_matrix(history(ROWS, "2024-03-31", 5), "month")
    assert [str(np.datetime64(int(s), "D")) for s in matrix.starts] == [
        "2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01",
    ]  # fmt: skip
    assert matrix.customers.tolist() == [2, 1, 0]
    assert matrix.retention()[0].tolist() == [1.0, 0.5, 0.0]
    assert matrix.retention()[1, :2].tolist() == [1.0, 1.0]
    assert matrix.cumulative_value()[0].tolist() == [20.0, 32.5, 32.5]
    assert matrix.cumulative_value()[1, :2].tolist() == [40.0, 41.0]


@pytest.mark.parametrize(("period", "starts"), [("week", "2024-01-01"), ("quarter", "2024-01-01")])
def test_periods_begin_on_mondays_and_quarters(period: str, starts: str) -> None:
    matrix = cohort_matrix(history(ROWS, "2024-03-31"), period)
    assert str(np.datetime64(int(matrix.starts[0]), "D")) == starts
    assert matrix.customers.sum() == 3
    assert int(matrix.starts[-1]) >= history(ROWS, "2024-03-31").end_day
    assert matrix.amount.sum() == pytest.approx(106.0)


def test_a_history_without_orders_has_no_cohorts() -> None:
    assert len(cohort_matrix(history([], "2024-03-31", 3), "month").customers) == 0


def test_a_steady_flow_of_new_customers_is_expected_to_continue() -> None:
    first = date(2022, 1, 1).toordinal()
    rows = [(k, date.fromordinal(first + k).isoformat(), 50.0) for k in range(900)]
    found = new_customer_spend(history(rows, date.fromordinal(first + 899).isoformat()), 30)
    assert found is not None
    assert found[0] == pytest.approx(30 * 50.0)
    assert found[1] == pytest.approx(0.1 * 30 * 50.0)


def test_a_short_history_does_not_distinguish_new_customers() -> None:
    assert new_customer_spend(history(ROWS, "2024-03-31"), 30) is None
