"""Charts of the order lines as matplotlib figures: categories, discounts, shipping, returns, correlations.

Each function draws the rows of the function with the same name in `sales_chart_data`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from smart_retail.presentation import palette
from smart_retail.presentation.formatting import format_integer, format_percent
from smart_retail.reporting import sales_chart_data
from smart_retail.reporting.chart_style import (
    LIGHT,
    HeatScale,
    Theme,
    amount_label,
    draw_bars,
    draw_heat_map,
    format_tick,
    label_axes,
    new_figure,
    plain_text,
)
from smart_retail.results import ModelInfo

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@plain_text
def categories(model: ModelInfo, theme: Theme = LIGHT) -> Figure:
    """Draw sales by category."""
    rows = sales_chart_data.categories(model)
    figure, (ax,) = new_figure(sales_chart_data.describe_finding("categories", model), 9, 1.3 + 0.32 * len(rows), theme)
    colours = [palette.GREY if r["category"] == sales_chart_data.OTHERS else palette.BLUE for r in rows]
    texts = [f"{format_tick(r['amount'])} ({format_percent(r['share'])})" for r in rows]
    draw_bars(ax, [r["category"] for r in rows], [r["amount"] for r in rows], colours, theme, texts)
    label_axes(ax, amount_label("sales", model.currency), "", theme)
    return figure


@plain_text
def line_sizes(model: ModelInfo, theme: Theme = LIGHT) -> Figure:
    """Draw number and sales of small and large order lines."""
    rows = sales_chart_data.line_sizes(model)
    figure, (left, right) = new_figure(
        sales_chart_data.describe_finding("line_sizes", model), 9, 1.3 + 0.34 * len(rows), theme, columns=2
    )
    names = [r["sales_category"] for r in rows]
    blue, orange = [palette.BLUE] * len(rows), [palette.ORANGE] * len(rows)
    draw_bars(left, names, [r["lines"] for r in rows], blue, theme, [format_integer(r["lines"]) for r in rows])
    draw_bars(right, names, [r["amount"] for r in rows], orange, theme, [format_tick(r["amount"]) for r in rows])
    right.set_yticklabels([])
    label_axes(left, "order lines", "", theme)
    label_axes(right, amount_label("sales", model.currency), "", theme)
    return figure


@plain_text
def discounts(model: ModelInfo, theme: Theme = LIGHT) -> Figure:
    """Draw sales by range of discount."""
    rows = sales_chart_data.discounts(model)
    figure, (ax,) = new_figure(sales_chart_data.describe_finding("discounts", model), 9, 1.3 + 0.34 * len(rows), theme)
    texts = [
        f"{format_tick(r['amount'])} ({format_percent(r['share'])}), {format_integer(r['lines'])} lines" for r in rows
    ]
    colours = [palette.BLUE if r["discount"] == "none" else palette.ORANGE for r in rows]
    draw_bars(ax, [r["discount"] for r in rows], [r["amount"] for r in rows], colours, theme, texts)
    label_axes(ax, amount_label("sales", model.currency), "discount", theme)
    return figure


@plain_text
def discounts_by_month(model: ModelInfo, theme: Theme = LIGHT) -> Figure:
    """Draw the mean discount by month."""
    rows = sales_chart_data.discounts_by_month(model)
    figure, (ax,) = new_figure(sales_chart_data.describe_finding("discounts_by_month", model), 9, 2.8, theme)
    _months(ax, [r["month"] for r in rows], [100 * r["mean_discount"] for r in rows], palette.ORANGE, theme)
    label_axes(ax, "month", "mean discount of an order line, %", theme)
    return figure


@plain_text
def shipping(model: ModelInfo, theme: Theme = LIGHT) -> Figure:
    """Draw order lines by days from order to shipping."""
    rows = sales_chart_data.shipping(model)
    figure, (ax,) = new_figure(sales_chart_data.describe_finding("shipping", model), 9, 2.8, theme)
    ax.bar([r["days"] for r in rows], [r["lines"] for r in rows], color=palette.BLUE, width=0.8)
    if len(rows) < 20:
        ax.set_xticks([r["days"] for r in rows])
    ax.yaxis.set_major_formatter(format_tick)
    ax.grid(axis="y", color=theme.grid)
    label_axes(ax, "days from order to shipping", "order lines", theme)
    return figure


@plain_text
def shipping_by_month(model: ModelInfo, theme: Theme = LIGHT) -> Figure:
    """Draw the mean shipping days by month."""
    rows = sales_chart_data.shipping_by_month(model)
    figure, (ax,) = new_figure(sales_chart_data.describe_finding("shipping_by_month", model), 9, 2.8, theme)
    _months(ax, [r["month"] for r in rows], [r["mean_shipping_days"] for r in rows], palette.BLUE, theme)
    label_axes(ax, "month of the order", "mean days to shipping", theme)
    return figure


@plain_text
def returns_by_month(model: ModelInfo, theme: Theme = LIGHT) -> Figure:
    """Draw the returned share of each month's purchases."""
    rows = sales_chart_data.returns_by_month(model)
    figure, (ax,) = new_figure(sales_chart_data.describe_finding("returns_by_month", model), 9, 2.8, theme)
    _months(ax, [r["month"] for r in rows], [100 * r["returned_share"] for r in rows], palette.VERMILLION, theme)
    label_axes(ax, "month of the purchase", "returned, % of the amount", theme)
    return figure


@plain_text
def correlations(model: ModelInfo, theme: Theme = LIGHT) -> Figure:
    """Draw the rank correlations of the numeric columns."""
    rows = sales_chart_data.correlations(model)
    names = [r["column"] for r in rows]
    figure, (ax,) = new_figure(
        sales_chart_data.describe_finding("correlations", model), 9, 1.6 + 0.42 * len(names), theme
    )
    grid = np.array([[r[n] if r[n] is not None else np.nan for n in names] for r in rows])
    shown = np.round(grid, 2) + 0.0  # no "-0.00"
    draw_heat_map(ax, shown, names, names, theme, HeatScale("Spearman's ρ", ".2f", -1, 1, "PuOr_r"))
    label_axes(ax, "number of an order line", "", theme)
    return figure


def _months(ax: Axes, months: Sequence[str], values: Sequence[float], colour: str, theme: Theme) -> None:
    """Draw one bar per month."""
    from matplotlib.dates import ConciseDateFormatter

    days = np.array([f"{month}-01" for month in months], dtype="datetime64[D]")
    ax.bar(days, values, width=24, color=colour)
    formatter: Any = ConciseDateFormatter(ax.xaxis.get_major_locator())  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_formatter(formatter)
    ax.grid(axis="y", color=theme.grid)
