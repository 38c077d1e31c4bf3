"""Training windows: earlier cut-offs of the history with features before and outcomes after each of them.

In: purchase days of a sample of customers. Out: `Window`s of several horizons. One model is trained on all of them,
with the horizon as a feature, so that it predicts any horizon.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.training.value.likelihood import fit_gamma_gamma, fit_mbg_nbd
from smart_retail.value.customer_statistics import CustomerStatistics
from smart_retail.value.features import YEAR, FeatureBuilder, mean_orders_per_day
from smart_retail.value.gamma_gamma import GammaGamma
from smart_retail.value.linear_model import base_scores
from smart_retail.value.mbg_nbd import MbgNbd
from smart_retail.value.model import shift_to_mean
from smart_retail.value.purchase_days import Outcome, PurchaseDays

HORIZONS = (30, 90, 180, 365)
"""Days; those that the history covers are trained."""
SHORT_HORIZONS = (7, 14)
"""Days; used in addition where no horizon of `HORIZONS` is covered."""
STEP_DAYS = 30
WINDOWS_PER_HORIZON = 10
MIN_HISTORY_DAYS = 60
"""Days of history before the earliest cut-off."""
MAX_SAMPLE_CUSTOMERS = 20_000
MIN_WINDOW_CUSTOMERS = 30


@dataclass(frozen=True, slots=True)
class CutOff:
    """A history until a day, with the base model fitted on it."""

    days: PurchaseDays
    statistics: CustomerStatistics
    mbg: MbgNbd
    amounts: GammaGamma | None
    orders_per_day: float

    def table(self, horizon: int) -> NDArray[np.float64]:
        """Features of all customers for one horizon."""
        features = FeatureBuilder.of(self.days, self.statistics, self.mbg, self.amounts, self.orders_per_day)
        return features.table(horizon)


@dataclass(frozen=True, slots=True)
class Window:
    """Features, outcome and level of the customers with an order before one cut-off."""

    cut_off: CutOff
    horizon: int
    """Days."""
    rows: NDArray[np.int64]
    """Codes of the customers."""
    table: NDArray[np.float64]
    """Feature table of `rows`."""
    outcome: Outcome
    """Of `rows`."""
    base: NDArray[np.float64]
    """Scores of the base model, shape ``(n_rows, 3)``."""
    level: NDArray[np.float64]
    """Corrections of the base scores that make their totals equal the outcome's, shape ``(3,)``."""

    @property
    def start_day(self) -> int:
        """First day of the outcome (days since 1970-01-01)."""
        return self.cut_off.days.end_day

    @property
    def end_day(self) -> int:
        """First day after the outcome."""
        return self.start_day + self.horizon


class CutOffs:
    """Cut-offs of one history, each computed once."""

    def __init__(self, days: PurchaseDays, *, seed: int) -> None:
        self.days = days
        self.first_day = days.first_day
        self._seed = seed
        self._start: MbgNbd | None = None
        self._known: dict[int, CutOff] = {}
        self._windows: dict[tuple[int, int], Window | None] = {}

    def at(self, end_day: int) -> CutOff:
        """Return the cut-off at `end_day`; the base models are fitted on the orders before it."""
        if end_day not in self._known:
            days = self.days.until(end_day)
            s = CustomerStatistics.from_purchase_days(days)
            mbg, _ = fit_mbg_nbd(s, seed=self._seed, start=self._start)
            self._start = self._start or mbg
            amounts = fit_gamma_gamma(s.orders, s.amount, seed=self._seed)
            self._known[end_day] = CutOff(days, s, mbg, amounts, mean_orders_per_day(s))
        return self._known[end_day]

    def window(self, start_day: int, horizon: int) -> Window | None:
        """Return the window of `horizon` days from `start_day` on; None with too few customers before it."""
        if (start_day, horizon) not in self._windows:
            self._windows[start_day, horizon] = self._window(start_day, horizon)
        return self._windows[start_day, horizon]

    def _window(self, start_day: int, horizon: int) -> Window | None:
        cut_off = self.at(start_day)
        rows = np.flatnonzero(cut_off.statistics.known)
        if len(rows) < MIN_WINDOW_CUSTOMERS:
            return None
        outcome = _rows_of(self.days.outcome(start_day, horizon), rows)
        table = cut_off.table(horizon)[rows]
        base = base_scores(table)
        return Window(cut_off, horizon, rows, table, outcome, base, level_of(base, outcome))

    def covers(self, start_day: int, horizon: int) -> bool:
        """Whether the history has enough days before `start_day` and the whole outcome after it."""
        least = max(MIN_HISTORY_DAYS if horizon >= HORIZONS[0] else 3 * horizon, horizon // 2)
        return start_day - self.first_day >= least and start_day + horizon <= self.days.end_day

    def training_windows(self, horizons: Sequence[int], end_day: int) -> Iterator[Window]:
        """Yield windows of each horizon whose outcome ends by `end_day`, the latest first."""
        for horizon in horizons:
            for start in range(end_day - horizon, end_day - horizon - STEP_DAYS * WINDOWS_PER_HORIZON, -STEP_DAYS):
                if not self.covers(start, horizon):
                    break
                window = self.window(start, horizon)
                if window is not None:
                    yield window

    def year_before(self, end_day: int, horizon: int) -> Window | None:
        """Return the window of the same season a year before the one that starts on `end_day`, if covered."""
        start = end_day - YEAR * max(1, -(-horizon // YEAR))
        return self.window(start, horizon) if self.covers(start, horizon) else None


def horizons_of(span_days: int) -> tuple[int, ...]:
    """Horizons that a history of `span_days` days covers with at least one training window."""
    covered = tuple(h for h in HORIZONS if span_days >= h + max(MIN_HISTORY_DAYS, h // 2))
    return covered or tuple(h for h in SHORT_HORIZONS if span_days >= 4 * h)


def sample_customers(days: PurchaseDays, *, seed: int) -> PurchaseDays:
    """Return the orders of at most `MAX_SAMPLE_CUSTOMERS` random customers with an order."""
    customers = np.unique(days.customer)
    if len(customers) > MAX_SAMPLE_CUSTOMERS:
        customers = np.sort(np.random.default_rng(seed).choice(customers, MAX_SAMPLE_CUSTOMERS, replace=False))
    return days.select(customers)


def level_of(scores: NDArray[np.float64], outcome: Outcome) -> NDArray[np.float64]:
    """Corrections after which the totals of scores (orders, spend, return) equal the outcome's, shape ``(3,)``."""
    expected = np.exp(scores[:, :2]).sum(axis=0)
    actual = np.array([outcome.orders.sum(), np.maximum(outcome.spend, 0.0).sum()])
    factor = np.clip(actual / np.maximum(expected, 1e-9), 1e-3, 1e3)
    return np.append(np.log(factor), shift_to_mean(scores[:, 2], float(outcome.returned.mean())))


def _rows_of(outcome: Outcome, rows: NDArray[np.int64]) -> Outcome:
    return Outcome(outcome.orders[rows], outcome.purchase_days[rows], outcome.spend[rows], outcome.first[rows])
