"""How the files of a source are read, where the user says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from smart_retail.errors import UsageError


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Choices of the user for all files of a source."""

    header_row: int = 0
    """Row of the header, counted from 1; 0 searches it."""
    sheet: str = ""
    """Name of the sheet of a workbook; empty: the one with the best header."""
    query: str = ""
    """SQL query of a source that is a database."""

    def __post_init__(self) -> None:
        if self.header_row < 0:
            raise UsageError(f"{self.header_row} is not a valid header row.", "Count the rows from 1.")


AUTOMATIC: Final = ReadOptions()
"""Everything is found automatically."""
