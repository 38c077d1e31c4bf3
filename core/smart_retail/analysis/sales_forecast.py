"""Sales forecast: Prophet and a seasonal naive forecast are compared on held-out days, and the better one is used.

In: daily sales, overall or per category. Out: the forecast with its interval, and the errors of the models on the
held-out end of the history. A history that is too short gives a note in place of a forecast.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.errors import MissingExtraError, UsageError
from smart_retail.presentation.formatting import format_integer, pluralize
from smart_retail.progress import SILENT, Progress
from smart_retail.results import Result
from smart_retail.serving.bundle_tables import BundleTables
from smart_retail.utils.dates import iso, parse_day
from smart_retail.utils.fixed_point import MILLION

ALL_SALES: Final = "all"
WEEK_DAYS: Final = 7
YEAR_DAYS: Final = 364
"""A year of whole weeks, so that each day is compared with the same day of the week."""
MIN_HISTORY_DAYS: Final = 8 * WEEK_DAYS
INTERVAL_LEVEL: Final = 0.8
NAIVE: Final = "seasonal naive"
PROPHET: Final = "prophet"
WITH_DISCOUNT: Final = "prophet with discount"
HISTORY_SHOWN_DAYS: Final = 12 * WEEK_DAYS
"""Days of history shown before a forecast, or three times its length where that is more."""
RECENT_DISCOUNT_DAYS: Final = 4 * WEEK_DAYS
"""The mean discount of this many recent days is assumed for the forecast days."""


class ForecastErrors(Result, frozen=True):
    """Errors of one model on the held-out days."""

    model: str
    """seasonal naive, prophet, or prophet with discount."""
    mae: float
    """Mean absolute error, in the shop's currency."""
    rmse: float
    """Root mean squared error, in the shop's currency."""
    mape: float | None
    """Mean absolute percentage error over days with sales, 0 to 1 and above; None without such days."""


class ForecastDay(Result, frozen=True):
    """Sales of one future day, in the shop's currency."""

    day: str
    """ISO date."""
    amount: float
    low: float
    """Lower end of the 80 % interval."""
    high: float
    """Upper end of the 80 % interval."""


class Forecast(Result, frozen=True):
    """Forecast of one series."""

    series: str
    """all, or the name of a category."""
    model: str
    """The model used, with the smallest mean absolute error; empty without a forecast."""
    held_out_days: int
    errors: tuple[ForecastErrors, ...]
    days: tuple[ForecastDay, ...]
    note: str
    """Why there is no forecast; otherwise empty."""


class SalesForecast(Result, frozen=True):
    """Forecasts of all sales and of the categories, with the histories that they continue."""

    forecasts: tuple[Forecast, ...]
    """The forecast of each series: all sales first, then the categories."""
    first_day: str
    """First day of the history, ISO date."""
    amounts: dict[str, tuple[float, ...]]
    """Series -> amount of each day of the history, in the shop's currency."""

    @property
    def total(self) -> Forecast:
        """The forecast of all sales."""
        return self.forecasts[0]

    def history(self, series: str) -> tuple[int, NDArray[np.float64]]:
        """Return the first day since 1970-01-01 and the amount of each day of a series."""
        return parse_day(self.first_day), np.array(self.amounts[series])

    def recent_days(self) -> list[tuple[str, float]]:
        """Return date and amount of the end of the history that a chart of all sales shows before the forecast."""
        first, amounts = self.history(ALL_SALES)
        n = history_shown(self.total, len(amounts))
        return [(iso(first + len(amounts) - n + day), float(amount)) for day, amount in enumerate(amounts[-n:])]


def daily_sales(store: BundleTables, by_category: bool = True) -> dict[str, tuple[int, NDArray[np.float64]]]:
    """Return the net sales by day: series -> (first day, amount of every day up to the last, 0 without sales).

    Days count from 1970-01-01; amounts are in the shop's currency. Partial days at the ends of the history stay in.
    """
    purchases = store.bundle.arrays("history")
    day, amount = purchases["day"].astype(np.int64), purchases["amount"] / MILLION
    first, length = int(day.min()), int(day.max() - day.min()) + 1
    series = {ALL_SALES: (first, _sums(day - first, amount, length))}
    if by_category:
        category = store.catalogue.category[purchases["item"]]
        for code, name in enumerate(store.names["categories"]):
            rows = category == code
            if rows.any():
                series[name] = (first, _sums(day[rows] - first, amount[rows], length))
    return series


def daily_discounts(store: BundleTables) -> dict[str, NDArray[np.float64]]:
    """Return the mean discount of the lines of each day, 0 to 1, for the series of `daily_sales`; NaN without lines.

    Raises
    ------
    UsageError
        The version has no discounts.
    """
    discounts = store.bundle.arrays("daily").get("discount")
    if discounts is None or not np.isfinite(discounts).any():
        raise UsageError("This version has no discounts.", "Leave --regressor out, or fit order lines with discounts.")
    names = (ALL_SALES, *store.bundle.json("names")["categories"])
    return {name: row.astype(np.float64) for name, row in zip(names, discounts, strict=True) if np.isfinite(row).any()}


