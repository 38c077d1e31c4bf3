"""Returns: what is left of each purchase once cancellations and flags are taken off.

In: accepted lines of any period. Out: the purchases in it with `kept_quantity` and `kept_amount`.
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
from smart_retail.data.ingestion.row_validation import FLAG, KIND, Frame

KEPT_QUANTITY: Final = "kept_quantity"
KEPT_AMOUNT: Final = "kept_amount"
RETURNED_QUANTITY: Final = "back_quantity"
RETURNED_AMOUNT: Final = "back_amount"

_KEYS: Final = (c.CUSTOMER_ID, c.ITEM_ID)


def apply_returns(
    lines: Frame, policy: str, *, cancellations: bool = True, keep: Callable[[Frame], Frame] = lambda frame: frame
) -> Frame:
    """Purchases with what is kept of them, millionths; under `net` those wholly returned are left out.

    Parameters
    ----------
    lines : LazyFrame
        Accepted lines; ids may be texts or codes.
    policy : str
        ``net``, or ``keep`` to ignore returns.
    cancellations : bool
        False where it is known that there are none, which saves the windows.
    keep : callable
        Calculates a frame once; used for the few lines that have cancellations.
    """
    bought = lines.filter(nw.col(KIND) == 1)
    if policy == "keep":
        return _kept_in_full(bought)
    if not cancellations:
        return _kept_in_full(bought.filter(nw.col(FLAG) == 0))
    touched = _pairs_with_cancellations(lines)
    alone = _kept_in_full(bought.filter(nw.col(FLAG) == 0).join(touched, on=list(_KEYS), how="anti"))
    stacked = keep(_with_kept_part(running_balance(lines)).filter(nw.col(KEPT_QUANTITY) > 0))
    names = alone.collect_schema().names()
    return nw.concat([alone.select(names), stacked.select(names)], how="vertical")


def returned_lines(lines: Frame, *, cancellations: bool) -> Frame:
    """The purchases of which something came back, with `back_quantity` and `back_amount`, millionths."""
    flagged = _kept_in_full(lines.filter((nw.col(KIND) == 1) & (nw.col(FLAG) != 0)))
    flagged = flagged.with_columns(**{KEPT_QUANTITY: nw.col(c.QUANTITY) * 0, KEPT_AMOUNT: nw.col(c.AMOUNT) * 0})
    names = flagged.collect_schema().names()
    frame = flagged
    if cancellations:
        reduced = _with_kept_part(running_balance(lines)).filter(nw.col(KEPT_QUANTITY) < nw.col(c.QUANTITY))
        frame = nw.concat([flagged, reduced.select(names)], how="vertical")
    return frame.with_columns(
        **{
            RETURNED_QUANTITY: nw.col(c.QUANTITY) - nw.col(KEPT_QUANTITY),
            RETURNED_AMOUNT: nw.col(c.AMOUNT) - nw.col(KEPT_AMOUNT),
        }
    )


def running_balance(lines: Frame) -> Frame:
    """Lines of the customers and items with a cancellation, in order of time, with the `balance`
    after each and the part of a cancellation that found its purchase, `consumed`."""
    pairs = _pairs_with_cancellations(lines)
    # Purchases of one moment come before cancellations; rows alike in all of these are interchangeable.
    order = [c.TIMESTAMP, "_later", c.ORDER_ID, c.QUANTITY, c.AMOUNT]
    signed = nw.col(c.QUANTITY) * nw.col(KIND).cast(nw.Int64)
    frame = lines.filter(nw.col(FLAG) == 0).join(pairs, on=list(_KEYS), how="inner")
    frame = frame.with_columns(_later=-nw.col(KIND), _signed=signed).with_row_index("_row", order_by=order)
    frame = frame.with_columns(_sum=nw.col("_signed").cum_sum().over(*_KEYS, order_by="_row").cast(nw.Int64))
    frame = frame.with_columns(_low=nw.col("_sum").cum_min().over(*_KEYS, order_by="_row"))
    frame = frame.with_columns(balance=nw.col("_sum") - nw.min_horizontal(nw.col("_low"), nw.lit(0)))
    before = nw.col("balance").shift(1).over(*_KEYS, order_by="_row").fill_null(0)
    return frame.with_columns(
        consumed=nw.when(nw.col(KIND) == -1).then(before - nw.col("balance")).otherwise(nw.lit(0))
    )


def _with_kept_part(frame: Frame) -> Frame:
    quantity = nw.col(c.QUANTITY)
    frame = frame.with_columns(_least=nw.col("balance").cum_min(reverse=True).over(*_KEYS, order_by="_row"))
    left = nw.col("_least") - (nw.col("balance") - quantity)
    kept = nw.max_horizontal(nw.min_horizontal(left, quantity), nw.lit(0)).cast(nw.Int64)
    frame = frame.filter(nw.col(KIND) == 1).with_columns(**{KEPT_QUANTITY: kept})
    return frame.with_columns(**{KEPT_AMOUNT: share_of_amount(nw.col(KEPT_QUANTITY))})


def share_of_amount(part: nw.Expr) -> nw.Expr:
    """The line's amount pro rata to a part of its quantity, millionths."""
    quantity, amount = nw.col(c.QUANTITY), nw.col(c.AMOUNT)
    pro_rata = (amount.cast(nw.Float64) * part.cast(nw.Float64) / quantity.cast(nw.Float64) + 0.5).floor()
    return nw.when(part == quantity).then(amount).otherwise(pro_rata.cast(nw.Int64))


def _pairs_with_cancellations(lines: Frame) -> Frame:
    return lines.filter(nw.col(KIND) == -1).select(*_KEYS).unique()


def _kept_in_full(bought: Frame) -> Frame:
    return bought.with_columns(**{KEPT_QUANTITY: nw.col(c.QUANTITY), KEPT_AMOUNT: nw.col(c.AMOUNT)})
