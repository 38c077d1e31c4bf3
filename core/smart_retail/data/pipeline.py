"""The data pipeline: open, recognise, validate and merge order tables into one `Dataset`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import narwhals as nw

from smart_retail.data.backends.base import Backend, open_backend
from smart_retail.data.dataset.dataset import Dataset
from smart_retail.data.files.read_options import ReadOptions
from smart_retail.data.ingestion.catalogue import ItemCatalogue, read_catalogue
from smart_retail.data.ingestion.database import check_query, is_database_url
from smart_retail.data.ingestion.ingest import DateOptions, IngestedSource, ingest, read_returns
from smart_retail.data.ingestion.item_changes import include_changes
from smart_retail.data.ingestion.line_totals import LineTotals
from smart_retail.data.ingestion.merge_sources import drop_erased_customers, flag_returned, merge_sources
from smart_retail.data.ingestion.row_validation import RowValidation
from smart_retail.data.ingestion.sources import Source, expand_sources, open_source, read_sample
from smart_retail.data.parsing.column_mapping import check_fields, match_preset
from smart_retail.errors import UsageError
from smart_retail.events.item_changes import ItemChange
from smart_retail.progress import SILENT, Progress
from smart_retail.settings import DataSettings
from smart_retail.utils.dates import check_zone
from smart_retail.utils.memory_budget import DEFAULT_MEMORY, MemoryBudget

__all__ = ["Dataset", "prepare"]

ErasedCustomers = Callable[[Iterable[str]], set[str]]
"""Returns those of the given customer ids whose data must be erased."""


@dataclass(frozen=True, slots=True)
class _Request:
    """The arguments of `prepare` that do not concern the machine."""

    sources: Sequence[Source]
    returns: Source | None
    mapping: Mapping[str, str] | None
    settings: DataSettings
    events: Path | None
    erased: ErasedCustomers | None
    reading: ReadOptions
    catalogue: Source | None
    changes: Mapping[str, ItemChange]
    memory: MemoryBudget


def prepare(
    sources: Sequence[Source],
    *,
    returns: Source | None = None,
    catalogue: Source | None = None,
    mapping: Mapping[str, str] | None = None,
    settings: DataSettings = DataSettings(),  # noqa: B008  # frozen
    threads: int = 0,
    progress: Progress = SILENT,
    events: Path | None = None,
    erased: ErasedCustomers | None = None,
    reading: ReadOptions = ReadOptions(),  # noqa: B008  # frozen
    temporary: Path | None = None,
    item_changes: Mapping[str, ItemChange] | None = None,
    memory: MemoryBudget = DEFAULT_MEMORY,
) -> Dataset:
    """Clean order tables into one dataset.

    Parameters
    ----------
    sources : sequence of path or data frame
        Parts of one history; rows that occur in several sources are counted once.
    returns : path or data frame, optional
        A table of returned orders, in addition to a returns sheet of a workbook.
    catalogue : path or data frame, optional
        A table of the items that the shop sells; those without purchases become items of the dataset.
    mapping : mapping, optional
        Canonical column name -> header, for headers that are not recognised.
    settings : DataSettings
        `backend` names the engine; Spark data frames are always processed by Spark.
    threads : int
        Threads of the engine; 0 uses all that the machine has.
    progress : Progress
        Receives progress; may cancel.
    events : path, optional
        One more source with canonical columns: the purchases recorded since the last fit. `mapping` does not apply.
    erased : callable, optional
        Returns which of the given customers must be erased; their rows are rejected.
    reading : ReadOptions
        Header row and sheet of the sources, if the user chose them.
    temporary : path, optional
        Folder for temporary files; by default that of the system.
    item_changes : mapping, optional
        Items that were added or changed since the last fit, by id; they complete the catalogue.
    memory : MemoryBudget
        Memory that the engine and the histories may use.

    Returns
    -------
    Dataset
        Close it, or use it as a context manager, to remove its temporary files.

    Raises
    ------
    DataError
        A source cannot be read or has no usable rows.
    ColumnError
        A required column is not recognised.
    """
    if not sources:
        raise UsageError("No source was given.", "Name at least one file of orders.")
    check_fields(mapping or {})
    check_zone(settings.timezone)
    if any(is_database_url(source) for source in sources):
        check_query(reading.query)
    sources = expand_sources(sources)
    folder = Path(tempfile.mkdtemp(prefix="smart-retail-", dir=temporary))
    backend = open_backend(backend_name(sources, settings), folder, threads, memory)
    try:
        return _prepare(
            _Request(
                sources, returns, mapping, settings, events, erased, reading, catalogue, item_changes or {}, memory
            ),
            backend,
            folder,
            progress,
        )
    except BaseException:
        backend.close()
        shutil.rmtree(folder, ignore_errors=True)
        raise


def backend_name(sources: Sequence[Source], settings: DataSettings) -> str:
    """Return the backend of the settings, or Spark where a source is a Spark data frame."""
    modules = {type(nw.to_native(s, pass_through=True)).__module__.partition(".")[0] for s in sources}
    return "spark" if "pyspark" in modules else settings.backend


def _prepare(request: _Request, backend: Backend, folder: Path, progress: Progress) -> Dataset:
    paths = [*request.sources, *([request.events] if request.events is not None else [])]
    opened = [
        open_source(source, backend, folder, index, request.reading if index < len(request.sources) else ReadOptions())
        for index, source in enumerate(paths)
    ]
    return_tables = [o.returns for o in opened if o.returns is not None]
    if request.returns is not None:
        return_tables.append(open_source(request.returns, backend, folder, len(paths)).orders)
    ingested: list[IngestedSource] = []
    dates = DateOptions(request.settings.date_order, request.settings.timezone)
    for index, table in enumerate(o.orders for o in opened):
        progress.check()
        mapping = request.mapping if index < len(request.sources) else None
        schema = match_preset(table.headers, table.name, mapping, read_sample(table, backend))
        validation = RowValidation.of(schema.preset, request.settings)
        single_source = len(opened) == 1 and not return_tables and not validation.drop_duplicates
        ingested.append(
            ingest(table, schema, validation, index, backend, folder, single_source=single_source, dates=dates)
        )
    progress.check()
    lines = merge_sources(ingested, backend)
    for table in return_tables:
        lines = flag_returned(lines, read_returns(table, backend, folder), backend)
    names = {index: source.raw.name for index, source in enumerate(ingested)}
    line_totals = ingested[0].line_totals or LineTotals.of(lines, backend, names)
    erased_ids = request.erased(line_totals.customers(backend)) if request.erased is not None else set()
    if erased_ids:
        lines = drop_erased_customers(lines, erased_ids, backend)
        line_totals = LineTotals.of(lines, backend, names)
    catalogue = _read_catalogue(request, ingested, backend, folder, dates)
    return Dataset(lines, line_totals, ingested, backend, request.settings, folder, catalogue, request.memory)


def _read_catalogue(
    request: _Request, ingested: Sequence[IngestedSource], backend: Backend, folder: Path, dates: DateOptions
) -> ItemCatalogue | None:
    """Return the catalogue of items, None without one; the rules for item codes are those of the orders."""
    validations = [source.validation for source in ingested[: len(request.sources)]]
    catalogue = (
        None if request.catalogue is None else read_catalogue(request.catalogue, backend, folder, validations, dates)
    )
    return include_changes(catalogue, request.changes, validations)
