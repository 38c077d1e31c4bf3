"""Parts of the HTML report: tables, charts with the table behind them, sections, the whole document.

The page loads nothing from the network, and every value is escaped.
"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from smart_retail.presentation import html as shared
from smart_retail.presentation.labels import COLUMN_LABELS
from smart_retail.utils.spreadsheet import escape_formula

if TYPE_CHECKING:
    from markupsafe import Markup

Rows = Sequence[Mapping[str, Any]]

PACKAGE: Final = "smart_retail.reporting"
MAX_ROWS: Final = 200
"""Rows of a table in the page; the CSV file has all of them."""


def heading(name: str) -> str:
    """Return the heading of a column."""
    text = COLUMN_LABELS.get(name, name.replace("_", " "))
    if name in ("mae", "rmse", "mape", "ndcg"):
        return name.upper()
    return text if text.startswith("ρ") else text[:1].upper() + text[1:]


def cell(name: str, value: object) -> str:
    """Format a value of a column: shares as percentages, numbers with thousands separators."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if name.endswith("share"):
            return f"{100 * value:.1f} %"
        if value.is_integer():
            return f"{value:,.0f}"
        return f"{value:,.2f}" if abs(value) >= 10 else f"{value:,.3f}"
    return str(value)


def table(rows: Rows) -> Markup:
    """Return rows as a table, at most `MAX_ROWS`. Numbers are right-aligned; columns without a value are left out."""
    names = [n for n in rows[0] if any(row[n] not in (None, "") for row in rows)] if rows else []
    numeric = {n for n in names if all(row[n] is None or _is_number(row[n]) for row in rows)}
    return _render(
        "report_table.html",
        columns=[(heading(name), name in numeric) for name in names],
        rows=[[cell(name, row[name]) for name in names] for row in rows[:MAX_ROWS]],
        total=len(rows),
        max_rows=MAX_ROWS,
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def csv_link(name: str, rows: Rows) -> Markup:
    """Return a link that holds all rows as a CSV file; cells that look like formulas are made text."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(rows[0])
    writer.writerows([escape_formula(value) for value in row.values()] for row in rows)
    data = base64.b64encode(out.getvalue().encode("utf-8-sig")).decode("ascii")
    return _render("csv_link.html", name=name, data=data)


def chart(name: str, svg: str, rows: Rows) -> Markup:
    """Return a chart with its table one click away.

    Parameters
    ----------
    name : str
        Part of the id in the page, and name of the CSV file.
    svg : str
        The chart as an ``<svg>`` element of `chart_style.to_svg`, trusted.
    rows : sequence of mappings
        The rows behind the chart.

    Returns
    -------
    Markup
    """
    from markupsafe import Markup

    # Matplotlib has escaped the texts in the SVG.
    return _render("chart.html", name=name, svg=Markup(svg), table=table(rows), link=csv_link(name, rows))  # noqa: S704


def subheading(text: str) -> Markup:
    """Return a heading inside a section."""
    return _render("subheading.html", text=text)


def note(text: str) -> Markup:
    """Return a highlighted remark."""
    return _render("note.html", text=text)


def paragraph(text: str) -> Markup:
    """Return an explanation."""
    return _render("paragraph.html", text=text)


def bullets(texts: Iterable[str]) -> Markup:
    """Return a bulleted list."""
    return _render("bullets.html", texts=list(texts))


def details(summary: str, content: Markup) -> Markup:
    """Return content that unfolds with a click on `summary`."""
    return _render("details.html", summary=summary, content=content)


def key_figures(figures: Mapping[str, str]) -> Markup:
    """Return figures (label -> value) side by side."""
    return _render("key_figures.html", figures=list(figures.items()))


def join(parts: Iterable[Markup]) -> Markup:
    """Return parts one after the other."""
    from markupsafe import Markup

    return Markup("").join(parts)


def document(title: str, subtitle: str, sections: Mapping[str, Markup], footer: str) -> str:
    """Return the whole page with a table of contents.

    Parameters
    ----------
    title, subtitle, footer : str
        Texts of the page.
    sections : mapping
        Heading -> HTML of the section.

    Returns
    -------
    str
    """
    from markupsafe import Markup

    style = files(PACKAGE).joinpath("templates", "report.css").read_text(encoding="utf-8")
    return _render(
        "document.html",
        title=title,
        subtitle=subtitle,
        sections=[("-".join(name.lower().split()), name, content) for name, content in sections.items()],
        footer=footer,
        style=Markup(style),  # noqa: S704  # package data
    )


def _render(template: str, **values: Any) -> Markup:
    return shared.render(PACKAGE, template, **values)
