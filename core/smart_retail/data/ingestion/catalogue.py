"""Read a catalogue of items: what the shop sells, with or without purchases so far.

In: a table with one row per item. Out: `ItemCatalogue`, the items by id with their texts, prices and stock. The columns
are recognised by header and content as those of order lines are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from smart_retail.data import columns as c
from smart_retail.data.backends.base import Backend
from smart_retail.data.files.read_options import ReadOptions
from smart_retail.data.ingestion.ingest import DateOptions, count_unparsed
from smart_retail.data.ingestion.row_validation import DAY, MAX_ID_CHARACTERS, RAW, Frame, RowValidation
from smart_retail.data.ingestion.sources import RawTable, Source, open_source, read_attempts, read_sample
from smart_retail.data.parsing.column_assignment import assign_columns
from smart_retail.data.parsing.column_profile import profile_columns, shorten
from smart_retail.data.parsing.format_detection import Format, choose_formats, number_formats, timestamp_formats
from smart_retail.data.parsing.number_parsing import MAX_VALUE
from smart_retail.data.parsing.presets import CATALOGUE_ALIASES
from smart_retail.data.parsing.whitespace import BLANK
from smart_retail.errors import ColumnError, DataError

MAX_ROWS: Final = 5_000_000
MAX_TEXT_CHARACTERS: Final = 10_000
"""Characters of a description or another text of an item that are kept."""
MAX_ATTRIBUTES: Final = 100
"""Further columns that are kept as attributes, the first ones of the table."""
MAX_EXAMPLES: Final = 3
_NUMBERS: Final = (c.UNIT_PRICE, c.COST, c.STOCK)
_TEXTS: Final = (c.ITEM_NAME, c.CATEGORY, c.SUBCATEGORY, c.BRAND, c.DESCRIPTION, c.IMAGE_URL)
_ATTRIBUTE: Final = "attribute_"
_REASONS: Final = {
    c.UNIT_PRICE: "bad price",
    c.COST: "bad cost",
    c.STOCK: "bad stock",
    c.LAUNCH_DATE: "bad launch date",
}
_DAYS: Final = (-25_567, 84_370)
"""1900-01-01 and 2200-12-31."""
_FLOAT_ID: Final = re.compile(r"[0-9]+\.0")
_TAG: Final = re.compile(r"<[^<>]{0,1000}>")


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """One item of a catalogue; texts are empty and numbers are None where the row has none."""

    item_name: str = ""
    category: str = ""
    subcategory: str = ""
    brand: str = ""
    description: str = ""
    image_url: str = ""
    unit_price: float | None = None
    """In the shop's currency, at least 0."""
    cost: float | None = None
    stock: float | None = None
    """Units; 0 and below is out of stock."""
    launch_day: int | None = None
    """Days since 1970-01-01."""
    attributes: str = ""
    """One line ``header: value`` for each further column with a value."""


