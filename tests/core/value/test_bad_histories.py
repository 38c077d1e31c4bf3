"""Histories that are too thin for a model: values from the prior with the reason, no traceback, no NaN in a file."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from smart_retail.results import ValueSummary
from smart_retail.serving.customer_values import CustomerValues
from smart_retail.serving.value_export import VALUE_COLUMNS, write_rows
from smart_retail.training.value.fit_value import ValueFit, fit_value
from smart_retail.value.cohorts import cohort_matrix
from smart_retail.value.model import ValueModel
from smart_retail.value.new_customers import new_customer_spend
from smart_retail.value.purchase_days import PurchaseDays

DAY0 = 19_000


def history(rows: list[tuple[int, int, float]], customers: int, end: int) -> PurchaseDays:
    """Orders as (customer, day, amount)."""
    table = np.array(sorted(rows), np.float64).reshape(-1, 3)
    return PurchaseDays(
        table[:, 0].astype(np.int32),
        (table[:, 1] + DAY0).astype(np.int32),
        np.ones(len(table), np.int32),
        table[:, 2],
        customers,
        DAY0 + end,
    )


def few_repeat_customers() -> PurchaseDays:
    rows = [(c, c % 200, 20.0) for c in range(150)] + [(c, 250 + c, 30.0) for c in range(4)]
    return history(rows, 150, 260)


def one_day() -> PurchaseDays:
    return history([(c, 0, 10.0 + c) for c in range(300)], 300, 1)


def zero_amounts() -> PurchaseDays:
    return history([(c, d, 0.0) for c in range(120) for d in range(c % 17, 300, 17)], 120, 300)


def negative_totals() -> PurchaseDays:
    return history([(c, d, -9.0 if c % 3 == 0 else 12.0) for c in range(120) for d in range(c % 19, 300, 19)], 120, 300)


def all_negative() -> PurchaseDays:
    return history([(c, d, -9.0) for c in range(60) for d in range(c % 19, 300, 19)], 60, 300)


def a_single_customer() -> PurchaseDays:
    return history([(0, 0, 5.0)], 1, 1)


def customers_without_orders() -> PurchaseDays:
    return history([(0, 5, 5.0), (2, 9, 5.0)], 5, 30)


HISTORIES = (
    few_repeat_customers,
    one_day,
    zero_amounts,
    negative_totals,
    all_negative,
    a_single_customer,
    customers_without_orders,
)


class Values(CustomerValues):
    """Values of a history in memory."""

    def __init__(self, days: PurchaseDays, fit: ValueFit) -> None:
        self._tables = {}
        self.__dict__ |= {"model": ValueModel.from_arrays(fit.model.arrays()), "_all_days": days, "_stored": None}

    def customer_ids(self) -> list[str]:
        return [f"c{k}" for k in range(self._all_days.n_customers)]

    def customers_with_events(self) -> frozenset[str]:
        return frozenset()


@pytest.fixture(scope="module", params=HISTORIES, ids=lambda make: make.__name__)
def thin(request: pytest.FixtureRequest) -> tuple[PurchaseDays, ValueFit]:
    days = request.param()
    return days, fit_value(days)


def test_every_cell_of_the_file_is_a_number_a_date_or_a_word(
    thin: tuple[PurchaseDays, ValueFit], tmp_path: Path
) -> None:
    days, fit = thin
    path = tmp_path / "value.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        assert write_rows(Values(days, fit), file, 90) == days.n_customers
    text = path.read_text(encoding="utf-8")
    assert "nan" not in text.lower()
    assert "inf" not in text.lower()
    rows = list(csv.DictReader(text.splitlines()))
    assert tuple(rows[0]) == VALUE_COLUMNS
    for row in rows:
        assert all(row.values())
        assert 0 <= float(row["return_probability"]) <= 1
        assert float(row["expected_orders"]) >= 0
        assert math.isfinite(float(row["lifetime_value"]))
        assert row["next_order_low"] <= row["next_order_date"] <= row["next_order_high"]


def test_the_reason_is_given(thin: tuple[PurchaseDays, ValueFit]) -> None:
    days, fit = thin
    if days.n_customers < 110 or len(np.unique(days.day)) == 1 or not (days.amount > 0).any():
        assert fit.notes


def test_what_follows_from_value_is_finite(thin: tuple[PurchaseDays, ValueFit]) -> None:
    days, fit = thin
    revenue = Values(days, fit).expected_revenue(90)
    assert 0 <= revenue.low <= revenue.expected <= revenue.high < math.inf
    for period in ("week", "month", "quarter"):
        matrix = cohort_matrix(days, period)
        assert matrix.customers.sum() == len(np.unique(days.customer))
    found = new_customer_spend(days, 30)
    assert found is None or all(math.isfinite(v) for v in found)


@pytest.mark.parametrize("horizon", [365, 3650])
def test_a_horizon_beyond_the_history_is_finite(thin: tuple[PurchaseDays, ValueFit], horizon: int) -> None:
    days, fit = thin
    forecast = fit.model.forecast(days, horizon)
    assert np.isfinite(forecast.expected_orders).all()
    assert np.isfinite(forecast.expected_spend).all()
    assert (forecast.next_order_high < horizon).all()


def test_a_horizon_beyond_the_history_has_a_warning(fitted: tuple[Path, object]) -> None:
    from smart_retail.serving.engine import Engine

    engine = Engine.load(fitted[0])
    longest = engine.values.model.max_horizon
    assert not engine.customer_value("c0001", longest).notes
    assert "too short to test a horizon" in engine.customer_value("c0001", longest + 1).notes[0]
    summary: ValueSummary = engine.value_summary(longest + 1)
    assert any("too short to test a horizon" in note for note in summary.notes)


def test_a_history_without_a_test_warns_for_every_horizon() -> None:
    fit = fit_value(one_day())
    assert any("too short" in note for note in fit.notes)
    assert Values(one_day(), fit)._notes(1)
