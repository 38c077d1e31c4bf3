"""Blanks around texts: names lose them, ids keep them, and what is blank alone is missing.

In: a frame with columns of text under their canonical names. Out: the same, tidied.
"""

from __future__ import annotations

from typing import Any, Final

import narwhals as nw

from smart_retail.data.preprocessing import IDS, TEXTS

BLANK: Final = " \t\r\n\v\f\u00a0\ufeff"
_ENDS: Final = (" ", "\t", "\n", "\r", "\u00a0")


def tidied(frame: nw.LazyFrame[Any], texts: set[str]) -> nw.LazyFrame[Any]:
    """Those of `texts` that are names without blanks around, and the ids of blanks alone as empty texts.

    What is missing becomes an empty text too.
    """
    names = [n for n in TEXTS if n in texts]
    return frame.with_columns((_filled if n in IDS else _stripped)(nw.col(n)).alias(n) for n in names)


def _begins_inked(text: nw.Expr) -> nw.Expr:
    """Comparing is far cheaper than searching: what begins with a letter, a digit or a sign is done with."""
    return (text >= "!") & (text < "\u00a0")


def _filled(text: nw.Expr) -> nw.Expr:
    """Nearly every id takes the first branch, so only the others pay for being missing or blank."""
    there = text.fill_null("")
    inner = there.str.strip_chars(BLANK)
    return nw.when(_begins_inked(text)).then(text).otherwise(nw.when(inner == "").then(inner).otherwise(there))


def _stripped(text: nw.Expr) -> nw.Expr:
    """Without blanks around. Only texts with a blank at an end pay for the search of them."""
    text = text.fill_null("")
    blank = ~_begins_inked(text)
    for end in _ENDS:
        blank = blank | text.str.ends_with(end)
    return nw.when(blank).then(text.str.strip_chars(BLANK)).otherwise(text)
