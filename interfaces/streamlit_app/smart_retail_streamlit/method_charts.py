"""Charts of the scorecard in Altair: rows in, charts out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from smart_retail.presentation import palette
from smart_retail.presentation.palette import GREY
from smart_retail_streamlit.charts import Chart, chart_data, tooltips


def intervals(rows: Sequence[dict[str, Any]], measure: str) -> Chart:
    """Draw a measure with its 95 % interval, one row for each method."""
    methods = [row["method"] for row in rows]
    colours = [palette.METHOD_COLOURS.get(row["id"], GREY) for row in rows]
    axis = alt.Axis(domain=False, ticks=False, labelFontSize=13, labelLimit=240)
    base = alt.Chart(chart_data(rows), height=34 * max(len(methods), 1) + 30).encode(
        y=alt.Y("method:N", title=None, sort=list(methods), axis=axis)
    )
    colour = alt.Color("method:N", scale=alt.Scale(domain=list(methods), range=list(colours)), legend=None)
    top = max((row["high"] for row in rows), default=1.0)
    low = min((row["low"] for row in rows), default=0.0)
    x = alt.X(
        "value:Q",
        title=measure,
        scale=alt.Scale(domain=[min(0, low), 1.3 * top], nice=False),
        axis=alt.Axis(tickCount=6),
    )
    tooltip = tooltips("method", "text", "interval")
    bar = base.mark_bar(height=15, opacity=0.28).encode(x=x, color=colour, tooltip=tooltip)
    rule = base.mark_rule(strokeWidth=2.4).encode(x=alt.X("low:Q"), x2="high:Q", color=colour, tooltip=tooltip)
    dot = base.mark_point(filled=True, size=80, opacity=1).encode(x=x, color=colour, tooltip=tooltip)
    text = base.mark_text(align="left", dx=10, fontSize=12).encode(
        x=alt.X("high:Q"), text="text:N", color=alt.value(GREY)
    )
    return alt.layer(bar, rule, dot, text)


def groups(rows: Sequence[dict[str, Any]], measure: str, *, ordered: bool) -> Chart:
    """Draw a measure by group of customers and method, joined by lines if the groups have an order."""
    order = list(dict.fromkeys(row["group"] for row in rows))
    named = {row["method"]: palette.METHOD_COLOURS.get(row["id"], GREY) for row in rows}
    chart = alt.Chart(chart_data(rows), height=300)
    marked = (
        chart.mark_line(point={"size": 70, "filled": True}, strokeWidth=1.6)
        if ordered
        else chart.mark_point(size=80, filled=True, opacity=0.9)
    )
    return marked.encode(
        x=alt.X("group:N", title=None, sort=order, axis=alt.Axis(labelAngle=0, grid=True)),
        y=alt.Y("value:Q", title=measure, axis=alt.Axis(tickCount=5)),
        color=alt.Color(
            "method:N",
            sort=list(named),
            scale=alt.Scale(domain=list(named), range=list(named.values())),
            legend=alt.Legend(title=None, orient="top", symbolSize=70),
        ),
        shape=alt.Shape(
            "method:N",
            sort=list(named),
            scale=alt.Scale(domain=list(named)),
            legend=alt.Legend(title=None, orient="top", symbolSize=70),
        ),
        tooltip=tooltips("method", "group", "text"),
    )
