"""Whitespace around texts: it is removed from names and kept in ids; a text of whitespace only is missing.

Ids are only tested, not rewritten: writing a new text for every line takes far longer than a comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import narwhals as nw

BLANK: Final = " \t\r\n\v\f\u00a0\ufeff"
_ENDS: Final = (" ", "\t", "\n", "\r", "\u00a0")


def strip_names(frame: nw.LazyFrame[Any], names: Sequence[str]) -> nw.LazyFrame[Any]:
    """Remove whitespace around the texts of some columns; missing texts become empty."""
    return frame.with_columns(_strip(nw.col(n)).alias(n) for n in names)


def starts_non_blank(text: nw.Expr) -> nw.Expr:
    """Return whether a text starts with a visible ASCII character, as nearly every id does.

    This comparison is far cheaper than a search for other characters.
    """
    return (text >= "!") & (text < "\u00a0")


def is_not_blank(text: nw.Expr) -> nw.Expr:
    """Return whether a text is not null and not only whitespace.

    Only texts with an unusual first character are searched.
    """
    has_text = (text.str.strip_chars(BLANK) != "").fill_null(False)
    return nw.when(starts_non_blank(text)).then(nw.lit(True)).otherwise(has_text)


def _strip(text: nw.Expr) -> nw.Expr:
    """Remove whitespace around a text. Only texts with whitespace at an end are rewritten."""
    text = text.fill_null("")
    blank = ~starts_non_blank(text)
    for end in _ENDS:
        blank = blank | text.str.ends_with(end)
    return nw.when(blank).then(text.str.strip_chars(BLANK)).otherwise(text)
