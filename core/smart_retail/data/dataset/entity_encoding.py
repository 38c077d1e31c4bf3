"""Who the customers are and what the items are: codes, names, categories, prices.

In: accepted lines. Out: `IdMap`s, lines with integer codes, and arrays by code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from smart_retail.data import columns as c
from smart_retail.data.backends.base import Backend
from smart_retail.data.ingestion.row_validation import DAY, FLAG, KIND, Frame
from smart_retail.errors import DataError
from smart_retail.utils.id_map import IdMap, StringArray

CODE: Final = "code"
TEXT: Final = "text"
CODED_COLUMNS: Final = (
    c.CUSTOMER_ID, c.ITEM_ID, c.ORDER_ID, c.TIMESTAMP, DAY, c.QUANTITY, c.AMOUNT, KIND, FLAG,
)  # fmt: skip


def encode_ids(lines: Frame, column: str, backend: Backend) -> Frame:
    """Distinct ids with their text and their code, 0.. in byte order of the text."""
    distinct = lines.select(column).unique().with_columns(nw.col(column).cast(nw.String).alias(TEXT))
    coded = distinct.with_row_index(CODE, order_by=TEXT)
    return backend.materialize(coded.with_columns(nw.col(CODE).cast(nw.Int32)))


def id_map_from_codes(coded: Frame, backend: Backend) -> IdMap:
    """The ids of `codes`, by code."""
    found = backend.fetch(coded.select(CODE, TEXT))
    return IdMap(StringArray.of(_require_no_nul(found[TEXT][np.argsort(found[CODE])].tolist())))


def id_map_from_texts(ids: Sequence[str]) -> IdMap:
    """The ids of distinct texts in any order; Python compares texts by code point, as their bytes compare."""
    return IdMap(StringArray.of(sorted(_require_no_nul(ids))))


def _require_no_nul(ids: Sequence[str]) -> Sequence[str]:
    if "\0" in "".join(ids):
        raise DataError("An id holds a NUL byte.", "Is the source a text file?")
    return ids


def encode_lines(lines: Frame, orders: Frame, customers: Frame, items: Frame, backend: Backend) -> Frame:
    """Lines with codes for customer, item and order.

    Orders are numbered by customer, first day and order id, so their codes ascend as a `History`
    wants them; `orders` has their days. Cancellations of items that were never bought have no code
    and no effect, and are left out.
    """
    orders = orders.group_by(c.CUSTOMER_ID, c.ORDER_ID).agg(nw.col(DAY).min().alias("_day"))
    orders = orders.join(customers.drop(TEXT).rename({CODE: "_customer"}), on=c.CUSTOMER_ID, how="inner")
    orders = orders.with_columns(nw.col(c.ORDER_ID).cast(nw.String).alias(TEXT))
    orders = orders.with_row_index("_order", order_by=["_customer", "_day", TEXT]).drop("_day", TEXT)
    frame = lines.select(list(CODED_COLUMNS)).join(orders, on=[c.CUSTOMER_ID, c.ORDER_ID], how="inner")
    frame = frame.join(items.drop(TEXT).rename({CODE: "_item"}), on=c.ITEM_ID, how="inner")
    codes = {c.CUSTOMER_ID: "_customer", c.ORDER_ID: "_order", c.ITEM_ID: "_item"}
    return backend.materialize(
        frame.select(nw.col(codes[n]).cast(nw.Int32).alias(n) if n in codes else nw.col(n) for n in CODED_COLUMNS)
    )


def most_frequent_texts(lines: Frame, key: Frame, by: str, column: str, size: int, backend: Backend) -> list[str]:
    """For each code the text that stands most often, then the first in text order; "" where none."""
    named = lines.filter(nw.col(column) != "").group_by(by, column).agg(nw.len().alias("n"))
    found = backend.fetch(named.join(key.drop(TEXT), on=by, how="inner").select(CODE, column, "n"))
    names = [""] * size
    texts = found[column].tolist()
    order = sorted(
        range(len(texts)), key=lambda i: (int(found[CODE][i]), int(found["n"][i]), _reverse_text_key(texts[i]))
    )
    for i in order:
        names[int(found[CODE][i])] = texts[i]
    return names


def average_prices(bought: Frame, items: Frame, size: int, backend: Backend) -> NDArray[np.float64]:
    """What a piece went for on the whole, amount by quantity, by item code; NaN where unknown."""
    sums = bought.group_by(c.ITEM_ID).agg(nw.col(c.AMOUNT).sum(), nw.col(c.QUANTITY).sum())
    found = arrays_by_code(
        sums.with_columns(nw.col(c.AMOUNT, c.QUANTITY).cast(nw.Float64)), items, c.ITEM_ID, size, backend
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        price = found[c.AMOUNT] / found[c.QUANTITY]
    return np.where(price > 0, price, np.nan)


def _reverse_text_key(text: str) -> tuple[int, ...]:
    """Sorts texts from last to first, a longer one before its own beginning."""
    return (*(-b for b in text.encode("utf-8", "replace")), 1)


def encode_names(names: list[str]) -> tuple[list[str], NDArray[np.int32]]:
    """Distinct names in text order, and each entry's place among them, -1 where it is blank."""
    distinct = sorted(set(names) - {""}, key=lambda t: t.encode("utf-8", "replace"))
    place = {name: i for i, name in enumerate(distinct)}
    return distinct, np.array([place.get(n, -1) for n in names], dtype=np.int32)


def arrays_by_code(frame: Frame, key: Frame, by: str, size: int, backend: Backend) -> dict[str, NDArray[np.float64]]:
    """Columns of a frame grouped by an id, as arrays by code; NaN where the id has no row."""
    found = backend.fetch(frame.join(key.drop(TEXT), on=by, how="inner").drop(by))
    at = found.pop(CODE).astype(np.int64)
    result = {}
    for name, values in found.items():
        full = np.full(size, np.nan)
        full[at] = values
        result[name] = full
    return result


def fingerprint(texts: Sequence[Sequence[str]], arrays: Sequence[NDArray[Any]]) -> str:
    """SHA-256 over texts in code order and integer arrays."""
    digest = hashlib.sha256()
    for part in texts:
        for text in part:
            digest.update(text.encode("utf-8", "replace") + b"\0")
        digest.update(b"\1")
    for array in arrays:
        digest.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).data)
    return digest.hexdigest()
