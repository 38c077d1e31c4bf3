"""Pictures of the shop's lines as Altair charts: rows of the core in, charts out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from smart_retail.presentation.palette import BLUE, ORANGE, VERMILLION
from smart_retail.reporting import sales_chart_data
from smart_retail_streamlit.charts import chart_data

Row = dict[str, Any]

LINES = {
    "categories": ("Net sales by category, small ones together", "category", "amount", BLUE),
    "discounts": ("Net sales by band of discount", "discount", "amount", ORANGE),
    "shipping": ("Order lines by days from order to shipping", "days", "lines", BLUE),
    "returns_by_month": ("Part of each month's purchases that came back", "month", "returned_share", VERMILLION),
}
"""Function of `shop_rows` -> what is drawn, by what, which value, colour."""

ROWS = {name: getattr(sales_chart_data, name) for name in LINES}


def lines(name: str, rows: Sequence[Row]) -> alt.Chart:
    """One of `LINES`: names down the side, months and days along the bottom."""
    _, by, value, colour = LINES[name]
    form = ".0%" if value.endswith("share") else "~s"
    told = [alt.Tooltip(f"{n}:N", title=n.replace("_", " ").capitalize()) for n in rows[0]]
    length = alt.Axis(format=form, tickCount=5, grid=True)
    if by in ("category", "discount"):
        names = alt.Axis(domain=False, ticks=False, labelLimit=200, labelOverlap=False)
        return (
            alt.Chart(chart_data(rows), height=26 * len(rows) + 70)
            .mark_bar(color=colour, height=13)
            .encode(
                y=alt.Y(f"{by}:N", title=None, sort=None, axis=names),
                x=alt.X(f"{value}:Q", title="Sales", axis=length),
                tooltip=told,
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
        .encode(x=x, y=alt.Y(f"{value}:Q", title=title, axis=length), tooltip=told)
    )
