"""Find the guest orders among validated lines: purchases whose only fault is the missing customer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from smart_retail.data import columns as c
from smart_retail.data.backends.base import Backend
from smart_retail.data.dataset.entity_encoding import CODE, TEXT, encode_ids
from smart_retail.data.dataset.returns_netting import KEPT_AMOUNT, KEPT_QUANTITY, apply_returns
from smart_retail.data.guest_orders import NO_GUESTS, GuestOrders
from smart_retail.data.ingestion.row_validation import DAY, GUEST, NO_CUSTOMER, REASON, Frame
from smart_retail.data.purchase_history import PurchaseHistory

SIZE_QUANTILE, MIN_LARGEST_ORDER = 0.99, 20
"""Share of the orders of customers that are not larger than a guest order may be, and the least limit in items."""

_ITEM = "item"


def find_guest_orders(lines: Frame, items: Frame, policy: str, max_items: int, backend: Backend) -> GuestOrders:
    """Return the guest orders.

    Parameters
    ----------
    lines : LazyFrame
        All validated lines with `guest`, ids as texts.
    items : LazyFrame
        Texts and codes of the items that customers bought (`encode_ids`). Lines of other items are left out.
    policy : str
        The returns policy, ``net`` or ``keep``. Only returns that are marked at the purchase are subtracted: a
        cancellation without a customer belongs to no purchase.
    max_items : int
        Items of the largest order that counts (`largest_order`).
    backend : Backend
    """
    # A row that was found to be a repetition has another reason.
    guests = lines.filter((nw.col(REASON) == NO_CUSTOMER) & nw.col(GUEST))
    kept = apply_returns(guests, policy, cancellations=False)
    codes = items.select(nw.col(TEXT).alias(c.ITEM_ID), nw.col(CODE).alias(_ITEM))
    rows = kept.select(c.ORDER_ID, c.ITEM_ID, DAY, KEPT_QUANTITY, KEPT_AMOUNT).join(codes, on=c.ITEM_ID, how="inner")
    rows = backend.materialize(rows.drop(c.ITEM_ID))
    orders = encode_ids(rows, c.ORDER_ID, backend).drop(TEXT)
    found = backend.fetch(rows.join(orders, on=c.ORDER_ID, how="inner").drop(c.ORDER_ID))
    if not len(found[CODE]):
        return NO_GUESTS
    return _aggregate(found, max_items)


def _aggregate(found: Mapping[str, NDArray[Any]], max_items: int) -> GuestOrders:
    """Return the orders by day, with one row per item, without those of more than `max_items` items."""
    code, day = found[CODE].astype(np.int64), found[DAY].astype(np.int32)
    first_day = np.full(int(code.max()) + 1, np.iinfo(np.int32).max, np.int32)
    np.minimum.at(first_day, code, day)
    by_day = np.argsort(first_day, kind="stable")
    number = np.empty(len(by_day), np.int32)
    number[by_day] = np.arange(len(by_day), dtype=np.int32)
    order, item = number[code], found[_ITEM].astype(np.int32)
    sort = np.lexsort((item, order))
    order, item = order[sort], item[sort]
    starts = np.flatnonzero((np.diff(order, prepend=-1) != 0) | (np.diff(item, prepend=-1) != 0))
    quantity, amount = (
        np.add.reduceat(found[name][sort].astype(np.int64), starts) for name in (KEPT_QUANTITY, KEPT_AMOUNT)
    )
    order, item, day = order[starts], item[starts], first_day[by_day]
    counts: NDArray[np.bool_] = np.less_equal(np.bincount(order), max_items)
    kept_rows, renumbered = counts[order], (np.cumsum(counts) - 1).astype(np.int32)
    order, n_lines = order[kept_rows], int(np.count_nonzero(counts[number[code]]))
    return GuestOrders(renumbered[order], item[kept_rows], day[order], quantity[kept_rows], amount[kept_rows], n_lines)


def largest_order(history: PurchaseHistory) -> int:
    """Return the number of items up to which a guest order counts: 99 % of the orders of customers are not larger.

    Larger ones are often the sales of a whole day as one order, which do not show what is bought together.
    """
    sizes = np.concatenate([np.bincount(block.order - block.order.min(initial=0)) for _, block in history.blocks()])
    sizes = sizes[sizes > 0]
    usual = int(np.quantile(sizes, SIZE_QUANTILE, method="higher")) if len(sizes) else 0
    return max(usual, MIN_LARGEST_ORDER)
