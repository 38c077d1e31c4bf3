"""Find the header row of a table below title rows, period lines and blank rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

from smart_retail.data.parsing.presets import ALIASES, PRESETS, normalize_header, without_unit

HEADER_ROWS: Final = 30
"""Rows in which the header is searched."""
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
    found = {fields.get(normalize_header(cell)) or fields.get(normalize_header(without_unit(cell))) for cell in row}
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
