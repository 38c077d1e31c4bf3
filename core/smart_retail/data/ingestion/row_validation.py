"""Row validation: typed columns of one source become order lines with a rejection reason.

The lines have quantities and amounts as exact integers, the day, whether they are a purchase or a cancellation, and
`reason`: 0 for an accepted row, else the code of the rejection reason. No row is dropped.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import narwhals as nw

from smart_retail.data import columns as c
from smart_retail.data.parsing.number_parsing import MAX_VALUE, to_millionths
from smart_retail.data.parsing.order_status import (
    REFUNDED_STATUSES,
    STATUS_COLUMNS,
    has_status,
    status_checks,
)
from smart_retail.data.parsing.presets import Preset
from smart_retail.data.parsing.whitespace import is_not_blank, starts_non_blank
from smart_retail.settings import DataSettings
from smart_retail.utils.dates import last_plausible_day

Frame = nw.LazyFrame[Any]

DAY: Final = "day"
"""Days since 1970-01-01."""
KIND: Final = "kind"
"""1 for a purchase, -1 for a cancellation."""
FLAG: Final = "flag"
"""How a purchase is marked as returned: 0 not at all, 1 in a returns table, 2 in a column, 3 in part."""
PARTLY_RETURNED: Final = 3
REFUNDED: Final = "refunded"
"""Quantity of a partly returned purchase that was refunded, millionths."""
REASON: Final = "reason"
EXAMPLE: Final = "example"
SOURCE: Final = "source"
GUEST: Final = "guest"
"""Whether a purchase line has no fault but the missing customer; only in sources with order ids."""
UNPARSED: Final = "unparsed"
"""Bits of the columns whose text could not be parsed."""
RAW: Final = "raw_"
"""Prefix of the original text of a number or timestamp."""

REASONS: Final = (
    "accepted",
    "overlap",
    "duplicate",
    "no customer",
    "no item",
    "cancelled order",
    "unpaid order",
    "non-merchandise",
    "bad date",
    "future date",
    "bad quantity",
    "bad amount",
    "zero quantity",
    "price not positive",
    "id too long",
    "malformed row",
    "erased",
)
"""Rejection reasons, in the order in which they are checked; the first that applies is reported.

