"""Charts of customer value and the rows behind them: earlier forecasts, calibration, retention of cohorts.

Too little data raises `DataError` with the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from smart_retail.errors import DataError
from smart_retail.presentation import palette
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
from smart_retail.reporting.model_chart_data import Rows, require_rows
from smart_retail.results import CohortTable, ValueSummary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_COHORTS = 24
"""Latest cohorts in the heat map; the table has all of them."""
TOO_SHORT = "the history is too short to test a forecast"


def backtest_rows(summary: ValueSummary) -> Rows:
    """``start, days, customers`` and expected and actual spend, orders and returning customers of each test."""
    return require_rows([b.as_dict() for b in reversed(summary.backtests)], "earlier forecasts", TOO_SHORT)


@plain_text
def backtests(summary: ValueSummary, currency: str = "", theme: Theme = LIGHT) -> Figure:
    """Draw expected and actual spend of earlier windows."""
    rows = backtest_rows(summary)
    figure, (ax,) = new_figure(summary.sentences[0].rstrip("."), 9, 3.2, theme)
    at = np.arange(len(rows))
    for offset, name, colour in ((-0.2, "expected", palette.BLUE), (0.2, "actual", palette.ORANGE)):
        ax.bar(at + offset, [r[f"{name}_spend"] for r in rows], 0.38, color=colour, label=name)
    ax.set_xticks(at, [f"{r['days']} days from {r['start']}" for r in rows])
    ax.yaxis.set_major_formatter(format_tick)
    ax.grid(axis="y", color=theme.grid)
    ax.set_axisbelow(True)
    add_legend(ax, theme)
    label_axes(ax, "", amount_label("spend", currency), theme)
    return figure


def calibration_rows(summary: ValueSummary) -> Rows:
    """``predicted, actual, customers``: tenths of the customers by predicted probability."""
    return require_rows([b.as_dict() for b in summary.calibration], "calibration", TOO_SHORT)


def calibration_finding(summary: ValueSummary) -> str:
    """Return the largest difference between predicted and actual shares as a sentence."""
    worst = max(abs(b.predicted - b.actual) for b in summary.calibration)
    return f"Predicted and actual shares of returning customers differ by at most {100 * worst:.0f} percentage points"


@plain_text
def calibration(summary: ValueSummary, theme: Theme = LIGHT) -> Figure:
    """Draw the actual share of returning customers against the predicted one."""
    rows = calibration_rows(summary)
    figure, (ax,) = new_figure(calibration_finding(summary), 6, 4, theme)
    ax.plot([0, 100], [0, 100], color=theme.secondary, linewidth=1, linestyle="--", label="perfect")
    predicted, actual = ([100 * r[name] for r in rows] for name in ("predicted", "actual"))
    ax.plot(predicted, actual, color=palette.BLUE, marker="o", label="tenths of the customers")
    ax.grid(color=theme.grid)
    add_legend(ax, theme)
    label_axes(ax, "predicted to order again, %", "actually ordered again, %", theme)
    return figure


def retention_rows(table: CohortTable) -> Rows:
    """``cohort, customers`` and the share that ordered in each period after the first order."""
    ages = range(1, max((len(c.retention) for c in table.cohorts), default=0))
    rows = [
        {"cohort": c.start, "customers": c.customers}
        | {f"{age} share": c.retention[age] if age < len(c.retention) else None for age in ages}
        for c in table.cohorts
    ]
    return require_rows(rows, "cohorts", "no order is left after returns")


def value_rows(table: CohortTable) -> Rows:
    """``cohort, customers`` and the mean value per customer until the end of each period after the first order."""
    ages = range(max((len(c.cumulative_value) for c in table.cohorts), default=0))
    return [
        {"cohort": c.start, "customers": c.customers}
        | {f"after {age}": c.cumulative_value[age] if age < len(c.cumulative_value) else None for age in ages}
        for c in table.cohorts
    ]


def retention_finding(table: CohortTable) -> str:
    """Return the mean retention after one and after six periods as a sentence."""
    mean = table.mean_retention
    if len(mean) < 2:
        return f"Too little history to see customers return in a later {table.period}"
    later = min(6, len(mean) - 1)
    first = f"{100 * mean[1]:.0f} % of new customers order again in the {table.period} after their first order"
    return first if later == 1 else f"{first}, {100 * mean[later]:.0f} % in {table.period} {later}"


@plain_text
def retention(table: CohortTable, theme: Theme = LIGHT) -> Figure:
    """Draw the retention of each cohort as a heat map."""
    cohorts = table.cohorts[-MAX_COHORTS:]
    shares = [list(table.by_period(cohort, "retention").values()) for cohort in cohorts]
    width = max(map(len, shares), default=0)
    if width < 1:
        raise DataError("No chart of cohorts: the history has a single period.", "Fit with more data.")
    grid = np.full((len(cohorts), width), np.nan)
    for i, row in enumerate(shares):
        grid[i, : len(row)] = [100 * share for share in row]
    figure, (ax,) = new_figure(retention_finding(table), 9, 1.6 + 0.26 * len(cohorts), theme)
    names = [f"{c.start} ({c.customers:,})" for c in cohorts]
    numbers = ".0f" if width <= MAX_COHORTS else ""
    scale = HeatScale("ordered again, %", numbers)
    draw_heat_map(ax, grid, names, [str(k + 1) for k in range(width)], theme, scale)
    label_axes(ax, f"{table.period}s since the first order", "first order (customers)", theme)
    return figure
