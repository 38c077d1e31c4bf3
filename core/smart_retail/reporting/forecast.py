"""Daily sales ahead: Prophet beside a seasonal naive forecast, and the better of the two is used.

In: daily sales, overall or of a category. Out: the forecast with its interval, and the errors of both
models on the held-out end of the history. A history too short to judge says so and gives no forecast.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.interactions import MILLION
from smart_retail.errors import MissingExtraError, UsageError
from smart_retail.progress import SILENT, Progress
from smart_retail.results import Result
from smart_retail.store import Store, iso

OVERALL: Final = "all"
WEEK: Final = 7
YEAR: Final = 364
"""A year of whole weeks, so that a weekday meets the same weekday."""
SHORTEST: Final = 8 * WEEK
INTERVAL: Final = 0.8


@dataclass(frozen=True, slots=True)
class Errors(Result):
    """Of one model on the held-out days."""

    model: str
    """prophet or seasonal naive."""
    mae: float
    """Mean absolute error, in the shop's currency."""
    rmse: float
    """Root mean squared error, in the shop's currency."""
    mape: float | None
    """Mean absolute percentage error over days with sales, 0 to 1 and above; None without such days."""


@dataclass(frozen=True, slots=True)
class DayAhead(Result):
    day: str
    amount: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Forecast(Result):
    """Of one series."""

    series: str
    """all, or the name of a category."""
    model: str
    """The one that was used; empty where nothing was forecast."""
    held_out_days: int
    errors: tuple[Errors, ...]
    days: tuple[DayAhead, ...]
    note: str
    """Why there is no forecast, or why a model was left out."""


def daily_sales(store: Store, by_category: bool = True) -> dict[str, tuple[int, NDArray[np.float64]]]:
    """Kept sales by day: series -> (first day, amounts of every day to the last, zeros included).

    Days count from 1970-01-01. The partial days at the ends of the history are what they are.
    """
    purchases = store.bundle.arrays("history")
    day, amount = purchases["day"].astype(np.int64), purchases["amount"] / MILLION
    first, length = int(day.min()), int(day.max() - day.min()) + 1
    found = {OVERALL: (first, _sums(day - first, amount, length))}
    if by_category:
        category = store.catalogue.category[purchases["item"]]
        for code, name in enumerate(store.names["categories"]):
            mine = category == code
            if mine.any():
                found[name] = (first, _sums(day[mine] - first, amount[mine], length))
    return found


def forecast(
    series: Mapping[str, tuple[int, NDArray[np.float64]]],
    *,
    horizon: int = 28,
    country: str = "",
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

    Raises
    ------
    UsageError
        The horizon is out of bounds or there is no such country.
    MissingExtraError
        Prophet is not installed.
    """
    if not 1 <= horizon <= 365:
        raise UsageError(f"The horizon is {horizon} days.", "Give 1 to 365.")
    _need_prophet(country)
    progress.stage("forecast", 0.0)
    found = []
    for done, (name, (first, amounts)) in enumerate(series.items(), 1):
        progress.check()
        found.append(_one(name, first, amounts, horizon, country))
        progress.update(done / len(series))
    return tuple(found)


def seasonal_naive(amounts: NDArray[np.float64], horizon: int) -> NDArray[np.float64]:
    """The same weekday a year ago where the history holds two years, else a week ago (Hyndman, FPP3, 5.2)."""
    season = YEAR if len(amounts) >= 2 * YEAR else WEEK
    last = amounts[-season:]
    return last[np.arange(horizon) % season]


def errors(model: str, actual: NDArray[np.float64], predicted: NDArray[np.float64]) -> Errors:
    """MAE, RMSE and MAPE of one model."""
    off = np.abs(actual - predicted)
    sold = actual > 0
    return Errors(
        model,
        round(float(off.mean()), 6),
        round(float(np.sqrt((off**2).mean())), 6),
        round(float((off[sold] / actual[sold]).mean()), 6) if sold.any() else None,
    )


def _one(name: str, first: int, amounts: NDArray[np.float64], horizon: int, country: str) -> Forecast:
    held = min(horizon, len(amounts) // 5)
    if len(amounts) < SHORTEST:
        note = f"{len(amounts)} days of history are too few; {SHORTEST} are needed."
        return Forecast(name, "", 0, (), (), note)
    train, test = amounts[:-held], amounts[-held:]
    judged = [errors("seasonal naive", test, seasonal_naive(train, held))]
    judged.append(errors("prophet", test, _prophet(first, train, held, country)[0]))
    best = min(judged, key=lambda e: e.mae)
    if best.model == "prophet":
        middle, low, high = _prophet(first, amounts, horizon, country)
    else:
        middle = seasonal_naive(amounts, horizon)
        spread = np.quantile(np.abs(test - seasonal_naive(train, held)), INTERVAL)
        low, high = middle - spread, middle + spread
    start = first + len(amounts)
    told = np.round(np.maximum(np.stack((middle, low, high), axis=1), 0.0), 2).tolist()
    days = tuple(DayAhead(iso(start + i), *values) for i, values in enumerate(told))
    return Forecast(name, best.model, held, tuple(judged), days, "")


def _prophet(
    first: int, amounts: NDArray[np.float64], horizon: int, country: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Prophet's forecast and its interval (Taylor and Letham 2018), shape ``(horizon,)`` each."""
    import pandas as pd
    from prophet import Prophet

    logging.getLogger("cmdstanpy").setLevel(logging.ERROR)
    model = Prophet(
        interval_width=INTERVAL,
        yearly_seasonality=len(amounts) >= 2 * YEAR,
        weekly_seasonality=True,
        daily_seasonality=False,
        uncertainty_samples=300,
    )
    if country:
        model.add_country_holidays(country_name=country)
    days = pd.to_datetime(np.arange(first, first + len(amounts) + horizon).astype("datetime64[D]"))
    np.random.seed(0)  # noqa: NPY002  # Prophet draws its interval from NumPy's global generator
    model.fit(pd.DataFrame({"ds": days[: len(amounts)], "y": amounts}), seed=0)
    told = model.predict(pd.DataFrame({"ds": days[len(amounts) :]}))
    middle, low, high = (told[c].to_numpy(dtype=np.float64) for c in ("yhat", "yhat_lower", "yhat_upper"))
    return middle, low, high


def _sums(place: NDArray[np.int64], amount: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    return np.bincount(place, amount, length).astype(np.float64)


def _need_prophet(country: str) -> None:
    # Prophet tells on import that Plotly is not there; nothing here draws with it.
    logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)
    try:
        import holidays
        import prophet  # noqa: F401
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


def rows(found: Sequence[Forecast]) -> list[dict[str, Any]]:
    """The forecasts as rows of `COLUMNS`."""
    return [{"series": f.series, "model": f.model, **day.as_dict()} for f in found for day in f.days]


def history_rows(series: Mapping[str, tuple[int, NDArray[np.float64]]]) -> list[dict[str, Any]]:
    """The daily sales themselves, for a plot beside the forecast."""
    return [
        {"series": name, "day": iso(first + i), "amount": round(float(amount), 2)}
        for name, (first, amounts) in series.items()
        for i, amount in enumerate(amounts)
    ]
