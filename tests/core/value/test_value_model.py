"""The fitted value model as a whole: level, calibration, thin data, storage."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from smart_retail.recommenders.tree_ensemble import TreeEnsemble
from smart_retail.training.value.fit_value import ValueFit, fit_value
from smart_retail.training.value.level_estimates import estimate_level
from smart_retail.training.value.windows import CutOffs
from smart_retail.value.model import ValueForecast, ValueModel
from smart_retail.value.purchase_days import PurchaseDays
from smart_retail.value.tree_heads import TREE_HEADS, TreeHeads

DAY0 = 18_000


def shop(customers: int = 600, days: int = 400, seed: int = 0, amounts: bool = True) -> PurchaseDays:
    """Customers with their own rates, who start at any time and become inactive at a constant rate."""
    rng = np.random.default_rng(seed)
    rows = []
    for customer in range(customers):
        rate, now, end = rng.gamma(1.2, 1 / 25.0), float(rng.integers(0, days)), rng.exponential(400.0)
        start, mean = now, rng.gamma(4.0, 10.0)
        while now < min(days, start + end):
            rows.append((customer, DAY0 + int(now), rng.gamma(3.0, mean / 3.0) if amounts else 0.0))
            now += rng.exponential(1 / max(rate, 1e-6))
    table = np.array(rows)
    key, first = np.unique(table[:, 0] * 100_000 + table[:, 1] - DAY0, return_index=True)
    return PurchaseDays(
        (key // 100_000).astype(np.int32),
        (key % 100_000 + DAY0).astype(np.int32),
        np.ones(len(key), np.int32),
        table[first, 2],
        customers,
        DAY0 + days,
    )


@pytest.fixture(scope="module")
def history() -> PurchaseDays:
    return shop()


@pytest.fixture(scope="module")
def fitted(history: PurchaseDays) -> ValueFit:
    return fit_value(history.until(DAY0 + 310))


@pytest.mark.slow
def test_totals_and_probabilities_hold_on_a_later_window(history: PurchaseDays, fitted: ValueFit) -> None:
    past = history.until(DAY0 + 310)
    forecast, outcome = fitted.model.forecast(past, 90), history.outcome(DAY0 + 310, 90)
    known = np.bincount(past.customer, minlength=past.n_customers) > 0
    assert forecast.expected_orders[known].sum() == pytest.approx(outcome.orders[known].sum(), rel=0.15)
    assert forecast.expected_spend[known].sum() == pytest.approx(outcome.spend[known].sum(), rel=0.2)
    assert forecast.return_probability[known].mean() == pytest.approx(outcome.returned[known].mean(), abs=0.06)
    back = known & outcome.returned
    inside = (outcome.first >= forecast.next_order_low) & (outcome.first <= forecast.next_order_high)
    assert 0.68 < inside[back].mean() < 0.95


def test_forecasts_order_customers_by_what_they_do(history: PurchaseDays, fitted: ValueFit) -> None:
    forecast = fitted.model.forecast(history.until(DAY0 + 310), 90)
    outcome = history.outcome(DAY0 + 310, 90)
    assert np.corrcoef(forecast.expected_orders, outcome.orders)[0, 1] > 0.6


@pytest.mark.parametrize("horizon", [1, 30, 45, 90, 365, 3650])
def test_any_horizon_gives_values_in_range(history: PurchaseDays, fitted: ValueFit, horizon: int) -> None:
    forecast = fitted.model.forecast(history, horizon)
    for field in fields(ValueForecast):
        assert np.isfinite(getattr(forecast, field.name)).all()
    assert ((forecast.return_probability >= 0) & (forecast.return_probability <= 1)).all()
    assert (forecast.expected_orders >= 0).all()
    assert (forecast.next_order_low <= forecast.next_order).all()
    assert (forecast.next_order <= forecast.next_order_high).all()
    assert (forecast.next_order_high < horizon).all()


def test_the_model_survives_its_arrays(history: PurchaseDays, fitted: ValueFit) -> None:
    again = ValueModel.from_arrays(fitted.model.arrays())
    for field in fields(ValueForecast):
        name = field.name
        assert np.array_equal(
            getattr(again.forecast(history, 90), name), getattr(fitted.model.forecast(history, 90), name)
        )


def test_one_customer_alone_has_the_forecast_that_it_has_among_all(history: PurchaseDays, fitted: ValueFit) -> None:
    every = fitted.model.forecast(history, 90)
    for code in (0, 17, 599):
        alone = fitted.model.forecast(history.select(np.array([code])), 90)
        assert alone.expected_spend[0] == pytest.approx(every.expected_spend[code], rel=1e-9)
        assert alone.next_order[0] == every.next_order[code]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_arrays(history: PurchaseDays) -> None:
    small = history.select(np.arange(200))
    first, second = fit_value(small).model.arrays(), fit_value(small).model.arrays()
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name], equal_nan=True) for name in first)


def test_a_new_customer_gets_the_mean_of_new_customers(fitted: ValueFit) -> None:
    none = PurchaseDays(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0), 1, DAY0)
    forecast = fitted.model.forecast(none, 90)
    assert forecast.expected_orders[0] == pytest.approx(fitted.model.new_customer["orders"] * 90)
    assert 0 < forecast.return_probability[0] < 1


def test_the_scorecard_has_all_models_and_naive_baselines(fitted: ValueFit) -> None:
    card = fitted.scorecard
    assert len(card["backtests"]) == 3
    assert {"MBG/NBD", "Pareto/NBD", "linear", "last window repeated"} <= set(card["models"])
    assert any("too high" in s or "too low" in s or "exact" in s for s in fitted.report()["sentences"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("days", "note"),
    [
        (shop(400, 40), "too short"),
        (shop(5, 400), ""),
        (shop(300, 1), "too short"),
        (shop(400, 400, amounts=False), "No order has a positive amount"),
    ],
)
def test_thin_data_gives_the_prior_with_a_note(days: PurchaseDays, note: str) -> None:
    found = fit_value(days)
    assert any(note in n for n in found.notes)
    forecast = found.model.forecast(days, 90)
    for field in fields(ValueForecast):
        assert np.isfinite(getattr(forecast, field.name)).all()
    assert np.isfinite(found.model.lifetime_value(days, 1095, 0.1)).all()


@pytest.mark.slow
def test_negative_totals_after_returns_give_no_negative_forecast(history: PurchaseDays) -> None:
    lost = PurchaseDays(
        history.customer, history.day, history.orders, np.where(history.customer % 7 == 0, -5.0, history.amount),
        history.n_customers, history.end_day,
    )  # fmt: skip
    forecast = fit_value(lost).model.forecast(lost, 90)
    assert np.isfinite(forecast.expected_spend).all()
    assert (forecast.expected_spend >= 0).all()


def test_a_higher_discount_rate_lowers_the_lifetime_value(history: PurchaseDays, fitted: ValueFit) -> None:
    low, high = (fitted.model.lifetime_value(history, 1095, rate) for rate in (0.0, 0.3))
    assert (high <= low).all()
    assert high.sum() < low.sum()


def test_customers_who_miss_orders_have_a_higher_churn_risk(fitted: ValueFit) -> None:
    day = np.arange(DAY0, DAY0 + 200, 20, dtype=np.int32)
    regular = PurchaseDays(
        np.zeros(len(day), np.int32), day, np.ones(len(day), np.int32), np.full(len(day), 9.0), 1, DAY0 + 190
    )
    late = PurchaseDays(regular.customer, regular.day, regular.orders, regular.amount, 1, DAY0 + 400)
    assert fitted.model.forecast(regular, 90).churn_risk()[0] == 0
    assert fitted.model.forecast(late, 90).churn_risk()[0] == 2


def test_trees_score_any_number_of_rows_alike(history: PurchaseDays, fitted: ValueFit) -> None:
    trees = fitted.model.trees
    assert trees is not None
    cut_offs = CutOffs(history, seed=0)
    table = cut_offs.at(history.end_day).table(90)
    every, spend = trees.score(table), TREE_HEADS.index("spend")
    assert np.ptp(every, axis=0).min() > 0
    for n in (1, 4, 5, 128, 129):
        np.testing.assert_allclose(trees.score(table[:n]), every[:n], rtol=0, atol=1e-12)
    np.testing.assert_allclose(trees.score_spend(table)[:, spend], every[:, spend], rtol=0, atol=1e-12)
    row = table[7]
    assert every[7, spend] == pytest.approx(trees.start[spend] + _walk(trees, spend, row), abs=1e-12)


def _walk(trees: TreeHeads, head: int, row: NDArray[np.float64]) -> float:
    """Sum of a head's leaves for one row: of each tree the first leaf that no feature rules out."""
    e, total = trees.ensemble, 0.0
    for tree in range(*trees.tree_ptr[head : head + 2].tolist()):
        possible = 2**32 - 1
        for feature, value in enumerate(row.tolist()):
            low, high = e.cut_ptr[feature : feature + 2].tolist()
            possible &= int(e.mask[low + feature + sum(cut < value for cut in e.cut[low:high].tolist()), tree])
        total += float(e.leaf[tree, (possible & -possible).bit_length() - 1])
    return total


