"""Forecasts are evaluated on held-out days, and the simpler model is used where it is better."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smart_retail.analysis.sales_forecast import (
    ALL_SALES,
    Forecast,
    ForecastDay,
    ForecastErrors,
    compute_errors,
    daily_discounts,
    daily_sales,
    describe_errors,
    describe_forecast,
    error_rows,
    forecast,
    forecast_rows,
    seasonal_naive,
    week_rows,
)
from smart_retail.errors import UsageError
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine

MONDAY = 19_723  # 2024-01-01


def test_seasonal_naive_repeats_the_last_week() -> None:
    amounts = np.arange(70.0)
    assert seasonal_naive(amounts, 9).tolist() == [63, 64, 65, 66, 67, 68, 69, 63, 64]


def test_with_two_years_it_repeats_the_same_weekday_of_the_last_year() -> None:
    amounts = np.arange(800.0)
    assert seasonal_naive(amounts, 3).tolist() == [436, 437, 438]


def test_errors_follow_their_formulas() -> None:
    found = compute_errors("x", np.array([10.0, 0.0, 20.0]), np.array([8.0, 1.0, 26.0]))
    assert found.mae == pytest.approx(3.0)
    assert found.rmse == pytest.approx(np.sqrt(41 / 3))
    assert found.mape == pytest.approx((0.2 + 0.3) / 2)
    assert compute_errors("x", np.zeros(2), np.ones(2)).mape is None


def test_a_short_history_gives_a_note_and_no_forecast() -> None:
    (found,) = forecast({ALL_SALES: (MONDAY, np.ones(30))})
    assert (found.model, found.days) == ("", ())
    assert "needs 56 days of history" in found.note


@pytest.mark.parametrize(("horizon", "country"), [(0, ""), (366, ""), (7, "XX")])
def test_options_that_are_not_valid_are_rejected(horizon: int, country: str) -> None:
    with pytest.raises(UsageError):
        forecast({}, horizon=horizon, country=country)


@pytest.mark.filterwarnings("ignore")
def test_both_models_are_evaluated_and_the_better_one_is_used() -> None:
    rng = np.random.default_rng(0)
    days = np.arange(200)
    trend = 100 + days + 40 * (days % 7 == 5) + rng.normal(0, 5, 200)
    weeks = np.tile([10.0, 0, 30, 5, 60, 80, 0], 20)
    found = forecast({"growing": (MONDAY, trend), "steady": (MONDAY, weeks)}, horizon=14, country="GB")
    by_name = {f.series: f for f in found}
    assert [e.model for e in by_name["growing"].errors] == ["seasonal naive", "prophet"]
    assert by_name["growing"].model == "prophet"
    assert by_name["steady"].model == "seasonal naive"
    for one in found:
        assert one.model == min(one.errors, key=lambda e: e.mae).model
        assert len(one.days) == 14
        assert all(d.low <= d.amount <= d.high for d in one.days)
    assert by_name["growing"].days[0].day == "2024-07-19"
    assert len(forecast_rows(found)) == 28


def test_daily_sales_add_up_by_category(fitted: tuple[Path, FitReport]) -> None:
    engine = Engine.load(fitted[0])
    series = daily_sales(engine.tables)
    total = series.pop(ALL_SALES)[1].sum()
    assert total == pytest.approx(engine.model().cleaning.net_amount)
    assert sum(amounts.sum() for _, amounts in series.values()) == pytest.approx(total)


@pytest.mark.filterwarnings("ignore")
def test_a_discount_that_drives_sales_is_used_where_it_is_planned(capfd: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    discount = np.zeros(240)
    discount[rng.random(240) < 0.3] = 0.4
    discount[-40:] = 0.0  # as of late, and so assumed for the days held out
    sales = 200 + np.arange(240) + 200 * discount + rng.normal(0, 12, 240)
    discount[5] = np.nan
    series, discounts = {ALL_SALES: (MONDAY, sales)}, {ALL_SALES: discount}
    (plain,) = forecast(series, horizon=14, discounts=discounts)
    assert [row["model"] for row in error_rows([plain])] == ["seasonal naive", "prophet", "prophet with discount"]
    assert plain.model == "prophet with discount"
    (planned,) = forecast(series, horizon=14, discounts=discounts, planned=0.4)
    assert planned.errors == plain.errors, "no model is evaluated with knowledge of the forecast days"
    lifted = np.mean([d.amount for d in planned.days]) - np.mean([d.amount for d in plain.days])
    assert lifted == pytest.approx(80, abs=8)
    assert capfd.readouterr().err == "", "Stan keeps its chains to itself"
    with pytest.raises(UsageError):
        forecast(series, planned=1.5)


def test_a_source_without_discounts_cannot_regress_on_them(fitted: tuple[Path, FitReport]) -> None:
    with pytest.raises(UsageError, match="discounts"):
        daily_discounts(Engine.load(fitted[0]).tables)


def test_a_forecast_is_a_sentence_with_what_it_is_compared_with_and_its_error() -> None:
    days = tuple(ForecastDay(f"2026-01-{day:02d}", 11_180.4, 0.0, 0.0) for day in range(1, 29))
    errors = (ForecastErrors("prophet", 4_803.2, 0.0, None), ForecastErrors("seasonal naive", 9_000.0, 0.0, None))
    found = Forecast(ALL_SALES, "prophet", 28, errors, days, "")
    amounts = np.full(400, 10_000.0)
    amounts[-28:], amounts[400 - 364 : 400 - 364 + 28] = 10_642.0, 10_893.0
    assert describe_forecast(found, amounts, "EUR") == (
        "Next 28 days: about 313,000 EUR (last 28 days 298,000 EUR; same days last year 305,000 EUR). "
        "Typically off by 4,800 EUR a day."
    )
    assert describe_forecast(found, amounts[-100:]).startswith("Next 28 days: about 313,000 (last 28 days 298,000).")
    assert describe_errors(found) == (
        "Used: prophet. Mean error of a day on 28 held-out days: prophet 4,803, seasonal naive 9,000."
    )
    assert [week["week"] for week in week_rows(found)] == ["2026-01-01", "2026-01-08", "2026-01-15", "2026-01-22"]
    assert [week["amount"] for week in week_rows(found)] == pytest.approx([7 * 11_180.4] * 4)
    assert describe_forecast(Forecast(ALL_SALES, "", 0, (), (), "Too short."), amounts) == "Too short."
    assert describe_errors(Forecast(ALL_SALES, "", 0, (), (), "Too short.")) == ""
