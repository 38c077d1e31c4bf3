"""Synthetic shops for the tests of recommenders, and fixtures that fit all methods on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.data.temporal_dataset import RfmTable
from smart_retail.recommenders.base import Catalogue
from smart_retail.recommenders.model import RecommenderModel
from smart_retail.settings import RecommendSettings
from smart_retail.training.fit_context import FitContext
from smart_retail.utils.fixed_point import MILLION

Row = tuple[int, int, int]
"""Customer, day, item; one order for each customer and day."""
GroupAssignment = Callable[[RfmTable], tuple[NDArray[np.int16], NDArray[np.int16]]]


class Shop:
    """A temporal dataset of plain rows."""

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
        included = np.ones(len(day), bool)
        included &= day >= first if first is not None else True
        included &= day < end if end is not None else True
        included &= customers[self.rows[:, 0]] if customers is not None else True
        customer, day, item = self.rows[included].T
        order = np.cumsum(np.concatenate(([0], (np.diff(customer) != 0) | (np.diff(day) != 0)))) if len(day) else day
        ones = np.full(len(day), MILLION)
        return PurchaseHistory(
            customer.astype(np.int32),
            order.astype(np.int32),
            item.astype(np.int32),
            day.astype(np.int32),
            ones,
            ones,
            self.n_customers,
            self.n_items,
            int(day.max()) if len(day) else (end or 1) - 1,
        )

    def rfm(self, end: int | None = None) -> RfmTable:
        history = self.history_between(end=end)
        last = np.full(self.n_customers, -1, np.int64)
        np.maximum.at(last, history.customer, history.day)
        orders = np.unique(np.stack((history.customer, history.order)), axis=1)
        frequency = np.bincount(orders[0], minlength=self.n_customers)
        monetary = np.bincount(history.customer, minlength=self.n_customers) * MILLION
        return RfmTable(np.where(frequency > 0, history.last_day + 1 - last, 0), frequency, monetary)


def assign_groups_by_orders(rfm: RfmTable) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Two segments and three clusters by the number of orders."""
    has_orders = rfm.frequency > 0
    segment = np.where(has_orders, (rfm.frequency > 3).astype(np.int16), -1).astype(np.int16)
    return segment, np.where(has_orders, np.minimum(rfm.frequency // 3, 2), -1).astype(np.int16)


def build_catalogue(n_items: int) -> Catalogue:
    """Three categories in turn, prices from 1 up, names of three words."""
    item = np.arange(n_items)
    return Catalogue(
        category=(item % 3).astype(np.int32),
        subcategory=np.full(n_items, -1, np.int32),
        price=1.0 + item,
        names=tuple(f"{('red', 'green', 'blue')[i % 3]} thing {i % 7}" for i in range(n_items)),
    )


def build_repeat_shop(seed: int = 0, customers: int = 240, items: int = 60, days: int = 300) -> Shop:
    """Four groups of customers who mostly repeat purchases from their part of the catalogue; popular items change."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for c in range(customers):
        group = c % 4
        favourites = group * (items // 4) + rng.choice(items // 4, 5, replace=False)
        for day in np.flatnonzero(rng.random(days) < rng.uniform(0.01, 0.08)):
            for _ in range(rng.integers(1, 4)):
                repeats = rng.random() < 0.7
                item = rng.choice(favourites) if repeats else (int(day) // 60 * 7 + int(rng.integers(0, 6))) % items
                rows.append((c, int(day), int(item)))
    return Shop(rows, customers, items)


@pytest.fixture(scope="session")
def make_shop() -> Callable[[Sequence[Row], int, int], Shop]:
    return Shop


@pytest.fixture(scope="session")
def repeat_shop() -> Shop:
    return build_repeat_shop()


@pytest.fixture(scope="session")
def assign_groups() -> GroupAssignment:
    return assign_groups_by_orders


@pytest.fixture(scope="session")
def make_catalogue() -> Callable[[int], Catalogue]:
    return build_catalogue


@pytest.fixture(scope="session")
def fit() -> Callable[..., tuple[RecommenderModel, dict[str, Any]]]:
    """Fit all methods on a shop; returns the model and the scorecard."""
    from smart_retail.training.recommenders import fit_recommenders

    def fit(
        shop: Shop,
        merge: str = "auto",
        *,
        seed: int = 0,
        threads: int = 1,
        segment_names: Sequence[str] = (),
        sequence_model: str = "off",
    ) -> tuple[RecommenderModel, dict[str, Any]]:
        return fit_recommenders(
            shop,  # type: ignore[arg-type]  # a dataset by structure
            lambda before, rfm: assign_groups_by_orders(rfm),
            assign_groups_by_orders(shop.rfm()),
            build_catalogue(shop.n_items),
            RecommendSettings(merge=merge, neighbours=20, sequence_model=sequence_model),
            FitContext(seed, threads),
            segment_names=segment_names,
        )

    return fit
