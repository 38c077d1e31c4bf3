"""Results as tables: columns, cells as text, and the values behind them for sorting and export.

One table serves the screen, the clipboard and the exported file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from smart_retail.presentation.formatting import score, scored
from smart_retail.presentation.labels import COLUMN_LABELS, METHODS, method_label
from smart_retail.results import CleaningReport, GridCell, Purchase, Recommendation, RecommendationList, Segment
from smart_retail_tkinter.formatting import DOT, amount, percent, quantity, whole

Value = str | int | float


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    label: str
    width: int
    """Pixels at the usual scaling."""
    number: bool = False
    """Numbers stand to the right."""
    stretch: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    key: str
    """Id of the item or customer; empty where the row is neither."""
    cells: tuple[str, ...]
    values: tuple[Value, ...]
    name: str = ""
    """Of the item or customer."""
    detail: str = ""
    """What a line below the table says when the row is chosen."""


@dataclass(frozen=True, slots=True)
class Table:
    columns: tuple[Column, ...]
    rows: tuple[Row, ...] = ()

    def text(self) -> str:
        """Tab-separated, with a head, as a spreadsheet takes it from the clipboard."""
        lines = [tuple(column.label for column in self.columns), *(row.cells for row in self.rows)]
        return "\n".join("\t".join(" ".join(cell.split()) or cell for cell in line) for line in lines)


def _column(name: str, width: int, *, number: bool = False, stretch: bool = False, label: str = "") -> Column:
    return Column(name, label or COLUMN_LABELS[name], width, number, stretch)


RECOMMENDATIONS = (
    _column("rank", 44, number=True),
    _column("item_name", 230, stretch=True),
    _column("item_id", 136),
    _column("category", 120),
    _column("reason", 250, stretch=True),
    _column("share", 76, number=True),
)
PURCHASES = (
    _column("item_name", 260, stretch=True),
    _column("item_id", 136),
    _column("category", 120),
    _column("orders", 74, number=True),
    _column("quantity", 84, number=True),
    _column("amount", 104, number=True),
    _column("last_day", 104),
)
SEGMENTS = (
    _column("segment", 126, stretch=True),
    _column("customers", 86, number=True),
    _column("revenue", 92, number=True),
    _column("revenue_share", 88, number=True, label="of revenue"),
)
GRID = (
    _column("r", 40, number=True, label="R"),
    _column("f", 40, number=True, label="F"),
    *SEGMENTS[:3],
)


def recommendations(items: Iterable[Recommendation]) -> Table:
    return Table(RECOMMENDATIONS, tuple(_recommendation(item) for item in items))


def _recommendation(item: Recommendation) -> Row:
    main = max(item.reasons, key=lambda reason: reason.share, default=None)
    reason, share = (main.text, main.share) if main else ("", 0.0)
    cells = (str(item.rank), item.item_name, item.item_id, item.category, reason, percent(share) if main else "")
    values = (item.rank, item.item_name, item.item_id, item.category, reason, share)
    return Row(item.item_id, cells, values, item.item_name, detail(item))


def detail(item: Recommendation) -> str:
    """Score, source and all reasons of an item, each with the method, its rank there and the share."""
    return f"score {scored(item)}: {reasons(item)}" if item.reasons else f"score {scored(item)}"


def reasons(item: Recommendation) -> str:
    return DOT.join(
        f"{reason.text} ({method_label(reason.method)}{f' #{reason.rank}' if reason.rank else ''}, "
        f"{percent(reason.share)})"
        for reason in item.reasons
    )


def purchases(bought: Iterable[Purchase]) -> Table:
    rows = []
    for p in bought:
        cells = (p.item_name, p.item_id, p.category, whole(p.orders), quantity(p.quantity), amount(p.amount))
        values = (p.item_name, p.item_id, p.category, p.orders, p.quantity, p.amount, p.last_day)
        rows.append(Row(p.item_id, (*cells, p.last_day), values, p.item_name, f"first bought {p.first_day}"))
    return Table(PURCHASES, tuple(rows))


def segments(groups: Iterable[Segment]) -> Table:
    rows = []
    for s in groups:
        cells = (s.name, whole(s.customers), whole(s.revenue), percent(s.revenue_share))
        values = (s.name, s.customers, s.revenue, s.revenue_share)
        rows.append(Row("", cells, values, s.name, f"{s.name}: {s.meaning}. What to do: {s.action}."))
    return Table(SEGMENTS, tuple(rows))


def grid(cells: Iterable[GridCell]) -> Table:
    return Table(
        GRID,
        tuple(
            Row(
                "",
                (str(c.r), str(c.f), c.segment, whole(c.customers), amount(c.revenue)),
                (c.r, c.f, c.segment, c.customers, c.revenue),
            )
            for c in cells
        ),
    )


def lists(answer: RecommendationList) -> list[tuple[str, RecommendationList]]:
    """Method and list of an answer to ``all``, in the order of the screens."""
    order = list(METHODS)
    known = sorted((name for name in answer.lists if name in order), key=order.index)
    return [(name, answer.lists[name]) for name in (*known, *(each for each in answer.lists if each not in order))]


def side_by_side(answer: RecommendationList) -> Table:
    """The lists of ``all`` one below the other, with the method in front: for copying and export."""
    method = Column("method", "Method", 100)
    rows = [
        Row(row.key, (label, *row.cells), (label, *row.values), row.name, row.detail)
        for label, items in ((method_label(name), part.items) for name, part in lists(answer))
        for row in recommendations(items).rows
    ]
    return Table((method, *RECOMMENDATIONS), tuple(rows))


def places(answer: RecommendationList, item_id: str) -> str:
    """Where an item stands and with which score: ``Hybrid #1 (score 0.4 from CF), CF #3 (score 0.9)``.

    A list's own method is not named as the source again.
    """
    return ", ".join(
        f"{method_label(name)} #{item.rank} (score {score(item.score) if item.source == name else scored(item)})"
        for name, part in lists(answer)
        for item in part.items
        if item.item_id == item_id
    )


FIELDS = (
    Column("field", "Field", 130),
    Column("header", "Column in the file", 170, stretch=True),
)
CLEANING = (
    Column("what", "Rows", 220, stretch=True),
    Column("rows", "Number", 84, number=True),
    Column("share", "Share", 76, number=True),
    Column("examples", "Examples", 180, stretch=True),
)


def fields(columns: Iterable[tuple[str, str]]) -> Table:
    """Recognised columns: field and header."""
    pairs = ((field or "(not used)", header) for field, header in columns)
    return Table(FIELDS, tuple(Row("", pair, pair) for pair in pairs))


def cleaning(report: CleaningReport) -> Table:
    """Where every row of the source went; returned lines are part of the accepted ones."""
    parts = [("in the source", report.rows_in, ""), ("accepted", report.rows_accepted, "")]
    parts += [(f"set aside: {each.reason}", each.rows, ", ".join(each.examples)) for each in report.rejected]
    parts += [(f"returned: {each.form}", each.lines, f"{amount(each.amount)} back") for each in report.returns]
    rows = []
    for what, number, examples in parts:
        share = number / report.rows_in if report.rows_in else 0.0
        cells = (what, whole(number), percent(share), examples)
        rows.append(Row("", cells, (what, number, share, examples), what, examples))
    return Table(CLEANING, tuple(rows))
