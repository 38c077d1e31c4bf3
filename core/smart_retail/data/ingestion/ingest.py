"""From an opened source to kept canonical lines, read once where its head tells the truth.

In: a `Raw` table and its `Schema`. Out: `Ingested`, the lines with verdicts and the choices made. The
formats of dates and numbers are guessed from the head; where the whole column overrules the guess,
the source is read a second time.
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
from smart_retail.data.parsing.column_mapping import Schema, match_returns_columns, normalize_header
from smart_retail.data.parsing.format_detection import (
    Format,
    choose_formats,
    number_formats,
    sample_guess_failed,
    timestamp_formats,
)
from smart_retail.data.parsing.presets import NO_PRESET
from smart_retail.data.parsing.whitespace import is_not_blank, strip_names
from smart_retail.errors import DataError

HEAD_ROWS: Final = 2_000
MONEY_DISCOUNT: Final = "money_discount_"

_FLOAT_ID = r"^[0-9]+\.0$"
"""Someone's spreadsheet or data frame took the ids for floats and added the ``.0``."""


@dataclass(frozen=True, slots=True)
class IngestedSource:
    """Lines of one source."""

    raw: RawTable
    schema: Schema
    validation: RowValidation
    lines: Frame
    formats: Mapping[str, Format]
    float_ids: tuple[str, ...]
    """Id columns whose ``.0`` was dropped."""
    discount_unit: float = 1.0
    """What a discount is to be divided by: 1 a fraction, 100 percent, 0 money."""
    line_totals: LineTotals | None = None
    """The lines added up, of a source that is alone."""
    deferred: bool = False
    """Whether the lines were added up but not kept."""


def ingest(
    raw: RawTable,
    schema: Schema,
    validation: RowValidation,
    place: int,
    backend: Backend,
    folder: Path,
    *,
    single_source: bool,
) -> IngestedSource:
    """Read a source, trying more lenient readings where a stricter one fails.

    A source that is `alone` is compared with nothing: adding up its lines may be all that is asked for.

    Raises
    ------
    DataError
        No reading succeeds.
    """
    last_error: Exception | None = None
    for reading, frame in read_attempts(raw, backend, folder):
        try:
            return _ingest(reading, frame, schema, validation, place, backend, single_source)
        except backend.read_errors as error:
            last_error = error
    raise DataError(
        f"{raw.name} cannot be read: {_first_line(last_error)}.", "Export it again as CSV, XLSX or Parquet."
    ) from last_error


def _first_line(error: Exception | None) -> str:
    return str(error).strip().splitlines()[0][:200].rstrip(".") if error else "no reader accepts it"


def _ingest(
    raw: RawTable,
    frame: Frame,
    schema: Schema,
    validation: RowValidation,
    place: int,
    backend: Backend,
    single_source: bool,
) -> IngestedSource:
    base = _select(raw, frame, schema)
    # Hardly any shop has ids that are too long: of lines that are added up, the sums tell.
    validation = replace(validation, long_ids=not single_source)
    texts = set(base.select(ncs.string()).collect_schema().names())
    readable = [n for n in base.collect_schema().names() if n in texts and n not in TEXT_COLUMNS]
    kinds = {
        n: timestamp_formats(raw.separator) if n in TIME_COLUMNS else number_formats(raw.separator) for n in readable
    }
    ids = tuple(n for n in ID_COLUMNS if n in texts)
    base = strip_names(base, [n for n in TEXT_COLUMNS if n in texts and n not in ID_COLUMNS])
    head_frame = backend.materialize(base.head(HEAD_ROWS))
    head = _count_unparsed(head_frame, kinds, backend)
    formats = _choose_formats(head, kinds)
    float_ids = _float_ids(head_frame, ids, backend)
    # The unit of a discount takes one more look at the lines.
    deferred = single_source and backend.prefers_rereading and c.DISCOUNT not in schema.columns
    while True:
        lines = _parse_and_validate(base, formats, float_ids, place, validation, backend)
        lines = lines if deferred else backend.materialize(lines)
        line_totals = LineTotals.of(lines, backend) if single_source else None
        unparsed = line_totals.totals.unparsed if line_totals else _rows_by_unparsed(lines, backend)
        unparsed_values, rows = _unparsed_by_column(unparsed, [*formats, *float_ids]), sum(unparsed.values())
        guess_doubted = any(
            sample_guess_failed(f, unparsed_values[n], rows, head[n], kinds[n]) for n, f in formats.items()
        )
        if guess_doubted:
            head = _count_unparsed(base, kinds, backend)
        better = _choose_formats(head, kinds) if guess_doubted else formats
        if line_totals and not validation.long_ids and line_totals.longest_id(backend) > MAX_ID_CHARACTERS:
            validation = replace(validation, long_ids=True)
        elif better == formats and not any(unparsed_values[n] for n in float_ids):
            unit = _discount_unit(lines, schema, backend)
            return IngestedSource(raw, schema, validation, lines, formats, float_ids, unit, line_totals, deferred)
        formats, float_ids = better, tuple(n for n in float_ids if not unparsed_values[n])