@dataclass(frozen=True, slots=True)
class ItemCatalogue:
    """The items of a catalogue, and what happened to its rows."""

    name: str
    """Name of the table in messages."""
    items: Mapping[str, CatalogueItem]
    """By item id."""
    rows: int
    """Rows read."""
    rejected: Mapping[str, int]
    """Reason -> rows that are not items."""
    examples: Mapping[str, tuple[str, ...]]
    """Reason -> a few of the values that caused the rejection."""
    columns: Mapping[str, str]
    """Canonical column -> header."""
    attributes: tuple[str, ...] = ()
    """Headers of the columns that are attributes."""
    added: int = 0
    """Items that were added or changed since the last fit, in addition to the table."""
    is_table: bool = True
    """Whether there is a table; otherwise all items were added or changed since the last fit."""

    def notes(self, bought: int) -> list[str]:
        """Return sentences for the cleaning report.

        Parameters
        ----------
        bought : int
            Items of the catalogue that occur in the orders.
        """
        n = len(self.items)
        if not self.is_table:
            return [
                f"{n:,} items added or changed since the last fit are included ({bought:,} in the orders, "
                f"{n - bought:,} new)."
            ]
        found = ", ".join(f"{field} from {header}" for field, header in self.columns.items())
        notes = [
            f"Catalogue {self.name}: {n:,} of {self.rows:,} rows are items ({bought:,} in the orders, "
            f"{n - bought:,} new). Columns: {found}."
        ]
        if self.added:
            notes[0] = (
                f"Catalogue {self.name}: {self.rows:,} rows, and {self.added:,} items added or changed since the last "
                f"fit, are {n:,} items ({bought:,} in the orders, {n - bought:,} new). Columns: {found}."
            )
        if self.rejected:
            parts = []
            for reason, rows in sorted(self.rejected.items(), key=lambda entry: (-entry[1], entry[0])):
                shown = ", ".join(self.examples.get(reason, ()))
                parts.append(f"{reason} {rows:,}{f' ({shown})' if shown else ''}")
            notes.append(f"Catalogue {self.name}: rejected rows: {'; '.join(parts)}.")
        if not bought:
            notes.append(
                f"No item id of the catalogue {self.name} is in the orders: check that {self.columns[c.ITEM_ID]} has "
                "the ids that the orders use."
            )
        return notes


def read_catalogue(
    source: Source,
    backend: Backend,
    folder: Path,
    validations: Sequence[RowValidation] = (),
    dates: DateOptions = DateOptions(),  # noqa: B008  # frozen
) -> ItemCatalogue:
    """Read a table of items.

    Parameters
    ----------
    source : path or data frame
    backend : Backend
    folder : Path
        For temporary files.
    validations : sequence of RowValidation
        Rules of the order tables for item codes, which apply to the ids of the catalogue too.
    dates : DateOptions
        The order of day, month and year of the launch date.

    Raises
    ------
    ColumnError
        No column, or several, can be the item id.
    DataError
        The table cannot be read, is too long, or has no usable row.
    """
    table = open_source(source, backend, folder, 0, ReadOptions()).orders
    columns = match_catalogue_columns(table, read_sample(table, backend))
    last_error: Exception | None = None
    for reading, frame in read_attempts(table, backend, folder):
        try:
            return _collect_items(_fetch_rows(reading, frame, columns, backend, dates), reading, columns, validations)
        except backend.read_errors as error:
            last_error = error
    raise DataError(f"{table.name} cannot be read.", "Export it again as CSV, XLSX or Parquet.") from last_error


def match_catalogue_columns(table: RawTable, sample: Sequence[Sequence[str]]) -> dict[str, str]:
    """Return the header of each recognised column, by canonical column.

    Raises
    ------
    ColumnError
        No column, or several, can be the item id.
    """
    assignment = assign_columns(profile_columns(table.headers, sample), c.CATALOGUE, CATALOGUE_ALIASES)
    if rivals := assignment.ambiguous.get(c.ITEM_ID):
        raise ColumnError(
            f"Several columns of the catalogue {table.name} could be the item id: {', '.join(rivals)}.",
            "Name one of them Item ID.",
        )
    if c.ITEM_ID not in assignment.columns:
        found = ", ".join(h or "(blank)" for h in table.headers[:15])
        raise ColumnError(
            f"No column of the catalogue {table.name} was recognised as the item id (found: {found}).",
            "Name that column Item ID.",
        )
    return {column: assignment.columns[column] for column in c.CATALOGUE if column in assignment.columns}


@dataclass(frozen=True, slots=True)
class _Rows:
    """The columns of a catalogue as they were read."""

    columns: Mapping[str, NDArray[Any]]
    attributes: tuple[str, ...]
    """Headers of the columns ``attribute_0``, ``attribute_1``, ..."""
    texts: frozenset[str] = field(default_factory=frozenset)
    """Columns that were parsed from text, whose text is in ``raw_<column>``."""

    def __len__(self) -> int:
        return len(self.columns[c.ITEM_ID])

    def text(self, column: str, row: int) -> str:
        """Return a text without whitespace around it, empty for a missing one."""
        values = self.columns.get(column)
        value = None if values is None else values[row]
        return "" if value is None else str(value).strip(BLANK)[:MAX_TEXT_CHARACTERS]


