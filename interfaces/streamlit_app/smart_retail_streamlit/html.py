"""Text for the page: names and labels in, escaped HTML and Markdown out."""

from __future__ import annotations

import re
from html import escape

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:])")


def plain(text: str) -> str:
    """`text` with Markdown's signs escaped, for labels that Streamlit renders as Markdown."""
    return _MARKDOWN.sub(r"\\\1", text)


def html_named(name: str, identity: str) -> str:
    """Name and id on two lines, escaped; the id alone where there is no name."""
    if not name or name == identity:
        return f'<span class="sr-name">{escape(identity)}</span>'
    return f'<span class="sr-name">{escape(name)}</span><span class="sr-id">{escape(identity)}</span>'


def table(columns: list[tuple[str, str]], rows: list[list[str]], css: str = "") -> str:
    """An HTML table; `columns` are class and heading, cells are HTML already."""
    head = "".join(f'<th class="{kind}">{escape(text)}</th>' for kind, text in columns)
    kinds = [kind for kind, _ in columns]
    body = "".join(
        "<tr>" + "".join(f'<td class="{kind}">{cell}</td>' for kind, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    )
    whole = f'<table class="sr-table {css}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="sr-scroll">{whole}</div>'


def bar(share: float, colour: str = "#0072B2") -> str:
    """A small bar, filled to `share`."""
    return f'<div class="sr-evidence"><i style="width:{min(share, 1):.1%};background:{colour}"></i></div>'


def axis_amount(value: float) -> str:
    """Money for the cell of a picture: three significant digits and a suffix."""
    for edge, suffix in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(value) >= edge:
            return f"{value / edge:.3g} {suffix}"
    return f"{value:.0f}"