def forecast(
    series: Mapping[str, tuple[int, NDArray[np.float64]]],
    *,
    horizon: int = 28,
    country: str = "",
    discounts: Mapping[str, NDArray[np.float64]] | None = None,
    planned: float | None = None,
    progress: Progress = SILENT,
) -> tuple[Forecast, ...]:
    """Return the forecast of every series.

    Parameters
    ----------
    series : mapping
        Name -> (first day since 1970-01-01, amount of each day).
    horizon : int
        Number of days to forecast, 1 to 365; as many (at most a fifth of the history) are held out to compare models.
    country : str
        Two-letter code of the country whose holidays Prophet includes; empty for none.
    discounts : mapping, optional
        Series -> mean discount of each day (`daily_discounts`): adds a Prophet model with the discount as a regressor.
    planned : float, optional
        Mean discount of the forecast days, 0 to 1; by default that of the last four weeks. On the held-out days the
        models always use the default, so that they are not evaluated with knowledge of these days.
    progress : Progress

    Returns
    -------
    tuple of Forecast
        In the order of `series`; a series that is too short has a note in place of days.

    Raises
    ------
    UsageError
        A number is out of range, or the country is not known.
    MissingExtraError
        Prophet is not installed.
    """
    if not 1 <= horizon <= 365:
        raise UsageError(f"A horizon of {horizon} days is out of range.", "Give 1 to 365 days.")
    if planned is not None and not 0 <= planned <= 1:
        raise UsageError(f"The planned discount {planned} is out of range.", "Give a share from 0 to 1.")
    _require_prophet(country)
    progress.stage("Forecasting", 0.0)
    forecasts = []
    for done, (name, (first, amounts)) in enumerate(series.items(), 1):
        progress.check()
        forecasts.append(_forecast_series(name, first, amounts, horizon, country, (discounts or {}).get(name), planned))
        progress.update(done / len(series))
    return tuple(forecasts)


def seasonal_naive(amounts: NDArray[np.float64], horizon: int) -> NDArray[np.float64]:
    """Return the sales of the same weekday a year ago, or a week ago where history is short (Hyndman, FPP3, 5.2)."""
    season = YEAR_DAYS if len(amounts) >= 2 * YEAR_DAYS else WEEK_DAYS
    last = amounts[-season:]
    return last[np.arange(horizon) % season]


