"""Add items without purchases between two fits, or change price, stock and texts of items.

In: items as JSON data, a file or a data frame. Out: the file of added items of the artifacts folder, which running
engines follow.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from smart_retail.bundle.local_copy import open_bundle
from smart_retail.bundle.store_transactions import shared_files
from smart_retail.errors import DataError
from smart_retail.events.item_changes import ItemChange, ItemChanges, check_item_id
from smart_retail.results import ItemsAccepted
from smart_retail.serving.bundle_tables import BundleTables

if TYPE_CHECKING:
    from smart_retail.data.ingestion.sources import Source

MAX_SKIPPED: Final = 100
"""Ids of skipped items that a result names."""


def add_items(
    items: Source | list[Mapping[str, Any]] | tuple[Mapping[str, Any], ...],
    artifacts: str | os.PathLike[str] = "artifacts",
) -> ItemsAccepted:
    """Add items to the active version, or change items that it has.

    An added item is found by search, has a page, obeys the business rules and is recommended by its content, without a
    fit. Servers and apps follow within about a second; `Engine.load` opens an engine with the added items. Of an item
    with purchases, price, cost, stock, brand, description, picture, launch date and attributes count at once; its name
    and category stay as in the orders. The next fit includes all of it.

    Parameters
    ----------
    items : path, data frame or list of dict
        A table of items as for ``fit(catalogue=...)``, or dicts with ``item_id`` and the fields of `ItemDetails` that
        are to be set: ``item_name``, ``category``, ``subcategory``, ``brand``, ``description``, ``image_url``,
        ``list_price``, ``cost``, ``stock``, ``launch_date``, ``attributes``. What is missing is not changed.
    artifacts : path

    Returns
    -------
    ItemsAccepted

    Raises
    ------
    DataError
        A value is not valid; nothing is stored.
    ArtifactError
        The folder has no version, or the file of added items is damaged.
    LockError
        Another process keeps writing items.
    """
    if isinstance(items, list | tuple):
        return put_items(artifacts, changes_from_dicts(items))
    from smart_retail.data.ingestion.item_changes import read_item_file  # reads files

    changes, catalogue = read_item_file(items)
    accepted = put_items(artifacts, changes)
    if not catalogue.rejected:
        return accepted
    rejected = ", ".join(f"{reason} {rows:,}" for reason, rows in sorted(catalogue.rejected.items()))
    note = " ".join(filter(None, (f"Rejected rows: {rejected}.", accepted.note)))
    return ItemsAccepted(accepted.received, accepted.added, accepted.changed, accepted.skipped, note)


def changes_from_dicts(items: Sequence[Mapping[str, Any]]) -> dict[str, ItemChange]:
    """Return the changes of JSON data, by item id; errors name the position, from 0.

    Raises
    ------
    DataError
        A value is missing or not valid.
    """
    changes: dict[str, ItemChange] = {}
    for index, item in enumerate(items):
        try:
            item_id = check_item_id(item.get("item_id"))
            change = ItemChange.from_dict({name: value for name, value in item.items() if name != "item_id"})
        except DataError as error:
            raise DataError(f"items.{index}: {error.message}", error.hint) from None
        changes[item_id] = changes.get(item_id, ItemChange()).merged_with(change)
    return changes


def put_items(artifacts: str | os.PathLike[str], changes: Mapping[str, ItemChange]) -> ItemsAccepted:
    """Store changes of items by id; errors as of `add_items`."""
    fitted = BundleTables(open_bundle(artifacts)).fitted_items
    with shared_files(artifacts) as folder:
        store = ItemChanges(folder)
        sent_before = store.read()
        is_known = {item_id: fitted.code(item_id) >= 0 or item_id in sent_before for item_id in changes}
        stored = {item_id: change for item_id, change in changes.items() if is_known[item_id] or change.item_name}
        if stored:
            store.put(stored)
    skipped = [item_id for item_id in changes if item_id not in stored]
    added = sum(not is_known[item_id] for item_id in stored)
    note = ""
    if skipped:
        note = (
            f"{len(skipped):,} unknown item{'s have' if len(skipped) > 1 else ' has'} no item_name and "
            f"{'were' if len(skipped) > 1 else 'was'} not stored: {', '.join(skipped[:3])}."
        )
    return ItemsAccepted(len(changes), added, len(stored) - added, tuple(skipped[:MAX_SKIPPED]), note)


def remove_items(item_ids: Sequence[str], artifacts: str | os.PathLike[str] = "artifacts") -> int:
    """Forget what was sent of some items since the last fit, and return how many of them were stored."""
    with shared_files(artifacts) as folder:
        return ItemChanges(folder).remove(item_ids)
