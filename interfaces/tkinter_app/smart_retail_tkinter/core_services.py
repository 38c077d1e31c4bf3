"""Functions of the core that the window calls, imported on first use and replaceable in tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from smart_retail.bundle import versions
from smart_retail.bundle.versions import VersionInfo
from smart_retail.protocol import RetailEngine
from smart_retail.results import FitReport
from smart_retail.serving.factory import open_engine
from smart_retail_tkinter.fit_request import Preview
from smart_retail_tkinter.table_models import Table


def load_bundle(folder: str, rules: str | None = None) -> RetailEngine:
    """Return the engine of the published bundle in a folder."""
    return open_engine(folder, rules=rules)


def connect(url: str, key: str | None = None) -> RetailEngine:
    """Return the engine behind an API."""
    return open_engine(api_url=url, api_key=key)


def list_versions(folder: str) -> list[VersionInfo]:
    """Return the fitted versions of a folder, newest first."""
    return versions.versions(folder)


def activate_version(folder: str, version: str) -> str:
    """Activate a version and return its id."""
    return versions.rollback(folder, version)


def write_table(path: str, table: Table, metadata: dict[str, str]) -> None:
    """Write a table as CSV or XLSX, by the ending of the path."""
    from smart_retail.utils.spreadsheet import write_table as write

    names = [column.name for column in table.columns]
    rows = (dict(zip(names, row.values, strict=True)) for row in table.rows)
    write(path, rows, {column.name: column.label for column in table.columns}, metadata)


def inspect(sources: tuple[str, ...], **options: Any) -> Preview:
    """Return the recognised columns and the cleaning report of order files without fitting."""
    from smart_retail_tkinter import fit_process

    return fit_process.inspect(sources, **options)


def fit(*sources: str, **options: Any) -> FitReport:
    """Fit order files and publish a version."""
    from smart_retail_tkinter import fit_process

    return fit_process.fit(*sources, **options)


@dataclass(frozen=True, slots=True)
class Services:
    """Functions of the core; each may raise `RetailError` and is called in a worker thread."""

    load: Callable[[str], RetailEngine] = load_bundle
    connect: Callable[[str, str | None], RetailEngine] = connect
    versions: Callable[[str], list[VersionInfo]] = list_versions
    activate: Callable[[str, str], str] = activate_version
    write: Callable[[str, Table, dict[str, str]], None] = write_table
    inspect: Callable[..., Preview] = inspect
    """Takes the sources, and ``returns``, ``mapping``, ``settings`` and ``progress`` as keyword arguments."""
    fit: Callable[..., FitReport] = fit
    """Like `smart_retail.fit`."""
