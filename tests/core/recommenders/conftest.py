"""Small shops for the recommenders' tests: histories from plain rows, a timeline, and a shop with habits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.data.temporal_dataset import RfmTable
from smart_retail.recommenders.base import Catalogue
from smart_retail.utils.fixed_point import MILLION

Row = tuple[int, int, int]
"""Customer, day, item; one order a customer and day."""


class Shop:
    """A timeline over plain rows."""

    def __init__(self, rows: Sequence[Row], n_customers: int, n_items: int) -> None:
        self.rows = np.array(sorted(set(rows)), np.int64).reshape(-1, 3)
        self.n_customers, self.n_items = n_customers, n_items

    @property
    def first_day(self) -> int:
        return int(self.rows[:, 1].min())

    @property
    def last_day(self) -> int:
        return int(self.rows[:, 1].max())

    def history_between(
        self, first: int | None = None, end: int | None = None, customers: NDArray[np.bool_] | None = None
    ) -> PurchaseHistory:
        day = self.rows[:, 1]
        kept = np.ones(len(day), bool)
        kept &= day >= first if first is not None else True
        kept &= day < end if end is not None else True
        kept &= customers[self.rows[:, 0]] if customers is not None else True
        customer, day, item = self.rows[kept].T
        order = np.cumsum(np.concatenate(([0], (np.diff(customer) != 0) | (np.diff(day) != 0)))) if len(day) else day
        ones = np.full(len(day), MILLION)
        last = int(day.max()) if len(day) else (end or 1) - 1
        return PurchaseHistory(
            customer.astype(np.int32),
            order.astype(np.int32),
            item.astype(np.int32),
            day.astype(np.int32),
            ones,
            ones,
            self.n_customers,
            self.n_items,
            last,
        )

    def rfm(self, end: int | None = None) -> RfmTable:
        history = self.history_between(end=end)
        last = np.full(self.n_customers, -1, np.int64)
        np.maximum.at(last, history.customer, history.day)
        pairs = np.unique(np.stack((history.customer, history.order)), axis=1)
        frequency = np.bincount(pairs[0], minlength=self.n_customers)
        monetary = np.bincount(history.customer, minlength=self.n_customers) * MILLION
        return RfmTable(np.where(frequency > 0, history.last_day + 1 - last, 0), frequency, monetary)


def place(rfm: RfmTable) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Two segments and three clusters by the number of orders."""
    known = rfm.frequency > 0
    segment = np.where(known, (rfm.frequency > 3).astype(np.int16), -1).astype(np.int16)
    return segment, np.where(known, np.minimum(rfm.frequency // 3, 2), -1).astype(np.int16)


def catalogue_of(n_items: int) -> Catalogue:
    """Three categories in turn, prices from 1 up, names of two words."""
    item = np.arange(n_items)
    return Catalogue(
        category=(item % 3).astype(np.int32),
        subcategory=np.full(n_items, -1, np.int32),
        price=1.0 + item,
        names=tuple(f"{('red', 'green', 'blue')[i % 3]} thing {i % 7}" for i in range(n_items)),
    )


def habitual(seed: int = 0, customers: int = 240, items: int = 60, days: int = 300) -> Shop:
    """Customers of four tastes who mostly buy again what they bought; popular items fade in and out."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for c in range(customers):
        taste = c % 4
        liked = taste * (items // 4) + rng.choice(items // 4, 5, replace=False)
        for day in np.flatnonzero(rng.random(days) < rng.uniform(0.01, 0.08)):
            for _ in range(rng.integers(1, 4)):
                own = rng.random() < 0.7
                item = rng.choice(liked) if own else (int(day) // 60 * 7 + int(rng.integers(0, 6))) % items
                rows.append((c, int(day), int(item)))
    return Shop(rows, customers, items)


@pytest.fixture(scope="session")
def shop_of() -> Callable[[Sequence[Row], int, int], Shop]:
    return Shop


@pytest.fixture(scope="session")
def habits() -> Shop:
    return habitual()


@pytest.fixture(scope="session")
def groups_of() -> Callable[[RfmTable], tuple[NDArray[np.int16], NDArray[np.int16]]]:
    return place


@pytest.fixture(scope="session")
def catalogue() -> Callable[[int], Catalogue]:
    return catalogue_of
