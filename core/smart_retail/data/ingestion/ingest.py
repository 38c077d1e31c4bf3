"""Read a source into validated order lines.

The formats of dates and numbers are detected from the first rows; if the full column disagrees, the source is read a
second time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import narwhals as nw
import narwhals.selectors as ncs

from smart_retail.data import columns as c
from smart_retail.data.backends.base import Backend
from smart_retail.data.ingestion.line_totals import LineTotals
from smart_retail.data.ingestion.row_validation import (
    DAY,
    ID_COLUMNS,
    MAX_ID_CHARACTERS,
    RAW,
    TEXT_COLUMNS,
    TIME_COLUMNS,
    TRUE_TEXTS,
    UNPARSED,
    Frame,
    RowValidation,
    bit_where,
    is_parsed,
    validate_rows,
)  # fmt: skip
from smart_retail.data.ingestion.sources import RawTable, read_attempts
from smart_retail.data.parsing.column_mapping import Schema, match_returns_columns
from smart_retail.data.parsing.format_detection import (
    Format,
    choose_formats,
    number_formats,
    opposite_order,
    sample_guess_failed,
    timestamp_formats,
)
from smart_retail.data.parsing.presets import NO_PRESET, normalize_header
from smart_retail.data.parsing.whitespace import is_not_blank, strip_names
from smart_retail.errors import DataError
from smart_retail.utils.dates import iso

HEAD_ROWS: Final = 2_000
"""Rows from which the formats are detected first."""
MONTHS: Final = 12
MONEY_DISCOUNT: Final = "money_discount_"
"""Prefix of the columns of discounts in money, which are added up."""

_FLOAT_ID = r"^[0-9]+\.0$"
"""Ids that a spreadsheet or data frame has converted to floats."""


@dataclass(frozen=True, slots=True)
class DateOptions:
    """How dates are read, from the settings."""

    order: str = ""
    """``dmy``, ``mdy`` or ``ymd``; empty: detected."""
    zone: str = ""
    """Time zone to which times with an offset are converted; empty: they keep their local time."""


@dataclass(frozen=True, slots=True)
class IngestedSource:
    """The validated lines of one source, and how they were read."""

    raw: RawTable
    schema: Schema
    validation: RowValidation
    lines: Frame
    formats: Mapping[str, Format]
    float_ids: tuple[str, ...]
    """Id columns whose trailing ``.0`` was removed."""
    discount_unit: float = 1.0
    """Divisor of the discount: 1 for a fraction, 100 for percent, 0 for money (divided by amount + discount)."""
    line_totals: LineTotals | None = None
    """Aggregated lines, if this is the only source."""
    assumed: tuple[str, ...] = ()
    """Timestamp columns whose values can all be read both day first and month first."""
    deferred: bool = False
    """Whether the lines were aggregated but not materialized."""


def ingest(
    raw: RawTable,
    schema: Schema,
    validation: RowValidation,
    index: int,
    backend: Backend,
    folder: Path,
    *,
    single_source: bool,
    dates: DateOptions = DateOptions(),  # frozen
) -> IngestedSource:
    """Read and validate a source; if strict reading fails, more lenient ways are tried.

    Parameters
    ----------
    raw : RawTable
        The opened source.
    schema : Schema
        Its recognised columns.
    validation : RowValidation
        Rules for its rows.
    index : int
        Index of the source.
    backend : Backend
    folder : Path
        For temporary files.
    single_source : bool
        Whether there is no other source to compare with; the lines are then aggregated at once and may not need to
        be materialized.
    dates : DateOptions
        The order of day, month and year, and the time zone of the shop.

    Raises
    ------
    DataError
        The source cannot be read in any way.
    """
    last_error: Exception | None = None
    for reading, frame in read_attempts(raw, backend, folder):
        try:
            return _ingest(reading, frame, schema, validation, index, backend, single_source, dates)
        except backend.read_errors as error:
            last_error = error
    raise DataError(
        f"{raw.name} cannot be read: {_first_line(last_error)}.", "Export it again as CSV, XLSX or Parquet."
    ) from last_error


def _first_line(error: Exception | None) -> str:
    return str(error).strip().splitlines()[0][:200].rstrip(".") if error else "the format is not recognised"


def _ingest(
    raw: RawTable,
    frame: Frame,
    schema: Schema,
    validation: RowValidation,
    index: int,
    backend: Backend,
    single_source: bool,
    dates: DateOptions,
) -> IngestedSource:
    base = _complete_orders(_select(raw, frame, schema), schema)
    # Ids that are too long are rare; for aggregated lines, the aggregates show whether there are any.
    header = schema.columns.get(c.TIMESTAMP, "")
    validation = replace(validation, timestamp_header=header, long_ids=not single_source)
    texts = set(base.select(ncs.string()).collect_schema().names())
    readable = [n for n in base.collect_schema().names() if n in texts and n not in TEXT_COLUMNS]
    timestamps = timestamp_formats(raw.separator, dates.order, dates.zone)
    candidates = {n: timestamps if n in TIME_COLUMNS else number_formats(raw.separator) for n in readable}
    ids = tuple(n for n in ID_COLUMNS if n in texts)
    base = strip_names(base, [n for n in TEXT_COLUMNS if n in texts and n not in ID_COLUMNS])
    head_frame = backend.materialize(base.head(HEAD_ROWS))
    head = count_unparsed(head_frame, candidates, backend)
    formats = _choose_formats(head, candidates)
    float_ids = _float_ids(head_frame, ids, backend)
    # Finding the unit of a discount takes another pass over the lines.
    deferred = single_source and backend.prefers_rereading and c.DISCOUNT not in schema.columns
    while True:
        lines = _parse_and_validate(base, formats, float_ids, index, validation, backend)
        lines = lines if deferred else backend.materialize(lines)
        line_totals = LineTotals.of(lines, backend, {index: raw.name}) if single_source else None
        unparsed = line_totals.totals.unparsed if line_totals else _rows_by_unparsed(lines, backend)
        unparsed_values, rows = _unparsed_by_column(unparsed, [*formats, *float_ids]), sum(unparsed.values())
        guess_doubted = any(
            sample_guess_failed(f, unparsed_values[n], rows, head[n], candidates[n]) for n, f in formats.items()
        )
        if guess_doubted:
            head = count_unparsed(base, candidates, backend)
        best_formats = _choose_formats(head, candidates) if guess_doubted else formats
        if line_totals and not validation.long_ids and line_totals.longest_id(backend) > MAX_ID_CHARACTERS:
            validation = replace(validation, long_ids=True)
        elif best_formats == formats and not any(unparsed_values[n] for n in float_ids):
            unit = _discount_unit(lines, schema, backend)
            days = line_totals.orders if line_totals else lines
            assumed = _assumed_orders(base, days, formats, timestamps, backend)
            return IngestedSource(
                raw, schema, validation, lines, formats, float_ids, unit, line_totals, assumed, deferred
            )
        formats, float_ids = best_formats, tuple(n for n in float_ids if not unparsed_values[n])


def _select(raw: RawTable, frame: Frame, schema: Schema) -> Frame:
    """Select the recognised columns under their canonical names; columns of text sources stay text."""
    types = frame.collect_schema()
    position = {header: str(i) for i, header in reversed(list(enumerate(raw.headers)))}
    selected = {name: position[header] for name, header in schema.columns.items()}
    selected |= {f"{MONEY_DISCOUNT}{i}": position[header] for i, header in enumerate(schema.money_discounts)}
    return frame.select(**{name: _cast_column(name, nw.col(at), types[at]) for name, at in selected.items()})


def _complete_orders(frame: Frame, schema: Schema) -> Frame:
    """Fill order fields down within each order, and identify lines without an item id by name, as the schema asks."""
    names = frame.collect_schema().names()
    if schema.preset.name_as_item and c.ITEM_NAME in names:
        item = nw.when(is_not_blank(nw.col(c.ITEM_ID))).then(nw.col(c.ITEM_ID)) if c.ITEM_ID in names else None
        named = nw.col(c.ITEM_NAME)
        frame = frame.with_columns((named if item is None else item.otherwise(named)).alias(c.ITEM_ID))
    filled = [n for n in schema.fill_down if n in names and c.ORDER_ID in names]
    if filled:
        has_order = is_not_blank(nw.col(c.ORDER_ID))
        frame = frame.with_columns(
            nw.when(is_not_blank(nw.col(n)) | ~has_order)
            .then(nw.col(n))
            .otherwise(nw.col(n).max().over(c.ORDER_ID))
            .alias(n)
            for n in filled
        )
    return frame


def _cast_column(name: str, column: nw.Expr, dtype: Any) -> nw.Expr:
    if name in TEXT_COLUMNS:
        if dtype.is_float():
            whole = column == column.floor()
            column = nw.when(whole).then(column.cast(nw.Int64).cast(nw.String)).otherwise(column.cast(nw.String))
        elif dtype != nw.String:
            column = column.cast(nw.String)
        return column
    if dtype.is_numeric() and name not in TIME_COLUMNS:
        return column.cast(nw.Float64)
    if isinstance(dtype, nw.Date | nw.Datetime) and name in TIME_COLUMNS:
        return column.cast(nw.Datetime("us"))
    return column.cast(nw.String) if dtype != nw.String else column


def _parse_and_validate(
    base: Frame,
    formats: Mapping[str, Format],
    float_ids: Sequence[str],
    index: int,
    validation: RowValidation,
    backend: Backend,
) -> Frame:
    raw = {RAW + name: nw.col(name) for name in formats}
    frame = backend.parse(base.with_columns(**raw), formats) if raw else base
    if float_ids:
        unparsed_values = [
            bit_where(i, is_not_blank(nw.col(n)), ~nw.col(n).str.contains(_FLOAT_ID))
            for i, n in enumerate(float_ids, len(raw))
        ]
        frame = frame.with_columns(nw.sum_horizontal(*unparsed_values).alias(UNPARSED))
        frame = frame.with_columns(nw.col(*float_ids).str.replace_all(r"\.0$", ""))
    money = [n for n in frame.collect_schema().names() if n.startswith(MONEY_DISCOUNT)]
    if money:
        total = nw.sum_horizontal(*(nw.col(n).abs() for n in money))
        list_price = nw.col(c.AMOUNT) + total
        frame = frame.with_columns(nw.when(list_price > 0).then(total / list_price).alias(c.DISCOUNT))
    lines = validate_rows(backend.day_number(frame, c.TIMESTAMP, DAY), index, validation, tuple(formats))
    return lines.drop(money)


def _choose_formats(
    failures: Mapping[str, Sequence[int]], candidates: Mapping[str, Sequence[Format]]
) -> dict[str, Format]:
    chosen: dict[str, Format] = {}
    timestamps = [n for n in candidates if n in TIME_COLUMNS]
    for names in (timestamps, [n for n in candidates if n not in TIME_COLUMNS]):
        if names:
            chosen |= choose_formats({n: failures[n] for n in names}, candidates[names[0]])
    return chosen


def count_unparsed(base: Frame, candidates: Mapping[str, Sequence[Format]], backend: Backend) -> dict[str, list[int]]:
    """Return the number of values of each column that each of its candidate formats cannot parse.

    Values are first counted by shape, which is cheap and excludes most formats.
    """
    if not candidates:
        return {}
    shapes = [(n, shape) for n, options in candidates.items() for shape in sorted({f.shape for f in options})]
    counted = backend.fetch(
        base.select(
            nw.col(n).str.strip_chars().str.contains(shape or ".").cast(nw.Int64).sum().alias(f"{n}|{shape}")
            for n, shape in {*shapes, *((n, "") for n in candidates)}
        )
    )
    matching = {key: int(counted["|".join(key)][0] or 0) for key in [*shapes, *((n, "") for n in candidates)]}
    attempts = {
        f"{n}|{i}": (n, f) for n, options in candidates.items() for i, f in enumerate(options) if matching[n, f.shape]
    }
    parsed = _count_parsed(base, attempts, backend) if attempts else {}
    return {n: [matching[n, ""] - parsed.get(f"{n}|{i}", 0) for i in range(len(o))] for n, o in candidates.items()}


def _count_parsed(base: Frame, attempts: Mapping[str, tuple[str, Format]], backend: Backend) -> dict[str, int]:
    """Return the number of values that each format parses."""
    frame = base.select(nw.col(n).alias(key) for key, (n, _) in attempts.items())
    frame = backend.parse(frame, {key: f for key, (_, f) in attempts.items()})
    counted = backend.fetch(frame.select(**{key: is_parsed(key).cast(nw.Int64).sum() for key in attempts}))
    return {key: int(counted[key][0] or 0) for key in attempts}


def _assumed_orders(
    base: Frame, days: Frame, formats: Mapping[str, Format], options: Sequence[Format], backend: Backend
) -> tuple[str, ...]:
    """Return the timestamp columns that can be read day first and month first without a difference in any column.

    Parameters
    ----------
    base : LazyFrame
        The source; it is only read again if the days of the orders do not decide.
    days : LazyFrame
        Days of the lines as they were read, in the column `day`.
    formats : mapping
        Chosen format of each column.
    options : sequence of Format
        All timestamp formats.
    backend : Backend
    """
    opposites = {n: other for n, f in formats.items() if n in TIME_COLUMNS and (other := opposite_order(f, options))}
    if not opposites or any(n in TIME_COLUMNS and n not in opposites for n in formats):
        return ()
    found = backend.fetch(days.filter(~nw.col(DAY).is_null()).select(nw.col(DAY)).unique())[DAY]
    if any(int(iso(int(day))[8:]) > MONTHS for day in found.tolist()):
        return ()
    others = [n for n in opposites if n != c.TIMESTAMP]
    if others:
        attempts = {f"{n}|{k}": (n, form) for n in others for k, form in enumerate((formats[n], opposites[n]))}
        parsed = _count_parsed(base, attempts, backend)
        if any(parsed[f"{n}|0"] != parsed[f"{n}|1"] for n in others):
            return ()
    return tuple(opposites)


def _float_ids(head: Frame, ids: Sequence[str], backend: Backend) -> tuple[str, ...]:
    """Return the id columns in which every text of the head has the form of a float."""
    if not ids:
        return ()
    counted = backend.fetch(
        head.select(
            *(is_not_blank(nw.col(n)).cast(nw.Int64).sum().alias(f"{n}|filled") for n in ids),
            *(nw.col(n).str.contains(_FLOAT_ID).cast(nw.Int64).sum().alias(f"{n}|matched") for n in ids),
        )
    )
    return tuple(n for n in ids if 0 < int(counted[f"{n}|filled"][0] or 0) == int(counted[f"{n}|matched"][0] or 0))


def _discount_unit(lines: Frame, schema: Schema, backend: Backend) -> float:
    """Return the divisor of the discount column: 1 for fractions, 100 for percent, 0 for money.

    Values up to 1 are fractions; whole numbers up to 100, and columns whose header has a word for it, are percent.
    """
    if c.DISCOUNT not in schema.columns:
        return 1.0
    header = normalize_header(schema.columns[c.DISCOUNT])
    discount = nw.col(c.DISCOUNT)
    broken = (discount != discount.floor()).cast(nw.Int64).sum()
    found = backend.fetch(lines.select(discount.max().alias("most"), broken.alias("broken")))
    most = float(found["most"][0]) if found["most"][0] is not None else 0.0
    if not most > 1:
        return 1.0
    if any(word in header for word in ("percent", "pct", "rate")):
        return 100.0
    if any(word in header for word in ("amount", "value", "money")):
        return 0.0
    return 100.0 if most <= 100 and not found["broken"][0] else 0.0


def _rows_by_unparsed(lines: Frame, backend: Backend) -> dict[int, int]:
    """Return the number of rows by the bits of their unparsed columns."""
    counted = backend.fetch(lines.group_by(UNPARSED).agg(nw.len().alias("n")))
    return dict(zip(map(int, counted[UNPARSED]), map(int, counted["n"]), strict=True))


def _unparsed_by_column(unparsed: Mapping[int, int], names: Sequence[str]) -> dict[str, int]:
    """Return the number of unparsed values of each column; `names` are in the order of the bits."""
    return {name: sum(n for bits, n in unparsed.items() if bits >> i & 1) for i, name in enumerate(names)}


def read_returns(raw: RawTable, backend: Backend, folder: Path) -> Frame:
    """Read a returns table: `order_id`, and `market` if it has one; rows marked as not returned are dropped.

    Parameters
    ----------
    raw : RawTable
    backend : Backend
    folder : Path
        For temporary files.

    Raises
    ------
    DataError
        The table cannot be read.
    """
    columns = match_returns_columns(raw.headers, raw.name)
    for reading, frame in read_attempts(raw, backend, folder):
        try:
            table = strip_names(
                _select(reading, frame, Schema(columns, NO_PRESET)), [n for n in columns if n not in ID_COLUMNS]
            )
            if c.RETURNED in columns:
                table = table.filter(nw.col(c.RETURNED).str.to_lowercase().is_in(TRUE_TEXTS))
            return backend.materialize(table.filter(is_not_blank(nw.col(c.ORDER_ID))))
        except backend.read_errors:
            continue
    raise DataError(f"{raw.name} cannot be read.", "Export it again as CSV or XLSX.")
