"""Dry run: recognised columns, formats and the cleaning report of sources, without a fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from smart_retail.data import columns as c
from smart_retail.data.ingestion.ingest import IngestedSource
from smart_retail.data.ingestion.sources import Source
from smart_retail.data.pipeline import prepare
from smart_retail.progress import SILENT, Progress
from smart_retail.results import CleaningReport, Result
from smart_retail.settings import DataSettings


class SourceColumns(Result, frozen=True):
    """Recognised columns of one source."""

    name: str
    preset: str
    """Name of the recognised export, or ``aliases`` if the columns were recognised by their headers."""
    columns: dict[str, str]
    """Canonical column name -> header in the source."""
    unused: tuple[str, ...]
    """Headers of columns that are not used."""
    dates: dict[str, str]
    """Header -> date format: ``ISO``, ``day first``, ``month first``, ..."""


class Inspection(Result, frozen=True):
    """Result of a dry run: the recognised columns and the cleaning report of the sources."""

    sources: tuple[SourceColumns, ...]
    report: CleaningReport


def inspect_source(
    source: Source | Sequence[Source],
    *,
    returns: Source | None = None,
    mapping: Mapping[str, str] | None = None,
    settings: DataSettings = DataSettings(),  # noqa: B008  # frozen
    threads: int = 0,
    progress: Progress = SILENT,
) -> Inspection:
    """Recognise and clean one or several sources without fitting a model.

    Parameters
    ----------
    source : path or data frame, or a sequence of them
        Orders.
    returns, mapping, settings, threads, progress
        As for `smart_retail.data.pipeline.prepare`.

    Returns
    -------
    Inspection

    Raises
    ------
    DataError
        A source cannot be read or has no usable rows.
    ColumnError
        A required column is not recognised.
    """
    sources = list(source) if isinstance(source, list | tuple) else [source]
    with prepare(
        sources, returns=returns, mapping=mapping, settings=settings, threads=threads, progress=progress
    ) as dataset:
        return Inspection(tuple(_describe_source(s) for s in dataset.sources), dataset.report)


def _describe_source(source: IngestedSource) -> SourceColumns:
    schema = source.schema
    used = {*schema.columns.values(), *schema.money_discounts}
    dates = {
        schema.columns[name]: source.formats[name].label or "ISO"
        for name in (c.TIMESTAMP, c.SHIP_TIMESTAMP)
        if name in source.formats
    }
    return SourceColumns(
        name=source.raw.name,
        preset=schema.preset.name,
        columns=dict(schema.columns),
        unused=tuple(h for h in source.raw.headers if h not in used),
        dates=dates,
    )
