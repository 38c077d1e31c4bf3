"""Time splits: history before a cut and ground truth after it.

The cut is global and at midnight, so that no list uses what any customer did later. Tasks: ``any`` (known customers,
all purchases), ``new`` (known customers, only items they had never bought), ``cold`` (customers without earlier
purchases).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.utils.csr import concat_ranges, indptr_from_lengths
from smart_retail.utils.set_ops import sorted_unique

MAX_HISTORY_ROWS: Final = 2_000_000
"""Rows of a whole history above which customers are sampled for the windows."""
WINDOW_FRACTION: Final = 0.10
"""Length of a window as a share of the whole period."""
TASKS: Final = ("any", "new", "cold")


@dataclass(frozen=True, slots=True)
class Window:
    """A period, ``cut <= day < end`` in days since 1970-01-01; everything before `cut` may be used for fitting."""

    cut: int
    end: int

    @property
    def days(self) -> int:
        return self.end - self.cut


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """Purchases of customers in a window: customer i has ``item[indptr[i]:indptr[i + 1]]``, distinct, ascending."""

    customer: NDArray[np.int32]
    """Customer codes, ascending."""
    indptr: NDArray[np.int64]
    item: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.customer)

    @property
    def sizes(self) -> NDArray[np.int64]:
        return np.diff(self.indptr)


def rolling_windows(first_day: int, last_day: int, count: int, fraction: float = WINDOW_FRACTION) -> list[Window]:
    """Return at most `count` windows of equal length, back to back, oldest first; the last ends with the history.

    Parameters
    ----------
    first_day, last_day : int
        Days since 1970-01-01.
    count : int
    fraction : float
        Length as a share of the period, 0 to 1; at least one day. A window is omitted when less than twice its own
        length precedes it: too little to fit on.

    Returns
    -------
    list of Window
    """
    length = max(int((last_day - first_day) * fraction), 1)
    windows = [Window(last_day + 1 - (k + 1) * length, last_day + 1 - k * length) for k in range(count)]
    return [w for w in reversed(windows) if w.cut - first_day >= 2 * length]


def extract_ground_truth(before: PurchaseHistory, after: PurchaseHistory) -> dict[str, GroundTruth]:
    """Return what the customers of each task bought in `after`, given the history `before`."""
    n = max(after.n_items, 1)
    bought = sorted_unique(after.customer.astype(np.int64) * n + after.item)
    known = np.bincount(before.customer, minlength=after.n_customers)[bought // n] > 0
    is_buyer = np.zeros(max(before.n_customers, after.n_customers), bool)
    is_buyer[bought // n] = True
    earlier = is_buyer[before.customer]
    owned = sorted_unique(before.customer[earlier].astype(np.int64) * n + before.item[earlier])
    repeated = np.isin(bought, owned, assume_unique=True)
    return {
        "any": _to_ground_truth(bought[known], n),
        "new": _to_ground_truth(bought[known & ~repeated], n),
        "cold": _to_ground_truth(bought[~known], n),
    }


def compute_repeat_share(ground_truth: Mapping[str, GroundTruth]) -> float:
    """Return the share of purchases by known customers of items they had bought before, 0 to 1; 0 without any."""
    every, new = len(ground_truth["any"].item), len(ground_truth["new"].item)
    return (every - new) / every if every else 0.0


def draw_customers(history: PurchaseHistory, seed: int) -> NDArray[np.bool_] | None:
    """Return the customers that represent a very large history, by code; None where all of them are used."""
    if len(history) <= MAX_HISTORY_ROWS:
        return None
    share = MAX_HISTORY_ROWS / len(history)
    return np.less(np.random.default_rng(seed).random(history.n_customers), share)


def sample_customers(truth: GroundTruth, max_customers: int, seed: int) -> GroundTruth:
    """Return the ground truth of a random sample of at most `max_customers` customers.

    Parameters
    ----------
    truth : GroundTruth
    max_customers : int
    seed : int

    Returns
    -------
    GroundTruth
    """
    if len(truth) <= max_customers:
        return truth
    sampled = np.sort(np.random.default_rng(seed).choice(len(truth), max_customers, replace=False))
    sizes = truth.sizes[sampled]
    rows = concat_ranges(truth.indptr[sampled], sizes)
    return GroundTruth(truth.customer[sampled], indptr_from_lengths(sizes), truth.item[rows])


def _to_ground_truth(keys: NDArray[np.int64], n_items: int) -> GroundTruth:
    """Convert ascending keys ``customer * n_items + item``."""
    customer, item = np.divmod(keys, n_items)
    customers, sizes = np.unique(customer, return_counts=True)
    return GroundTruth(customers.astype(np.int32), indptr_from_lengths(sizes), item)
