"""Two groupings of one frame, as Narwhals expressions for engines without a faster way of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import narwhals as nw

Keys = tuple[Sequence[str], Sequence[str]]
_HIGH: Final = 10**9


def group_twice(
    frame: nw.LazyFrame[Any], keys: Keys, total: str, span: str
) -> tuple[nw.LazyFrame[Any], nw.LazyFrame[Any]]:
    """Return the tables of `Backend.group_twice`, each from its own scan; suits frames that are materialized."""
    first, second = keys
    # High and low parts are added separately, so that no sum can overflow.
    high = (nw.col(total) // _HIGH).cast(nw.Int64)
    orders = frame.with_columns(_high=high).with_columns(_low=nw.col(total) - nw.col("_high") * _HIGH)
    orders = orders.group_by(*first).agg(
        nw.len().alias("n"), nw.col("_high").sum(), nw.col("_low").sum(),
        nw.col(span).min(), nw.col(span).max().alias(f"{span}_most"),
    )  # fmt: skip
    fits = nw.col("_high").cast(nw.Int64) < 9 * _HIGH
    whole = nw.when(fits).then(nw.col("_high").cast(nw.Int64)).otherwise(nw.lit(0)) * _HIGH
    whole = nw.when(fits).then(whole + nw.col("_low").cast(nw.Int64))
    return orders.with_columns(whole.alias(total)).drop("_high", "_low"), frame.group_by(*second).agg(
        nw.len().alias("n")
    )
