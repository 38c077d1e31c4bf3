"""A few pictures as a file: one page with the numbers behind each, or the first picture alone.

In: pictures with their rows, lazily drawn. Out: an .html page that loads nothing, an .svg or a .png.
"""

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
    from matplotlib.figure import Figure

SUFFIXES = (".html", ".svg", ".png")


class ChartSection(NamedTuple):
    name: str
    draw: Callable[[], Figure]
    rows: html.Rows
    tables: Sequence[tuple[str, html.Rows]] = ()
    """Headings and tables below it."""


def check_suffix(path: str | os.PathLike[str]) -> Path:
    """The path, where it ends in one of `FORMS`; else `UsageError`."""
    target = Path(path)
    if target.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{target.name} is no page and no picture.", f"End it with {', '.join(SUFFIXES)}.")
    return target


def write_charts(
    path: str | os.PathLike[str], title: str, lead: str, pictures: Sequence[ChartSection], foot: str
) -> Path:
    """Write them; a picture with too little data is left out of a page with its reason.

    Raises
    ------
    UsageError
        Another ending than .html, .svg or .png, or the folder cannot be written to.
    DataError
        The one picture of an .svg or .png has too little data.
    MissingExtraError
        matplotlib or seaborn is not installed (extra ``report``).
    """
    target = check_suffix(path)
    with atomic_file(target) as part:
        if target.suffix.lower() == ".html":
            sections = {each.name: _section(each) for each in pictures}
            part.write_text(html.document(title, lead, sections, foot), encoding="utf-8")
        elif target.suffix.lower() == ".svg":
            part.write_text(to_svg(pictures[0].draw(), pictures[0].name), encoding="utf-8")
        else:
            part.write_bytes(to_png(pictures[0].draw()))
    return target


def _section(each: ChartSection) -> str:
    parts = []
    try:
        parts.append(html.picture(each.name, to_svg(each.draw(), each.name), each.rows))
    except DataError as error:
        parts.append(html.note(error.message))
    for heading, rows in each.tables:
        parts += [f"<h3>{heading}</h3>", html.table(rows)]
    return "".join(parts)
