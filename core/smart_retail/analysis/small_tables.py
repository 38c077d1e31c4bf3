"""Small tables that people edit: campaign files and contact lists, as delimited text or as a workbook.

In: a path. Out: the header and the rows as text.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from smart_retail.data import columns as c
from smart_retail.data.files.delimited_text import open_text
from smart_retail.data.files.workbook import open_workbook
from smart_retail.data.parsing.presets import ALIASES
from smart_retail.errors import DataError

WORKBOOK_SUFFIXES: Final = frozenset({".xlsx", ".xls", ".xlsb", ".ods"})


def read_small_table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Return the header and the rows of a table.

    Separator and encoding of text are detected. In a workbook, the sheet with the most rows is read.

    Parameters
    ----------
    path : Path
        A CSV file, also with another separator, or a workbook.

    Returns
    -------
    header : list of str
        Column names, without empty ones.
    rows : list of dict
        Column name -> cell; missing cells are empty.

    Raises
    ------
    DataError
        The file cannot be read.
    MissingExtraError
        Workbooks need a package that is not installed.
    """
    with TemporaryDirectory() as folder:
        try:
            if path.suffix.lower() in WORKBOOK_SUFFIXES:
                file = open_workbook(path, Path(folder)).orders
            else:
                file = open_text(path, Path(folder))
            with file.path.open(encoding="utf-8-sig", newline="") as stream:
                lines = islice(stream, file.skip, None)
                rows = [
                    dict(zip(file.header, (*row, *[""] * len(file.header)), strict=False))
                    for row in csv.reader(lines, delimiter=file.separator)
                    if row
                ]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{path.name} cannot be read as a table.", "Save it as CSV UTF-8 or as XLSX.") from error
    return [name for name in file.header if name], rows


def find_customer_column(header: Sequence[str]) -> str | None:
    """Return the column with the customer ids: ``customer_id``, or one with a common name for it; None without one.

    An e-mail address is never taken for the id, since it is what a contact list adds.
    """
    if c.CUSTOMER_ID in header:
        return c.CUSTOMER_ID
    names: dict[str, str] = {}
    for name in header:
        names.setdefault(_normalize(name), name)
    aliases = (_normalize(alias) for alias in ALIASES[c.CUSTOMER_ID] if "email" not in _normalize(alias))
    return next((names[alias] for alias in aliases if alias in names), None)


def _normalize(name: str) -> str:
    """Return a column name without case, spaces and punctuation."""
    return re.sub(r"[\W_]+", "", name).lower()
