"""Find the header row of a table below title rows, period lines and blank rows.

A header may have two rows (merged cells above the headers) and a row of units below it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

from smart_retail.data.parsing.presets import ALIASES, PRESETS, normalize_header, without_unit

HEADER_ROWS: Final = 30
"""Rows in which the header is searched."""
_LONGEST_KNOWN_HEADER: Final = 200
"""Longer cells are not compared with known headers, which would take minutes for a cell of a megabyte."""
_MIN_MATCHES: Final = 3
"""Fields that a row below the first one must match to be the header."""


@cache
def _field_of() -> dict[str, str]:
    """Return the canonical column of each normalized header of the aliases and presets."""
    fields: dict[str, str] = {}
    for columns in (ALIASES, *(preset.columns for preset in PRESETS)):
        for column, headers in columns.items():
            for header in (column, *headers):
                fields.setdefault(normalize_header(header), column)
    return fields


def count_fields(row: Sequence[str]) -> int:
    """Return the number of different canonical columns that the cells of a row are known headers of."""
    fields = _field_of()
    short = [cell for cell in row if len(cell) <= _LONGEST_KNOWN_HEADER]
    found = {fields.get(normalize_header(cell)) or fields.get(normalize_header(without_unit(cell))) for cell in short}
    return len(found - {None})


def find_header(rows: Sequence[Sequence[str]]) -> int:
    """Return the index of the header row.

    Parameters
    ----------
    rows : sequence of rows
        The first rows of a table; blank rows have no cells or blank cells only.

    Returns
    -------
    int
        The row with the most known headers if it has clearly more than the first row with content; otherwise that
        first row.
    """
    filled = [i for i, row in enumerate(rows[:HEADER_ROWS]) if any(cell.strip() for cell in row)]
    if not filled:
        return 0
    first = filled[0]
    best = max(filled, key=lambda i: (count_fields(rows[i]), -i))
    matches = count_fields(rows[best])
    return best if matches >= _MIN_MATCHES and matches > count_fields(rows[first]) else first


_UNITS: Final = frozenset(
    (
        "eur", "usd", "gbp", "chf", "pln", "euro", "€", "$", "£", "%", "stk", "st", "pcs", "pc", "piece", "pieces",
        "stück",
        "kg", "g", "l", "ml", "m", "unit", "units", "text", "date", "datum", "yyyy-mm-dd", "dd.mm.yyyy", "tt.mm.jjjj",
        "mm/dd/yyyy", "dd/mm/yyyy", "-",
    )
)  # fmt: skip


def is_unit_row(row: Sequence[str]) -> bool:
    """Whether a row below the header holds units only, such as `pcs` and `[EUR]`."""
    filled = [cell.strip().strip("[]()").strip().lower() for cell in row if cell.strip()]
    return bool(filled) and all(cell in _UNITS for cell in filled)


def refine_header(above: Sequence[str], header: Sequence[str], below: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """Return the header combined with merged cells above or below it, and the number of further header rows below.

    Parameters
    ----------
    above, below : sequence of str
        The rows around the header; empty if there is none.
    header : sequence of str
        The row that was found.
    """
    plain = tuple(cell.strip() for cell in header)
    known = count_fields(plain)
    with_above = _combine(above, plain) if any(cell.strip() for cell in above) else plain
    if len(above) == len(plain) and count_fields(with_above) > max(known, _MIN_MATCHES - 1):
        return with_above, 0
    with_below = _combine(plain, below) if any(cell.strip() for cell in below) else plain
    if len(below) == len(plain) and count_fields(with_below) > max(known, _MIN_MATCHES - 1):
        return with_below, 1
    return plain, int(is_unit_row(below))


def _combine(upper: Sequence[str], lower: Sequence[str]) -> tuple[str, ...]:
    """Return the headers of two rows: a merged cell of the upper row stands above several cells of the lower row."""
    combined, group = [], ""
    for over, under in zip(upper, lower, strict=False):
        over, under = over.strip(), under.strip()
        group = over or (group if under else "")
        both = f"{group} {under}".strip()
        combined.append(under if under and not over and not count_fields([both]) and count_fields([under]) else both)
    return tuple(combined)