def _fetch_rows(raw: RawTable, frame: Frame, columns: Mapping[str, str], backend: Backend, dates: DateOptions) -> _Rows:
    types = frame.collect_schema()
    position = {header: str(i) for i, header in reversed(list(enumerate(raw.headers)))}
    used = {position[header] for header in columns.values()}
    others = [(str(i), header) for i, header in enumerate(raw.headers) if str(i) not in used and header.strip()]
    others = others[:MAX_ATTRIBUTES]
    selected = {name: _cast(name, nw.col(position[h]), types[position[h]]) for name, h in columns.items()}
    selected |= {f"{_ATTRIBUTE}{k}": _cast(_ATTRIBUTE, nw.col(at), types[at]) for k, (at, _) in enumerate(others)}
    base = backend.materialize(frame.head(MAX_ROWS + 1).select(**selected))
    schema = base.collect_schema()
    parsed = [n for n in (*_NUMBERS, c.LAUNCH_DATE) if n in columns and schema[n] == nw.String]
    timestamps = timestamp_formats(raw.separator, dates.order, dates.zone)
    candidates = {n: timestamps if n == c.LAUNCH_DATE else number_formats(raw.separator) for n in parsed}
    failures = count_unparsed(base, candidates, backend)
    formats: dict[str, Format] = {}
    for names in ([n for n in parsed if n == c.LAUNCH_DATE], [n for n in parsed if n != c.LAUNCH_DATE]):
        if names:
            formats |= choose_formats({n: failures[n] for n in names}, candidates[names[0]])
    frame = base.with_columns(**{RAW + n: nw.col(n) for n in parsed}) if parsed else base
    frame = backend.parse(frame, formats)
    if c.LAUNCH_DATE in columns:
        frame = backend.day_number(frame, c.LAUNCH_DATE, DAY).drop(c.LAUNCH_DATE)
    fetched = backend.fetch(frame)
    if len(fetched[c.ITEM_ID]) > MAX_ROWS:
        raise DataError(f"The catalogue {raw.name} has more than {MAX_ROWS:,} rows.", "Leave out what is not sold.")
    return _Rows(fetched, tuple(header for _, header in others), frozenset(parsed))


def _cast(name: str, column: nw.Expr, dtype: Any) -> nw.Expr:
    if name in _NUMBERS and dtype.is_numeric():
        return column.cast(nw.Float64)
    if name == c.LAUNCH_DATE and isinstance(dtype, nw.Date | nw.Datetime):
        return column.cast(nw.Datetime("us"))
    if dtype.is_float():
        whole = nw.when(column == column.floor()).then(column.cast(nw.Int64).cast(nw.String))
        return whole.otherwise(column.cast(nw.String))
    return column if dtype == nw.String else column.cast(nw.String)


def _collect_items(
    rows: _Rows, raw: RawTable, columns: Mapping[str, str], validations: Sequence[RowValidation]
) -> ItemCatalogue:
    """Return the valid rows by item id; of several rows with one id, the one with the most values counts."""
    rejected: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    found: dict[str, tuple[int, CatalogueItem]] = {}
    repeated: list[str] = []
    ids = _item_ids(rows, validations)
    for row in range(len(rows)):
        reason, value = _find_problem(rows, row, ids[row], validations)
        if reason:
            rejected[reason] += 1
            if value:
                examples.setdefault(reason, []).append(shorten(value))
            continue
        item = _build_item(rows, row)
        rank = _count_values(item)
        other = found.get(ids[row])
        if other is not None:
            repeated.append(ids[row])
        if other is None or (rank, repr(item)) > (other[0], repr(other[1])):
            found[ids[row]] = rank, item
    if repeated:
        rejected["repeated item"] += len(repeated)
        examples["repeated item"] = [shorten(item) for item in repeated]
    if raw.text is not None and raw.text.malformed:
        rejected["malformed row"] += raw.text.malformed
    if not found:
        why = ", ".join(f"{reason} {n:,}" for reason, n in rejected.most_common()) or "it has no rows"
        raise DataError(f"No row of the catalogue {raw.name} is an item ({why}).", "Check the file.")
    return ItemCatalogue(
        name=raw.name,
        items={item_id: item for item_id, (_, item) in sorted(found.items())},
        rows=len(rows) + (raw.text.malformed if raw.text is not None else 0),
        rejected=dict(rejected),
        examples={reason: tuple(sorted(set(values))[:MAX_EXAMPLES]) for reason, values in examples.items()},
        columns=columns,
        attributes=rows.attributes,
    )


