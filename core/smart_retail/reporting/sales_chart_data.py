"""Rows behind the charts of the order lines: categories, discounts, shipping, returns, distributions.

Each function returns the rows of the function with the same name in `sales_charts`, from the statistics of a
`ModelInfo`. If the source has no discounts, for example, `DataError` gives the reason.
"""

from __future__ import annotations

from typing import Any, Final

from smart_retail.presentation.formatting import format_amount, format_percent
from smart_retail.reporting.model_chart_data import Rows, require_rows
from smart_retail.results import ModelInfo

OTHERS: Final = "all others"
MAX_CATEGORIES: Final = 15
"""Bars of the category chart, `OTHERS` included."""
NO_STATISTICS: Final = "this model has no sales statistics; fit again"


def categories(model: ModelInfo) -> Rows:
    """Return ``category, amount, share, lines, returned_share, mean_discount``, largest first, small ones combined."""
    found = [row for row in _statistics(model, "categories") if row["category"]]
    rest = found[MAX_CATEGORIES - 1 :]
    if len(rest) > 1:
        together = {n: sum(row[n] for row in rest) for n in ("amount", "lines", "returned")}
        found = [*found[: MAX_CATEGORIES - 1], {"category": OTHERS, **together, "mean_discount": None}]
    total = sum(row["amount"] for row in found)
    rows = [
        {
            "category": row["category"],
            "amount": row["amount"],
            "share": row["amount"] / total if total else 0.0,
            "lines": row["lines"],
            "returned_share": _ratio(row["returned"], row["amount"] + row["returned"]),
            "mean_discount": row["mean_discount"],
        }
        for row in found
    ]
    return require_rows(rows, "categories", _reason(model, "the source has no categories"))


def line_sizes(model: ModelInfo) -> Rows:
    """Return ``sales_category, lines, amount``: order lines by their amount, small to large."""
    return require_rows(
        _statistics(model, "sales_categories"), "line sizes", _reason(model, "no order line is left after returns")
    )


def discounts(model: ModelInfo) -> Rows:
    """Return ``discount, lines, amount, share``: by range of discount, none first."""
    found = _statistics(model, "discounts")
    total = sum(row["amount"] for row in found)
    rows = [{**row, "share": row["amount"] / total if total else 0.0} for row in found]
    return require_rows(rows, "discounts", _reason(model, "the source has no discounts"))


def discounts_by_month(model: ModelInfo) -> Rows:
    """Return ``month, mean_discount, lines``."""
    return _by_month(model, "mean_discount", "discounts over time", "the source has no discounts")


def shipping(model: ModelInfo) -> Rows:
    """Return ``days, lines, amount``: lines by days from order to shipping."""
    return require_rows(
        _statistics(model, "shipping"), "shipping days", _reason(model, "the source has no shipping dates")
    )


def shipping_by_month(model: ModelInfo) -> Rows:
    """Return ``month, mean_shipping_days, lines``."""
    return _by_month(model, "mean_shipping_days", "shipping over time", "the source has no shipping dates")


def returns_by_month(model: ModelInfo) -> Rows:
    """Return ``month, bought, returned, returned_share``: amounts bought in a month, and returned of them."""
    found = _statistics(model, "months")
    kept_all = model.cleaning.returns_policy == "keep"
    rows = []
    for row in found if any(row["returned"] for row in found) else []:
        bought = row["amount"] if kept_all else row["amount"] + row["returned"]
        amounts = {"month": row["month"], "bought": bought, "returned": row["returned"]}
        rows.append({**amounts, "returned_share": _ratio(row["returned"], bought)})
    return require_rows(rows, "returns over time", _reason(model, "the source has no returns"))


def sales_by_month(model: ModelInfo) -> Rows:
    """Return ``month, amount, lines, returned``: net amount, kept order lines, and amount of returned purchases."""
    names = ("month", "amount", "lines", "returned")
    rows = [{name: row[name] for name in names} for row in _statistics(model, "months")]
    return require_rows(rows, "sales by month", _reason(model, "no order line is left after returns"))


def describe_sales(model: ModelInfo) -> str:
    """Return the months with the largest and the smallest sales as a sentence."""
    rows = sales_by_month(model)
    best, worst = (choose(rows, key=lambda row: row["amount"]) for choose in (max, min))
    largest = f"The largest sales were in {best['month']}: {format_amount(best['amount'], model.currency)}"
    return f"{largest}, the smallest in {worst['month']}: {format_amount(worst['amount'], model.currency)}"


