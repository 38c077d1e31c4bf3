"""Combine a catalogue of items with what the orders say of them, by item code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.data import columns as c
from smart_retail.data.ingestion.catalogue import ItemCatalogue
from smart_retail.utils.dates import NO_DAY
from smart_retail.utils.id_map import IdMap, StringArray

TEXTS = ("brand", "description", "image_url", "attributes")
NUMBERS = {"price": "unit_price", "cost": "cost", "stock": "stock"}
"""Array below ``catalogue/`` -> field of the catalogue."""


def fill_texts(texts: Sequence[str], items: IdMap, catalogue: ItemCatalogue, column: str) -> list[str]:
    """Return the texts with those of the catalogue where there are none.

    A category of the catalogue that differs from one of the orders in letter case only is spelled as in the orders.

    Parameters
    ----------
    texts : sequence of str
        By item code, "" where the orders have none.
    items : IdMap
    catalogue : ItemCatalogue
    column : str
        ``item_name``, ``category`` or ``subcategory``.
    """
    spelling: dict[str, str] = {}
    if column != c.ITEM_NAME:
        known = Counter(texts) + Counter(getattr(item, column) for item in catalogue.items.values())
        ordered = set(texts)
        for text in sorted(known, key=lambda text: (text in ordered, known[text], text)):
            spelling[text.casefold()] = text
    filled = list(texts)
    for code, item_id in enumerate(items.ids):
        item = None if filled[code] else catalogue.items.get(item_id)
        if item is not None:
            text = getattr(item, column)
            filled[code] = spelling.get(text.casefold(), text)
    return filled


def fill_prices(paid: NDArray[np.float64], items: IdMap, catalogue: ItemCatalogue) -> NDArray[np.float64]:
    """Return the prices with those of the catalogue where nothing was paid, NaN where there is none."""
    filled = paid.copy()
    for code, item_id in enumerate(items.ids):
        item = catalogue.items.get(item_id) if np.isnan(paid[code]) else None
        if item is not None and item.unit_price:
            filled[code] = item.unit_price
    return filled


def catalogue_arrays(items: IdMap, catalogue: ItemCatalogue | None) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the arrays and the texts of the catalogue, one row for each of its items, by item code.

    Without a catalogue they have no rows.
    """
    listed = {} if catalogue is None else {items.code(item_id): item for item_id, item in catalogue.items.items()}
    codes = sorted(listed)

    def number(value: float | None) -> float:
        return np.nan if value is None else value

    arrays: dict[str, NDArray[Any]] = {"item": np.array(codes, np.int32)}
    for name, field in NUMBERS.items():
        arrays[name] = np.array([number(getattr(listed[code], field)) for code in codes], np.float64)
    launches = (listed[code].launch_day for code in codes)
    arrays["launch"] = np.array([NO_DAY if day is None else day for day in launches], np.int32)
    return arrays, {name: StringArray.of(getattr(listed[code], name) for code in codes) for name in TEXTS}
