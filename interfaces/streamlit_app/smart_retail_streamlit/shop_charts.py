"""Charts of sales, discounts, shipping and returns in Altair: rows of the core in, charts out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from smart_retail.presentation.palette import BLUE, ORANGE, VERMILLION
from smart_retail.reporting import sales_chart_data
from smart_retail_streamlit.charts import Chart, chart_data

Row = dict[str, Any]

CHARTS = {
    "categories": ("Net sales by category", "category", "amount", BLUE),
    "discounts": ("Net sales by discount", "discount", "amount", ORANGE),
    "shipping": ("Order lines by days from order to shipping", "days", "lines", BLUE),
    "returns_by_month": ("Share of each month's purchases that was returned", "month", "returned_share", VERMILLION),
}
"""Function of `sales_chart_data` -> what is drawn, name of the axis field, name of the value field, colour."""

ROWS = {name: getattr(sales_chart_data, name) for name in CHARTS}


def draw(name: str, rows: Sequence[Row]) -> Chart:
    """Draw one of `CHARTS`: names on the left, months and days along the bottom."""
    _, by, value, colour = CHARTS[name]
    number_format = ".0%" if value.endswith("share") else "~s"
    tooltip = [alt.Tooltip(f"{n}:N", title=n.replace("_", " ").capitalize()) for n in rows[0]]
    value_axis = alt.Axis(format=number_format, tickCount=5, grid=True)
    if by in ("category", "discount"):
        names = alt.Axis(domain=False, ticks=False, labelLimit=200, labelOverlap=False)
        return (
            alt.Chart(chart_data(rows), height=26 * len(rows) + 70)
            .mark_bar(color=colour, height=13)
            .encode(
                y=alt.Y(f"{by}:N", title=None, sort=None, axis=names),
                x=alt.X(f"{value}:Q", title="Sales", axis=value_axis),
                tooltip=tooltip,
            )
        )
    x = (
        alt.X("month:O", title=None, timeUnit="yearmonth", axis=alt.Axis(format="%b %Y", labelOverlap=True))
        if by == "month"
        else alt.X(f"{by}:O", title="Days", axis=alt.Axis(labelAngle=0))
    )
    title = "Order lines" if by == "days" else "Returned"
    return (
        alt.Chart(chart_data(rows), height=230)
        .mark_bar(color=colour)
        .encode(x=x, y=alt.Y(f"{value}:Q", title=title, axis=value_axis), tooltip=tooltip)
    )
