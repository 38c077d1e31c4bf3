"""Build the cleaning report: rejected rows, returns, recognised formats and warnings about short histories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import narwhals as nw

from smart_retail.data import columns as c
from smart_retail.data.backends.base import Backend
from smart_retail.data.dataset import returns_netting
from smart_retail.data.dataset.returns_netting import KEPT_AMOUNT
from smart_retail.data.ingestion.ingest import IngestedSource
from smart_retail.data.ingestion.line_totals import LineTotals, Totals
from smart_retail.data.ingestion.row_validation import (
    FLAG,
    KIND,
    PARTLY_RETURNED,
    REASONS,
    REFUNDED,
    Frame,
)
from smart_retail.data.parsing.column_mapping import Schema
from smart_retail.data.parsing.format_detection import DAY_FIRST, MONTH_FIRST
from smart_retail.data.parsing.unused_columns import unused_notes
from smart_retail.errors import DataError
from smart_retail.results import CleaningReport, RejectedRows, Returns
from smart_retail.settings import DataSettings
from smart_retail.utils.dates import iso
from smart_retail.utils.fixed_point import MILLION

MAX_EXAMPLES = 5
FEW_CUSTOMERS = 50
FEW_DAYS = 60


def rejected_rows(
    line_totals: LineTotals, totals: Totals, sources: Sequence[IngestedSource], backend: Backend
) -> tuple[RejectedRows, ...]:
    """Return the rejected rows by reason, most rows first, with the first examples in text order."""
    result = []
    for code, rows in totals.rows.items():
        if code == 0:
            continue
        result.append(RejectedRows(REASONS[code], rows, tuple(line_totals.examples(code, MAX_EXAMPLES, backend))))
    texts = [s.raw.text for s in sources if s.raw.text and s.raw.text.malformed]
    if texts:
        examples = [e for t in texts for e in t.malformed_examples]
        result.append(RejectedRows("malformed row", sum(t.malformed for t in texts), tuple(examples[:MAX_EXAMPLES])))
    return tuple(sorted(result, key=lambda s: (-s.rows, s.reason)))


def require_purchases(totals: Totals, sources: Sequence[IngestedSource]) -> None:
    """Raise `DataError` with the reasons of rejection if no row is a usable purchase."""
    if totals.purchases:
        return
    names = ", ".join(s.raw.name for s in sources)
    if not totals.rows:
        raise DataError(f"{names} has no rows.", "Give a file with a header and at least one row.")
    why = ", ".join(f"{REASONS[r]} {n:,}" for r, n in sorted(totals.rows.items(), key=lambda x: -x[1]) if r)
    raise DataError(
        f"No row of {names} is a usable purchase ({why or 'all are cancellations'}).",
        "Check which columns were recognised with --dry-run, and choose others with --map.",
    )


def build_report(
    line_totals: LineTotals,
    totals: Totals,
    sources: Sequence[IngestedSource],
    settings: DataSettings,
    backend: Backend,
    sizes: tuple[int, int, int],
    cancelled: tuple[Frame, Frame] | None,
) -> CleaningReport:
    """Build the report; `rows_in` always equals `rows_accepted` plus the rejected rows.

    Parameters
    ----------
    line_totals : LineTotals
    totals : Totals
        Sums over all lines.
    sources : sequence of IngestedSource
    settings : DataSettings
    backend : Backend
    sizes : tuple of int
        Numbers of customers, items and orders.
    cancelled : tuple of LazyFrame, optional
        Accepted lines and net purchases, if there are cancellations or refunds in part.
    """
    rejected = rejected_rows(line_totals, totals, sources, backend)
    returns, returned_amount = _returns_by_form(cancelled, totals, backend)
    n_accepted = totals.rows.get(0, 0)
    customers, items, orders = sizes
    warnings = short_history_notes(customers, orders, totals.last_day - totals.first_day + 1)
    return CleaningReport(
        rows_in=n_accepted + sum(r.rows for r in rejected),
        rows_accepted=n_accepted,
        rejected=rejected,
        returns=returns,
        returns_policy=settings.returns_policy,
        customers=customers,
        items=items,
        orders=orders,
        first=iso(totals.first_day),
        last=iso(totals.last_day),
        amount=totals.amount / MILLION,
        net_amount=(totals.amount - (returned_amount if settings.returns_policy == "net" else 0)) / MILLION,
        notes=(*_without_repeats(n for s in sources for n in source_notes(s)), *warnings),
    )


def _without_repeats(notes: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(notes))


def _returns_by_form(
    cancelled: tuple[Frame, Frame] | None, totals: Totals, backend: Backend
) -> tuple[tuple[Returns, ...], int]:
    """Return the returned goods by form, and the amount (millionths) that they subtract from the purchases."""
    forms = [
        Returns(form, *_lines_and_amount(totals.flagged[flag]))
        for flag, form in ((1, "table"), (2, "flag"))
        if flag in totals.flagged
    ]
    flagged_amount = sum(amount for _, amount in totals.flagged.values())
    if cancelled is None:
        return tuple(forms), flagged_amount
    accepted, net = cancelled
    left = int(backend.fetch(net.select(nw.col(KEPT_AMOUNT).sum().cast(nw.Int64).alias("left")))["left"][0] or 0)
    if PARTLY_RETURNED in totals.flagged:
        forms.append(_refunds_in_part(accepted, backend))
    if not totals.cancellations:
        return tuple(forms), totals.amount - left
    lines = returns_netting.running_balance(accepted).filter(nw.col(KIND) == -1)
    matched = nw.col("consumed") > 0
    share = returns_netting.share_of_amount(nw.col("consumed"))
    table = (
        lines.with_columns(_matched=matched.cast(nw.Int8), _taken=share)
        .group_by("_matched")
        .agg(nw.len().alias("n"), nw.col(c.AMOUNT).sum(), nw.col("_taken").sum())
    )
    sums = backend.fetch(table.with_columns(nw.col(c.AMOUNT, "_taken").cast(nw.Int64)))
    counts = dict(zip(sums["_matched"].tolist(), sums["n"].tolist(), strict=True))
    taken, whole = int(sums["_taken"].sum()), int(sums[c.AMOUNT].sum())
    if counts.get(1, 0):
        forms.append(Returns("cancellation", counts[1], taken / MILLION))
    if counts.get(0, 0) or whole > taken:
        forms.append(Returns("unmatched", counts.get(0, 0), (whole - taken) / MILLION))
    return tuple(forms), totals.amount - left


def _refunds_in_part(accepted: Frame, backend: Backend) -> Returns:
    partly = accepted.filter((nw.col(KIND) == 1) & (nw.col(FLAG) == PARTLY_RETURNED))
    refunded = nw.col(c.AMOUNT) - returns_netting.share_of_amount(nw.col(c.QUANTITY) - nw.col(REFUNDED))
    sums = backend.fetch(partly.select(nw.len().alias("n"), refunded.sum().cast(nw.Int64).alias("refunded")))
    return Returns("partial", int(sums["n"][0]), int(sums["refunded"][0] or 0) / MILLION)


def _lines_and_amount(pair: tuple[int, int]) -> tuple[int, float]:
    return pair[0], pair[1] / MILLION


def source_notes(source: IngestedSource) -> tuple[str, ...]:
    """Return the notes on how one source was read."""
    name, schema = source.raw.name, source.schema
    notes = [*source.raw.notes]
    if schema.preset.columns:
        notes.append(f"{name}: recognised as {schema.preset.name}.")
    notes += [*schema.preset.notes, *schema.notes]
    labels: dict[str, list[str]] = {}
    for column, form in source.formats.items():
        if form.label and column not in source.assumed:
            labels.setdefault(form.label, []).append(schema.columns.get(column, column))
    notes += [f"{name}: {', '.join(headers)} read as {label}." for label, headers in labels.items()]
    if source.assumed:
        notes.append(_assumed_note(source))
    if zone := next((f.zone for f in source.formats.values() if f.zone), ""):
        notes.append(f"{name}: times with an offset are converted to {zone}.")
    if source.float_ids:
        headers = [schema.columns[i] for i in source.float_ids]
        notes.append(f"{name}: the .0 at the end of every value of {', '.join(headers)} was removed.")
    if source.discount_unit != 1:
        unit = "percent" if source.discount_unit else "money and divided by (amount + discount)"
        notes.append(f"{name}: {schema.columns[c.DISCOUNT]} read as {unit}.")
    if c.ORDER_ID not in schema.columns:
        notes.append(f"{name}: there is no order id, so all lines of a customer on one day are one order.")
    if c.QUANTITY not in schema.columns:
        notes.append(f"{name}: there is no quantity, so every line counts as one piece.")
    notes += unused_notes(name, schema)
    return tuple(notes)


def describe_computed_fields(schema: Schema) -> tuple[str, ...]:
    """Return how the fields that have no column of their own are computed."""
    columns = schema.columns
    computed = []
    if c.AMOUNT not in columns and c.UNIT_PRICE in columns:
        quantity = columns.get(c.QUANTITY, "1 piece")
        discount = f" - {columns[c.LINE_DISCOUNT]}" if c.LINE_DISCOUNT in columns else ""
        computed.append(f"amount = {quantity} x {columns[c.UNIT_PRICE]}{discount}")
    if c.QUANTITY not in columns:
        computed.append("quantity = 1 per row")
    if c.ORDER_ID not in columns:
        computed.append("order = all rows of a customer on one day")
    if schema.money_discounts:
        computed.append(f"discount = {' + '.join(schema.money_discounts)}, divided by (amount + discount)")
    if schema.preset.name_as_item and c.ITEM_NAME in columns:
        computed.append(f"item = {columns[c.ITEM_NAME]} in rows without an item id")
    filled = [columns[column] for column in schema.fill_down if column in columns]
    if filled:
        computed.append(f"{', '.join(filled)} = value of the first row of the order")
    return tuple(computed)


def _assumed_note(source: IngestedSource) -> str:
    headers = ", ".join(source.schema.columns.get(column, column) for column in source.assumed)
    label = source.formats[source.assumed[0]].label
    other = MONTH_FIRST if label == DAY_FIRST else DAY_FIRST
    return (
        f"{source.raw.name}: all dates of {headers} can be read as day first and as month first. Assumed: {label}. "
        f"If {other} is right, set the date order."
    )


def short_history_notes(customers: int, orders: int, days: int) -> tuple[str, ...]:
    """Return warnings if the history is too short or too small for some results."""
    notes = []
    if customers < FEW_CUSTOMERS:
        notes.append(f"Only {customers} customers: segments will be coarse, and there may be no clusters.")
    if days < FEW_DAYS:
        notes.append(f"Only {days} days of history: recency and trends are not meaningful.")
    if orders < 1.2 * customers:
        notes.append("Hardly any customer ordered twice: recommendations rely on popularity.")
    return tuple(notes)
