"""The history that a bundle keeps, as of any day: what movement, forecasts and what-if look back at.

In: an opened bundle. Out: `History`, what came back beside it, and RFM of any day. NumPy only.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from smart_retail.bundle.reader import Bundle
from smart_retail.data.dataset.returned_purchases import ReturnedPurchases
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.data.temporal_dataset import RfmTable

COLUMNS = ("order", "item", "day", "quantity", "amount")


def read_history(bundle: Bundle, n_items: int) -> PurchaseHistory:
    """All kept purchases of a bundle."""
    customer = _customers(bundle.array("history/indptr"))
    columns = {name: bundle.array(f"history/{name}") for name in COLUMNS}
    n_customers = len(bundle.array("history/indptr")) - 1
    last_day = int(bundle.manifest["last_day"])
    return PurchaseHistory(customer=customer, **columns, n_customers=n_customers, n_items=n_items, last_day=last_day)


def read_returned_purchases(bundle: Bundle) -> ReturnedPurchases:
    """What came back, beside `history_of`."""
    columns = {name: bundle.array(f"returned_purchases/{name}") for name in COLUMNS}
    return ReturnedPurchases(customer=_customers(bundle.array("returned_purchases/indptr")), **columns)


def _customers(indptr: NDArray[np.int64]) -> NDArray[np.int32]:
    return np.repeat(np.arange(len(indptr) - 1, dtype=np.int32), np.diff(indptr))


def compute_rfm(history: PurchaseHistory, day: int) -> RfmTable:
    """Recency to `day`, orders and net amount by customer code."""
    n = history.n_customers
    last = np.zeros(n, np.int64)
    np.maximum.at(last, history.customer, history.day)
    amount = np.zeros(n, np.int64)
    np.add.at(amount, history.customer, history.amount)
    _, first = np.unique(history.order, return_index=True)
    orders = np.bincount(history.customer[first], minlength=n).astype(np.int64)
    return RfmTable(np.where(orders > 0, day - last, 0), orders, amount)


def purchases_before(history: PurchaseHistory, day: int) -> PurchaseHistory:
    """The purchases before `day`; orders keep their numbers."""
    if day > history.last_day:
        return history
    rows = history.day < day
    columns = {name: getattr(history, name)[rows] for name in ("customer", *COLUMNS)}
    return replace(history, **columns, last_day=day - 1)
