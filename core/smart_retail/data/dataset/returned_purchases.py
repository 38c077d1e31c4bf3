"""Returned quantities and amounts per purchase, from which either returns policy can be derived.

The order codes are those of the full history; orders that were returned completely get codes after its last one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from smart_retail.data import columns as c
from smart_retail.data.backends.base import Backend
from smart_retail.data.dataset import entity_encoding, returns_netting
from smart_retail.data.ingestion.row_validation import DAY, KIND, Frame
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.utils.set_ops import sorted_unique


@dataclass(frozen=True, slots=True)
class ReturnedPurchases:
    """Returned purchases, one row per (customer, order, item), sorted by customer, order, item."""

    customer: NDArray[np.int32]
    order: NDArray[np.int32]
    item: NDArray[np.int32]
    day: NDArray[np.int32]
    """Day of the purchase, days since 1970-01-01."""
    quantity: NDArray[np.int64]
    """Returned quantity, millionths."""
    amount: NDArray[np.int64]
    """Returned amount, millionths."""

    def __len__(self) -> int:
        return len(self.customer)


def fully_returned_pairs(
    coded: Frame, kept: PurchaseHistory, backend: Backend
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the customer and item codes of the pairs that were bought but have no row in `kept`, sorted.

    Parameters
    ----------
    coded : LazyFrame
        Accepted encoded lines.
    kept : PurchaseHistory
        The full net history.
    backend : Backend
    """
    found = backend.fetch(coded.filter(nw.col(KIND) == 1).select(c.CUSTOMER_ID, c.ITEM_ID).unique())
    width = max(kept.n_items, 1)
    pairs = found[c.CUSTOMER_ID].astype(np.int64) * width + found[c.ITEM_ID].astype(np.int64)
    kept_pairs = np.concatenate(
        [
            sorted_unique((first + block.customer.astype(np.int64)) * width + block.item)
            for first, block in kept.blocks()
        ]
    )
    returned = np.setdiff1d(sorted_unique(pairs), kept_pairs, assume_unique=True)
    return (returned // width).astype(np.int32), (returned % width).astype(np.int32)


def returned_share(bought: Frame, net: Frame, customers: Frame, size: int, backend: Backend) -> NDArray[np.float64]:
    """Return the share (0 to 1) of purchase lines that were returned at least in part, by customer code.

    Parameters
    ----------
    bought : LazyFrame
        Gross purchase lines.
    net : LazyFrame
        Net purchase lines.
    customers : LazyFrame
        Codes from `encode_ids`.
    size : int
        Number of customers.
    backend : Backend
    """
    whole = net.filter(nw.col(returns_netting.KEPT_QUANTITY) == nw.col(c.QUANTITY))
    counts = []
    for lines in (bought, whole):
        table = lines.group_by(c.CUSTOMER_ID).agg(nw.len().alias("n"))
        found = entity_encoding.arrays_by_code(table, customers, c.CUSTOMER_ID, size, backend)
        counts.append(np.nan_to_num(found["n"]) if "n" in found else np.zeros(size))
    before, left = counts
    return np.divide(before - left, before, out=np.zeros(size), where=before > 0)


def find_returned_purchases(
    coded: Frame, kept: Frame | None, cancellations: bool, backend: Backend
) -> ReturnedPurchases:
    """Return the returned part of all purchases.

    Parameters
    ----------
    coded : LazyFrame
        Accepted encoded lines.
    kept : LazyFrame or None
        Encoded purchases of the full history; None if there are no returns.
    cancellations : bool
        Whether any line is a cancellation.
    backend : Backend
    """
    if kept is None:
        return _sorted_rows([np.zeros(0, np.int64)] * 6)
    lines = returns_netting.returned_lines(coded, cancellations=cancellations)
    sums = lines.group_by(c.ORDER_ID, c.ITEM_ID).agg(
        nw.col(c.CUSTOMER_ID).min(), nw.col(DAY).min(), nw.col(returns_netting.RETURNED_QUANTITY).sum(),
        nw.col(returns_netting.RETURNED_AMOUNT).sum(),
    )  # fmt: skip
    found = backend.fetch(
        sums.with_columns(nw.col(returns_netting.RETURNED_QUANTITY, returns_netting.RETURNED_AMOUNT).cast(nw.Int64))
    )
    order = _order_codes(found[c.ORDER_ID].astype(np.int64), kept, backend)
    names = (c.CUSTOMER_ID, "", c.ITEM_ID, DAY, returns_netting.RETURNED_QUANTITY, returns_netting.RETURNED_AMOUNT)
    return _sorted_rows([found[n].astype(np.int64) if n else order for n in names])


def _order_codes(number: NDArray[np.int64], kept: Frame, backend: Backend) -> NDArray[np.int64]:
    """Return the order codes of the history for the order numbers of the engine."""
    orders = backend.fetch(kept.group_by(c.ORDER_ID).agg(nw.col(c.CUSTOMER_ID).min(), nw.col(DAY).min()))
    kept_numbers = orders[c.ORDER_ID].astype(np.int64)
    # A history numbers orders by customer, first kept day and the number of the engine.
    ranked = kept_numbers[np.lexsort((kept_numbers, orders[DAY], orders[c.CUSTOMER_ID]))]
    by_number = np.argsort(ranked)
    at = np.minimum(np.searchsorted(ranked[by_number], number), max(len(ranked) - 1, 0))
    in_history = ranked[by_number][at] == number if len(ranked) else np.zeros(len(number), bool)
    _, new = np.unique(number[~in_history], return_inverse=True)
    out = np.empty(len(number), np.int64)
    out[in_history] = by_number[at[in_history]]
    out[~in_history] = len(ranked) + new
    return out


def _sorted_rows(columns: list[NDArray[np.int64]]) -> ReturnedPurchases:
    by = np.lexsort((columns[2], columns[1], columns[0]))
    customer, order, item, day = (column[by].astype(np.int32) for column in columns[:4])
    return ReturnedPurchases(customer, order, item, day, columns[4][by], columns[5][by])


def with_returned(history: PurchaseHistory, returned: ReturnedPurchases) -> PurchaseHistory:
    """Return the history with returns ignored, from a net history."""
    return _add_returned(history, returned, 1)


def without_returned(history: PurchaseHistory, returned: ReturnedPurchases) -> PurchaseHistory:
    """Return the net history, from one that ignores returns."""
    return _add_returned(history, returned, -1)


def _add_returned(history: PurchaseHistory, returned: ReturnedPurchases, sign: int) -> PurchaseHistory:
    """Add (sign 1) or subtract (sign -1) the returned purchases; orders are renumbered by customer and first day."""

    def combined(name: str, sign: int = 1) -> NDArray[np.int64]:
        return np.concatenate((getattr(history, name), sign * getattr(returned, name))).astype(np.int64)

    customer, order, item, day = (combined(name) for name in ("customer", "order", "item", "day"))
    quantity, amount = combined("quantity", sign), combined("amount", sign)
    by = np.lexsort((item, order))
    starts = np.flatnonzero((np.diff(order[by], prepend=-1) != 0) | (np.diff(item[by], prepend=-1) != 0))
    first = by[starts]
    quantity, amount = (np.add.reduceat(v[by], starts) if len(starts) else v[:0] for v in (quantity, amount))
    kept = quantity > 0
    first, quantity, amount = first[kept], quantity[kept], amount[kept]
    number, position = np.unique(order[first], return_inverse=True)
    first_day = np.full(len(number), np.iinfo(np.int64).max)
    np.minimum.at(first_day, position, day[first])
    order_customer = np.zeros(len(number), np.int64)
    order_customer[position] = customer[first]
    rank = np.empty(len(number), np.int64)
    rank[np.lexsort((number, first_day, order_customer))] = np.arange(len(number))
    rows = np.lexsort((item[first], rank[position]))
    return replace(
        history,
        customer=customer[first][rows].astype(np.int32),
        order=rank[position][rows].astype(np.int32),
        item=item[first][rows].astype(np.int32),
        day=first_day[position][rows].astype(np.int32),
        quantity=quantity[rows],
        amount=amount[rows],
    )
