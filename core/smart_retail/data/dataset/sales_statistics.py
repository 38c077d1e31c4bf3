"""Sales statistics: sales, discounts, shipping and returns by month and category.

Sums are taken over integers, so that no figure depends on the order of rows or on the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations_with_replacement
from typing import Any, Final

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from smart_retail.data import columns as c
from smart_retail.data.backends.base import Backend
from smart_retail.data.dataset.entity_encoding import arrays_by_code
from smart_retail.data.dataset.returns_netting import KEPT_AMOUNT
from smart_retail.data.ingestion.row_validation import DAY, Frame
from smart_retail.data.parsing.number_parsing import to_millionths
from smart_retail.utils.fixed_point import MILLION

DISCOUNT_BANDS: Final = (0.0, 0.1, 0.2, 0.3, 0.5)
"""Upper edges (share 0 to 1, inclusive) of the discount bands; one more band is above the last edge."""
MAX_SHIPPING_DAYS: Final = 60
"""Longer shipping times are counted as this many days."""
SAMPLE_LINES: Final = 100_000
"""Approximate number of lines for moments and correlations; larger data is sampled by taking every k-th day."""

Columns = dict[str, NDArray[Any]]


def discount_band(discount: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the discount band of each value: index into `DISCOUNT_BANDS`, one more above the last edge, -1 for NaN."""
    rounded = np.round(np.nan_to_num(discount), 6)
    return np.where(np.isnan(discount), -1, np.searchsorted(DISCOUNT_BANDS, rounded, side="left"))


def discount_band_names() -> list[str]:
    """Return the names of the bands: ``none``, ``up to 10 %``, ..., ``above 50 %``."""
    edges = [f"{100 * edge:.0f} %" for edge in DISCOUNT_BANDS]
    return ["none", *(f"up to {edge}" for edge in edges[1:]), f"above {edges[-1]}"]


def daily_sums(lines: Frame, gross: Frame, net: Frame | None, backend: Backend) -> Columns:
    """Return sums by day and category.

    Parameters
    ----------
    lines : LazyFrame
        Kept purchases with derived columns.
    gross : LazyFrame
        All purchases before returns.
    net : LazyFrame or None
        All purchases net of returns; None if there are no returns.
    backend : Backend

    Returns
    -------
    dict of arrays
        ``day``, ``category``, ``lines``, ``amount`` (millionths), sums of discounts and shipping days, one row per day
        and category; and ``returned_day``, ``returned_category``, ``returned`` (millionths).
    """
    names_present = set(lines.collect_schema().names())
    lines = lines.with_columns(_category=_category(names_present), **_discount_and_shipping_sums(names_present))
    names = (KEPT_AMOUNT, *_discount_and_shipping_sums(names_present))
    sums = lines.group_by(DAY, "_category").agg(nw.len().alias("lines"), *(nw.col(n).sum() for n in names))
    found = backend.fetch(sums.with_columns(nw.col(*names).cast(nw.Int64)).rename({KEPT_AMOUNT: "amount"}))
    table = {
        "day": found[DAY].astype(np.int64),
        "category": found["_category"],
        **_as_integers(found, ("lines", "amount")),
    }
    zeros = np.zeros(len(table["day"]), np.int64)
    table |= {n: _as_integers(found, (n,))[n] if n in found else zeros for n in _SUM_COLUMNS}
    order = np.lexsort((table["category"].astype(str), table["day"]))
    return {name: values[order] for name, values in table.items()} | _returned_sums(gross, net, backend)


_SUM_COLUMNS: Final = ("discount", "discounted", "shipping", "shipped")


def _category(names_present: set[str]) -> nw.Expr:
    return nw.col(c.CATEGORY).fill_null("") if c.CATEGORY in names_present else nw.lit("")


