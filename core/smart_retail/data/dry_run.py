"""Dry run: the import report of sources, without a fit.

The report holds the recognised columns with sample values and confidence, what is computed, the rejected rows by reason
with examples, the totals by month and the unused columns.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from smart_retail.data import columns as c
from smart_retail.data.backends.base import open_backend
from smart_retail.data.dataset.cleaning_report import describe_computed_fields
from smart_retail.data.files.read_options import ReadOptions
from smart_retail.data.ingestion.ingest import IngestedSource
from smart_retail.data.ingestion.sources import Source, expand_sources, open_source, read_sample
from smart_retail.data.parsing.column_assignment import describe_confidence
from smart_retail.data.parsing.column_mapping import Recognition, Schema, recognise_columns
from smart_retail.data.parsing.unused_columns import UnusedColumn, find_unused
from smart_retail.data.pipeline import backend_name, prepare
from smart_retail.progress import SILENT, Progress
from smart_retail.results import CleaningReport, MonthTotals, Result
from smart_retail.settings import DataSettings


class ColumnChoice(Result, frozen=True):
    """A column of a source with sample values."""

    header: str
    samples: tuple[str, ...]
    """First distinct values, at most three."""


class FieldColumn(Result, frozen=True):
    """A recognised column."""

    field: str
    """Canonical column name."""
    header: str
    samples: tuple[str, ...]
    """First distinct values, at most three."""
    confidence: str
    """``certain``, ``likely``, ``doubtful`` or ``chosen`` (by the user)."""
    dates: str = ""
    """Date format: ``ISO``, ``day first``, ``month first (assumed)``, ...; empty for other columns."""


class OpenColumn(Result, frozen=True):
    """A field that the user must choose a column for."""

    field: str
    candidates: tuple[ColumnChoice, ...]
    """Plausible columns, best first."""


class SourceColumns(Result, frozen=True):
    """Recognised columns of one source."""

    name: str
    preset: str
    """Name of the recognised export, or ``aliases`` if the columns were recognised by header and content."""
    fields: tuple[FieldColumn, ...]
    computed: tuple[str, ...]
    """How fields without a column are computed."""
    unused: tuple[UnusedColumn, ...]
    """Columns that are not used."""
    open: tuple[OpenColumn, ...]
    """Fields that were not recognised; nothing can be fitted until they are chosen."""
    choices: tuple[ColumnChoice, ...]
    """All columns of the source."""

    @property
    def columns(self) -> dict[str, str]:
        """Canonical column name -> header in the source."""
        return {field.field: field.header for field in self.fields}


class Inspection(Result, frozen=True):
    """The import report: recognised columns, cleaning report and totals by month."""

    sources: tuple[SourceColumns, ...]
    report: CleaningReport
    months: tuple[MonthTotals, ...]


def inspect_source(
    source: Source | Sequence[Source],
    *,
    returns: Source | None = None,
    catalogue: Source | None = None,
    mapping: Mapping[str, str] | None = None,
    settings: DataSettings = DataSettings(),  # noqa: B008  # frozen
    threads: int = 0,
    reading: ReadOptions = ReadOptions(),  # noqa: B008  # frozen
    progress: Progress = SILENT,
) -> Inspection:
    """Recognise and clean one or several sources without fitting a model.

    Parameters
    ----------
    source : path or data frame, or a sequence of them
        Orders.
    returns, catalogue, mapping, settings, threads, reading, progress
        As for `smart_retail.data.pipeline.prepare`.

    Returns
    -------
    Inspection

    Raises
    ------
    DataError
        A source cannot be read or has no usable rows.
    ColumnError
        A required column is not recognised; `inspect_columns` returns the candidates.
    """
    with prepare(
        _as_list(source),
        returns=returns,
        catalogue=catalogue,
        mapping=mapping,
        settings=settings,
        threads=threads,
        reading=reading,
        progress=progress,
    ) as dataset:
        described = tuple(_describe_source(s) for s in dataset.sources)
        return Inspection(described, dataset.report, dataset.monthly_totals())


def inspect_columns(
    source: Source | Sequence[Source],
    *,
    mapping: Mapping[str, str] | None = None,
    settings: DataSettings = DataSettings(),  # noqa: B008  # frozen
    reading: ReadOptions = ReadOptions(),  # noqa: B008  # frozen
) -> tuple[SourceColumns, ...]:
    """Recognise the columns of sources from their first rows; fields may stay open.

    Raises
    ------
    DataError
        A source cannot be read.
    ColumnError
        `mapping` has an unknown field or header.
    """
    folder = Path(tempfile.mkdtemp(prefix="smart-retail-"))
    sources = expand_sources(_as_list(source))
    backend = open_backend(backend_name(sources, settings), folder, 1)
    try:
        described = []
        for index, one in enumerate(sources):
            table = open_source(one, backend, folder, index, reading).orders
            sample = read_sample(table, backend)
            recognition = recognise_columns(table.headers, table.name, mapping, sample)
            described.append(_describe_columns(table.name, recognition))
        return tuple(described)
    finally:
        backend.close()
        shutil.rmtree(folder, ignore_errors=True)


def _as_list(source: Source | Sequence[Source]) -> list[Source]:
    return list(source) if isinstance(source, list | tuple) else [source]


def _describe_source(source: IngestedSource) -> SourceColumns:
    dates = {
        name: (source.formats[name].label or "ISO") + (" (assumed)" if name in source.assumed else "")
        for name in (c.TIMESTAMP, c.SHIP_TIMESTAMP)
        if name in source.formats
    }
    return _describe_columns(source.raw.name, Recognition(source.schema, ()), dates)


def _describe_columns(name: str, recognition: Recognition, dates: Mapping[str, str] | None = None) -> SourceColumns:
    schema = recognition.schema
    return SourceColumns(
        name=name,
        preset=schema.preset.name,
        fields=tuple(_field_column(schema, field, (dates or {}).get(field, "")) for field in schema.columns),
        computed=describe_computed_fields(schema),
        unused=find_unused(schema),
        open=tuple(
            OpenColumn(f.field, tuple(ColumnChoice(o.header, o.samples) for o in f.candidates))
            for f in recognition.open_fields
        ),
        choices=tuple(ColumnChoice(p.header, p.samples) for p in schema.profiles),
    )


def _field_column(schema: Schema, field: str, dates: str) -> FieldColumn:
    header = schema.columns[field]
    profile = next(p for p in schema.profiles if p.header == header)
    confidence = (
        "chosen" if field in schema.chosen else describe_confidence(field, profile, bool(schema.preset.columns))
    )
    return FieldColumn(field, header, profile.samples, confidence, dates)
