"""Guest orders: the orders of a shop without a customer, as integer arrays by order and item.

They count for what is bought in one order. Methods that need a customer do not use them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory

COLUMNS: Final = ("order", "item", "day", "quantity", "amount")


@dataclass(frozen=True, slots=True)
class GuestOrders:
    """Purchases without a customer, one row per (order, item), sorted by day, order, item.

    Item codes are those of the whole fit. Order codes are 0 to `n_orders` - 1, whatever those of customers' orders are.
    """

    order: NDArray[np.int32]
    item: NDArray[np.int32]
    day: NDArray[np.int32]
    """Days since 1970-01-01 of the order's first line."""
    quantity: NDArray[np.int64]
    """Millionths."""
    amount: NDArray[np.int64]
    """Net revenue of the row, millionths."""
    n_lines: int
    """Rows of the sources that these purchases are made of."""

    def __len__(self) -> int:
        return len(self.order)

    @property
    def n_orders(self) -> int:
        """Number of orders."""
        return int(self.order[-1]) + 1 if len(self) else 0

    def notes(self) -> tuple[str, ...]:
        """Return the note of the cleaning report, none without guest orders."""
        if not len(self):
            return ()
        lines, orders = _count(self.n_lines, "row"), _count(self.n_orders, "guest order")
        return (f"Of the rows without a customer, {lines} in {orders} count for products bought together.",)

    def until(self, day: int) -> GuestOrders:
        """Return the orders until `day` (days since 1970-01-01), inclusive."""
        rows = slice(int(np.searchsorted(self.day, day, side="right")))
        arrays = {name: getattr(self, name)[rows] for name in COLUMNS}
        return GuestOrders(**arrays, n_lines=len(self.day[rows]))

    def sample(self, share: float, seed: int) -> GuestOrders:
        """Return a share (0 to 1) of the orders, drawn by the seed; all of them for a share of 1."""
        if share >= 1:
            return self
        rows = (np.random.default_rng(seed).random(self.n_orders) < share)[self.order]
        order, item, day, quantity, amount = (getattr(self, name)[rows] for name in COLUMNS)
        number = np.cumsum(np.diff(order, prepend=order[:1]) != 0, dtype=np.int32)
        return GuestOrders(number, item, day, quantity, amount, n_lines=len(order))

    def append_to(self, history: PurchaseHistory) -> PurchaseHistory:
        """Return a history with each guest order as the only order of one more customer."""
        if not len(self):
            return history
        first_order = int(history.order.max(initial=-1)) + 1
        return PurchaseHistory(
            customer=np.concatenate((history.customer, self.order + np.int32(history.n_customers))),
            order=np.concatenate((history.order, self.order + np.int32(first_order))),
            item=np.concatenate((history.item, self.item)),
            day=np.concatenate((history.day, self.day)),
            quantity=np.concatenate((history.quantity, self.quantity)),
            amount=np.concatenate((history.amount, self.amount)),
            n_customers=history.n_customers + self.n_orders,
            n_items=history.n_items,
            last_day=history.last_day,
        )


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


NO_GUESTS: Final = GuestOrders(*(np.empty(0, np.int32),) * 3, *(np.empty(0, np.int64),) * 2, n_lines=0)
