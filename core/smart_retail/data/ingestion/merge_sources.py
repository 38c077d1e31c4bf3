"""Merge several sources into one history, and join a returns table without multiplying rows.

A row that occurs in several sources is counted as often as in the source that has it most often; the other copies
are rejected as `overlap`. If the preset asks for it, repeated rows of one source are rejected as `duplicate`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import narwhals as nw

from smart_retail.data import columns as c
from smart_retail.data.backends.base import Backend
from smart_retail.data.ingestion.ingest import IngestedSource
from smart_retail.data.ingestion.row_validation import (
    DAY,
    EXAMPLE,
    FLAG,
    GUEST,
    REASON,
    REASONS,
    REFUNDED,
    SOURCE,
    UNPARSED,
    Frame,
)

RETURNED_BY_TABLE: Final = 1

_UNITED_STATES: Final = ("united states", "united states of america", "usa", "u.s.", "u.s.a.")
_NOT_CONTENT: Final = (SOURCE, REASON, EXAMPLE, UNPARSED, REFUNDED, GUEST)


def merge_sources(sources: Sequence[IngestedSource], backend: Backend) -> Frame:
    """Return the lines of all sources; repeated rows get the reason `overlap` or `duplicate`."""
    once = [i for i, s in enumerate(sources) if s.validation.drop_duplicates]
    names = _all_names([s.lines for s in sources])
    frames = [_with_names(s.lines, names) for s in sources]
    lines = frames[0] if len(frames) == 1 else nw.concat(frames, how="vertical")
    days = _shared_days([s.lines for s in sources], backend)
    if not once and days is None:
        return lines if len(sources) == 1 else backend.materialize(lines)
    content = [n for n in names if n not in _NOT_CONTENT and all(n in s.lines.collect_schema() for s in sources)]
    marked = _mark_repeated_rows(lines, content, once, None if once else days)
    return backend.materialize(marked.select(list(names)))


def _mark_repeated_rows(
    lines: Frame, content: Sequence[str], once: Sequence[int], days: tuple[int, int] | None
) -> Frame:
    """Number the occurrences of each row and give a rejection reason to surplus ones.

    Only rows that share customer, order and item can be repeated: a cheap grouping finds the candidates, and only
    their full content is compared.

    Parameters
    ----------
    lines : LazyFrame
        Lines of all sources.
    content : sequence of str
        Columns that must be equal.
    once : sequence of int
        Indices of the sources whose repeated rows are rejected.
    days : tuple of int, optional
        First and last day that several sources cover; other days need no comparison.
    """
    key_columns = {f"_{n}": nw.col(n).fill_null("") for n in (c.CUSTOMER_ID, c.ORDER_ID, c.ITEM_ID)}
    frame = lines.with_columns(**key_columns)
    candidates = frame.filter(_in_days(days)) if days else frame
    repeated = candidates.group_by(*key_columns).agg(nw.len().alias("_n")).filter(nw.col("_n") > 1).select(*key_columns)
    unique = frame.join(repeated, on=list(key_columns), how="anti")
    frame = frame.join(repeated, on=list(key_columns), how="inner")
    key = nw.concat_str(*(nw.col(n).cast(nw.String).fill_null("") for n in content), separator="\x1f")
    frame = frame.with_columns(_key=key, _one=nw.lit(1))
    frame = frame.with_columns(_nth=nw.col("_one").cum_sum().over("_key", SOURCE, order_by=DAY))
    frame = frame.with_columns(_copy=nw.col("_one").cum_sum().over("_key", "_nth", order_by=SOURCE))
    duplicate = (nw.col("_nth") > 1) & nw.col(SOURCE).is_in(list(once)) if once else nw.lit(False)
    reason = (
        nw.when(nw.col("_copy") > 1)
        .then(nw.lit(REASONS.index("overlap")))
        .otherwise(nw.when(duplicate).then(nw.lit(REASONS.index("duplicate"))).otherwise(nw.col(REASON)))
        .cast(nw.Int8)
    )
    frame = frame.with_columns(reason.alias(REASON))
    frame = frame.with_columns(nw.when(nw.col(REASON) != 0).then(nw.coalesce(EXAMPLE, c.ORDER_ID)).alias(EXAMPLE))
    names = lines.collect_schema().names()
    return nw.concat([unique.select(names), frame.select(names)], how="vertical")


def _in_days(days: tuple[int, int] | None) -> nw.Expr:
    return nw.col(DAY).is_between(*days) | nw.col(DAY).is_null() if days else nw.lit(True)


def _shared_days(frames: Sequence[Frame], backend: Backend) -> tuple[int, int] | None:
    """Return the first and last day that more than one source covers; None if there is none."""
    spans = []
    for frame in frames if len(frames) > 1 else ():
        found = backend.fetch(frame.select(nw.col(DAY).min().alias("a"), nw.col(DAY).max().alias("b")))
        if found["a"][0] is not None and found["a"][0] == found["a"][0]:
            spans.append((int(found["a"][0]), int(found["b"][0])))
    shared = [
        (max(a[0], b[0]), min(a[1], b[1]))
        for i, a in enumerate(spans)
        for b in spans[:i]
        if max(a[0], b[0]) <= min(a[1], b[1])
    ]
    return (min(a for a, _ in shared), max(b for _, b in shared)) if shared else None


def _all_names(frames: Sequence[Frame]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for frame in frames:
        names |= {n: t for n, t in frame.collect_schema().items() if n not in names and n != UNPARSED}
    return names


def _with_names(frame: Frame, names: dict[str, Any]) -> Frame:
    names_present = set(frame.collect_schema().names())
    return frame.select(nw.col(n) if n in names_present else nw.lit(None, dtype=t).alias(n) for n, t in names.items())


def flag_returned(lines: Frame, returns: Frame, backend: Backend) -> Frame:
    """Flag the purchases whose order (and market, if both have it) is in the returns table.

    The table is reduced to distinct keys first; otherwise the join would multiply the lines of an order that the table
    lists twice.
    """
    on = [c.ORDER_ID]
    keys = returns
    if c.MARKET in returns.collect_schema() and c.MARKET in lines.collect_schema():
        keys = keys.with_columns(_market=_market())
        lines = lines.with_columns(_market=_market())
        on.append("_market")
    keys = keys.select(on).unique().with_columns(_returned=nw.lit(RETURNED_BY_TABLE))
    flag = nw.when(nw.col("_returned").is_null()).then(nw.col(FLAG)).otherwise(nw.lit(RETURNED_BY_TABLE)).cast(nw.Int8)
    names = [n for n in lines.collect_schema().names() if n != "_market"]
    return backend.materialize(lines.join(keys, on=on, how="left").with_columns(flag.alias(FLAG)).select(names))


def drop_erased_customers(lines: Frame, erased_ids: Iterable[str], backend: Backend) -> Frame:
    """Reject all rows of the erased customers, without examples."""
    erased_ids = sorted(erased_ids)
    is_erased = nw.col(c.CUSTOMER_ID).is_in(erased_ids)
    reason = nw.when(is_erased).then(nw.lit(REASONS.index("erased"))).otherwise(nw.col(REASON)).cast(nw.Int8)
    example = nw.when(~is_erased | is_erased.is_null()).then(nw.col(EXAMPLE))
    return backend.materialize(lines.with_columns(reason.alias(REASON), example.alias(EXAMPLE)))


def _market() -> nw.Expr:
    """Normalize the market: `United States` and `US` are the same."""
    market = nw.col(c.MARKET).str.to_lowercase()
    return nw.when(market.is_in(_UNITED_STATES)).then(nw.lit("us")).otherwise(market)