overlap             the row is also in another source and is counted there
duplicate           the row is repeated in one source (only for exports known to repeat rows), or it is the header again
no customer         the customer id is blank
no item             the item id is blank
cancelled order     the status of the order is cancelled or failed, or it has a date of cancellation
unpaid order        the status of the order or payment is pending, unpaid or on hold
non-merchandise     the item code is not a product (by preset or settings): postage, fees, corrections
bad date            the date is missing, cannot be read, or is not between 1900 and 2200
future date         the date is more than 2 days after today
bad quantity        the quantity is missing, cannot be read, or exceeds 1e12
bad amount          the amount (or price) is missing, cannot be read, or exceeds 1e12
zero quantity       the quantity is 0
price not positive  the unit price is below 0 (a correction), or 0 in an export whose free lines are not sales
id too long         a customer, item or order id has more than 1,000 characters
malformed row       the row has more fields than the header
erased              the data of the customer was erased; no examples are shown
"""

TEXT_COLUMNS: Final = (
    c.CUSTOMER_ID, c.ORDER_ID, c.ITEM_ID, c.ITEM_NAME, c.CATEGORY, c.SUBCATEGORY, c.CUSTOMER_NAME, c.COUNTRY,
    c.RETURNED, c.MARKET, c.ORDER_STATUS, c.PAYMENT_STATUS, c.CANCELLED_AT,
)  # fmt: skip
ID_COLUMNS: Final = (c.CUSTOMER_ID, c.ORDER_ID, c.ITEM_ID)
TIME_COLUMNS: Final = (c.TIMESTAMP, c.SHIP_TIMESTAMP)
REFUND_COLUMNS: Final = (c.REFUNDED_QUANTITY, c.REFUNDED_AMOUNT)

_DAYS = (-25_567, 84_370)
"""1900-01-01 and 2200-12-31."""
_YEARS: Final = (dt.datetime(1900, 1, 1), dt.datetime(2200, 12, 31, 23, 59, 59))
"""The same range as timestamps."""
_HAS_VALID_DAY: Final = nw.col(DAY).is_between(*_DAYS)
MAX_ID_CHARACTERS: Final = 1_000
NO_CUSTOMER: Final = REASONS.index("no customer")
TRUE_TEXTS: Final = ("y", "yes", "true", "t", "1", "1.0", "x", "returned", "return", "refunded", "ja", "si", "oui")


@dataclass(frozen=True, slots=True)
class RowValidation:
    """Rules for the rows of one source, from the preset and the settings."""

    merchandise: str
    """Pattern of the item codes of products; empty: all are products."""
    excluded: str
    """Pattern of item codes that are not products; empty: none."""
    fold_item_case: bool
    drop_duplicates: bool
    cancel_prefix: str
    free_lines: bool
    subtract_discount: bool = False
    """Whether a line discount is subtracted from the amount of the line."""
    rejected_statuses: tuple[str, ...] = ()
    no_customer: tuple[str, ...] = ()
    """Customer ids that stand for no customer."""
    last_day: int = _DAYS[1]
    """Last day that is not in the future, days since 1970-01-01."""
    timestamp_header: str = ""
    """Header of the timestamp; a row with it in place of a date repeats the header, as in joined exports."""
    long_ids: bool = True
    """Whether to check for ids that are too long, which takes a pass over every id."""

    @classmethod
    def of(cls, preset: Preset, settings: DataSettings) -> RowValidation:
        listed = settings.non_merchandise
        return cls(
            merchandise=preset.merchandise if listed is None else "",
            excluded=_pattern_of_codes(listed) if listed else "",
            fold_item_case=preset.fold_item_case if settings.fold_item_case is None else settings.fold_item_case,
            drop_duplicates=preset.drop_duplicates,
            cancel_prefix=preset.cancel_prefix,
            free_lines=preset.free_lines,
            subtract_discount=preset.subtract_discount,
            rejected_statuses=preset.rejected_statuses,
            no_customer=preset.no_customer,
            last_day=last_plausible_day(),
        )


def _pattern_of_codes(codes: tuple[str, ...]) -> str:
    """Return one pattern for several codes; ``*`` matches any characters."""
    escaped = ("".join(".*" if s == "*" else s if s.isalnum() else f"[{s}]" if s not in "^]\\[" else f"\\{s}"
                       for s in code) for code in codes)  # fmt: skip
    return f"^(?:{'|'.join(escaped)})$"


def is_parsed(name: str) -> nw.Expr:
    """Return whether a number, or a date between 1900 and 2200, was parsed (``04-03-20`` is not in the year 4)."""
    value = nw.col(name)
    return value.is_between(*_YEARS).fill_null(False) if name.partition("|")[0] in TIME_COLUMNS else ~value.is_null()


def bit_where(i: int, rare: nw.Expr, expensive: nw.Expr) -> nw.Expr:
    """Return bit `i` where both conditions hold; the expensive one is evaluated only where the rare one holds."""
    tested = nw.when(expensive.fill_null(False)).then(nw.lit(1 << i)).otherwise(nw.lit(0))
    return nw.when(rare).then(tested).otherwise(nw.lit(0))


def validate_rows(frame: Frame, source: int, validation: RowValidation, texts: Sequence[str] = ()) -> Frame:
    """Validate the rows of one source.

    Parameters
    ----------
    frame : LazyFrame
        Canonical columns, `day`, and ``raw_<name>`` for columns that were parsed from text.
    source : int
        Index of the source.
    validation : RowValidation
        Rules for products, cancellations and prices.
    texts : sequence of str
        Columns that were parsed from text, in the order of their bits in `unparsed`; a column `unparsed` of `frame`
        holds further bits.

    Returns
    -------
    LazyFrame
        All rows, with `reason`, `kind`, `flag`, `example`, `source`, `unparsed`, `guest` (if there are order ids), and
        quantity and amount in millionths.
    """
    names_present = set(frame.collect_schema().names())
    item = nw.col(c.ITEM_ID)
    if validation.fold_item_case:
        frame = frame.with_columns(item.str.to_uppercase())
    quantity = nw.col(c.QUANTITY) if c.QUANTITY in names_present else nw.lit(1.0)
    priced = c.AMOUNT not in names_present
    price = nw.col(c.UNIT_PRICE)
    amount = quantity * price if priced else nw.col(c.AMOUNT)
    if c.LINE_DISCOUNT in names_present and (priced or validation.subtract_discount):
        amount = amount - nw.col(c.LINE_DISCOUNT).fill_null(0.0)
    if validation.no_customer:
        has_customer = ~nw.col(c.CUSTOMER_ID).is_in(validation.no_customer)
        frame = frame.with_columns(nw.when(has_customer).then(nw.col(c.CUSTOMER_ID)).alias(c.CUSTOMER_ID))
    frame = frame.with_columns(_quantity=quantity, _amount=amount)
    checks = _row_checks(validation, price if priced else None, names_present)
    ids = [i for i in ID_COLUMNS if i in names_present] if validation.long_ids else []
    frame = frame.with_columns(**{REASON: _rejection_reason(validation, checks, ids, names_present)})
    quantity, amount = nw.col("_quantity"), nw.col("_amount")
    cancelled = (quantity < 0) | (amount < 0)
    if validation.cancel_prefix and c.ORDER_ID in names_present:
        cancelled = cancelled | nw.col(c.ORDER_ID).str.starts_with(validation.cancel_prefix)
    frame = frame.with_columns(
        **{
            SOURCE: nw.lit(source).cast(nw.Int16),
            DAY: nw.when(_HAS_VALID_DAY).then(nw.col(DAY)),
            KIND: nw.when(cancelled).then(nw.lit(-1)).otherwise(nw.lit(1)).cast(nw.Int8),
            c.QUANTITY: to_millionths(quantity),
            c.AMOUNT: to_millionths(amount),
            EXAMPLE: _example(names_present),
            UNPARSED: (
                _unparsed_bits(texts, priced) + (nw.col(UNPARSED) if UNPARSED in names_present else nw.lit(0))
            ).cast(nw.Int32),
        }
    )
    by_day = nw.col(DAY).cast(nw.String)
    if c.ORDER_ID in names_present:
        order = nw.col(c.ORDER_ID)
        by_day = nw.when(is_not_blank(order)).then(order).otherwise(nw.concat_str(nw.lit("day "), by_day))
        frame = frame.with_columns(**{GUEST: _is_guest_purchase(checks)})
    frame = frame.with_columns(by_day.alias(c.ORDER_ID))
    returned = [
        *([nw.col(c.RETURNED).str.to_lowercase().is_in(TRUE_TEXTS)] if c.RETURNED in names_present else []),
        *(has_status(n, REFUNDED_STATUSES) for n in (c.ORDER_STATUS, c.PAYMENT_STATUS) if n in names_present),
    ]
    yes = nw.any_horizontal(*returned, ignore_nulls=True) if returned else nw.lit(False)
    if names_present.isdisjoint(REFUND_COLUMNS):
        frame = frame.with_columns(**{FLAG: nw.when(yes).then(nw.lit(2)).otherwise(nw.lit(0)).cast(nw.Int8)})
    else:
        frame = _flag_refunds(frame, yes, names_present)
    dropped = {"_quantity", "_amount", c.RETURNED, c.LINE_DISCOUNT, *STATUS_COLUMNS, *REFUND_COLUMNS, *_REFUND_HELPERS}
    return frame.select([n for n in frame.collect_schema().names() if n not in dropped and not n.startswith(RAW)])


_REFUND_HELPERS: Final = ("_order_amount", "_refund")


def _flag_refunds(frame: Frame, returned: nw.Expr, names_present: set[str]) -> Frame:
    """Flag returned purchases, whole or in part; the amount refunded of an order is spread over its lines."""
    quantity = nw.col(c.QUANTITY)
    refunds = [nw.lit(0).cast(nw.Int64)]
    if c.REFUNDED_QUANTITY in names_present:
        refunds.append(to_millionths(nw.col(c.REFUNDED_QUANTITY)).fill_null(0))
    if c.REFUNDED_AMOUNT in names_present:
        # Sums of whole millionths do not depend on the order of the rows.
        frame = frame.with_columns(_order_amount=nw.col(c.AMOUNT).sum().over(c.ORDER_ID).cast(nw.Float64))
        refunded = to_millionths(nw.col(c.REFUNDED_AMOUNT)).cast(nw.Float64)
        of_order = nw.when(nw.col("_order_amount") > 0).then(refunded / nw.col("_order_amount"))
        share = nw.when(of_order < 1).then(of_order).otherwise(nw.lit(1.0))
        part = (quantity.cast(nw.Float64) * share + 0.5).floor()
        refunds.append(nw.when(refunded > 0).then(part).otherwise(nw.lit(0.0)).cast(nw.Int64))
    frame = frame.with_columns(_refund=nw.max_horizontal(*refunds))
    refund = nw.col("_refund")
    in_part = nw.when(refund > 0).then(nw.lit(PARTLY_RETURNED)).otherwise(nw.lit(0))
    flag = nw.when(returned | (refund >= quantity)).then(nw.lit(2)).otherwise(in_part)
    frame = frame.with_columns(**{FLAG: nw.when(nw.col(KIND) == 1).then(flag).otherwise(nw.lit(0)).cast(nw.Int8)})
    partly = nw.col(FLAG) == PARTLY_RETURNED
    return frame.with_columns(**{REFUNDED: nw.when(partly).then(refund).otherwise(nw.lit(0)).cast(nw.Int64)})


_Check = tuple[str, nw.Expr]
"""A rejection reason, and the condition of the rows that it does not apply to."""


def _row_checks(validation: RowValidation, price: nw.Expr | None, names_present: set[str]) -> list[_Check]:
    """Return the checks of a row that do not concern its ids, in the order of the reasons."""
    quantity, amount = nw.col("_quantity"), nw.col("_amount")
    item = nw.col(c.ITEM_ID)
    checks = status_checks(names_present, validation.rejected_statuses)
    if validation.merchandise:
        checks.append(("non-merchandise", item.str.contains(validation.merchandise)))
    if validation.excluded:
        checks.append(("non-merchandise", ~item.str.contains(validation.excluded)))
    checks += [
        ("bad date", _HAS_VALID_DAY),
        ("future date", nw.col(DAY) <= validation.last_day),
        ("bad quantity", quantity.abs() <= MAX_VALUE),
        ("bad amount", amount.abs() <= MAX_VALUE),
        ("zero quantity", quantity.abs() >= 5e-7),
    ]
    if price is not None:
        checks.append(("price not positive", (price >= 0) if validation.free_lines else (price > 0)))
    return checks


def _has_short_id(name: str) -> nw.Expr:
    return nw.col(name).str.len_chars() <= MAX_ID_CHARACTERS


def _is_guest_purchase(checks: Sequence[_Check]) -> nw.Expr:
    """Return whether a row without a customer is a purchase of an order that passes all other checks."""
    order = nw.col(c.ORDER_ID)
    is_purchase = nw.all_horizontal(
        nw.col(KIND) == 1,
        is_not_blank(nw.col(c.ITEM_ID)),
        is_not_blank(order),
        _has_short_id(c.ORDER_ID),
        *(condition for _, condition in checks),
        ignore_nulls=False,
    )
    return nw.when(nw.col(REASON) == NO_CUSTOMER).then(is_purchase.fill_null(False)).otherwise(nw.lit(False))


def _rejection_reason(
    validation: RowValidation, checks: Sequence[_Check], ids: Sequence[str], names_present: set[str]
) -> nw.Expr:
    """Return the code of the first reason that applies, 0 if none does; `ids` are those whose length is checked."""
    named = (("no customer", nw.col(c.CUSTOMER_ID)), ("no item", nw.col(c.ITEM_ID)))
    checks = [*checks, *(("id too long", _has_short_id(i)) for i in ids)]
    reason_code = nw.lit(0)
    headers = []
    if validation.timestamp_header and RAW + c.TIMESTAMP in names_present:
        is_header = nw.col(RAW + c.TIMESTAMP).str.strip_chars() == validation.timestamp_header
        headers.append(("duplicate", (~is_header).fill_null(True)))
    blanks = ((reason, is_not_blank(text)) for reason, text in named)
    for reason, is_valid in reversed([*headers, *blanks, *checks]):
        reason_code = nw.when(is_valid).then(reason_code).otherwise(nw.lit(REASONS.index(reason)))
    # Nearly every row is valid; one combined test of all reasons is faster than a chain of cases.
    quick_checks = [*(starts_non_blank(text) for _, text in named), *(is_valid for _, is_valid in checks)]
    is_valid = nw.all_horizontal(*quick_checks, ignore_nulls=False)
    return nw.when(is_valid).then(nw.lit(0)).otherwise(reason_code).cast(nw.Int8)


def _unparsed_bits(texts: Sequence[str], priced: bool) -> nw.Expr:
    """Bits of the columns whose text could not be parsed."""
    if not texts:
        return nw.lit(0)
    bits = [bit_where(i, ~is_parsed(n), nw.col(RAW + n).str.strip_chars() != "") for i, n in enumerate(texts)]
    # The columns that an accepted row depends on were parsed, and nearly every row is accepted.
    already_checked = (c.TIMESTAMP, c.QUANTITY, c.UNIT_PRICE if priced else c.AMOUNT)
    is_valid = nw.all_horizontal(
        nw.col(REASON) == 0, *(is_parsed(n) for n in texts if n not in already_checked), ignore_nulls=False
    )
    return nw.when(is_valid).then(nw.lit(0)).otherwise(nw.sum_horizontal(*bits))


def _example(names_present: set[str]) -> nw.Expr:
    """Return the example to show for a rejected row: the invalid value, else the order."""
    order = nw.col(c.ORDER_ID) if c.ORDER_ID in names_present else nw.col(c.ITEM_ID)
    shown = {
        "duplicate": _raw_text(c.TIMESTAMP, names_present),
        "no customer": order,
        "no item": order,
        "bad date": _raw_text(c.TIMESTAMP, names_present),
        "future date": _raw_text(c.TIMESTAMP, names_present),
        "bad quantity": _raw_text(c.QUANTITY, names_present),
        "zero quantity": order,
        "bad amount": _raw_text(c.AMOUNT if c.AMOUNT in names_present else c.UNIT_PRICE, names_present),
        "price not positive": nw.col(c.ITEM_ID),
    }
    text = nw.col(c.ITEM_ID)
    for reason, value in shown.items():
        text = nw.when(nw.col(REASON) == REASONS.index(reason)).then(value).otherwise(text)
    return nw.when(nw.col(REASON) != 0).then(text.str.slice(0, 80))


def _raw_text(column: str, names_present: set[str]) -> nw.Expr:
    if RAW + column in names_present:
        return nw.col(RAW + column)
    return nw.col(column).cast(nw.String) if column in names_present else nw.lit("")
