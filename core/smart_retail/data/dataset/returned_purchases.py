"""What came back, as rows beside a history: with them either returns policy can be told from the other.

In: accepted coded lines, and the purchases that a `History` was made of. Out: `CameBack`, arrays whose order
codes are those of the history; orders of which nothing is in it are numbered behind its own; and what came back
altogether, by customer.
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
    """Of the purchase, days since 1970-01-01."""
    quantity: NDArray[np.int64]
    """What came back, millionths."""
    amount: NDArray[np.int64]
    """What came back, millionths."""

    def __len__(self) -> int:
        return len(self.customer)


def fully_returned_pairs(
    coded: Frame, kept: PurchaseHistory, backend: Backend
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Customer and item codes of what was bought and of which nothing is in `kept`, sorted."""
    found = backend.fetch(coded.filter(nw.col(KIND) == 1).select(c.CUSTOMER_ID, c.ITEM_ID).unique())
    width = max(kept.n_items, 1)
    pairs = found[c.CUSTOMER_ID].astype(np.int64) * width + found[c.ITEM_ID].astype(np.int64)
    still = sorted_unique(kept.customer.astype(np.int64) * width + kept.item)
    gone = np.setdiff1d(sorted_unique(pairs), still, assume_unique=True)
    return (gone // width).astype(np.int32), (gone % width).astype(np.int32)


def returned_share(bought: Frame, net: Frame, customers: Frame, size: int, backend: Backend) -> NDArray[np.float64]:
    """Part of a customer's purchase lines of which something came back, by customer code.

    Parameters
    ----------
    bought, net : LazyFrame
        Purchase lines with ids, and what is left of them under the policy `net`.
    customers : LazyFrame
        Codes of the ids; `size` is their number.
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
    """The returned part of all purchases.

    Parameters
    ----------
    coded : LazyFrame
        Accepted lines with codes.
    kept : LazyFrame or None
        The coded purchases of the history, whose orders name the rows' orders; None where nothing came back.
    cancellations : bool
        Whether any line is a cancellation.
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
    """The history's order codes for the engine's order numbers."""
    orders = backend.fetch(kept.group_by(c.ORDER_ID).agg(nw.col(c.CUSTOMER_ID).min(), nw.col(DAY).min()))
    known = orders[c.ORDER_ID].astype(np.int64)
    # A history numbers orders by customer, first kept day and the engine's number.
    ranked = known[np.lexsort((known, orders[DAY], orders[c.CUSTOMER_ID]))]
    by_number = np.argsort(ranked)
    at = np.minimum(np.searchsorted(ranked[by_number], number), max(len(ranked) - 1, 0))
    there = ranked[by_number][at] == number if len(ranked) else np.zeros(len(number), bool)
    _, fresh = np.unique(number[~there], return_inverse=True)
    out = np.empty(len(number), np.int64)
    out[there] = by_number[at[there]]
    out[~there] = len(ranked) + fresh
    return out


def _sorted_rows(columns: list[NDArray[np.int64]]) -> ReturnedPurchases:
    by = np.lexsort((columns[2], columns[1], columns[0]))
    customer, order, item, day = (column[by].astype(np.int32) for column in columns[:4])
    return ReturnedPurchases(customer, order, item, day, columns[4][by], columns[5][by])


def with_returned(history: PurchaseHistory, back: ReturnedPurchases) -> PurchaseHistory:
    """The history as if returns were ignored, from one that has them netted."""
    return _add_returned(history, back, 1)


def without_returned(history: PurchaseHistory, back: ReturnedPurchases) -> PurchaseHistory:
    """The history with returns netted, from one that ignores them."""
    return _add_returned(history, back, -1)


def _add_returned(history: PurchaseHistory, back: ReturnedPurchases, sign: int) -> PurchaseHistory:
    """Both together, summed by order and item; orders are numbered anew by customer and first day."""

    def both(name: str, sign: int = 1) -> NDArray[np.int64]:
        return np.concatenate((getattr(history, name), sign * getattr(back, name))).astype(np.int64)

    customer, order, item, day = (both(name) for name in ("customer", "order", "item", "day"))
    quantity, amount = both("quantity", sign), both("amount", sign)
    by = np.lexsort((item, order))
    starts = np.flatnonzero((np.diff(order[by], prepend=-1) != 0) | (np.diff(item[by], prepend=-1) != 0))
    first = by[starts]
    quantity, amount = (np.add.reduceat(v[by], starts) if len(starts) else v[:0] for v in (quantity, amount))
    kept = quantity > 0
    first, quantity, amount = first[kept], quantity[kept], amount[kept]
    number, place = np.unique(order[first], return_inverse=True)
    opened = np.full(len(number), np.iinfo(np.int64).max)
    np.minimum.at(opened, place, day[first])
    whose = np.zeros(len(number), np.int64)
    whose[place] = customer[first]
    rank = np.empty(len(number), np.int64)
    rank[np.lexsort((number, opened, whose))] = np.arange(len(number))
    rows = np.lexsort((item[first], rank[place]))
    return replace(
        history,
        customer=customer[first][rows].astype(np.int32),
        order=rank[place][rows].astype(np.int32),
        item=item[first][rows].astype(np.int32),
        day=opened[place][rows].astype(np.int32),
        quantity=quantity[rows],
        amount=amount[rows],
    )
