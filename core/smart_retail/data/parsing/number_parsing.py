"""Parse formatted numbers, and convert floats to exact integer millionths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import narwhals as nw

from smart_retail.data.parsing.format_detection import NUMBER, Format
from smart_retail.utils.fixed_point import MILLION

MAX_VALUE: Final = 1e12
"""Maximum of a single amount or quantity, so that sums in millionths fit into int64."""

_WHOLE: Final = 2.0**52
_SPACE = "[ \u00a0\u202f]*"
_SIGN = r"(?:[$£€¥₹₽₩₺]|USD|EUR|GBP|CHF|SEK|NOK|DKK|PLN|CZK|HUF|JPY|INR|CAD|AUD|BRL|kr|zł|Rs|R)?"


def number_pattern(decimal: str) -> str:
    """Return the pattern of formatted numbers with this decimal sign; it also matches the empty text."""
    thousands = "[,' \u00a0\u202f]" if decimal == "." else "[.' \u00a0\u202f]"
    whole = f"(?:[0-9]{{1,3}}(?:{thousands}[0-9]{{3}})+|[0-9]+)?"
    part = rf"(?:[{decimal}][0-9]*)?"
    return rf"^\(?[-+]?{_SPACE}{_SIGN}{_SPACE}[-+]?{whole}{part}{_SPACE}(?:%|{_SIGN}){_SPACE}-?\)?$"


def normalize_numbers(frame: nw.LazyFrame[Any], formats: Mapping[str, Format]) -> nw.LazyFrame[Any]:
    """Rewrite formatted numbers (``1.234,50 €``) as plain texts (``1234.50``) that every engine can cast."""
    normalized = [
        normalized_number(name, f).alias(name) for name, f in formats.items() if f.kind == NUMBER and f.decimal
    ]
    return frame.with_columns(*normalized) if normalized else frame


def normalized_number(column: str, form: Format) -> nw.Expr:
    """Return ``1.234,50 €`` as ``1234.50``; parentheses and a trailing hyphen mean minus.

    Other text is null, or unchanged for a decimal point, so that ``1e5`` can still be cast.
    """
    text = nw.col(column)
    digits = text.str.replace_all(rf"[^0-9{form.decimal}]", "")
    if form.decimal == ",":
        digits = digits.str.replace_all(",", ".", literal=True)
    negative = text.str.contains(r"[-(]")
    plain = nw.when(negative).then(nw.concat_str(nw.lit("-"), digits)).otherwise(digits)
    # The pattern also matches the empty text, which the cast turns into null.
    return (
        nw.when(text.str.contains(number_pattern(form.decimal)))
        .then(plain)
        .otherwise(text if form.decimal == "." else nw.lit(None, dtype=nw.String))
    )


def to_millionths(value: nw.Expr) -> nw.Expr:
    """Return the absolute value as int64 millionths, rounded half to even; null above `MAX_VALUE`.

    The result is exact for up to 9 digits before the decimal point and 6 after it, and equal on every engine; the
    rounding functions of the engines differ.
    """
    scaled = value.abs() * float(MILLION)
    # Floats between 2**52 and 2**53 are whole numbers: the processor rounds the sum, ties to even.
    rounded = (scaled + _WHOLE) - _WHOLE
    large = nw.when(scaled <= MAX_VALUE * MILLION).then(scaled)
    return nw.when(scaled < _WHOLE).then(rounded).otherwise(large).cast(nw.Int64)
