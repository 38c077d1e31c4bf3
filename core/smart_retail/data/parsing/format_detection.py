"""How a column of texts is to be read: decimal point or comma, day first or month first.

In: text columns. Out: for each the `Format` that leaves the fewest values unread, counted over the
whole column; ties go to the one that stands first. A first guess comes from the head of the source,
and `contenders` says whether the whole column could still overrule it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

NUMBER: Final = "number"
TIMESTAMP_KIND: Final = "moment"

_TIMES = ("", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p", " %H:%M:%S.%f")


@dataclass(frozen=True, slots=True)
class Format:
    """One way to read a text."""

    kind: str
    """number or moment."""
    label: str
    """What the cleaning report calls it; empty for the way programs write, which needs no word."""
    patterns: tuple[str, ...] = ()
    """strptime patterns, tried in turn; none for ISO 8601 and for numbers."""
    decimal: str = ""
    """Decimal sign of numbers written for people; empty for plain numbers."""
    shape: str = ""
    """Pattern of every text that this can read; no text is read by two formats of other shapes."""


PLAIN: Final = Format(NUMBER, "")
POINT: Final = Format(NUMBER, "decimal point with thousands separators or currency signs", decimal=".")
COMMA: Final = Format(NUMBER, "decimal comma", decimal=",")

ISO: Final = Format(TIMESTAMP_KIND, "", shape="^[0-9]{4}[-/][0-9]")


def number_formats(separator: str = ",") -> tuple[Format, ...]:
    """Ways to read a number; in a file separated by semicolons the comma is likelier the decimal sign."""
    return (PLAIN, COMMA, POINT) if separator == ";" else (PLAIN, POINT, COMMA)


def _dates(label: str, shape: str, *days: str) -> Format:
    return Format(TIMESTAMP_KIND, label, tuple(day + time for day in days for time in _TIMES), shape=shape)


def timestamp_formats(separator: str = ",") -> tuple[Format, ...]:
    """Ways to read a date. Dots and hyphens speak for day first, a slash for month first."""
    formats = [ISO]
    for sign in "./- ":
        for year, digits in (("%Y", "[0-9]{4}"), ("%y", "[0-9]{2}(?:[^0-9]|$)")):
            shape = f"^[0-9]{{1,2}}[{sign}][0-9]{{1,2}}[{sign}]{digits}"
            day_first = _dates("day first", shape, f"%d{sign}%m{sign}{year}")
            month_first = _dates("month first", shape, f"%m{sign}%d{sign}{year}")
            american = sign == "/" and separator != ";"
            formats += [month_first, day_first] if american else [day_first, month_first]
    named = [f"%d{sign}{month}{sign}{year}" for sign in " -/" for month in ("%b", "%B") for year in ("%Y", "%y")]
    named += ["%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y"]
    formats.append(_dates("names of months", "[A-Za-z]{3}", *named))
    compact = ("%Y%m%d", "%Y%m%d%H%M%S", "%Y%m%d %H:%M:%S", "%Y%m%d %H:%M")
    formats.append(Format(TIMESTAMP_KIND, "YYYYMMDD", compact, shape="^[0-9]{8}"))
    formats.append(_dates("year first", "^[0-9]{4}[.][0-9]", "%Y.%m.%d"))
    return tuple(formats)


def choose_formats(failures: Mapping[str, Sequence[int]], options: Sequence[Format]) -> dict[str, Format]:
    """The format of each column of one kind.

    All columns of a source are taken to be written by one hand: the format with the fewest failures
    over all of them is used wherever no other does better.

    Parameters
    ----------
    failures : mapping
        Column -> number of values that each of `options` leaves unread.
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
    """Whether the whole column might be read better in another way than the head suggested.

    Parameters
    ----------
    unread : int
        Values of the whole column that `chosen` left unread.
    rows : int
        Values in the whole column.
    head : sequence of int
        Values of the head that each of `options` left unread: no fewer are unread in the whole.
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
