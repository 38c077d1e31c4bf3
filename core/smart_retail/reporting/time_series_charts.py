"""Charts of changes over time as matplotlib figures: movement between segments, and the sales forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.analysis.sales_forecast import Forecast, history_shown
from smart_retail.analysis.segment_migration import BEST_SEGMENTS, Migration, count_matrix
from smart_retail.errors import DataError
from smart_retail.presentation import palette
from smart_retail.presentation.formatting import format_amount, format_percent, pluralize
from smart_retail.reporting.chart_style import (
    LIGHT,
    HeatScale,
    Theme,
    add_legend,
    amount_label,
    draw_heat_map,
    format_tick,
    label_axes,
    new_figure,
    plain_text,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@plain_text
def segment_movement(migration: Migration, theme: Theme = LIGHT) -> Figure:
    """Draw customers by segment before (rows) and after (columns)."""
    rows, columns, counts = count_matrix(migration)
    if not counts:
        raise DataError("No chart of movement: there are no customers.", "Fit with more data.")
    title = f"{format_percent(migration.moved_share)} moved between segments"
    title += f"; {pluralize(len(migration.dropped), 'customer')} dropped from {' or '.join(BEST_SEGMENTS)}"
    figure, (ax,) = new_figure(title, 10, 2.0 + 0.38 * len(rows), theme)
    grid = np.array(counts, dtype=np.float64)
    draw_heat_map(ax, np.where(grid > 0, grid, np.nan), rows, columns, theme, HeatScale("customers", ",.0f"))
    ax.tick_params(axis="x", labelrotation=35)
    for text in ax.get_xticklabels():
        text.set_horizontalalignment("right")
        text.set_rotation_mode("anchor")
    label_axes(ax, f"segment: {migration.after}", f"segment: {migration.before}", theme)
    return figure


@plain_text
def sales_forecast(
    forecast: Forecast, history: tuple[int, NDArray[np.float64]], currency: str = "", theme: Theme = LIGHT
) -> Figure:
    """Draw the end of a series and its forecast with the 80 % interval.

    Parameters
    ----------
    history : tuple
        First day (since 1970-01-01) and the amount of each day.

    Returns
    -------
    Figure
    """
    if not forecast.days:
        raise DataError(f"No forecast of {forecast.series}: {forecast.note}", "Fit again when there are more orders.")
    total = sum(day.amount for day in forecast.days)
    errors = {e.model: e.mae for e in forecast.errors}
    errors_text = ", ".join(f"{model} {format_tick(mae)}" for model, mae in errors.items())
    days_ahead = pluralize(len(forecast.days), "day")
    title = f"{forecast.series}: {format_amount(total, currency)} in the next {days_ahead}, by {forecast.model}"
    figure, (ax,) = new_figure(title, 9, 3.2, theme)
    first, amounts = history
    shown = history_shown(forecast, len(amounts))
    days: Any = np.arange(first + len(amounts) - shown, first + len(amounts)).astype("datetime64[D]")
    ahead: Any = np.array([day.day for day in forecast.days], dtype="datetime64[D]")
    ax.plot(days, amounts[-shown:], color=palette.BLUE, linewidth=1.2, label="sales so far")
    ax.plot(
        ahead,
        [d.amount for d in forecast.days],
        color=palette.VERMILLION,
        linewidth=1.6,
        linestyle="--",
        label="forecast",
    )
    low, high = [d.low for d in forecast.days], [d.high for d in forecast.days]
    ax.fill_between(ahead, low, high, color=palette.VERMILLION, alpha=0.15, linewidth=0, label="80 % interval")
    from matplotlib.dates import ConciseDateFormatter

    ax.xaxis.set_major_formatter(ConciseDateFormatter(ax.xaxis.get_major_locator()))  # type: ignore[no-untyped-call]
    ax.yaxis.set_major_formatter(format_tick)
    ax.grid(axis="y", color=theme.grid)
    add_legend(ax, theme)
    note = f"Typical error per day on {pluralize(forecast.held_out_days, 'held-out day')}: {errors_text}"
    ax.set_title(note, loc="left", fontsize=9, color=theme.secondary)
    label_axes(ax, "day", amount_label("sales", currency), theme)
    return figure
