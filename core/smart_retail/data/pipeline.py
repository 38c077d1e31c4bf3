"""From sources to a clean history: the one place where the steps are composed.

In: order tables in any accepted form. Out: a `Prepared`, with the report on where every row went.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import narwhals as nw

from smart_retail.data.backends.base import Backend, open_backend
from smart_retail.data.dataset.dataset import Dataset
from smart_retail.data.ingestion.ingest import ingest, read_returns
from smart_retail.data.ingestion.line_totals import LineTotals
from smart_retail.data.ingestion.merge_sources import drop_erased_customers, flag_returned, merge_sources
from smart_retail.data.ingestion.row_validation import RowValidation
from smart_retail.data.ingestion.sources import Source, open_source
from smart_retail.data.parsing.column_mapping import match_preset
from smart_retail.errors import UsageError
from smart_retail.progress import SILENT, Progress
from smart_retail.settings import DataSettings

__all__ = ["Dataset", "prepare"]


def prepare(
    sources: Sequence[Source],
    *,
    returns: Source | None = None,
    mapping: Mapping[str, str] | None = None,
    settings: DataSettings = DataSettings(),  # noqa: B008  # frozen
    threads: int = 0,
    progress: Progress = SILENT,
    events: Path | None = None,
    erased: Callable[[Iterable[str]], set[str]] | None = None,
) -> Dataset:
    """Clean order tables into one history.

    Parameters
    ----------
    sources : sequence of path or data frame
        One history together; rows that stand in several are counted once.
    returns : path or data frame, optional
        A table of returned orders, beside those that a workbook brings along.
    mapping : mapping, optional
        Canonical name -> header, where the headers are not recognised.
    settings : DataSettings
        Its `backend` does the work, but Spark frames are worked on by Spark.
    threads : int
        Threads of the engine; 0 takes what the machine offers.
    progress : Progress
        Told of the steps; may cancel.
    events : path, optional
        One more source, in canonical columns whatever `mapping` says: what came since the last fit.
    erased : callable, optional
        Says which of some customers asked to be forgotten; their rows are set aside.

    Raises
    ------
    DataError
        A source cannot be read or holds nothing that can be used.
    ColumnError
        A needed column is not recognised.
    """
    if not sources:
        raise UsageError("No source was given.", "Name at least one file of orders.")
    folder = Path(tempfile.mkdtemp(prefix="smart-retail-"))
    backend = open_backend(_backend_name(sources, settings), folder, threads)
    try:
        return _prepare(sources, returns, mapping, settings, progress, backend, folder, events, erased)
    except BaseException:
        backend.close()
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _backend_name(sources: Sequence[Source], settings: DataSettings) -> str:
    """The engine of the settings; but what lies on a cluster stays there."""
    kinds = {type(nw.to_native(s, pass_through=True)).__module__.partition(".")[0] for s in sources}
    return "spark" if "pyspark" in kinds else settings.backend


def _prepare(
    sources: Sequence[Source],
    returns: Source | None,
    mapping: Mapping[str, str] | None,
    settings: DataSettings,
    progress: Progress,
    backend: Backend,
    folder: Path,
    events: Path | None,
    erased: Callable[[Iterable[str]], set[str]] | None,
) -> Dataset:
    all_sources = [*sources, *([events] if events is not None else [])]
    opened = [open_source(source, backend, folder, index) for index, source in enumerate(all_sources)]
    tables = [o.returns for o in opened if o.returns is not None]
    if returns is not None:
        tables.append(open_source(returns, backend, folder, len(all_sources)).orders)
    ingested = []
    for index, table in enumerate(o.orders for o in opened):
        progress.check()
        schema = match_preset(table.headers, table.name, mapping if index < len(sources) else None)
        validation = RowValidation.of(schema.preset, settings)
        single_source = len(opened) == 1 and not tables and not validation.drop_duplicates
        ingested.append(ingest(table, schema, validation, index, backend, folder, single_source=single_source))
    progress.check()
    lines = merge_sources(ingested, backend)
    for table in tables:
        lines = flag_returned(lines, read_returns(table, backend, folder), backend)
    line_totals = ingested[0].line_totals or LineTotals.of(lines, backend)
    erased_ids = erased(line_totals.customers(backend)) if erased is not None else set()
    if erased_ids:
        lines = drop_erased_customers(lines, erased_ids, backend)
        line_totals = LineTotals.of(lines, backend)
    return Dataset(lines, line_totals, ingested, backend, settings, folder)
