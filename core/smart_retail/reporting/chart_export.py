"""A few charts as a file: one page with the table behind each, or the first chart alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from smart_retail.errors import DataError, UsageError
from smart_retail.reporting import html
from smart_retail.reporting.chart_style import to_png, to_svg
from smart_retail.utils.atomic_file import atomic_file

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure

SUFFIXES = (".html", ".svg", ".png")


class ChartSection(NamedTuple):
    """A section of a page: a chart, and the tables below it."""

    name: str
    draw: Callable[[], Figure]
    rows: html.Rows
    tables: Sequence[tuple[str, html.Rows]] = ()
    """Headings and tables below the chart."""


def check_suffix(path: str | os.PathLike[str]) -> Path:
    """Return the path if it ends in one of `SUFFIXES`, else raise `UsageError`."""
    target = Path(path)
    if target.suffix.lower() not in SUFFIXES:
        raise UsageError(f"Charts cannot be written as {target.name}.", "Use a name that ends in .html, .svg or .png.")
    return target


def write_charts(
    path: str | os.PathLike[str], title: str, subtitle: str, sections: Sequence[ChartSection], footer: str
) -> Path:
    """Write charts to a file. In a page, a chart with too little data is replaced by the reason.

    Parameters
    ----------
    path : path
        Target that ends in ``.html`` (all sections), ``.svg`` or ``.png`` (the first chart).
    title, subtitle, footer : str
        Texts of the page.
    sections : sequence of ChartSection
        The charts, drawn one after the other.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UsageError
        The path has another ending, or the folder cannot be written to.
    DataError
        The only chart of an .svg or .png has too little data.
    MissingExtraError
        A library of the extra ``report`` is not installed.
    """
    target = check_suffix(path)
    with atomic_file(target) as part:
        if target.suffix.lower() == ".html":
            content = {section.name: _render_section(section) for section in sections}
            part.write_text(html.document(title, subtitle, content, footer), encoding="utf-8")
        elif target.suffix.lower() == ".svg":
            part.write_text(to_svg(sections[0].draw(), sections[0].name), encoding="utf-8")
        else:
            part.write_bytes(to_png(sections[0].draw()))
    return target


def _render_section(section: ChartSection) -> Markup:
    try:
        parts = [html.chart(section.name, to_svg(section.draw(), section.name), section.rows)]
    except DataError as error:
        parts = [html.note(error.message)]
    for heading, rows in section.tables:
        parts += [html.subheading(heading), html.table(rows)]
    return html.join(parts)
