"""HTML and Markdown of the pages: values in, escaped text out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from smart_retail.presentation import html as shared
from smart_retail.presentation import palette

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:])")


def escape_markdown(text: str) -> str:
    """Escape the signs of Markdown, for labels that Streamlit renders as Markdown."""
    return _MARKDOWN.sub(r"\\\1", text)


def render(template: str, **values: Any) -> Markup:
    """Render a template of this app; text in `values` is escaped."""
    return shared.render("smart_retail_streamlit", template, **values)


def finding(text: str, about: str = "") -> Markup:
    """Return a sentence that states a finding, with a smaller line on what is shown."""
    return render("finding.html", finding=text, about=about)


def note(text: str) -> Markup:
    """Return a highlighted remark."""
    return render("note.html", text=text)


def bullets(texts: Iterable[str]) -> Markup:
    """Return a bulleted list."""
    return render("bullets.html", texts=list(texts))


def facts(pairs: Mapping[str, str], css: str = "") -> Markup:
    """Return label and value pairs; those without a value are left out."""
    return render("facts.html", pairs=list(pairs.items()), css=css)


def segment_name(name: str, *, bold: bool = False) -> Markup:
    """Return the name of a segment with its colour."""
    return colour_key(palette.SEGMENT_COLOURS.get(name, palette.GREY), name, bold=bold)


def colour_key(colour: str, text: str, *, bold: bool = False) -> Markup:
    """Return a text with a small square in `colour` before it."""
    return render("colour_key.html", colour=colour, text=text, bold=bold)
