"""Detect the format of text columns: decimal point or comma, day first or month first.

The format with the fewest unparsed values over the whole column is used; ties go to the first one in the list. The
first guess is made on the head of the source; `sample_guess_failed` returns whether another format may be better.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

NUMBER: Final = "number"
TIMESTAMP_KIND: Final = "timestamp"

_TIMES = ("", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p", " %H:%M:%S.%f")


@dataclass(frozen=True, slots=True)
class Format:
    """One way to parse a text."""

    kind: str
    """``number`` or ``timestamp``."""
    label: str
    """Name in the cleaning report; empty for plain numbers and ISO 8601."""
    patterns: tuple[str, ...] = ()
    """strptime patterns, tried in order; empty for ISO 8601 and numbers."""
    decimal: str = ""
    """Decimal sign of formatted numbers; empty for plain numbers."""
    zone: str = ""
    """Time zone to which times with an offset are converted; empty: they keep their local time."""
    shape: str = ""
    """Pattern of the texts that this format may parse; formats with different shapes never parse the same text."""


PLAIN: Final = Format(NUMBER, "")
POINT: Final = Format(NUMBER, "decimal point with thousands separators or currency signs", decimal=".")
COMMA: Final = Format(NUMBER, "decimal comma", decimal=",")

ISO: Final = Format(TIMESTAMP_KIND, "", shape="^[0-9]{4}[-/][0-9]")


def number_formats(separator: str = ",") -> tuple[Format, ...]:
    """Return the number formats; in a file separated by semicolons, a decimal comma is more likely."""
    return (PLAIN, COMMA, POINT) if separator == ";" else (PLAIN, POINT, COMMA)


def _dates(label: str, shape: str, *days: str) -> Format:
    return Format(TIMESTAMP_KIND, label, tuple(day + time for day in days for time in _TIMES), shape=shape)


DAY_FIRST: Final = "day first"
MONTH_FIRST: Final = "month first"
_ORDER_LABELS: Final = {"dmy": DAY_FIRST, "mdy": MONTH_FIRST, "ymd": "year first"}


def timestamp_formats(separator: str = ",", date_order: str = "", zone: str = "") -> tuple[Format, ...]:
    """Return the timestamp formats; dots and hyphens suggest day first, a slash month first.

    Parameters
    ----------
    separator : str
        Separator of the file; a semicolon suggests day first.
    date_order : str
        ``dmy``, ``mdy`` or ``ymd`` excludes the other orders of dates in numbers; empty allows all.
    zone : str
        Time zone to which times with an offset are converted.
    """
    formats = [replace(ISO, zone=zone)]
    for sign in "./- ":
        for year, digits in (("%Y", "[0-9]{4}"), ("%y", "[0-9]{2}(?:[^0-9]|$)")):
            shape = f"^[0-9]{{1,2}}[{sign}][0-9]{{1,2}}[{sign}]{digits}"
            day_first = _dates(DAY_FIRST, shape, f"%d{sign}%m{sign}{year}")
            month_first = _dates(MONTH_FIRST, shape, f"%m{sign}%d{sign}{year}")
            american = sign == "/" and separator != ";"
            formats += [month_first, day_first] if american else [day_first, month_first]
            if year == "%y" and date_order == "ymd":
                formats.append(_dates("year first", shape, f"%y{sign}%m{sign}%d"))
    named = [f"%d{sign}{month}{sign}{year}" for sign in " -/" for month in ("%b", "%B") for year in ("%Y", "%y")]
    named += ["%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y"]
    formats.append(_dates("names of months", "[A-Za-z]{3}", *named))
    compact = ("%Y%m%d", "%Y%m%d%H%M%S", "%Y%m%d %H:%M:%S", "%Y%m%d %H:%M")
    formats.append(Format(TIMESTAMP_KIND, "YYYYMMDD", compact, shape="^[0-9]{8}"))
    formats.append(_dates("year first", "^[0-9]{4}[.][0-9]", "%Y.%m.%d"))
    other_orders = set(_ORDER_LABELS.values()) - {_ORDER_LABELS[date_order]} if date_order else set()
    # Four digits at the beginning are a year in any order.
    return tuple(f for f in formats if f.label not in other_orders or f.shape.startswith("^[0-9]{4}"))


def opposite_order(form: Format, options: Sequence[Format]) -> Format | None:
    """Return the format that reads the same texts with day and month exchanged, None if there is none."""
    other = {DAY_FIRST: MONTH_FIRST, MONTH_FIRST: DAY_FIRST}.get(form.label)
    return next((f for f in options if f.label == other and f.shape == form.shape), None)


def choose_formats(failures: Mapping[str, Sequence[int]], options: Sequence[Format]) -> dict[str, Format]:
    """Choose the format of each column of one kind.

    The columns of a source usually have the same format: the one with the fewest failures over all columns is used
    for every column in which no other format has fewer.

    Parameters
    ----------
    failures : mapping
        Column -> number of values that each of `options` cannot parse.
    options : sequence of Format
        In order of preference.
    """
    if not failures:
        return {}
    totals = [sum(counts[i] for counts in failures.values()) for i in range(len(options))]
    common = totals.index(min(totals))
    chosen = {}
    for column, counts in failures.items():
        best = counts.index(min(counts))
        chosen[column] = options[common if counts[common] == counts[best] else best]
    return chosen


def sample_guess_failed(
    chosen: Format, unparsed: int, rows: int, head: Sequence[int], options: Sequence[Format]
) -> bool:
    """Return whether another format than the one chosen from the head may be better for the whole column.

    Parameters
    ----------
    unread : int
        Number of values of the whole column that `chosen` cannot parse.
    rows : int
        Number of values in the whole column.
    head : sequence of int
        Numbers of values of the head that each of `options` cannot parse: lower bounds for the whole column.
    """
    if unparsed == 0:
        return False
    for option, least in zip(options, head, strict=True):
        if option == chosen:
            continue
        disjoint = option.shape != chosen.shape
        if max(least, rows - unparsed if disjoint else 0) <= unparsed:
            return True
    return False