def test_every_horizon_has_the_error_of_its_own_totals(history: PurchaseDays, fitted: ValueFit) -> None:
    levels, end = fitted.model.levels, DAY0 + 310
    errors = dict(zip(levels.horizon.tolist(), levels.total_error.tolist(), strict=True))
    assert len(errors) > 1
    assert errors[30.0] != errors[90.0]
    cut_offs = CutOffs(history.until(end), seed=0)
    for horizon in (h for h in errors if h != fitted.scorecard["backtests"][0]["days"]):
        windows, found = list(cut_offs.training_windows([int(horizon)], end)), []
        for window in windows[:3]:
            past = [w for w in windows if w.end_day <= window.start_day]
            if past:
                found.append(estimate_level(cut_offs, window.start_day, int(horizon), past)[:2] - window.level[:2])
        if found:
            expected = np.maximum(np.sqrt(np.square(found).mean(axis=0)), 0.02)
            np.testing.assert_allclose(errors[horizon], expected, rtol=1e-9)


@pytest.mark.parametrize("leaves", [2, 16, 17, 32])
def test_trees_of_any_size_give_the_leaf_of_a_row(leaves: int) -> None:
    structure: dict[str, Any] = {"leaf_value": float(leaves)}
    for k in range(leaves - 1, 0, -1):  # x in (k - 1, k] falls into leaf k
        left = {"leaf_value": float(k)}
        structure = {"split_feature": 1, "threshold": float(k), "left_child": left, "right_child": structure}
    count = len(TREE_HEADS)
    ensemble = TreeEnsemble.from_structures([structure] * count, 2)
    trees = TreeHeads(ensemble, np.arange(count + 1, dtype=np.int64), np.zeros(count))
    x = np.concatenate((np.arange(0.5, leaves), np.arange(1.0, leaves)))
    expected = np.minimum(np.ceil(x), leaves)
    for rows in (slice(None), slice(3), slice(1)):
        table = np.column_stack((np.zeros(len(x)), x))[rows]
        np.testing.assert_array_equal(trees.score(table), np.tile(expected[rows, None], count))
        np.testing.assert_array_equal(trees.score_spend(table)[:, TREE_HEADS.index("spend")], expected[rows])
