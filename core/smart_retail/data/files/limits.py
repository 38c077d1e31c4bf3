"""Limits on the size of input files."""

from __future__ import annotations

from typing import Final

MAX_FILE_BYTES: Final = 20 * 2**30
"""Maximum size of a text or Parquet file, and of the content of a gzip file."""
MAX_WORKBOOK_BYTES: Final = 512 * 2**20
"""Maximum size of a workbook file."""
MAX_WORKBOOK_CONTENT_BYTES: Final = 2 * 2**30
"""Maximum decompressed size of all parts of a workbook."""
MAX_WORKBOOK_RATIO: Final = 200
"""Maximum compression ratio of a workbook beyond its first 10 MB; normal ones are below 30."""
MAX_SPARSE_CELLS: Final = 5_000_000
"""Maximum rows times columns of a sheet, unless a quarter of these cells is in the file."""
MAX_COLUMNS: Final = 1_000
MAX_HEADER_CHARACTERS: Final = 1_000
"""Maximum length of a column header."""
MAX_CELL_CHARACTERS: Final = 1_000_000
MAX_LINE_BYTES: Final = 4_000_000
"""Maximum length of a row of a text file."""
MAX_PARQUET_TEXT_BYTES: Final = 20_000
"""Maximum length of a text in a Parquet file, which can repeat one text for every row at no cost."""
MAX_PARQUET_CONTENT_BYTES: Final = 256 * 2**20
"""Maximum size of all texts of a Parquet file, plus `MAX_PARQUET_RATIO` times the size of the file."""
MAX_PARQUET_RATIO: Final = 300
MAX_PARQUET_ROWS: Final = 5_000_000
"""Maximum number of rows of a Parquet file with more rows than `MAX_ROWS_PER_BYTE` times its size."""
MAX_ROWS_PER_BYTE: Final = 2
FREE_CONTENT_BYTES: Final = 10 * 2**20
"""Content of a gzip file to which `MAX_GZIP_RATIO` does not apply."""
MAX_GZIP_RATIO: Final = 200
"""Maximum compression ratio of a gzip file; normal ones are below 30."""
MAX_GZIP_MEMBERS: Final = 1_000
"""Maximum number of members of a gzip file that hold less than `MIN_GZIP_MEMBER_BYTES` on average."""
MIN_GZIP_MEMBER_BYTES: Final = 100
