"""Request for a fit from the Fit page, and the functions of the core that carry it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smart_retail.data.files.read_options import AUTOMATIC, ReadOptions
from smart_retail.progress import Progress
from smart_retail.results import FitReport
from smart_retail.settings import Settings

if TYPE_CHECKING:
    from smart_retail.analysis.long_tasks import FitTask
    from smart_retail.data.dry_run import Inspection, SourceColumns


@dataclass(frozen=True, slots=True)
class FitRequest:
    """Sources and choices of one fit."""

    sources: tuple[Path, ...]
    returns: Path | None
    mapping: tuple[tuple[str, str], ...]
    """Pairs of field and header, for headers that are not recognised."""
    settings: Settings
    force: bool = False
    reading: ReadOptions = AUTOMATIC
    catalogue: Path | None = None
    """Table of the products that the shop sells."""

    @property
    def names(self) -> str:
        return ", ".join(path.name for path in self.sources)


def build_settings(choices: Mapping[str, Mapping[str, Any]], base: Settings | None = None) -> Settings:
    """Return the settings of this server, changed by a visitor's choices (section -> name -> value)."""
    values_by_section = (base or Settings.load()).as_dict()
    for section, values in choices.items():
        values_by_section[section] |= values
    return Settings.from_dict(values_by_section)


def inspect(request: FitRequest) -> Inspection:
    """Recognise the columns and clean the rows without fitting.

    Raises
    ------
    DataError
        A source cannot be read, a column is not recognised or no row can be used.
    """
    from smart_retail.data.dry_run import inspect_source

    return inspect_source(
        list(request.sources),
        returns=request.returns,
        catalogue=request.catalogue,
        mapping=dict(request.mapping),
        settings=request.settings.data,
        threads=request.settings.threads,
        reading=request.reading,
    )


def inspect_columns(request: FitRequest) -> tuple[SourceColumns, ...]:
    """Recognise the columns of the sources by their first rows; fields may stay open.

    Raises
    ------
    DataError
        A source cannot be read.
    """
    from smart_retail.data import dry_run

    return dry_run.inspect_columns(
        list(request.sources),
        mapping=dict(request.mapping),
        settings=request.settings.data,
        reading=request.reading,
    )


def fit_task(request: FitRequest) -> FitTask:
    """Return the fit for an engine behind an API, to which the files are uploaded."""
    from smart_retail.analysis.long_tasks import FitTask

    return FitTask(
        tuple(map(str, request.sources)),
        str(request.returns) if request.returns else None,
        str(request.catalogue) if request.catalogue else None,
        mapping=dict(request.mapping),
        settings=request.settings.as_dict(),
        force=request.force,
        header_row=request.reading.header_row,
        sheet=request.reading.sheet,
    )


def fit(request: FitRequest, artifacts: str, progress: Progress) -> FitReport:
    """Fit a model and publish it in `artifacts`."""
    from smart_retail.training import fit as training

    return training.fit(
        *request.sources,
        artifacts=artifacts,
        returns=request.returns,
        catalogue=request.catalogue,
        mapping=dict(request.mapping),
        settings=request.settings,
        force=request.force,
        reading=request.reading,
        progress=progress,
    )