def _discount_and_shipping_sums(names_present: set[str]) -> dict[str, nw.Expr]:
    """Return expressions for discount (millionths) and shipping days, each with the number of lines that have one."""
    found: dict[str, nw.Expr] = {}
    if c.DISCOUNT in names_present:
        fraction = nw.col(c.DISCOUNT)
        has_discount = fraction.is_between(0.0, 1.0).fill_null(False)
        found["discount"] = nw.when(has_discount).then(to_millionths(fraction)).otherwise(nw.lit(0))
        found["discounted"] = has_discount.cast(nw.Int64)
    if c.SHIPPING_DAYS in names_present:
        found["shipping"] = nw.col(c.SHIPPING_DAYS).fill_null(0).cast(nw.Int64)
        found["shipped"] = (~nw.col(c.SHIPPING_DAYS).is_null()).cast(nw.Int64)
    return found


def _as_integers(found: Columns, names: Iterable[str]) -> Columns:
    return {n: np.nan_to_num(found[n].astype(np.float64)).astype(np.int64) if found[n].dtype.kind == "f"
            else found[n].astype(np.int64) for n in names}  # fmt: skip


def _returned_sums(gross: Frame, net: Frame | None, backend: Backend) -> Columns:
    """Return the returned amounts by day of purchase and category."""
    if net is None:
        return {"returned_day": np.zeros(0, np.int64), "returned_category": np.zeros(0, object),
                "returned": np.zeros(0, np.int64)}  # fmt: skip
    sums: dict[tuple[int, str], int] = {}
    for frame, column, sign in ((gross, c.AMOUNT, 1), (net, KEPT_AMOUNT, -1)):
        table = frame.with_columns(_category=_category(set(frame.collect_schema().names())))
        added = table.group_by(DAY, "_category").agg(nw.col(column).sum())
        found = backend.fetch(added.with_columns(nw.col(column).cast(nw.Int64)))
        for day, name, amount in zip(*(found[n].tolist() for n in (DAY, "_category", column)), strict=True):
            sums[int(day), name] = sums.get((int(day), name), 0) + sign * int(amount)
    keys = sorted(key for key, amount in sums.items() if amount)
    return {
        "returned_day": np.array([day for day, _ in keys], np.int64),
        "returned_category": np.array([name for _, name in keys], object),
        "returned": np.array([sums[key] for key in keys], np.int64),
    }


def describe(
    table: Columns, spreads: dict[str, list[dict[str, Any]]], numeric_summary: dict[str, Any]
) -> dict[str, Any]:
    """Return the statistics as JSON data: by month, by category, distributions and numeric summary.

    Parameters
    ----------
    table : dict of arrays
        From `daily_sums`.
    spreads : dict
        From `distributions`.
    numeric_summary : dict
        From the function of that name.
    """
    month = table["day"].astype("datetime64[D]").astype("datetime64[M]").astype(str)
    returned_month = table["returned_day"].astype("datetime64[D]").astype("datetime64[M]").astype(str)
    return {
        "months": _rows("month", month, returned_month, table),
        "categories": sorted(
            _rows("category", table["category"], table["returned_category"], table), key=lambda row: -row["amount"]
        ),
        **spreads,
        "numbers": numeric_summary,
    }


def _rows(name: str, key: NDArray[Any], returned_key: NDArray[Any], table: Columns) -> list[dict[str, Any]]:
    rows = []
    for value in sorted(set(key.tolist()) | set(returned_key.tolist())):
        selected = key == value
        sums = {n: int(table[n][selected].sum()) for n in ("lines", "amount", *_SUM_COLUMNS)}
        returned = int(table["returned"][returned_key == value].sum())
        rows.append(
            {
                name: str(value),
                "amount": sums["amount"] / MILLION,
                "lines": sums["lines"],
                "returned": returned / MILLION,
                "mean_discount": _ratio(sums["discount"] / MILLION, sums["discounted"]),
                "mean_shipping_days": _ratio(sums["shipping"], sums["shipped"]),
            }
        )
    return rows


