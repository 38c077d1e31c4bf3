"""Features of the value models: one row per customer as of the end of a history, for one horizon.

In: `PurchaseDays`. Out: a float64 table with the columns `FEATURES`; no NaN. The same function serves training on
earlier cut-offs and prediction, so both see the same definition.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.value.customer_statistics import CustomerStatistics
from smart_retail.value.gamma_gamma import GammaGamma
from smart_retail.value.mbg_nbd import MbgNbd
from smart_retail.value.purchase_days import PurchaseDays

WINDOWS = (14, 30, 60, 91, 182, 364)
"""Days before the end of the history in which orders and amounts are counted."""
AMOUNT_WINDOWS = (30, 91, 364)
YEAR = 364
"""Days of a year of whole weeks, so that weekdays fall on weekdays."""
FEATURES = (
    "age",
    "since_last",
    "purchase_days",
    "orders_per_day",
    *(f"days_{w}" for w in WINDOWS),
    *(f"amount_{w}" for w in AMOUNT_WINDOWS),
    "horizon_days",
    "horizon_before_days",
    "horizon_amount",
    "horizon_orders",
    "year_ago_days",
    "year_ago_amount",
    "year_ago_covered",
    "mean_gap",
    "gap_deviation",
    "last_gap",
    "previous_gap",
    "overdue",
    "weighted_rate",
    "amount_per_order",
    "last_amount",
    "expected_amount",
    "active",
    "expected_days",
    "expected_orders",
    "expected_spend",
    "model_return",
)


@dataclass(frozen=True, slots=True)
class FeatureBuilder:
    """Feature tables of one history for several horizons; what does not depend on the horizon is computed once."""

    days: PurchaseDays
    """Orders before the cut-off."""
    statistics: CustomerStatistics
    """Of the same history."""
    mbg: MbgNbd
    """Fitted on the same or an earlier history."""
    before: NDArray[np.int64]
    """Days from each order to the end of the history; 1 = the last day."""
    columns: dict[str, NDArray[np.float64]]
    """Features that do not depend on the horizon."""

    @classmethod
    def of(
        cls,
        days: PurchaseDays,
        statistics: CustomerStatistics,
        mbg: MbgNbd,
        amounts: GammaGamma | None,
        mean_orders_per_day: float,
    ) -> FeatureBuilder:
        """Compute the features that do not depend on the horizon.

        Parameters
        ----------
        days : PurchaseDays
        statistics : CustomerStatistics
        mbg : MbgNbd
        amounts : GammaGamma or None
            None where the history has no positive amounts.
        mean_orders_per_day : float
            Mean orders per purchase day of the shop.
        """
        n = days.n_customers
        before = days.end_day - days.day.astype(np.int64)
        since = np.where(statistics.known, statistics.age - statistics.recency, 0.0)
        columns = {
            "age": statistics.age,
            "since_last": since,
            "purchase_days": statistics.frequency + statistics.known,
            "orders_per_day": orders_per_day(statistics, mean_orders_per_day),
        }
        for window in WINDOWS:
            rows = np.flatnonzero(before <= window)
            customer = days.customer[rows]
            columns[f"days_{window}"] = np.bincount(customer, minlength=n).astype(np.float64)
            if window in AMOUNT_WINDOWS:
                columns[f"amount_{window}"] = np.bincount(customer, days.amount[rows], n).astype(np.float64)
        columns |= _gaps(days, statistics, since)
        weight = 0.5 ** (before / 60.0)
        span = (1.0 - 0.5 ** (np.maximum(statistics.age, 1.0) / 60.0)) * 60.0 / np.log(2.0)
        columns["weighted_rate"] = np.bincount(days.customer, weight, n) / (span + 30.0)
        last = np.zeros(n)
        last[days.customer] = days.amount / np.maximum(days.orders, 1)
        columns["amount_per_order"] = statistics.amount / np.maximum(statistics.orders, 1.0)
        columns["last_amount"] = last
        columns["expected_amount"] = expected_amount(statistics, amounts)
        columns["active"] = mbg.probability_active(statistics)
        return cls(days, statistics, mbg, before, columns)

    def table(self, horizon: int) -> NDArray[np.float64]:
        """Compute the features of every customer for a horizon in days.

        Returns
        -------
        ndarray of float64, shape (n_customers, len(FEATURES) + 1)
            The columns `FEATURES`, then the horizon.
        """
        days, s, n = self.days, self.statistics, self.days.n_customers
        column = dict(self.columns)

        def rows_between(low: int, high: int) -> NDArray[np.int64]:
            return np.flatnonzero((self.before > low) & (self.before <= high))

        def count(rows: NDArray[np.int64], weight: NDArray[np.generic] | None = None) -> NDArray[np.float64]:
            return np.bincount(days.customer[rows], None if weight is None else weight[rows], n).astype(np.float64)

        last = rows_between(0, horizon)
        column["horizon_days"] = count(last)
        column["horizon_before_days"] = count(rows_between(horizon, 2 * horizon))
        column["horizon_amount"] = count(last, days.amount)
        column["horizon_orders"] = count(last, days.orders)
        # The same season a year before: from a year before the start of the horizon to a year before its end.
        year = YEAR * max(1, -(-horizon // YEAR))
        season = rows_between(year - horizon, year)
        column["year_ago_days"] = count(season)
        column["year_ago_amount"] = count(season, days.amount)
        column["year_ago_covered"] = (s.age >= year).astype(np.float64)
        column["expected_days"] = self.mbg.expected_purchases(s, horizon)
        column["expected_orders"] = column["expected_days"] * column["orders_per_day"]
        column["expected_spend"] = column["expected_orders"] * column["expected_amount"]
        column["model_return"] = self.mbg.return_probability(s, horizon)
        out = np.empty((n, len(FEATURES) + 1))
        for at, name in enumerate(FEATURES):
            out[:, at] = column[name]
        out[:, -1] = horizon
        return out


ORDERS_PER_DAY_PRIOR = 2.0
"""Purchase days by which a customer's own orders per purchase day are shrunk to the shop's mean."""


def mean_orders_per_day(s: CustomerStatistics) -> float:
    """Mean orders per purchase day of the shop, at least 1."""
    return max(float(s.orders.sum() / max((s.frequency + s.known).sum(), 1.0)), 1.0)


def orders_per_day(s: CustomerStatistics, mean: float) -> NDArray[np.float64]:
    """Orders per purchase day of each customer, shrunk to the shop's mean, shape ``(n_customers,)``."""
    days = s.frequency + s.known
    return (s.orders + ORDERS_PER_DAY_PRIOR * mean) / (days + ORDERS_PER_DAY_PRIOR)


