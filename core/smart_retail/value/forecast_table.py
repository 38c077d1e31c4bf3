"""Forecasts of all customers for one horizon: computed on several threads, stored in a bundle by customer code.

A fit stores those of the default horizon, so that a customer without later purchases is a row to read. In: the fitted
value model and the purchase days of all customers. Out: `ForecastTable`.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.value.model import ValueForecast, ValueModel
from smart_retail.value.purchase_days import PurchaseDays

LIFETIME_DAYS = 1095
DISCOUNT_RATE = 0.1
"""Per year: an amount in a year is worth 1 / 1.1 of the amount today."""
CHUNK_CUSTOMERS = 20_000
"""Customers that one job forecasts."""
_LIFETIME = "lifetime_value"


@dataclass(frozen=True, slots=True)
class ForecastTable:
    """Forecasts by customer code."""

    horizon: int
    """Days."""
    forecast: ValueForecast
    lifetime_value: NDArray[np.float64]
    """Discounted spend of `LIFETIME_DAYS` days, shop currency, shape ``(n_customers,)``."""

    def row(self, code: int) -> ForecastTable:
        """Return the forecast of one customer."""
        part = slice(code, code + 1)
        one = ValueForecast(*(getattr(self.forecast, f.name)[part] for f in fields(ValueForecast)))
        return ForecastTable(self.horizon, one, self.lifetime_value[part])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All columns as arrays for a bundle."""
        columns = {f.name: getattr(self.forecast, f.name) for f in fields(ValueForecast)}
        return {"horizon": np.array([self.horizon], np.int64), _LIFETIME: self.lifetime_value, **columns}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> ForecastTable:
        """The table that `arrays` described."""
        forecast = ValueForecast(*(arrays[f.name] for f in fields(ValueForecast)))
        return cls(int(arrays["horizon"][0]), forecast, arrays[_LIFETIME])


def forecast_customers(model: ValueModel, days: PurchaseDays, horizon: int) -> ForecastTable:
    """Forecast some customers, with their lifetime value.

    Parameters
    ----------
    model : ValueModel
    days : PurchaseDays
    horizon : int
        Days from `days.end_day` on.
    """
    forecast, lifetime = model.forecast_with_lifetime(days, horizon, LIFETIME_DAYS, DISCOUNT_RATE)
    return ForecastTable(horizon, forecast, lifetime)


def forecast_all_customers(model: ValueModel, days: PurchaseDays, horizon: int, threads: int) -> ForecastTable:
    """Return `forecast_customers` of all customers of `days`, computed on at most `threads` threads."""
    starts = range(0, days.n_customers, CHUNK_CUSTOMERS)

    def forecast(start: int) -> ForecastTable:
        chunk = days.customer_range(start, min(start + CHUNK_CUSTOMERS, days.n_customers))
        return forecast_customers(model, chunk, horizon)

    with ThreadPoolExecutor(max(threads, 1)) as pool:
        parts = list(pool.map(forecast, starts))
    return ForecastTable(
        horizon,
        ValueForecast.concat([part.forecast for part in parts]),
        np.concatenate([part.lifetime_value for part in parts]),
    )
