"""Daily sales ahead: Prophet beside a seasonal naive forecast, and the better of the two is used.

In: daily sales, overall or of a category. Out: the forecast with its interval, and the errors of both
models on the held-out end of the history. A history too short to judge says so and gives no forecast.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.errors import MissingExtraError, UsageError
from smart_retail.progress import SILENT, Progress
from smart_retail.results import Result
from smart_retail.serving.bundle_tables import BundleTables
from smart_retail.utils.dates import iso
from smart_retail.utils.fixed_point import MILLION

ALL_SALES: Final = "all"
WEEK_DAYS: Final = 7
YEAR_DAYS: Final = 364
"""A year of whole weeks, so that a weekday meets the same weekday."""
MIN_HISTORY_DAYS: Final = 8 * WEEK_DAYS
INTERVAL_LEVEL: Final = 0.8
NAIVE: Final = "seasonal naive"
PROPHET: Final = "prophet"
WITH_DISCOUNT: Final = "prophet with discount"
RECENT_DISCOUNT_DAYS: Final = 4 * WEEK_DAYS
"""Days whose mean discount is taken for the days ahead."""


class ForecastErrors(Result, frozen=True):
    """Of one model on the held-out days."""

    model: str
    """seasonal naive, prophet, or prophet with discount."""
    mae: float
    """Mean absolute error, in the shop's currency."""
    rmse: float
    """Root mean squared error, in the shop's currency."""
    mape: float | None
    """Mean absolute percentage error over days with sales, 0 to 1 and above; None without such days."""


class ForecastDay(Result, frozen=True):
    day: str
    amount: float
    low: float
    high: float


class Forecast(Result, frozen=True):
    """Of one series."""

    series: str
    """all, or the name of a category."""
    model: str
    """The one that was used; empty where nothing was forecast."""
    held_out_days: int
    errors: tuple[ForecastErrors, ...]
    days: tuple[ForecastDay, ...]
    note: str
    """Why there is no forecast, or why a model was left out."""


def daily_sales(store: BundleTables, by_category: bool = True) -> dict[str, tuple[int, NDArray[np.float64]]]:
    """Kept sales by day: series -> (first day, amounts of every day to the last, zeros included).

    Days count from 1970-01-01. The partial days at the ends of the history are what they are.
    """
    purchases = store.bundle.arrays("history")
    day, amount = purchases["day"].astype(np.int64), purchases["amount"] / MILLION
    first, length = int(day.min()), int(day.max() - day.min()) + 1
    found = {ALL_SALES: (first, _sums(day - first, amount, length))}
    if by_category:
        category = store.catalogue.category[purchases["item"]]
        for code, name in enumerate(store.names["categories"]):
            mine = category == code
            if mine.any():
                found[name] = (first, _sums(day[mine] - first, amount[mine], length))
    return found


def daily_discounts(store: BundleTables) -> dict[str, NDArray[np.float64]]:
    """Mean discount of the lines of each day, 0 to 1, for the series of `daily_sales`; NaN on days without.

    Raises
    ------
    UsageError
        The source tells of no discounts, or the version keeps none.
    """
    found = store.bundle.arrays("daily").get("discount")
    if found is None or not np.isfinite(found).any():
        raise UsageError("The version knows of no discounts.", "Leave --regressor out, or fit a source with discounts.")
    names = (ALL_SALES, *store.names["categories"])
    return {name: row.astype(np.float64) for name, row in zip(names, found, strict=True) if np.isfinite(row).any()}


def forecast(
    series: Mapping[str, tuple[int, NDArray[np.float64]]],
    *,
    horizon: int = 28,
    country: str = "",
    discounts: Mapping[str, NDArray[np.float64]] | None = None,
    planned: float | None = None,
    progress: Progress = SILENT,
) -> tuple[Forecast, ...]:
    """Forecast every series.

    Parameters
    ----------
    series : mapping
        Name -> (first day since 1970-01-01, amount of each day).
    horizon : int
        Days ahead, 1 to 365; as many days (at most a fifth of the history) are held out to judge the models.
    country : str
        Two-letter code whose holidays Prophet takes in; empty for none.
    discounts : mapping, optional
        Series -> mean discount of each day (`daily_discounts`): then Prophet is also tried with it as a regressor.
    planned : float, optional
        Mean discount of the days ahead, 0 to 1; by default that of the last four weeks, which also stands for
        the days held out, so that no model is judged with knowledge of them.

    Raises
    ------
    UsageError
        The horizon is out of bounds or there is no such country.
    MissingExtraError
        Prophet is not installed.
    """
    if not 1 <= horizon <= 365:
        raise UsageError(f"The horizon is {horizon} days.", "Give 1 to 365.")
    if planned is not None and not 0 <= planned <= 1:
        raise UsageError(f"The planned discount is {planned}.", "Give a fraction from 0 to 1.")
    _require_prophet(country)
    progress.stage("forecast", 0.0)
    found = []
    for done, (name, (first, amounts)) in enumerate(series.items(), 1):
        progress.check()
        found.append(_forecast_series(name, first, amounts, horizon, country, (discounts or {}).get(name), planned))
        progress.update(done / len(series))
    return tuple(found)


def seasonal_naive(amounts: NDArray[np.float64], horizon: int) -> NDArray[np.float64]:
    """The same weekday a year ago where the history holds two years, else a week ago (Hyndman, FPP3, 5.2)."""
    season = YEAR_DAYS if len(amounts) >= 2 * YEAR_DAYS else WEEK_DAYS
    last = amounts[-season:]
    return last[np.arange(horizon) % season]