def compute_errors(model: str, actual: NDArray[np.float64], predicted: NDArray[np.float64]) -> ForecastErrors:
    """Return MAE, RMSE and MAPE of one model.

    Parameters
    ----------
    model : str
        Name of the model.
    actual, predicted : float64 arrays, shape (days,)
        Daily sales, in the shop's currency.

    Returns
    -------
    ForecastErrors
    """
    deviation = np.abs(actual - predicted)
    sold = actual > 0
    return ForecastErrors(
        model,
        round(float(deviation.mean()), 6),
        round(float(np.sqrt((deviation**2).mean())), 6),
        round(float((deviation[sold] / actual[sold]).mean()), 6) if sold.any() else None,
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
        note = f"A forecast needs {MIN_HISTORY_DAYS} days of history; there are {len(amounts)}."
        return Forecast(name, "", 0, (), (), note)
    train, test = amounts[:-held], amounts[-held:]
    evaluated = [compute_errors(NAIVE, test, seasonal_naive(train, held))]
    evaluated.append(compute_errors(PROPHET, test, _prophet(first, train, held, country)[0]))
    if discount is not None:
        regressor = _with_future(discount[:-held], held, None)
        evaluated.append(compute_errors(WITH_DISCOUNT, test, _prophet(first, train, held, country, regressor)[0]))
    best = min(evaluated, key=lambda e: e.mae)
    if best.model == NAIVE:
        middle = seasonal_naive(amounts, horizon)
        spread = np.quantile(np.abs(test - seasonal_naive(train, held)), INTERVAL_LEVEL)
        low, high = middle - spread, middle + spread
    else:
        used = discount if best.model == WITH_DISCOUNT else None
        future = None if used is None else _with_future(used, horizon, planned)
        middle, low, high = _prophet(first, amounts, horizon, country, future)
    start = first + len(amounts)
    rounded = np.round(np.maximum(np.stack((middle, low, high), axis=1), 0.0), 2).tolist()
    days = tuple(ForecastDay(iso(start + i), *values) for i, values in enumerate(rounded))
    return Forecast(name, best.model, held, tuple(evaluated), days, "")


def _with_future(discount: NDArray[np.float64], horizon: int, planned: float | None) -> NDArray[np.float64]:
    """Return the discount of every day and of the future days; a day without lines gets the mean discount."""
    known = np.isfinite(discount)
    mean = float(discount[known].mean()) if known.any() else 0.0
    recent = discount[-RECENT_DISCOUNT_DAYS:][known[-RECENT_DISCOUNT_DAYS:]]
    future = planned if planned is not None else float(recent.mean()) if len(recent) else mean
    return np.concatenate((np.where(known, discount, mean), np.full(horizon, future)))


def _prophet(
    first: int,
    amounts: NDArray[np.float64],
    horizon: int,
    country: str,
    discount: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return Prophet's forecast, and the lower and upper end of its interval (Taylor and Letham 2018)."""
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
    predicted = model.predict(table[len(amounts) :])
    middle, low, high = (predicted[c].to_numpy(dtype=np.float64) for c in ("yhat", "yhat_lower", "yhat_upper"))
    return middle, low, high


def _sums(offset: NDArray[np.int64], amount: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return the amounts summed by day offset, shape ``(length,)``."""
    return np.bincount(offset, amount, length).astype(np.float64)


def _require_prophet(country: str) -> None:
    # On import, Prophet warns that Plotly is missing, which is only needed for its own plots.
    logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)
    try:
        import holidays
        import prophet  # noqa: F401

        # cmdstanpy configures its own logging on import and would log every chain.
        logging.getLogger("cmdstanpy").disabled = True
    except ImportError as error:
        raise MissingExtraError(
            "Forecasting needs the package Prophet, which is not installed.",
            'Install it with: pip install "smart-retail-engine[forecast]"',
        ) from error
    if country and country not in holidays.list_supported_countries():
        raise UsageError(f"The holidays of {country!r} are not known.", "Give a two-letter code such as GB or US.")


def history_shown(forecast: Forecast, n_days: int) -> int:
    """Return how many of `n_days` days of history a chart shows before a forecast."""
    return min(n_days, max(HISTORY_SHOWN_DAYS, 3 * len(forecast.days)))


def describe_errors(forecast: Forecast) -> str:
    """Return the model in use and the mean error of each on the held-out days; empty for a short history."""
    if not forecast.days:
        return ""
    errors = ", ".join(f"{error.model} {format_integer(error.mae)}" for error in forecast.errors)
    held_out = pluralize(forecast.held_out_days, "held-out day")
    return f"Used: {forecast.model}. Mean error of a day on {held_out}: {errors}."


def describe_forecast(forecast: Forecast, amounts: NDArray[np.float64], currency: str = "") -> str:
    """Return a forecast as a sentence, without the cents that it cannot know.

    Parameters
    ----------
    forecast : Forecast
    amounts : float64 array
        Amount of each day of the history, see `daily_sales`.
    currency : str
        Currency of the amounts, if known.

    Returns
    -------
    str
        Such as "Next 28 days: about 313,000 (last 28 days 298,000; same days last year 305,000). Typically off by 4,800
        a day."; the note of the forecast if there is none.
    """
    if not forecast.days:
        return forecast.note
    days = len(forecast.days)

    def money(value: float) -> str:
        return f"{_round_to_three_digits(value)} {currency}".rstrip()

    earlier = [f"last {pluralize(days, 'day')} {money(amounts[-days:].sum())}"] if len(amounts) >= days else []
    if len(amounts) >= YEAR_DAYS >= days:
        start = len(amounts) - YEAR_DAYS
        earlier.append(f"same days last year {money(amounts[start : start + days].sum())}")
    error = next(e.mae for e in forecast.errors if e.model == forecast.model)
    total = money(sum(day.amount for day in forecast.days))
    comparison = f" ({'; '.join(earlier)})" if earlier else ""
    return f"Next {pluralize(days, 'day')}: about {total}{comparison}. Typically off by {money(error)} a day."


def week_rows(forecast: Forecast) -> list[dict[str, Any]]:
    """Return the forecast by seven days from its first day: ``week`` (first day), ``days`` and ``amount``."""
    parts = [forecast.days[start : start + WEEK_DAYS] for start in range(0, len(forecast.days), WEEK_DAYS)]
    return [{"week": part[0].day, "days": len(part), "amount": sum(day.amount for day in part)} for part in parts]


def _round_to_three_digits(value: float) -> str:
    """312,843.2 -> ``313,000``; whole numbers below 1,000."""
    digits = max(0, len(str(int(abs(value)))) - 3)
    return f"{round(value, -digits):,.0f}"


COLUMNS: Final[dict[str, str]] = {
    "series": "Series",
    "day": "Day",
    "amount": "Sales",
    "low": "Low",
    "high": "High",
    "model": "Model",
}


def forecast_rows(forecasts: Sequence[Forecast]) -> list[dict[str, Any]]:
    """Return the forecasts as table rows with the columns `COLUMNS`."""
    return [{"series": f.series, "model": f.model, **day.as_dict()} for f in forecasts for day in f.days]


def error_rows(forecasts: Sequence[Forecast]) -> list[dict[str, Any]]:
    """Return the errors of all models as table rows, with the model used marked."""
    return [
        {"series": f.series, **error.as_dict(), "held_out_days": f.held_out_days, "used": error.model == f.model}
        for f in forecasts
        for error in f.errors
    ]
