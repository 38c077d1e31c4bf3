"""Items that are added or changed between two fits: read from a file, and included in the catalogue of the next fit."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from smart_retail.data.backends.base import open_backend
from smart_retail.data.ingestion.catalogue import CatalogueItem, ItemCatalogue, is_excluded, read_catalogue
from smart_retail.data.ingestion.ingest import DateOptions
from smart_retail.data.ingestion.row_validation import RowValidation
from smart_retail.data.ingestion.sources import Source
from smart_retail.events.item_changes import FILE_NAME, TEXTS, ItemChange
from smart_retail.utils.dates import iso, parse_day

_NUMBERS: Final = {"list_price": "unit_price", "cost": "cost", "stock": "stock"}
"""Number of an item -> column of a catalogue."""


def read_item_file(
    source: Source,
    dates: DateOptions = DateOptions(),  # noqa: B008  # frozen
) -> tuple[dict[str, ItemChange], ItemCatalogue]:
    """Read a table of items, recognised as the catalogue of a fit is.

    Parameters
    ----------
    source : path or data frame
    dates : DateOptions
        The order of day, month and year of the launch date.

    Returns
    -------
    changes, catalogue
        The items by id, and what happened to the rows.

    Raises
    ------
    ColumnError
        No column, or several, can be the item id.
    DataError
        The table cannot be read or has no usable row.
    """
    with tempfile.TemporaryDirectory(prefix="smart-retail-") as folder:
        backend = open_backend("duckdb", Path(folder), 0)
        try:
            catalogue = read_catalogue(source, backend, Path(folder), dates=dates)
        finally:
            backend.close()
    return {item_id: _to_change(item) for item_id, item in catalogue.items.items()}, catalogue


def include_changes(
    catalogue: ItemCatalogue | None, changes: Mapping[str, ItemChange], validations: Sequence[RowValidation] = ()
) -> ItemCatalogue | None:
    """Return a catalogue with the items that were added or changed since the last fit.

    A value of the catalogue counts before a change of the same item, which fills in what the catalogue does not state.

    Parameters
    ----------
    catalogue : ItemCatalogue or None
    changes : mapping
        Changed items by id.
    validations : sequence of RowValidation
        Rules of the order tables for item codes.

    Returns
    -------
    ItemCatalogue or None
        None without a catalogue and without changes.
    """
    if not changes:
        return catalogue
    folded = any(v.fold_item_case for v in validations)
    items = {} if catalogue is None else dict(catalogue.items)
    used = 0
    for item_id, change in changes.items():
        code = item_id.upper() if folded else item_id
        if not is_excluded(code, validations):
            items[code] = _filled(items.get(code, CatalogueItem()), _to_item(change))
            used += 1
    if catalogue is None:
        catalogue = ItemCatalogue(FILE_NAME, {}, len(changes), {}, {}, {}, is_table=False)
    else:
        catalogue = replace(catalogue, added=used)
    return replace(catalogue, items=dict(sorted(items.items())))


def _to_change(item: CatalogueItem) -> ItemChange:
    lines = (line.partition(": ") for line in item.attributes.splitlines())
    return ItemChange.from_dict(
        {name: getattr(item, name) for name in TEXTS}
        | {name: getattr(item, column) for name, column in _NUMBERS.items()}
        | {
            "launch_date": "" if item.launch_day is None else iso(item.launch_day),
            "attributes": {header: value for header, _, value in lines},
        }
    )


def _to_item(change: ItemChange) -> CatalogueItem:
    return CatalogueItem(
        **{name: getattr(change, name) for name in TEXTS},
        **{column: getattr(change, name) for name, column in _NUMBERS.items()},
        launch_day=parse_day(change.launch_date) if change.launch_date else None,
        attributes="\n".join(f"{name}: {value}" for name, value in change.attributes.items()),
    )


def _filled(item: CatalogueItem, other: CatalogueItem) -> CatalogueItem:
    """Return an item with the values of another where it has none."""
    missing = {name: getattr(other, name) for name in CatalogueItem.__slots__ if getattr(item, name) in ("", None)}
    return replace(item, **missing)
