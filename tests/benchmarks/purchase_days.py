"""A large history of orders for the value models: customers with rates of their own who stay for a while."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from smart_retail.serving.customer_values import CustomerValues
from smart_retail.value.model import ValueModel
from smart_retail.value.purchase_days import PurchaseDays

DAYS = 720
FIRST_DAY = 18_000
MAX_ORDERS = 200
SEED = 20_230_102


def saved(folder: Path, customers: int) -> Path:
    """Return the file of a history with this many customers, written if it does not exist."""
    path = folder / f"purchase-days-{customers}.npz"
    if not path.exists():
        rng = np.random.default_rng(SEED)
        rate, lifetime, start = (
            rng.gamma(0.8, 1 / 60, customers),
            rng.exponential(300, customers),
            rng.integers(0, 600, customers),
        )
        span = np.minimum(lifetime, DAYS - start)
        count = np.minimum(1 + rng.poisson(rate * span), MAX_ORDERS)
        customer = np.repeat(np.arange(customers, dtype=np.int32), count)
        day = np.repeat(start, count) + (rng.random(len(customer)) * np.repeat(span, count)).astype(np.int64)
        day[np.cumsum(count) - count] = start
        key = np.unique(customer.astype(np.int64) * DAYS + day)
        np.savez(path, key=key, amount=rng.gamma(3.0, 10.0, len(key)), customers=customers)
    return path


def load(path: str) -> PurchaseDays:
    """Return the history of a file that `saved` wrote."""
    with np.load(path) as found:
        key, amount, customers = found["key"], found["amount"], int(found["customers"])
    day = (key % DAYS + FIRST_DAY).astype(np.int32)
    return PurchaseDays(
        (key // DAYS).astype(np.int32), day, np.ones(len(key), np.int32), amount, customers, FIRST_DAY + DAYS
    )


class HistoryValues(CustomerValues):
    """Values of a history without a bundle."""

    def __init__(self, days: PurchaseDays, model: ValueModel) -> None:
        self._tables = {}
        self.__dict__ |= {"model": model, "_all_days": days, "_stored": None}

    def customer_ids(self) -> list[str]:
        return [f"c{code:07}" for code in range(self._all_days.n_customers)]

    def customers_with_events(self) -> frozenset[str]:
        return frozenset()