def expected_amount(s: CustomerStatistics, amounts: GammaGamma | None) -> NDArray[np.float64]:
    """Expected amount per order in shop currency, 0 without an amount model, shape ``(n_customers,)``."""
    if amounts is None:
        return np.zeros(len(s.orders))
    return amounts.expected_amount(s.orders, s.amount)


def _gaps(days: PurchaseDays, s: CustomerStatistics, since: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Days between purchase days: mean, deviation, the last two, and the time since the last one in mean gaps."""
    n = days.n_customers
    same = np.flatnonzero(days.customer[1:] == days.customer[:-1])
    gap = (days.day[same + 1] - days.day[same]).astype(np.float64)
    owner = days.customer[same + 1]
    mean = s.recency / np.maximum(s.frequency, 1.0)
    square = np.bincount(owner, gap * gap, n) / np.maximum(s.frequency, 1.0)
    last, previous = np.zeros(n), np.zeros(n)
    last[owner] = gap
    twice = np.flatnonzero(owner[1:] == owner[:-1])
    previous[owner[twice]] = gap[twice]
    return {
        "mean_gap": mean,
        "gap_deviation": np.sqrt(np.maximum(square - mean * mean, 0.0)),
        "last_gap": last,
        "previous_gap": previous,
        "overdue": since / (mean + 7.0),
    }
