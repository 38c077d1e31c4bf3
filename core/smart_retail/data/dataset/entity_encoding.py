"""Encode customers, items and orders as integer codes, and collect names, categories and prices by code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from smart_retail.data import columns as c
from smart_retail.data.backends.base import Backend
from smart_retail.data.ingestion.row_validation import DAY, FLAG, KIND, REFUNDED, Frame
from smart_retail.errors import DataError
from smart_retail.utils.id_map import IdMap, StringArray

CODE: Final = "code"
TEXT: Final = "text"
CODED_COLUMNS: Final = (
    c.CUSTOMER_ID, c.ITEM_ID, c.ORDER_ID, c.TIMESTAMP, DAY, c.QUANTITY, c.AMOUNT, KIND, FLAG,
)  # fmt: skip


def encode_ids(lines: Frame, column: str, backend: Backend) -> Frame:
    """Number the distinct ids of a column from 0 in byte order of their text.

    Returns
    -------
    LazyFrame
        The id, its text (`TEXT`) and its code (`CODE`, int32).
    """
    distinct = lines.select(column).unique().with_columns(nw.col(column).cast(nw.String).alias(TEXT))
    coded = distinct.with_row_index(CODE, order_by=TEXT)
    return backend.materialize(coded.with_columns(nw.col(CODE).cast(nw.Int32)))


def id_map_from_codes(coded: Frame, backend: Backend) -> IdMap:
    """Return the ids of `encode_ids` by code."""
    found = backend.fetch(coded.select(CODE, TEXT))
    return IdMap(StringArray.of(_require_no_nul(found[TEXT][np.argsort(found[CODE])].tolist())))


def recode_ids(coded: Frame, ids: IdMap, backend: Backend) -> Frame:
    """Replace the codes of `encode_ids` by those of an id map that has more ids."""
    import pyarrow as pa

    found = backend.fetch(coded.select(CODE, TEXT))
    codes = pa.table({CODE: pa.array(found[CODE], pa.int32()), "_new": pa.array(ids.codes(found[TEXT]), pa.int32())})
    recoded = coded.join(backend.from_dataframe(codes), on=CODE, how="inner").drop(CODE).rename({"_new": CODE})
    return backend.materialize(recoded)


def id_map_from_texts(ids: Sequence[str], more: Iterable[str] = ()) -> IdMap:
    """Return an id map of distinct texts in any order, and of more texts, which may repeat them.

    Python sorts by code point, which equals the byte order.
    """
    distinct = sorted({*ids, *more}) if more else sorted(ids)
    return IdMap(StringArray.of(_require_no_nul(distinct)))


def _require_no_nul(ids: Sequence[str]) -> Sequence[str]:
    if "\0" in "".join(ids):
        raise DataError("An id contains a NUL byte.", "Check that the source is a text file.")
    return ids


def encode_lines(lines: Frame, orders: Frame, customers: Frame, items: Frame, backend: Backend) -> Frame:
    """Replace the ids of lines by the codes of customers, items and orders.

    Orders are numbered by customer, first day and order id, as in a `PurchaseHistory`. Cancellations of items that
    were never bought have no item code; they have no effect and are dropped.

    Parameters
    ----------
    lines : LazyFrame
        Accepted lines.
    orders : LazyFrame
        Customer, order and first day; an order may occur several times.
    customers, items : LazyFrame
        Codes from `encode_ids`.
    backend : Backend

    Returns
    -------
    LazyFrame
        `CODED_COLUMNS`, and `REFUNDED` if the lines have it, materialized.
    """
    orders = orders.group_by(c.CUSTOMER_ID, c.ORDER_ID).agg(nw.col(DAY).min().alias("_day"))
    orders = orders.join(customers.drop(TEXT).rename({CODE: "_customer"}), on=c.CUSTOMER_ID, how="inner")
    orders = orders.with_columns(nw.col(c.ORDER_ID).cast(nw.String).alias(TEXT))
    orders = orders.with_row_index("_order", order_by=["_customer", "_day", TEXT]).drop("_day", TEXT)
    present = lines.collect_schema().names()
    columns = [*CODED_COLUMNS, *([REFUNDED] if REFUNDED in present else [])]
    frame = lines.select(columns).join(orders, on=[c.CUSTOMER_ID, c.ORDER_ID], how="inner")
    frame = frame.join(items.drop(TEXT).rename({CODE: "_item"}), on=c.ITEM_ID, how="inner")
    codes = {c.CUSTOMER_ID: "_customer", c.ORDER_ID: "_order", c.ITEM_ID: "_item"}
    return backend.materialize(
        frame.select(nw.col(codes[n]).cast(nw.Int32).alias(n) if n in codes else nw.col(n) for n in columns)
    )


def most_frequent_texts(lines: Frame, key: Frame, by: str, column: str, size: int, backend: Backend) -> list[str]:
    """Return for each code the most frequent text of a column; ties go to the first in text order, "" if there is none.

    Parameters
    ----------
    lines : LazyFrame
        Accepted lines.
    key : LazyFrame
        Codes from `encode_ids` of the column `by`.
    by, column : str
        Id column and text column.
    size : int
        Number of codes.
    backend : Backend
    """
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
    """Return amount / quantity over all purchases by item code, float64; NaN if it is not positive."""
    sums = bought.group_by(c.ITEM_ID).agg(nw.col(c.AMOUNT).sum(), nw.col(c.QUANTITY).sum())
    found = arrays_by_code(
        sums.with_columns(nw.col(c.AMOUNT, c.QUANTITY).cast(nw.Float64)), items, c.ITEM_ID, size, backend
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        price = found[c.AMOUNT] / found[c.QUANTITY]
    return np.where(price > 0, price, np.nan)


def _reverse_text_key(text: str) -> tuple[int, ...]:
    """Return a sort key that reverses the order of texts."""
    return (*(-b for b in text.encode("utf-8", "replace")), 1)


def encode_names(names: list[str]) -> tuple[list[str], NDArray[np.int32]]:
    """Return the distinct names in text order and the index of each entry among them, int32; -1 if it is blank."""
    distinct = sorted(set(names) - {""}, key=lambda t: t.encode("utf-8", "replace"))
    index = {name: i for i, name in enumerate(distinct)}
    return distinct, np.array([index.get(n, -1) for n in names], dtype=np.int32)


def arrays_by_code(frame: Frame, key: Frame, by: str, size: int, backend: Backend) -> dict[str, NDArray[np.float64]]:
    """Return the columns of a frame with one row per id as float64 arrays by code; NaN if an id has no row.

    Parameters
    ----------
    frame : LazyFrame
        One row per id of the column `by`.
    key : LazyFrame
        Codes from `encode_ids` of the column `by`.
    by : str
        Id column.
    size : int
        Number of codes.
    backend : Backend
    """
    found = backend.fetch(frame.join(key.drop(TEXT), on=by, how="inner").drop(by))
    code = found.pop(CODE).astype(np.int64)
    result = {}
    for name, values in found.items():
        full = np.full(size, np.nan)
        full[code] = values
        result[name] = full
    return result


def fingerprint(texts: Sequence[Sequence[str]], arrays: Sequence[NDArray[Any]]) -> str:
    """Return the SHA-256 over lists of texts and integer arrays."""
    digest = hashlib.sha256()
    for part in texts:
        for text in part:
            digest.update(text.encode("utf-8", "replace") + b"\0")
        digest.update(b"\1")
    for array in arrays:
        digest.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).data)
    return digest.hexdigest()
