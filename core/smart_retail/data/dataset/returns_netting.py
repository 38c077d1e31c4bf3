"""Net purchases: what is kept of each purchase after cancellations and return flags.

A cancellation consumes the latest earlier purchases of the same customer and item, which is a stack;
windows give the same without a loop. With S the running quantity (cancellations negative) and
``B = S - min(0, running min of S)`` the balance, a purchase of q keeps
``clip(min of B from here on - (B - q), 0, q)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import narwhals as nw

from smart_retail.data import columns as c
from smart_retail.data.ingestion.row_validation import FLAG, KIND, PARTLY_RETURNED, REFUNDED, Frame

KEPT_QUANTITY: Final = "kept_quantity"
KEPT_AMOUNT: Final = "kept_amount"
RETURNED_QUANTITY: Final = "returned_quantity"
RETURNED_AMOUNT: Final = "returned_amount"

_KEYS: Final = (c.CUSTOMER_ID, c.ITEM_ID)
_IS_KEPT: Final = nw.col(FLAG).is_in([0, PARTLY_RETURNED])
"""Whether a purchase was not returned as a whole."""


def apply_returns(
    lines: Frame,
    policy: str,
    *,
    cancellations: bool = True,
    materialize: Callable[[Frame], Frame] = lambda frame: frame,
) -> Frame:
    """Return the purchases with `kept_quantity` and `kept_amount`, int64 millionths.

    Parameters
    ----------
    lines : LazyFrame
        Accepted lines of any period; ids may be texts or codes.
    policy : str
        ``net`` subtracts returns and drops fully returned purchases; ``keep`` ignores returns.
    cancellations : bool
        False if there are none, which avoids the window functions.
    materialize : callable
        Computes a frame once; applied to the few lines of customers and items with cancellations.
    """
    bought = lines.filter(nw.col(KIND) == 1)
    if policy == "keep":
        return _kept_in_full(bought)
    if not cancellations:
        return _kept_after_refunds(bought.filter(_IS_KEPT))
    pairs = _pairs_with_cancellations(lines)
    unaffected = _kept_after_refunds(bought.filter(_IS_KEPT).join(pairs, on=list(_KEYS), how="anti"))
    netted = materialize(_with_kept_part(running_balance(lines)).filter(nw.col(KEPT_QUANTITY) > 0))
    names = unaffected.collect_schema().names()
    return nw.concat([unaffected.select(names), netted.select(names)], how="vertical")


def returned_lines(lines: Frame, *, cancellations: bool) -> Frame:
    """Return the purchases that were returned at least in part, with `returned_quantity` and `returned_amount`."""
    bought = lines.filter(nw.col(KIND) == 1)
    flagged = _kept_in_full(bought.filter(~_IS_KEPT))
    flagged = flagged.with_columns(**{KEPT_QUANTITY: nw.col(c.QUANTITY) * 0, KEPT_AMOUNT: nw.col(c.AMOUNT) * 0})
    names = flagged.collect_schema().names()
    frame = flagged
    if REFUNDED in lines.collect_schema().names():
        partly = bought.filter(nw.col(FLAG) == PARTLY_RETURNED)
        if cancellations:
            partly = partly.join(_pairs_with_cancellations(lines), on=list(_KEYS), how="anti")
        frame = nw.concat([frame, _kept_after_refunds(partly).select(names)], how="vertical")
    if cancellations:
        reduced = _with_kept_part(running_balance(lines)).filter(nw.col(KEPT_QUANTITY) < nw.col(c.QUANTITY))
        frame = nw.concat([frame, reduced.select(names)], how="vertical")
    return frame.with_columns(
        **{
            RETURNED_QUANTITY: nw.col(c.QUANTITY) - nw.col(KEPT_QUANTITY),
            RETURNED_AMOUNT: nw.col(c.AMOUNT) - nw.col(KEPT_AMOUNT),
        }
    )


def running_balance(lines: Frame) -> Frame:
    """Return the lines of the customer-item pairs with a cancellation, in time order.

    The column `balance` is the quantity held after each line; `consumed` is the part of a cancellation that is matched
    to earlier purchases. Both are millionths.
    """
    pairs = _pairs_with_cancellations(lines)
    # At the same time, purchases come before cancellations; rows that are equal in all of these are interchangeable.
    order = [c.TIMESTAMP, "_later", c.ORDER_ID, c.QUANTITY, c.AMOUNT]
    signed = _quantity_after_refund(lines) * nw.col(KIND).cast(nw.Int64)
    frame = lines.filter(_IS_KEPT).join(pairs, on=list(_KEYS), how="inner")
    frame = frame.with_columns(_later=-nw.col(KIND), _signed=signed).with_row_index("_row", order_by=order)
    frame = frame.with_columns(_sum=nw.col("_signed").cum_sum().over(*_KEYS, order_by="_row").cast(nw.Int64))
    frame = frame.with_columns(_low=nw.col("_sum").cum_min().over(*_KEYS, order_by="_row"))
    frame = frame.with_columns(balance=nw.col("_sum") - nw.min_horizontal(nw.col("_low"), nw.lit(0)))
    before = nw.col("balance").shift(1).over(*_KEYS, order_by="_row").fill_null(0)
    return frame.with_columns(
        consumed=nw.when(nw.col(KIND) == -1).then(before - nw.col("balance")).otherwise(nw.lit(0))
    )


def _with_kept_part(frame: Frame) -> Frame:
    quantity = _quantity_after_refund(frame)
    frame = frame.with_columns(_least=nw.col("balance").cum_min(reverse=True).over(*_KEYS, order_by="_row"))
    left = nw.col("_least") - (nw.col("balance") - quantity)
    kept = nw.max_horizontal(nw.min_horizontal(left, quantity), nw.lit(0)).cast(nw.Int64)
    frame = frame.filter(nw.col(KIND) == 1).with_columns(**{KEPT_QUANTITY: kept})
    return frame.with_columns(**{KEPT_AMOUNT: share_of_amount(nw.col(KEPT_QUANTITY))})


def share_of_amount(part: nw.Expr) -> nw.Expr:
    """Return the amount of a line pro rata to a part of its quantity, millionths."""
    quantity, amount = nw.col(c.QUANTITY), nw.col(c.AMOUNT)
    pro_rata = (amount.cast(nw.Float64) * part.cast(nw.Float64) / quantity.cast(nw.Float64) + 0.5).floor()
    return nw.when(part == quantity).then(amount).otherwise(pro_rata.cast(nw.Int64))


def _pairs_with_cancellations(lines: Frame) -> Frame:
    return lines.filter(nw.col(KIND) == -1).select(*_KEYS).unique()


def _kept_in_full(bought: Frame) -> Frame:
    return bought.with_columns(**{KEPT_QUANTITY: nw.col(c.QUANTITY), KEPT_AMOUNT: nw.col(c.AMOUNT)})


def _quantity_after_refund(lines: Frame) -> nw.Expr:
    """Return the quantity of a line without the part that was refunded, millionths."""
    if REFUNDED not in lines.collect_schema().names():
        return nw.col(c.QUANTITY)
    partly = nw.col(FLAG) == PARTLY_RETURNED
    return nw.col(c.QUANTITY) - nw.when(partly).then(nw.col(REFUNDED)).otherwise(nw.lit(0)).cast(nw.Int64)


def _kept_after_refunds(bought: Frame) -> Frame:
    if REFUNDED not in bought.collect_schema().names():
        return _kept_in_full(bought)
    bought = bought.with_columns(**{KEPT_QUANTITY: _quantity_after_refund(bought)})
    return bought.with_columns(**{KEPT_AMOUNT: share_of_amount(nw.col(KEPT_QUANTITY))})
