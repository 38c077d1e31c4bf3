"""Numbers: texts written for people as plain texts, and floats as exact integer millionths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import narwhals as nw

from smart_retail.data.parsing.format_detection import NUMBER, Format
from smart_retail.utils.fixed_point import MILLION

MAX_VALUE: Final = 1e12
"""Of a single amount or quantity; beyond it an int64 of millionths would not hold a few of them."""

_WHOLE: Final = 2.0**52
_SPACE = "[ \u00a0\u202f]*"
_SIGN = r"(?:[$£€¥₹₽₩₺]|USD|EUR|GBP|CHF|SEK|NOK|DKK|PLN|CZK|HUF|JPY|INR|CAD|AUD|BRL|kr|zł|Rs|R)?"


def _pattern(decimal: str) -> str:
    thousands = "[,' \u00a0\u202f]" if decimal == "." else "[.' \u00a0\u202f]"
    whole = f"(?:[0-9]{{1,3}}(?:{thousands}[0-9]{{3}})+|[0-9]+)?"
    part = rf"(?:[{decimal}][0-9]*)?"
    return rf"^\(?[-+]?{_SPACE}{_SIGN}{_SPACE}[-+]?{whole}{part}{_SPACE}(?:%|{_SIGN}){_SPACE}-?\)?$"


def normalize_numbers(frame: nw.LazyFrame[Any], formats: Mapping[str, Format]) -> nw.LazyFrame[Any]:
    """The number columns that are written for people as texts that any engine's cast reads."""
    styled = [normalized_number(name, f).alias(name) for name, f in formats.items() if f.kind == NUMBER and f.decimal]
    return frame.with_columns(*styled) if styled else frame


def normalized_number(column: str, form: Format) -> nw.Expr:
    """``1.234,50 €`` as ``1234.50``; what does not have this form is left to fail, or, with a decimal
    point, to be read as it is (``1e5``). Parentheses and a trailing hyphen are a minus."""
    text = nw.col(column)
    digits = text.str.replace_all(rf"[^0-9{form.decimal}]", "")
    if form.decimal == ",":
        digits = digits.str.replace_all(",", ".", literal=True)
    negative = text.str.contains(r"[-(]")
    plain = nw.when(negative).then(nw.concat_str(nw.lit("-"), digits)).otherwise(digits)
    # A pattern of optional parts fits the empty text; the cast makes that null.
    return (
        nw.when(text.str.contains(_pattern(form.decimal)))
        .then(plain)
        .otherwise(text if form.decimal == "." else nw.lit(None, dtype=nw.String))
    )


def to_millionths(value: nw.Expr) -> nw.Expr:
    """The absolute value as int64 millionths, halves to even: exact for up to 9 digits before the
    point and 6 behind it, and the same on every engine (their own rounding differs). Null beyond `LARGEST`."""
    scaled = value.abs() * float(MILLION)
    # Between 2**52 and 2**53 floats are the whole numbers: the sum is rounded by the processor, ties to even.
    near = (scaled + _WHOLE) - _WHOLE
    large = nw.when(scaled <= MAX_VALUE * MILLION).then(scaled)
    return nw.when(scaled < _WHOLE).then(near).otherwise(large).cast(nw.Int64)
