"""A report page's HTML: tables, pictures with the table behind them, sections, the whole document.

In: plain rows and finished pictures. Out: text that loads nothing from anywhere; every value is escaped.
"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any, Final

from smart_retail.presentation.labels import COLUMN_LABELS
from smart_retail.utils.spreadsheet import escape_formula

Rows = Sequence[Mapping[str, Any]]

SHOWN: Final = 200
"""Longer tables show their beginning; the CSV beside them has all."""


def heading(name: str) -> str:
    """A column's name as people read it."""
    text = COLUMN_LABELS.get(name, name.replace("_", " "))
    if name in ("mae", "rmse", "mape"):
        return name.upper()
    return text if text.startswith("ρ") else text[:1].upper() + text[1:]


def cell(name: str, value: object) -> str:
    """A value as people read it: shares as percentages, numbers with thousands separators."""
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


def table(rows: Rows) -> str:
    """Rows as a table, numbers to the right; at most `SHOWN` of them. Columns without a value are left out."""
    if not rows:
        return '<p class="note">Nothing to show.</p>'
    names = [n for n in rows[0] if any(row[n] not in (None, "") for row in rows)]
    numeric = {n for n in names if all(r[n] is None or _is_number(r[n]) for r in rows)}
    mark = {n: ' class="n"' if n in numeric else "" for n in names}
    head = "".join(f"<th{mark[n]}>{escape(heading(n))}</th>" for n in names)
    lines = "".join(
        f"<tr>{''.join(f'<td{mark[n]}>{escape(cell(n, row[n]))}</td>' for n in names)}</tr>" for row in rows[:SHOWN]
    )
    more = f'<p class="note">The first {SHOWN} of {len(rows):,} rows.</p>' if len(rows) > SHOWN else ""
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>{more}'


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def csv_link(name: str, rows: Rows) -> str:
    """All rows as a CSV inside a link; no text in it becomes a formula."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(rows[0])
    writer.writerows([escape_formula(value) for value in row.values()] for row in rows)
    data = base64.b64encode(out.getvalue().encode("utf-8-sig")).decode("ascii")
    return f'<a class="csv" download="{escape(name)}.csv" href="data:text/csv;base64,{data}">CSV</a>'


def picture(name: str, svg: str, rows: Rows) -> str:
    """A picture with its table one click away."""
    behind = f"<details><summary>the numbers</summary>{table(rows)}{csv_link(name, rows)}</details>"
    return f'<figure id="figure-{escape(name)}">{svg}{behind}</figure>'


def note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def bullets(texts: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"


def key_figures(figures: Mapping[str, str]) -> str:
    """Name -> figure, side by side."""
    return (
        '<div class="figures">'
        + "".join(f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in figures.items())
        + "</div>"
    )


def document(title: str, lead: str, sections: Mapping[str, str], foot: str) -> str:
    """The whole page: heading -> HTML of each section, with a contents list."""
    ids = {name: escape("-".join(name.lower().split())) for name in sections}
    contents = "".join(f'<a href="#{ids[name]}">{escape(name)}</a>' for name in sections)
    body = "".join(
        f'<section id="{ids[name]}"><h2>{escape(name)}</h2>{html}</section>' for name, html in sections.items()
    )
    style = files(__package__).joinpath("report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        'img-src data:">'
        f"<title>{escape(title)}</title><style>{style}</style></head>"
        f"<body><header><h1>{escape(title)}</h1><p>{escape(lead)}</p><nav>{contents}</nav></header>"
        f"<main>{body}</main><footer>{escape(foot)}</footer></body></html>\n"
    )