def _item_ids(rows: _Rows, validations: Sequence[RowValidation]) -> list[str]:
    ids = ["" if value is None or not str(value).strip(BLANK) else str(value) for value in rows.columns[c.ITEM_ID]]
    if any(ids) and all(_FLOAT_ID.fullmatch(text) for text in ids if text):
        ids = [text[:-2] for text in ids]  # a spreadsheet has converted the ids to floats
    return [text.upper() for text in ids] if any(v.fold_item_case for v in validations) else ids


def _find_problem(rows: _Rows, row: int, item_id: str, validations: Sequence[RowValidation]) -> tuple[str, str]:
    """Return why a row is not an item and the value that is wrong; empty for an item."""
    if not item_id:
        return "no item", rows.text(c.ITEM_NAME, row)
    if len(item_id) > MAX_ID_CHARACTERS or "\0" in item_id:
        return "id too long" if "\0" not in item_id else "bad id", item_id
    if is_excluded(item_id, validations):
        return "non-merchandise", item_id
    for column, reason in _REASONS.items():
        values = rows.columns.get(DAY if column == c.LAUNCH_DATE else column)
        if values is None:
            continue
        value = _number(values[row])
        text = rows.text(RAW + column, row) if column in rows.texts else ""
        if value is None and text:
            return reason, text
        if value is not None and not _is_valid(column, value):
            return reason, text or f"{value:g}"
    return "", ""


def is_excluded(item_id: str, validations: Sequence[RowValidation]) -> bool:
    """Return whether the rules of the order tables exclude an item code."""
    return any(
        bool(v.merchandise and not re.search(v.merchandise, item_id))
        or bool(v.excluded and re.search(v.excluded, item_id))
        for v in validations
    )


def _is_valid(column: str, value: float) -> bool:
    if column == c.LAUNCH_DATE:
        return _DAYS[0] <= value <= _DAYS[1]
    return abs(value) <= MAX_VALUE and (value >= 0 or column == c.STOCK)


def _number(value: Any) -> float | None:
    return None if value is None or np.isnan(value) else float(value)


def _build_item(rows: _Rows, row: int) -> CatalogueItem:
    texts = {name: rows.text(name, row) for name in _TEXTS}
    description = " ".join(_TAG.sub(" ", texts[c.DESCRIPTION]).split())
    values: dict[str, Any] = texts | {c.DESCRIPTION: description}
    if c.ITEM_NAME not in rows.columns:
        values[c.ITEM_NAME] = description
    values |= {name: _number(rows.columns[name][row]) for name in _NUMBERS if name in rows.columns}
    if DAY in rows.columns and (launch := _number(rows.columns[DAY][row])) is not None:
        values["launch_day"] = int(launch)
    pairs = ((header, rows.text(f"{_ATTRIBUTE}{k}", row)) for k, header in enumerate(rows.attributes))
    values["attributes"] = "\n".join(f"{' '.join(h.split())}: {' '.join(text.split())}" for h, text in pairs if text)
    return CatalogueItem(**values)


def _count_values(item: CatalogueItem) -> int:
    values = (getattr(item, name) for name in CatalogueItem.__slots__)
    return sum(value not in ("", None) for value in values)
