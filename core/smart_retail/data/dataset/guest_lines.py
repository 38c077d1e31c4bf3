"""Find the guest orders among validated lines: purchases whose only fault is the missing customer."""

from __future__ import annotations

import narwhals as nw
import numpy as np

from smart_retail.data import columns as c
from smart_retail.data.backends.base import Backend
from smart_retail.data.dataset.entity_encoding import CODE, TEXT, encode_ids
from smart_retail.data.dataset.returns_netting import KEPT_AMOUNT, KEPT_QUANTITY, apply_returns
from smart_retail.data.guest_orders import NO_GUESTS, GuestOrders
from smart_retail.data.ingestion.row_validation import DAY, GUEST, NO_CUSTOMER, REASON, Frame

_ITEM = "item"


def find_guest_orders(lines: Frame, items: Frame, policy: str, backend: Backend) -> GuestOrders:
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
    order = order[starts]
    return GuestOrders(order, item[starts], first_day[by_day][order], quantity, amount, n_lines=len(code))
