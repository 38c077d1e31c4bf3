"""Results as tables: columns, cell texts, and the values for sorting and export.

The same table is used on screen, for the clipboard and for exported files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smart_retail.bundle.versions import VersionInfo
from smart_retail.presentation.formatting import describe_score, format_bytes, format_score
from smart_retail.presentation.labels import COLUMN_LABELS, METHODS, RETURN_FORMS, method_label
from smart_retail.presentation.sales_texts import earlier_labels, key_figures
from smart_retail.results import (
    CleaningReport,
    Cluster,
    MonthTotals,
    Purchase,
    Recommendation,
    RecommendationList,
    SalesComparison,
    Segment,
)
from smart_retail_tkinter.formatting import SEPARATOR, format_amount, format_integer, format_percent, quantity

if TYPE_CHECKING:  # only a fit loads the modules of data
    from smart_retail.data.dry_run import SourceColumns

Value = str | int | float


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    label: str
    width: int
    """Pixels at 96 dots per inch."""
    number: bool = False
    """Whether the column is right-aligned and keeps its width when the table is resized."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: texts to show, and values to sort and export."""

    key: str
    """Id of the item or customer; empty for other rows."""
    cells: tuple[str, ...]
    values: tuple[Value, ...]
    name: str = ""
    """Name of the item or customer."""
    detail: str = ""
    """Text below the table while the row is selected."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...] = ()

    def text(self) -> str:
        """Return the table as tab-separated text with a header, for pasting into a spreadsheet."""
        lines = [tuple(column.label for column in self.columns), *(row.cells for row in self.rows)]
        return "\n".join("\t".join(" ".join(cell.split()) or cell for cell in line) for line in lines)


def _column(name: str, width: int, *, number: bool = False, label: str = "") -> Column:
    return Column(name, label or COLUMN_LABELS[name], width, number)


RECOMMENDATIONS = (
    _column("rank", 44, number=True),
    _column("item_name", 230),
    _column("item_id", 152),
    _column("category", 120),
    _column("reason", 250),
    _column("share", 76, number=True),
)
PURCHASES = (
    _column("item_name", 260),
    _column("item_id", 152),
    _column("category", 120),
    _column("orders", 74, number=True),
    _column("quantity", 84, number=True),
    _column("amount", 104, number=True),
    _column("last_day", 104),
)
SEGMENTS = (
    _column("segment", 128),
    _column("customers", 84, number=True),
    _column("revenue", 92, number=True),
    _column("revenue_share", 88, number=True, label="Of revenue"),
)

CLUSTERS = (
    _column("cluster", 200, label="Cluster"),
    _column("customers", 92, number=True),
    _column("share", 92, number=True, label="Share"),
    _column("revenue", 104, number=True),
    _column("revenue_share", 92, number=True, label="Of revenue"),
    _column("mean_recency", 130, number=True, label="Days since order"),
    _column("mean_frequency", 100, number=True),
    _column("mean_monetary", 110, number=True),
)
SALES = (
    _column("figure", 200, label="Figure"),
    _column("value", 140, number=True, label="Value"),
    _column("previous", 190, number=True, label="Against the period before"),
    _column("year_ago", 170, number=True, label="Against a year ago"),
)


def recommendation_table(items: Iterable[Recommendation]) -> Table:
    """Return a list of products with the main reason of each."""
    return Table(RECOMMENDATIONS, tuple(_recommendation_row(item) for item in items))


def _recommendation_row(item: Recommendation) -> Row:
    main = max(item.reasons, key=lambda reason: reason.share, default=None)
    reason, share = (main.text, main.share) if main else ("", 0.0)
    cells = (str(item.rank), item.item_name, item.item_id, item.category, reason, format_percent(share) if main else "")
    values = (item.rank, item.item_name, item.item_id, item.category, reason, share)
    return Row(item.item_id, cells, values, item.item_name, recommendation_detail(item))


def recommendation_detail(item: Recommendation) -> str:
    """Return score, source and all reasons of an item."""
    return f"score {describe_score(item)}: {reasons_text(item)}" if item.reasons else f"score {describe_score(item)}"


def reasons_text(item: Recommendation) -> str:
    """Return all reasons of an item, each with its method, rank and share."""
    return SEPARATOR.join(
        f"{reason.text} ({method_label(reason.method)}{f' #{reason.rank}' if reason.rank else ''}, "
        f"{format_percent(reason.share)})"
        for reason in item.reasons
    )


def purchase_table(purchases: Iterable[Purchase]) -> Table:
    """Return the purchases of a customer."""
    rows = []
    for p in purchases:
        numbers = (format_integer(p.orders), quantity(p.quantity), format_amount(p.amount))
        values = (p.item_name, p.item_id, p.category, p.orders, p.quantity, p.amount, p.last_day)
        rows.append(
            Row(
                p.item_id,
                (p.item_name, p.item_id, p.category, *numbers, p.last_day),
                values,
                p.item_name,
                f"First bought on {p.first_day}",
            )
        )
    return Table(PURCHASES, tuple(rows))


def segment_table(segments: Iterable[Segment]) -> Table:
    """Return the segments with size and revenue."""
    rows = []
    for s in segments:
        cells = (s.name, format_integer(s.customers), format_integer(s.revenue), format_percent(s.revenue_share))
        values = (s.name, s.customers, s.revenue, s.revenue_share)
        rows.append(
            Row(
                "",
                cells,
                values,
                s.name,
                " ".join(
                    filter(
                        None,
                        (f"{s.name}: {s.meaning}.", f"{s.limits}." if s.limits else "", f"What to do: {s.action}."),
                    )
                ),
            )
        )
    return Table(SEGMENTS, tuple(rows))


def cluster_table(clusters: Iterable[Cluster]) -> Table:
    """Return the customer clusters with size, revenue and means."""
    rows = []
    for c in clusters:
        numbers = (c.customers, c.share, c.revenue, c.revenue_share, c.mean_recency, c.mean_frequency, c.mean_monetary)
        cells = (
            c.name, format_integer(c.customers), format_percent(c.share), format_integer(c.revenue),
            format_percent(c.revenue_share), f"{c.mean_recency:,.1f}", f"{c.mean_frequency:,.1f}",
            format_amount(c.mean_monetary),
        )  # fmt: skip
        top = ", ".join(item.item_name or item.item_id for item in c.top_items)
        rows.append(Row("", cells, (c.name, *numbers), c.name, f"Buys more than others: {top}"))
    return Table(CLUSTERS, tuple(rows))


def sales_table(sales: SalesComparison, currency: str) -> Table:
    """Return the key figures of a period with their changes."""
    labels, rows = earlier_labels(sales), []
    for figure in key_figures(sales, currency):
        changes = (figure.changes.get(labels.get(name, ""), "") for name in ("previous", "year_ago"))
        cells = (figure.label, figure.value, *changes)
        rows.append(Row("", cells, cells, figure.label))
    return Table(SALES, tuple(rows))


def ordered_lists(recommendations: RecommendationList) -> list[tuple[str, RecommendationList]]:
    """Return method and list for a result of ``all``, in the order of the screens."""
    lists = recommendations.lists
    names = (*(name for name in METHODS if name in lists), *(name for name in lists if name not in METHODS))
    return [(name, lists[name]) for name in names]


def comparison_table(recommendations: RecommendationList) -> Table:
    """Return the lists of ``all`` one below the other, with a column for the method, for copying and export."""
    method = Column("method", "Method", 100)
    rows = [
        Row(row.key, (label, *row.cells), (label, *row.values), row.name, row.detail)
        for label, items in ((method_label(name), part.items) for name, part in ordered_lists(recommendations))
        for row in recommendation_table(items).rows
    ]
    return Table((method, *RECOMMENDATIONS), tuple(rows))


def ranks_text(recommendations: RecommendationList, item_id: str) -> str:
    """Return rank and score of an item per method: ``Hybrid #1 (score 0.4 from CF), CF #3 (score 0.9)``.

    The source is omitted where it is the method of the list.
    """
    return ", ".join(
        f"{method_label(name)} #{item.rank} "
        f"(score {format_score(item.score) if item.source == name else describe_score(item)})"
        for name, part in ordered_lists(recommendations)
        for item in part.items
        if item.item_id == item_id
    )


VERSIONS = (
    Column("version", "Version", 220),
    Column("fitted_at", "Fitted at (UTC)", 160),
    Column("state", "State", 90),
    Column("size", "Size", 90, number=True),
    Column("signature", "Signature", 110),
)
SIGNATURES = {"valid": "valid", "wrong": "not valid", "unchecked": "not checked", "none": "none"}


def version_table(versions: Iterable[VersionInfo]) -> Table:
    """Return the fitted versions; the key of a row is the version id."""
    rows = []
    for info in versions:
        fitted = info.fitted_at.replace("T", " ").removesuffix("Z")
        state = "active" if info.active else "previous" if info.previous else ""
        signature = SIGNATURES.get(info.signature, info.signature)
        cells = (info.version, fitted, state, format_bytes(info.size), signature)
        rows.append(Row(info.version, cells, (info.version, fitted, state, info.size, signature), info.version))
    return Table(VERSIONS, tuple(rows))


FIELDS = (
    Column("field", "Field", 130),
    Column("header", "Column in the file", 150),
    Column("confidence", "Confidence", 110),
    Column("samples", "Values", 200),
)
MONTHS = (
    Column("month", "Month", 80),
    Column("rows", "Rows", 70, number=True),
    Column("accepted", "Accepted", 80, number=True),
    Column("amount", "Amount", 110, number=True),
    Column("amount_accepted", "Accepted amount", 120, number=True),
)
CLEANING = (
    Column("what", "Order lines", 220),
    Column("rows", "Number", 84, number=True),
    Column("share", "Share", 76, number=True),
    Column("examples", "Examples", 180),
)


def field_table(sources: Iterable[SourceColumns]) -> Table:
    """Return the recognised columns with sample values; unused ones come last, those that look important first."""
    cells: list[tuple[str, str, str, str]] = []
    unused: list[tuple[str, str, str, str]] = []
    for source in sources:
        for f in source.fields:
            dates = f"{f.confidence}, {f.dates}" if f.dates else f.confidence
            cells.append((f.field, f.header, dates, ", ".join(f.samples)))
        for u in source.unused:
            looks = f"a {u.looks_like}?" if u.looks_like else ""
            unused.append(("(not used)", u.header, looks, ", ".join(u.values[:6])))
    rows = dict.fromkeys([*cells, *sorted(unused, key=lambda row: not row[2])])
    return Table(FIELDS, tuple(Row("", row, row) for row in rows))


def month_table(months: Iterable[MonthTotals]) -> Table:
    """Return rows and amounts by month: all that are in the files next to the accepted ones."""
    rows = []
    for m in months:
        values = (m.month or "no date", m.rows, m.rows_accepted, m.amount, m.amount_accepted)
        cells = (
            values[0], format_integer(m.rows), format_integer(m.rows_accepted), format_amount(m.amount),
            format_amount(m.amount_accepted),
        )  # fmt: skip
        rows.append(Row("", cells, values))
    return Table(MONTHS, tuple(rows))


def cleaning_table(report: CleaningReport) -> Table:
    """Return accepted and rejected rows by reason; returned lines are part of the accepted ones."""
    parts = [("in the files", report.rows_in, ""), ("accepted", report.rows_accepted, "")]
    parts += [(f"rejected: {part.reason}", part.rows, ", ".join(part.examples)) for part in report.rejected]
    parts += [(RETURN_FORMS.get(r.form, r.form), r.lines, f"amount {format_amount(r.amount)}") for r in report.returns]
    rows = []
    for what, number, examples in parts:
        share = number / report.rows_in if report.rows_in else 0.0
        cells = (what, format_integer(number), format_percent(share), examples)
        rows.append(Row("", cells, (what, number, share, examples), what, examples))
    return Table(CLEANING, tuple(rows))