def correlations(model: ModelInfo) -> Rows:
    """Return ``column`` and one field per numeric column: Spearman's rank correlation over the order lines."""
    numbers = _numbers(model)
    names = numbers.get("columns", [])
    rows = [
        {"column": _readable(name), **dict(zip(map(_readable, names), values, strict=True))}
        for name, values in zip(names, numbers.get("correlations", ()), strict=True)
    ]
    return require_rows(
        rows if len(names) > 1 else [], "correlations", _reason(model, "there are too few numeric columns")
    )


def line_moments(model: ModelInfo) -> Rows:
    """Return ``column, mean, median, skewness, kurtosis`` of the numeric columns (excess kurtosis: 0 if normal)."""
    found = _numbers(model).get("moments", {})
    rows = [{"column": _readable(name), **values} for name, values in found.items()]
    return require_rows(rows, "distributions", _reason(model, "there are no numeric columns"))


def _statistics(model: ModelInfo, part: str) -> Rows:
    return list(model.statistics.get(part, ()))


def _numbers(model: ModelInfo) -> dict[str, Any]:
    found: dict[str, Any] = model.statistics.get("numbers", {})
    return found


def _by_month(model: ModelInfo, name: str, subject: str, reason: str) -> Rows:
    rows = [{"month": row["month"], name: row[name], "lines": row["lines"]} for row in _statistics(model, "months")]
    return require_rows([row for row in rows if row[name] is not None], subject, _reason(model, reason))


def _reason(model: ModelInfo, reason: str) -> str:
    return reason if model.statistics else NO_STATISTICS


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def _readable(name: str) -> str:
    return name.replace("_", " ")


def describe_finding(name: str, model: ModelInfo) -> str:
    """Return the finding of the chart `name` as a sentence for its title."""
    rows_of, describe = _FINDINGS[name]
    return describe(rows_of(model), model.currency)


def _categories(rows: Rows, _: str) -> str:
    top = max((r for r in rows if r["category"] != OTHERS), key=lambda r: r["amount"])
    return f"{top['category']}: {format_percent(top['share'])} of sales"


def _line_sizes(rows: Rows, _: str) -> str:
    lines, total = sum(r["lines"] for r in rows), sum(r["amount"] for r in rows)
    top = max(rows, key=lambda r: r["amount"])
    size = f"{top['sales_category']} order lines: {format_percent(top['lines'] / lines)} of lines"
    return f"{size}, {format_percent(top['amount'] / total)} of sales" if total > 0 else size


def _discounts(rows: Rows, _: str) -> str:
    full = sum(r["share"] for r in rows if r["discount"] == "none")
    return f"{format_percent(full)} of sales are without a discount"


def _discounts_by_month(rows: Rows, _: str) -> str:
    most = max(rows, key=lambda r: r["mean_discount"])
    return f"Discounts were highest in {most['month']}: {format_percent(most['mean_discount'])} on average"


def _shipping(rows: Rows, _: str) -> str:
    late = sum(r["lines"] for r in rows if r["days"] > 3) / sum(r["lines"] for r in rows)
    return f"{format_percent(late)} of order lines shipped after more than three days"


def _shipping_by_month(rows: Rows, _: str) -> str:
    most = max(rows, key=lambda r: r["mean_shipping_days"])
    return f"Shipping was slowest in {most['month']}: {most['mean_shipping_days']:.1f} days on average"


def _returns_by_month(rows: Rows, currency: str) -> str:
    bought, returned = (sum(r[n] for r in rows) for n in ("bought", "returned"))
    return f"{format_percent(_ratio(returned, bought))} of sales were returned ({format_amount(returned, currency)})"


def _correlations(rows: Rows, _: str) -> str:
    names = [r["column"] for r in rows]
    pairs = [
        (a, b, r[b]) for a, r in zip(names, rows, strict=True) for b in names[: names.index(a)] if r[b] is not None
    ]
    if not pairs:
        return "The numbers of the order lines do not vary"
    a, b, value = max(pairs, key=lambda pair: abs(pair[2]))
    return f"{a[:1].upper()}{a[1:]} is most closely related to {b} (rank correlation {value:.2f})"


_FINDINGS: Final = {
    "categories": (categories, _categories),
    "line_sizes": (line_sizes, _line_sizes),
    "discounts": (discounts, _discounts),
    "discounts_by_month": (discounts_by_month, _discounts_by_month),
    "shipping": (shipping, _shipping),
    "shipping_by_month": (shipping_by_month, _shipping_by_month),
    "returns_by_month": (returns_by_month, _returns_by_month),
    "correlations": (correlations, _correlations),
}
