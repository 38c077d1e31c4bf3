"""Time splits: what was known before a cut, and what was truly bought after it.

In: histories on both sides of a day. Out: `Window`s and, for each task, the `Truth` to judge lists by. The cut is
global and at midnight, so that no list knows what any customer did later. Tasks: ``any`` (known customers,
repeats count), ``new`` (known customers, only items they never bought), ``cold`` (customers never seen).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.utils.set_ops import sorted_unique

FRACTION: Final = 0.10
"""Length of a window as part of the whole span."""
TASKS: Final = ("any", "new", "cold")


@dataclass(frozen=True, slots=True)
class Window:
    """A slice of time, ``cut <= day < end``; everything before `cut` may be learnt from."""

    cut: int
    end: int

    @property
    def days(self) -> int:
        return self.end - self.cut


@dataclass(frozen=True, slots=True)
class Truth:
    """What customers bought in a window: customer i has ``item[indptr[i]:indptr[i + 1]]``, distinct, ascending."""

    customer: NDArray[np.int32]
    indptr: NDArray[np.int64]
    item: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.customer)

    @property
    def sizes(self) -> NDArray[np.int64]:
        return np.diff(self.indptr)


def rolling_windows(first_day: int, last_day: int, count: int, fraction: float = FRACTION) -> list[Window]:
    """At most `count` windows of equal length, back to back, oldest first; the last ends with the history.

    The length is `fraction` of the span, at least a day. A window is left out when less than twice its own
    length lies before it: nothing can be learnt for it.
    """
    length = max(int((last_day - first_day) * fraction), 1)
    windows = [Window(last_day + 1 - (k + 1) * length, last_day + 1 - k * length) for k in range(count)]
    return [w for w in reversed(windows) if w.cut - first_day >= 2 * length]


def truths(before: PurchaseHistory, after: PurchaseHistory) -> dict[str, Truth]:
    """What every task's customers bought in `after`, given what was known `before`."""
    n = max(after.n_items, 1)
    bought = sorted_unique(after.customer.astype(np.int64) * n + after.item)
    known = np.bincount(before.customer, minlength=after.n_customers)[bought // n] > 0
    shopping = np.zeros(max(before.n_customers, after.n_customers), bool)
    shopping[bought // n] = True
    theirs = shopping[before.customer]
    owned = sorted_unique(before.customer[theirs].astype(np.int64) * n + before.item[theirs])
    seen = np.isin(bought, owned, assume_unique=True)
    return {
        "any": _truth(bought[known], n),
        "new": _truth(bought[known & ~seen], n),
        "cold": _truth(bought[~known], n),
    }


def repeat_share(found: Mapping[str, Truth]) -> float:
    """Part of the known customers' purchases after the cut that they had bought before, 0 without any."""
    every, new = len(found["any"].item), len(found["new"].item)
    return (every - new) / every if every else 0.0


def sample(truth: Truth, at_most: int, seed: int) -> Truth:
    """`truth` of at most so many customers, drawn with `seed`."""
    if len(truth) <= at_most:
        return truth
    chosen = np.sort(np.random.default_rng(seed).choice(len(truth), at_most, replace=False))
    sizes = truth.sizes[chosen]
    start = truth.indptr[chosen]
    rows = np.repeat(start - (np.cumsum(sizes) - sizes), sizes) + np.arange(sizes.sum())
    return Truth(truth.customer[chosen], _bounds(sizes), truth.item[rows])


def _truth(pairs: NDArray[np.int64], n_items: int) -> Truth:
    customer, item = np.divmod(pairs, n_items)
    who, sizes = np.unique(customer, return_counts=True)
    return Truth(who.astype(np.int32), _bounds(sizes), item)


def _bounds(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
