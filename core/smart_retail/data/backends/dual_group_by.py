"""One frame grouped in two ways: what every engine gives of lines that are added up.

In: a frame and the keys of both groupings. Out: two lazy tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import narwhals as nw

Keys = tuple[Sequence[str], Sequence[str]]
_HIGH: Final = 10**9


def group_twice(
    frame: nw.LazyFrame[Any], keys: Keys, total: str, span: str
) -> tuple[nw.LazyFrame[Any], nw.LazyFrame[Any]]:
    """The tables of `Backend.tally`, each from a reading of its own: for frames that are kept."""
    first, second = keys
    # Thousands of millions and what is left are added apart, so that no sum can overflow.
    high = (nw.col(total) // _HIGH).cast(nw.Int64)
    orders = frame.with_columns(_high=high).with_columns(_low=nw.col(total) - nw.col("_high") * _HIGH)
    orders = orders.group_by(*first).agg(
        nw.len().alias("n"), nw.col("_high").sum(), nw.col("_low").sum(),
        nw.col(span).min(), nw.col(span).max().alias(f"{span}_most"),
    )  # fmt: skip
    held = nw.col("_high").cast(nw.Int64) < 9 * _HIGH
    whole = nw.when(held).then(nw.col("_high").cast(nw.Int64)).otherwise(nw.lit(0)) * _HIGH
    whole = nw.when(held).then(whole + nw.col("_low").cast(nw.Int64))
    return orders.with_columns(whole.alias(total)).drop("_high", "_low"), frame.group_by(*second).agg(
        nw.len().alias("n")
    )