def _select(raw: RawTable, frame: Frame, schema: Schema) -> Frame:
    """The recognised columns under their canonical names; of text sources all as text."""
    types = frame.collect_schema()
    place = {header: str(i) for i, header in reversed(list(enumerate(raw.headers)))}
    wanted = {name: place[header] for name, header in schema.columns.items()}
    wanted |= {f"{MONEY_DISCOUNT}{i}": place[header] for i, header in enumerate(schema.money_discounts)}
    return frame.select(**{name: _cast_column(name, nw.col(at), types[at]) for name, at in wanted.items()})


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
    place: int,
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
    lines = validate_rows(backend.day_number(frame, c.TIMESTAMP, DAY), place, validation, tuple(formats))
    return lines.drop(money)


def _choose_formats(failures: Mapping[str, Sequence[int]], kinds: Mapping[str, Sequence[Format]]) -> dict[str, Format]:
    chosen: dict[str, Format] = {}
    for names in ([n for n in kinds if n in TIME_COLUMNS], [n for n in kinds if n not in TIME_COLUMNS]):
        if names:
            chosen |= choose_formats({n: failures[n] for n in names}, kinds[names[0]])
    return chosen


def _count_unparsed(base: Frame, kinds: Mapping[str, Sequence[Format]], backend: Backend) -> dict[str, list[int]]:
    """For each column and format, how many values stay unread.

    A count by shape comes first: it is cheap, and rules most formats out.
    """
    if not kinds:
        return {}
    shapes = [(n, shape) for n, options in kinds.items() for shape in sorted({f.shape for f in options})]
    counted = backend.fetch(
        base.select(
            nw.col(n).str.strip_chars().str.contains(shape or ".").cast(nw.Int64).sum().alias(f"{n}|{shape}")
            for n, shape in {*shapes, *((n, "") for n in kinds)}
        )
    )
    fitting = {at: int(counted["|".join(at)][0] or 0) for at in [*shapes, *((n, "") for n in kinds)]}
    tries = {f"{n}|{i}": (n, f) for n, options in kinds.items() for i, f in enumerate(options) if fitting[n, f.shape]}
    found = _count_parsed(base, tries, backend) if tries else {}
    return {n: [fitting[n, ""] - found.get(f"{n}|{i}", 0) for i in range(len(o))] for n, o in kinds.items()}


def _count_parsed(base: Frame, tries: Mapping[str, tuple[str, Format]], backend: Backend) -> dict[str, int]:
    """How many values of a column each of some formats reads."""
    frame = base.select(nw.col(n).alias(key) for key, (n, _) in tries.items())
    frame = backend.parse(frame, {key: f for key, (_, f) in tries.items()})
    counted = backend.fetch(frame.select(**{key: is_parsed(key).cast(nw.Int64).sum() for key in tries}))
    return {key: int(counted[key][0] or 0) for key in tries}


def _float_ids(head: Frame, ids: Sequence[str], backend: Backend) -> tuple[str, ...]:
    """Id columns of which every text of the head has the form of a float."""
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
    """What a discount column is to be divided by: 1 fractions, 100 percent, 0 money (beside the amount).

    Fractions go up to 1; whole numbers up to 100 are percent, as is what the header calls so.
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
    """Bits of unread columns -> rows."""
    counted = backend.fetch(lines.group_by(UNPARSED).agg(nw.len().alias("n")))
    return dict(zip(map(int, counted[UNPARSED]), map(int, counted["n"]), strict=True))


def _unparsed_by_column(unparsed: Mapping[int, int], names: Sequence[str]) -> dict[str, int]:
    """Unread values of each column, in the order of the bits."""
    return {name: sum(n for bits, n in unparsed.items() if bits >> i & 1) for i, name in enumerate(names)}


def read_returns(raw: RawTable, backend: Backend, folder: Path) -> Frame:
    """A returns table: `order_id`, and `market` where it has one; rows that say No are left out."""
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