def _ratio(part: float, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def daily_discount(table: Columns, categories: Sequence[str], first: int, last: int) -> NDArray[np.float32]:
    """Return the mean discount (share 0 to 1) of the lines of each day.

    Parameters
    ----------
    table : dict of arrays
        From `daily_sums`.
    categories : sequence of str
    first, last : int
        Days since 1970-01-01, inclusive.

    Returns
    -------
    float32 array, shape (1 + categories, days)
        The first row is the whole shop; NaN for days without discounts on record.
    """
    days = last - first + 1
    inside = (table["day"] >= first) & (table["day"] <= last)
    day_index = table["day"][inside] - first
    code = {name: i for i, name in enumerate(categories, 1)}
    row = np.array([code.get(name, -1) for name in table["category"][inside].tolist()], np.int64)
    out = np.full((len(categories) + 1, days), np.nan)
    for i in range(len(out)):
        selected = row == i if i else np.ones(len(row), bool)
        count = np.bincount(day_index[selected], table["discounted"][inside][selected], days)
        total = np.bincount(day_index[selected], table["discount"][inside][selected], days) / MILLION
        np.divide(total, count, out=out[i], where=count > 0)
    return out.astype(np.float32)


def item_discount(lines: Frame, items: Frame, count: int, backend: Backend) -> NDArray[np.float64]:
    """Return the mean discount (share 0 to 1) of the lines of each item by item code, float64; NaN if there is none.

    Parameters
    ----------
    lines : LazyFrame
        Kept purchases with derived columns.
    items : LazyFrame
        Codes from `encode_ids`.
    count : int
        Number of items.
    backend : Backend
    """
    if c.DISCOUNT not in lines.collect_schema().names():
        return np.full(count, np.nan)
    discounted = lines.filter(nw.col(c.DISCOUNT).is_between(0.0, 1.0))
    sums = discounted.with_columns(_off=to_millionths(nw.col(c.DISCOUNT))).group_by(c.ITEM_ID)
    table = sums.agg(nw.col("_off").sum(), nw.len().alias("n")).with_columns(nw.col("_off", "n").cast(nw.Float64))
    key = items.with_columns(nw.col(c.ITEM_ID).cast(nw.String))
    found = arrays_by_code(table, key, c.ITEM_ID, count, backend)
    with np.errstate(invalid="ignore"):
        return found["_off"] / found["n"] / MILLION


def distributions(lines: Frame, backend: Backend) -> dict[str, list[dict[str, Any]]]:
    """Return numbers of lines and amounts by discount band, by shipping days and by sales category."""
    names_present = set(lines.collect_schema().names())
    lines = lines.with_columns(
        _band=_discount_band_expression() if c.DISCOUNT in names_present else nw.lit(-1),
        _ship=_shipping_days_expression(names_present),
    )
    sums = lines.group_by("_band", "_ship", c.SALES_CATEGORY).agg(nw.len().alias("lines"), nw.col(KEPT_AMOUNT).sum())
    found = backend.fetch(sums.with_columns(nw.col(KEPT_AMOUNT).cast(nw.Int64)).rename({KEPT_AMOUNT: "amount"}))
    names = dict(enumerate(discount_band_names()))
    sizes = ("Low", "Medium", "High", "Very High")
    labels = sorted(set(found[c.SALES_CATEGORY].tolist()), key=lambda t: (sizes.index(t) if t in sizes else 9, t))
    return {
        "discounts": _distribution("discount", found["_band"], names, found),
        "shipping": _distribution("days", found["_ship"], {d: d for d in range(MAX_SHIPPING_DAYS + 1)}, found),
        "sales_categories": _distribution("sales_category", found[c.SALES_CATEGORY], {t: t for t in labels}, found),
    }


def _discount_band_expression() -> nw.Expr:
    parts = to_millionths(nw.col(c.DISCOUNT))
    out = nw.lit(len(DISCOUNT_BANDS))
    for i, edge in reversed(list(enumerate(DISCOUNT_BANDS))):
        out = nw.when(parts <= round(edge * MILLION)).then(nw.lit(i)).otherwise(out)
    return nw.when(nw.col(c.DISCOUNT).is_between(0.0, 1.0).fill_null(False)).then(out).otherwise(nw.lit(-1))


def _shipping_days_expression(names_present: set[str]) -> nw.Expr:
    if c.SHIPPING_DAYS not in names_present:
        return nw.lit(-1)
    days = nw.col(c.SHIPPING_DAYS).cast(nw.Int64)
    return nw.when(days > MAX_SHIPPING_DAYS).then(nw.lit(MAX_SHIPPING_DAYS)).otherwise(days).fill_null(-1)


def _distribution(name: str, key: NDArray[Any], labels: dict[Any, Any], found: Columns) -> list[dict[str, Any]]:
    rows = []
    for value, label in labels.items():
        selected = key == value
        if selected.any():
            amount = int(found["amount"][selected].astype(np.int64).sum()) / MILLION
            rows.append({name: label, "lines": int(found["lines"][selected].sum()), "amount": amount})
    return rows


def numeric_summary(lines: Frame, count: int, first_day: int, backend: Backend) -> dict[str, Any]:
    """Return moments and Spearman correlations of the numeric columns.

    Parameters
    ----------
    lines : LazyFrame
        Kept purchases with derived columns.
    count : int
        Number of lines; if there are very many, only those of every k-th day are used.
    first_day : int
        Day of the first purchase, days since 1970-01-01.
    backend : Backend

    Returns
    -------
    dict
        ``columns``, ``lines`` (number used), ``moments`` (column -> mean, median, skewness, excess kurtosis; None if
        all values are equal) and ``correlations`` (rows and columns as in ``columns``; None if not defined).
    """
    names_present = set(lines.collect_schema().names())
    step = -(-count // SAMPLE_LINES)
    step += step % 7 == 0  # otherwise the sample would have one day of the week only
    if step > 1:
        lines = lines.filter((nw.col(DAY) - first_day) % step == 0)
    quantity, amount = (nw.col(n).cast(nw.Float64) / MILLION for n in (c.QUANTITY, c.AMOUNT))
    expressions = {"quantity": quantity, "amount": amount, "unit_price": amount / quantity}
    expressions |= {
        n: nw.col(n).cast(nw.Float64) for n in ("discount", "profit", "shipping_days") if n in names_present
    }
    found = backend.fetch(lines.select(**expressions))
    table = np.stack([found[n].astype(np.float64) for n in expressions])
    table = table[:, np.lexsort(table[::-1])]
    return {
        "columns": list(expressions),
        "lines": table.shape[1],
        "moments": {name: _moments(row) for name, row in zip(expressions, table, strict=True)},
        "correlations": _correlations(table),
    }


def _moments(values: NDArray[np.float64]) -> dict[str, float | None]:
    from scipy import stats  # takes half a second to import; only a fit needs it

    values = values[np.isfinite(values)]
    if not len(values):
        return dict.fromkeys(("mean", "median", "skewness", "kurtosis"))
    varies = bool(np.ptp(values) > 1e-9 * np.abs(values).max())
    return {
        "mean": _round_to_six_digits(values.mean()),
        "median": _round_to_six_digits(np.median(values)),
        "skewness": _round_to_six_digits(stats.skew(values)) if varies else None,
        "kurtosis": _round_to_six_digits(stats.kurtosis(values)) if varies else None,
    }


def _correlations(table: NDArray[np.float64]) -> list[list[float | None]]:
    from scipy import stats

    out: list[list[float | None]] = [[None] * len(table) for _ in table]
    for i, j in combinations_with_replacement(range(len(table)), 2):
        both = np.isfinite(table[i]) & np.isfinite(table[j])
        a, b = table[i][both], table[j][both]
        if len(a) >= 3 and np.ptp(a) > 0 and np.ptp(b) > 0:
            out[i][j] = out[j][i] = 1.0 if i == j else _round_to_six_digits(stats.spearmanr(a, b).statistic)
    return out


def _round_to_six_digits(value: Any) -> float:
    """Round to six significant digits; further digits depend on the order of summation."""
    return float(f"{float(value):.6g}")
