"""Features of the value models: one row per customer as of the end of a history, for one horizon.

In: `PurchaseDays`. Out: a float64 table with the columns `FEATURES`; no NaN. The same function serves training on
earlier cut-offs and prediction, so both see the same definition.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smart_retail.value.customer_statistics import CustomerStatistics
from smart_retail.value.gamma_gamma import GammaGamma
from smart_retail.value.mbg_nbd import MbgNbd
from smart_retail.value.purchase_days import PurchaseDays

WINDOWS = (14, 30, 60, 91, 182, 364)
"""Days before the end of the history in which orders and amounts are counted."""
YEAR = 364
"""Days of a year of whole weeks, so that weekdays fall on weekdays."""
FEATURES = (
    "age",
    "since_last",
    "purchase_days",
    "orders_per_day",
    *(f"days_{w}" for w in WINDOWS),
    *(f"amount_{w}" for w in (30, 91, 364)),
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


def feature_table(
    days: PurchaseDays,
    statistics: CustomerStatistics,
    mbg: MbgNbd,
    amounts: GammaGamma | None,
    horizon: int,
    mean_orders_per_day: float,
) -> NDArray[np.float64]:
    """Compute the features of every customer.

    Parameters
    ----------
    days : PurchaseDays
        Orders before the cut-off.
    statistics : CustomerStatistics
        Of the same history.
    mbg : MbgNbd
        Fitted on the same or an earlier history.
    amounts : GammaGamma or None
        None where the history has no positive amounts.
    horizon : int
        Days to forecast.
    mean_orders_per_day : float
        Mean orders per purchase day of the shop.

    Returns
    -------
    ndarray of float64, shape (n_customers, len(FEATURES) + 1)
        The columns `FEATURES`, then the horizon in days.
    """
    n, end = days.n_customers, days.end_day
    column: dict[str, NDArray[np.float64]] = {}
    before = end - days.day.astype(np.int64)  # 1 = the last day of the history

    def count(low: int, high: int, weight: NDArray[np.generic] | None = None) -> NDArray[np.float64]:
        rows = np.flatnonzero((before > low) & (before <= high))
        return np.bincount(days.customer[rows], None if weight is None else weight[rows], n).astype(np.float64)

    since = np.where(statistics.known, statistics.age - statistics.recency, 0.0)
    purchase_days = statistics.frequency + statistics.known
    column["age"], column["since_last"], column["purchase_days"] = statistics.age, since, purchase_days
    column["orders_per_day"] = orders_per_day(statistics, mean_orders_per_day)
    for w in WINDOWS:
        column[f"days_{w}"] = count(0, w)
    for w in (30, 91, 364):
        column[f"amount_{w}"] = count(0, w, days.amount)
    column["horizon_days"] = count(0, horizon)
    column["horizon_before_days"] = count(horizon, 2 * horizon)
    column["horizon_amount"] = count(0, horizon, days.amount)
    column["horizon_orders"] = count(0, horizon, days.orders)
    # The same season a year before: from a year before the start of the horizon to a year before its end.
    year = YEAR * max(1, -(-horizon // YEAR))
    column["year_ago_days"] = count(year - horizon, year)
    column["year_ago_amount"] = count(year - horizon, year, days.amount)
    column["year_ago_covered"] = (statistics.age >= year).astype(np.float64)
    column |= _gaps(days, statistics, since)
    weight = 0.5 ** (before / 60.0)
    span = (1.0 - 0.5 ** (np.maximum(statistics.age, 1.0) / 60.0)) * 60.0 / np.log(2.0)
    column["weighted_rate"] = np.bincount(days.customer, weight, n) / (span + 30.0)
    last = np.zeros(n)
    last[days.customer] = days.amount / np.maximum(days.orders, 1)
    column["amount_per_order"] = statistics.amount / np.maximum(statistics.orders, 1.0)
    column["last_amount"] = last
    per_order = expected_amount(statistics, amounts)
    column["expected_amount"] = per_order
    column["active"] = mbg.probability_active(statistics)
    column["expected_days"] = mbg.expected_purchases(statistics, horizon)
    column["expected_orders"] = column["expected_days"] * column["orders_per_day"]
    column["expected_spend"] = column["expected_orders"] * per_order
    column["model_return"] = mbg.return_probability(statistics, horizon)
    return np.column_stack([*(column[name] for name in FEATURES), np.full(n, float(horizon))])


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
