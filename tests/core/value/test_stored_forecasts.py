"""Forecasts that a fit stores: the same as computed ones, used only for customers without later purchases."""

from __future__ import annotations

import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from tests import shop

from smart_retail.events import Event, SqliteEventStore
from smart_retail.protocol import DEFAULT_HORIZON_DAYS
from smart_retail.results import CustomerValue, FitReport
from smart_retail.serving import customer_values
from smart_retail.serving.engine import Engine
from smart_retail.value.forecast_table import ForecastTable, forecast_all_customers, forecast_customers
from smart_retail.value.model import ValueForecast
from smart_retail.value.purchase_days import PurchaseDays


@pytest.fixture(scope="module")
def engine(fitted: tuple[Path, FitReport]) -> Engine:
    return Engine.load(fitted[0])


def computed(engine: Engine, customer: str, horizon: int) -> ForecastTable:
    """The forecast of one customer from the purchases that the engine knows."""
    history = engine.values._customers.resolve(customer).history
    end_day = max(engine.tables.last_day, history.last_day) + 1
    return forecast_customers(engine.values.model, PurchaseDays.from_lines(history, end_day), horizon)


def check(value: CustomerValue, expected: ForecastTable) -> None:
    forecast = expected.forecast
    assert value.expected_orders == pytest.approx(forecast.expected_orders[0], abs=1e-6)
    assert value.expected_spend == pytest.approx(forecast.expected_spend[0], abs=1e-4)
    assert value.return_probability == pytest.approx(forecast.return_probability[0], abs=1e-6)
    assert value.active_probability == pytest.approx(forecast.active_probability[0], abs=1e-6)
    assert value.lifetime_value == pytest.approx(expected.lifetime_value[0], abs=1e-4)
    start = np.datetime64(value.start)
    assert np.datetime64(value.next_order_date) == start + int(forecast.next_order[0])
    assert np.datetime64(value.next_order_low) == start + int(forecast.next_order_low[0])
    assert np.datetime64(value.next_order_high) == start + int(forecast.next_order_high[0])


def test_the_bundle_stores_the_forecasts_of_all_customers(engine: Engine) -> None:
    stored = ForecastTable.from_arrays(engine.bundle.arrays("forecasts"))
    assert stored.horizon == DEFAULT_HORIZON_DAYS
    found = forecast_all_customers(engine.values.model, engine.values._all_days, DEFAULT_HORIZON_DAYS, 2)
    for field in fields(ValueForecast):
        one, other = getattr(stored.forecast, field.name), getattr(found.forecast, field.name)
        np.testing.assert_allclose(one, other, rtol=1e-9)
    np.testing.assert_allclose(stored.lifetime_value, found.lifetime_value, rtol=1e-9)


@pytest.mark.parametrize("horizon", [DEFAULT_HORIZON_DAYS, 60])
def test_the_value_of_a_customer_is_the_same_read_and_computed(engine: Engine, horizon: int) -> None:
    before = [engine.customer_value(c, horizon) for c in shop.customers()]
    engine.values.table(horizon)  # from now on the rows of this table are read
    for customer, value in zip(shop.customers(), before, strict=True):
        check(value, computed(engine, customer, horizon))
        check(engine.customer_value(customer, horizon), computed(engine, customer, horizon))


def test_a_stored_forecast_is_read_without_a_computation(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError

    expected = [engine.customer_value(c) for c in shop.customers()]
    monkeypatch.setattr(customer_values, "forecast_customers", fail)
    assert [engine.customer_value(c) for c in shop.customers()] == expected
    with pytest.raises(AssertionError):
        engine.customer_value("not in the history")


def test_a_customer_with_later_purchases_is_computed(fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    own = Path(shutil.copytree(fitted[0], tmp_path / "own"))
    engine = Engine.load(own)
    customer, other = shop.customers()[:2]
    before, last, item = engine.customer_value(customer), engine.model().last, engine.popular(1).items[0].item_id
    what = {"customer_id": customer, "item_id": item, "quantity": 1, "amount": 25.0}
    SqliteEventStore(own).add([Event.from_dict({"event_id": "e", "timestamp": f"{last}T09:00:00", **what})])
    expected_other = engine.customer_value(other)
    engine = Engine.load(own)
    after = engine.customer_value(customer)
    check(after, computed(engine, customer, DEFAULT_HORIZON_DAYS))
    assert after.orders == before.orders + 1
    assert after.expected_orders != before.expected_orders
    assert engine.customer_value(other) == expected_other


def test_a_bundle_without_stored_forecasts_gives_the_same_values(engine: Engine) -> None:
    older = Engine(engine.bundle)
    older.values.__dict__["_stored"] = None
    for customer in shop.customers():
        check(older.customer_value(customer), computed(engine, customer, DEFAULT_HORIZON_DAYS))
