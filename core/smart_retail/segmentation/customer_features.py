"""Features of customers for the clusters: what a customer is worth, how it buys, and what it buys.

In: purchases, RFM and fitted parameters. Out: one column of numbers per customer. NumPy only: serving and fitting both
use this module, and sums run in the order of a customer's own purchases, so that the features of one customer are
bit-identical to those among a million.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.data.temporal_dataset import RfmTable

CLIP_DEVIATIONS: Final = 3.0
"""Measures are clipped to this many standard deviations: otherwise a single outlier can form its own cluster."""
N_VALUE: Final = 3
"""Measures of value: recency, frequency and monetary."""
VALUE_WEIGHT, HABIT_WEIGHT = 0.3, 0.05
"""Weight of each standardised measure of value and of buying habits; the vector of taste has length 1. On earlier
windows of two shops, lists were worse with larger weights, and clusters less stable with smaller ones."""
WEEKDAYS, QUARTERS = 7, 4
N_FIXED_MEASURES: Final = N_VALUE + 4 + WEEKDAYS + QUARTERS
"""Measures that do not depend on the columns of the source."""


def log_features(
    recency: NDArray[np.int64], frequency: NDArray[np.int64], monetary: NDArray[np.int64], unit: float
) -> NDArray[np.float64]:
    """Return log-scaled recency, frequency and monetary value, shape ``(3, n)``.

    Amounts are scaled by the inverse hyperbolic sine of ``monetary / unit``, which is a logarithm for amounts well
    above `unit` (millionths) and is also defined for zero and negative amounts (more returned than bought).

    Parameters
    ----------
    recency, frequency, monetary : int64 arrays, shape (n,)
        Days, orders and millionths of an amount, as in `RfmTable`.
    unit : float
        Amount in millionths, above 0.

    Returns
    -------
    float64 array, shape (3, n)
    """
    return np.stack((np.log1p(recency), np.log1p(frequency), np.arcsinh(np.asarray(monetary) / unit)))


@dataclass(frozen=True, slots=True)
class CustomerFeatures:
    """Fitted parameters of the features."""

    unit: float
    """Amount in millionths below which the scale of amounts becomes linear."""
    mean: NDArray[np.float64]
    """Mean of each measure; shape ``(measures,)``."""
    scale: NDArray[np.float64]
    """Standard deviation of each measure, 1 where all customers are equal; shape ``(measures,)``."""
    item_columns: NDArray[np.float32]
    """What a customer's purchases are averaged over: price level, discount, categories; shape ``(items, columns)``."""
    item_factors: NDArray[np.float32]
    """Weight of each item in each dimension of taste; shape ``(items, dimensions)``."""
    center: NDArray[np.float64]
    """Mean of each feature; shape ``(features,)``."""
    spread: float
    """Standard deviation of all features together, above 0."""

    @property
    def width(self) -> int:
        """The number of features."""
        return len(self.mean) + int(self.item_factors.shape[1])

    def compute(self, history: PurchaseHistory, table: RfmTable) -> NDArray[np.float64]:
        """Return the features of every customer, shape ``(features, n_customers)``.

        Parameters
        ----------
        history : PurchaseHistory
        table : RfmTable
            RFM of the same customers, by customer code.
        """
        weighted = self.weighted(history, compute_measures(history, table, self.unit, self.item_columns))
        return self.centered(weighted)

    def centered(self, weighted: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the features of the result of `weighted`."""
        return (weighted - self.center[:, None]) / self.spread

    def weighted(self, history: PurchaseHistory, measures: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the weighted measures and the vectors of taste, before centring; shape ``(features, n_customers)``.

        Parameters
        ----------
        history : PurchaseHistory
        measures : float64 array, shape (measures, n_customers)
            Result of `compute_measures`.
        """
        weight = np.full(len(self.mean), HABIT_WEIGHT)
        weight[:N_VALUE] = VALUE_WEIGHT
        scaled = np.clip((measures - self.mean[:, None]) / self.scale[:, None], -CLIP_DEVIATIONS, CLIP_DEVIATIONS)
        taste = np.concatenate([_project_taste(block, self.item_factors) for _, block in history.blocks()], axis=1)
        return np.concatenate((weight[:, None] * scaled, taste))


def compute_measures(
    history: PurchaseHistory, table: RfmTable, unit: float, item_columns: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return value and buying habits of every customer, not standardised.

    Log-scaled RFM, order lines and amount per order, days between orders, share of distinct items among the lines,
    shares of the orders by weekday and by quarter of the year, and means of the item columns.

    Parameters
    ----------
    history : PurchaseHistory
    table : RfmTable
        RFM of the same customers.
    unit : float
        As in `log_features`.
    item_columns : float32 array, shape (items, columns)

    Returns
    -------
    float64 array, shape (measures, n_customers)
    """
    value = log_features(table.recency, table.frequency, table.monetary, unit)
    habits = [
        _compute_habits(block, table.monetary[first : first + block.n_customers], unit, item_columns)
        for first, block in history.blocks()
    ]
    return np.concatenate((value, np.concatenate(habits, axis=1)))


def _compute_habits(
    history: PurchaseHistory, monetary: NDArray[np.int64], unit: float, item_columns: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the measures of buying habits; parameters as in `compute_measures`."""
    n, customer = history.n_customers, history.customer
    starts_order = np.ones(len(history), bool)
    starts_order[1:] = (customer[1:] != customer[:-1]) | (history.order[1:] != history.order[:-1])
    buyer, day = customer[starts_order], history.day[starts_order].astype(np.int64)
    lines = np.maximum(np.bincount(customer, minlength=n), 1)
    orders = np.maximum(np.bincount(buyer, minlength=n), 1)
    weekday = (day + 3) % WEEKDAYS  # 1970-01-01 was a Thursday
    quarter = (day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12) // 3
    distinct, _, _ = group_items(history)
    habits = [
        np.log(lines / orders),
        np.arcsinh(monetary / (unit * orders)),
        np.log1p(_mean_interval(history, orders)),
        np.bincount(distinct, minlength=n) / lines,
        *(np.bincount(buyer[weekday == d], minlength=n) / orders for d in range(WEEKDAYS)),
        *(np.bincount(buyer[quarter == q], minlength=n) / orders for q in range(QUARTERS)),
        *(np.bincount(customer, column[history.item], n) / lines for column in item_columns.T.astype(np.float64)),
    ]
    return np.stack(habits)


def _mean_interval(history: PurchaseHistory, orders: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean days between two orders; after one order, the days since then."""
    first = np.full(history.n_customers, history.last_day, np.int64)
    last, indptr = first.copy(), history.indptr
    has_rows = indptr[1:] > indptr[:-1]
    first[has_rows] = history.day[indptr[:-1][has_rows]]
    last[has_rows] = history.day[indptr[1:][has_rows] - 1]
    return np.where(orders > 1, (last - first) / np.maximum(orders - 1, 1), history.last_day - first)


def group_items(history: PurchaseHistory) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return customer, item and number of orders of each pair that occurs, sorted by customer and item."""
    key = np.sort(history.customer.astype(np.int64) * history.n_items + history.item)
    start = np.flatnonzero(np.concatenate((np.ones(min(len(key), 1), bool), key[1:] != key[:-1])))
    customer, item = np.divmod(key[start], max(history.n_items, 1))
    return customer, item, np.diff(np.concatenate((start, [len(key)])))


def _project_taste(history: PurchaseHistory, item_factors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the sums of the item factors, weighted by ``log(1 + orders)`` and scaled to length 1; 0 without any."""
    customer, item, orders = group_items(history)
    weight = np.log1p(orders)
    out = np.empty((item_factors.shape[1], history.n_customers))
    # A contiguous copy is faster to read from, but takes longer than the few purchases of one customer.
    by_dimension = np.ascontiguousarray(item_factors.T) if len(item) > len(item_factors) else item_factors.T
    for row, factor in zip(out, by_dimension, strict=True):
        row[:] = np.bincount(customer, weight * factor[item], history.n_customers)
    length = np.zeros(history.n_customers)
    for row in out:
        length += row**2
    out /= np.maximum(np.sqrt(length), 1e-12)
    return out
