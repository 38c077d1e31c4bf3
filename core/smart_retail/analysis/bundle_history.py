"""Purchase history, returns and RFM of a bundle as of any day, for migration, forecasts and what-if.

In: an opened bundle. Out: `PurchaseHistory`, `ReturnedPurchases` and `RfmTable`. NumPy only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.bundle.reader import Bundle
from smart_retail.data.dataset.returned_purchases import ReturnedPurchases
from smart_retail.data.guest_orders import NO_GUESTS, GuestOrders
from smart_retail.data.purchase_history import PurchaseHistory

COLUMNS = ("order", "item", "day", "quantity", "amount")


def read_history(bundle: Bundle, n_items: int) -> PurchaseHistory:
    """Return all kept purchases of a bundle with `n_items` items."""
    customer = _expand_customers(bundle.array("history/indptr"))
    columns: dict[str, Any] = {name: bundle.array(f"history/{name}") for name in COLUMNS}
    n_customers = len(bundle.array("history/indptr")) - 1
    last_day = int(bundle.manifest["last_day"])
    return PurchaseHistory(customer=customer, **columns, n_customers=n_customers, n_items=n_items, last_day=last_day)


def read_returned_purchases(bundle: Bundle) -> ReturnedPurchases:
    """Return the quantities that customers returned, which `read_history` excludes under the policy ``net``."""
    columns = {name: bundle.array(f"returned_purchases/{name}") for name in COLUMNS}
    return ReturnedPurchases(customer=_expand_customers(bundle.array("returned_purchases/indptr")), **columns)


def read_guest_orders(bundle: Bundle) -> GuestOrders:
    """Return the orders without a customer."""
    stored = bundle.arrays("guest_orders")
    return GuestOrders(**stored, n_lines=len(stored["order"])) if stored else NO_GUESTS


def _expand_customers(indptr: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the customer code of every row of a CSR structure."""
    return np.repeat(np.arange(len(indptr) - 1, dtype=np.int32), np.diff(indptr))


def purchases_before(history: PurchaseHistory, day: int) -> PurchaseHistory:
    """Return the purchases before `day` (days since 1970-01-01); orders keep their numbers."""
    if day > history.last_day:
        return history
    rows = history.day < day
    columns = {name: getattr(history, name)[rows] for name in ("customer", *COLUMNS)}
    return replace(history, **columns, last_day=day - 1)
