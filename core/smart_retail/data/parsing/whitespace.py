"""Blanks around texts: names lose them, ids keep them, and what is blank alone is missing.

In: a frame with columns of text. Out: the same with names tidied; and tests of ids, which are read as they are:
to write a text anew for every line takes far longer than a look at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import narwhals as nw

BLANK: Final = " \t\r\n\v\f\u00a0\ufeff"
_ENDS: Final = (" ", "\t", "\n", "\r", "\u00a0")


def strip_names(frame: nw.LazyFrame[Any], names: Sequence[str]) -> nw.LazyFrame[Any]:
    """Columns of names without blanks around; a missing name becomes an empty text."""
    return frame.with_columns(_strip(nw.col(n)).alias(n) for n in names)


def starts_non_blank(text: nw.Expr) -> nw.Expr:
    """Whether a text begins with a letter, a digit or a sign, as nearly every id does: then it is not blank.

    Comparing is far cheaper than searching.
    """
    return (text >= "!") & (text < "\u00a0")


def is_not_blank(text: nw.Expr) -> nw.Expr:
    """Whether a text is there and not of blanks alone. Only texts that begin otherwise pay for the search."""
    searched = (text.str.strip_chars(BLANK) != "").fill_null(False)
    return nw.when(starts_non_blank(text)).then(nw.lit(True)).otherwise(searched)


def _strip(text: nw.Expr) -> nw.Expr:
    """Without blanks around. Only texts with a blank at an end pay for the search of them."""
    text = text.fill_null("")
    blank = ~starts_non_blank(text)
    for end in _ENDS:
        blank = blank | text.str.ends_with(end)
    return nw.when(blank).then(text.str.strip_chars(BLANK)).otherwise(text)