def compute_errors(model: str, actual: NDArray[np.float64], predicted: NDArray[np.float64]) -> ForecastErrors:
    """MAE, RMSE and MAPE of one model."""
    off = np.abs(actual - predicted)
    sold = actual > 0
    return ForecastErrors(
        model,
        round(float(off.mean()), 6),
        round(float(np.sqrt((off**2).mean())), 6),
        round(float((off[sold] / actual[sold]).mean()), 6) if sold.any() else None,
    )


def _forecast_series(
    name: str,
    first: int,
    amounts: NDArray[np.float64],
    horizon: int,
    country: str,
    discount: NDArray[np.float64] | None,
    planned: float | None,
) -> Forecast:
    held = min(horizon, len(amounts) // 5)
    if len(amounts) < MIN_HISTORY_DAYS:
        note = f"{len(amounts)} days of history are too few; {MIN_HISTORY_DAYS} are needed."
        return Forecast(name, "", 0, (), (), note)
    train, test = amounts[:-held], amounts[-held:]
    judged = [compute_errors(NAIVE, test, seasonal_naive(train, held))]
    judged.append(compute_errors(PROPHET, test, _prophet(first, train, held, country)[0]))
    if discount is not None:
        known = _with_future(discount[:-held], held, None)
        judged.append(compute_errors(WITH_DISCOUNT, test, _prophet(first, train, held, country, known)[0]))
    best = min(judged, key=lambda e: e.mae)
    if best.model == NAIVE:
        middle = seasonal_naive(amounts, horizon)
        spread = np.quantile(np.abs(test - seasonal_naive(train, held)), INTERVAL_LEVEL)
        low, high = middle - spread, middle + spread
    else:
        taken = discount if best.model == WITH_DISCOUNT else None
        ahead = None if taken is None else _with_future(taken, horizon, planned)
        middle, low, high = _prophet(first, amounts, horizon, country, ahead)
    start = first + len(amounts)
    told = np.round(np.maximum(np.stack((middle, low, high), axis=1), 0.0), 2).tolist()
    days = tuple(ForecastDay(iso(start + i), *values) for i, values in enumerate(told))
    return Forecast(name, best.model, held, tuple(judged), days, "")


def _with_future(discount: NDArray[np.float64], horizon: int, planned: float | None) -> NDArray[np.float64]:
    """The discount of every day and of the days ahead; a day without lines has the usual one."""
    known = np.isfinite(discount)
    usual = float(discount[known].mean()) if known.any() else 0.0
    recent = discount[-RECENT_DISCOUNT_DAYS:][known[-RECENT_DISCOUNT_DAYS:]]
    ahead = planned if planned is not None else float(recent.mean()) if len(recent) else usual
    return np.concatenate((np.where(known, discount, usual), np.full(horizon, ahead)))


def _prophet(
    first: int,
    amounts: NDArray[np.float64],
    horizon: int,
    country: str,
    discount: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Prophet's forecast and its interval (Taylor and Letham 2018), shape ``(horizon,)`` each."""
    import pandas as pd
    from prophet import Prophet

    model = Prophet(
        interval_width=INTERVAL_LEVEL,
        yearly_seasonality=len(amounts) >= 2 * YEAR_DAYS,
        weekly_seasonality=True,
        daily_seasonality=False,
        uncertainty_samples=300,
    )
    if country:
        model.add_country_holidays(country_name=country)
    days = pd.to_datetime(np.arange(first, first + len(amounts) + horizon).astype("datetime64[D]"))
    table = pd.DataFrame({"ds": days})
    if discount is not None:
        model.add_regressor("discount")
        table["discount"] = discount
    np.random.seed(0)  # noqa: NPY002  # Prophet draws its interval from NumPy's global generator
    model.fit(table[: len(amounts)].assign(y=amounts), seed=0)
    told = model.predict(table[len(amounts) :])
    middle, low, high = (told[c].to_numpy(dtype=np.float64) for c in ("yhat", "yhat_lower", "yhat_upper"))
    return middle, low, high


def _sums(place: NDArray[np.int64], amount: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    return np.bincount(place, amount, length).astype(np.float64)


def _require_prophet(country: str) -> None:
    # Prophet tells on import that Plotly is not there; nothing here draws with it.
    logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)
    try:
        import holidays
        import prophet  # noqa: F401

        # cmdstanpy sets up its own printing when it is imported; it would tell of every chain.
        logging.getLogger("cmdstanpy").disabled = True
    except ImportError as error:
        raise MissingExtraError(
            "Forecasting needs a package that is not installed.",
            'Install it with: pip install "smart-retail-engine[forecast]"',
        ) from error
    if country and country not in holidays.list_supported_countries():
        raise UsageError(f"There is no country {country!r}.", "Give a two-letter code such as GB or US.")


COLUMNS: Final[dict[str, str]] = {
    "series": "Series",
    "day": "Day",
    "amount": "Sales",
    "low": "Low",
    "high": "High",
    "model": "Model",
}


def forecast_rows(found: Sequence[Forecast]) -> list[dict[str, Any]]:
    """The forecasts as rows of `COLUMNS`."""
    return [{"series": f.series, "model": f.model, **day.as_dict()} for f in found for day in f.days]


def error_rows(found: Sequence[Forecast]) -> list[dict[str, Any]]:
    """The errors of all models, series by series, and which model was used."""
    return [
        {"series": f.series, **error.as_dict(), "held_out_days": f.held_out_days, "used": error.model == f.model}
        for f in found
        for error in f.errors
    ]
