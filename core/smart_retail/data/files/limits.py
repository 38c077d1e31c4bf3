"""Bounds on what a person's file may ask of this machine."""

from __future__ import annotations

from typing import Final

MAX_FILE_BYTES: Final = 20 * 2**30
"""Largest text or Parquet file, and the most a gzip file may unfold to."""
MAX_WORKBOOK_BYTES: Final = 512 * 2**20
"""Largest workbook file."""
MAX_WORKBOOK_UNFOLDED: Final = 2 * 2**30
"""The most the parts of a workbook may unfold to, together."""
MAX_WORKBOOK_RATIO: Final = 200
"""The most a workbook may be packed, beyond its first 10 MB; honest ones stay below 30."""
MAX_COLUMNS: Final = 2_000
MAX_CELL_CHARACTERS: Final = 1_000_000
MAX_LINE_BYTES: Final = 4_000_000
"""Longest row of a text file."""
