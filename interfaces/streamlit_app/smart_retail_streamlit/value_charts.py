"""Charts of the page Value in Altair: rows in, charts out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from smart_retail.presentation.formatting import format_amount, format_percent
from smart_retail.presentation.palette import BLUE, GREY, ORANGE
from smart_retail.results import CalibrationBin, CohortTable, ExpectedRevenue, ValueBacktest, ValueGroup
from smart_retail_streamlit.charts import Chart, Rows, chart_data, tooltips
from smart_retail_streamlit.theme import SEQUENTIAL

MAX_COHORTS = 24
"""Latest cohorts in the chart; the table has all of them."""


def _amount_axis(title: str, currency: str) -> alt.Y:
    return alt.Y(
        "amount:Q", title=f"{title}{f', {currency}' if currency else ''}", axis=alt.Axis(format="~s", tickCount=4)
    )


def revenue(outlook: Sequence[ExpectedRevenue], currency: str) -> Chart:
    """Draw expected revenue with its interval next to the revenue of as many days before."""
    names = [f"{r.horizon_days} days" for r in outlook]
    rows: Rows = []
    for name, r in zip(names, outlook, strict=True):
        before = {"days": name, "figure": "the same days before", "amount": r.last_window}
        expected = {"days": name, "figure": "expected", "amount": r.expected, "low": r.low, "high": r.high}
        interval = f"{format_amount(r.low)} to {format_amount(r.high)}"
        rows += [before | {"text": format_amount(r.last_window), "interval": ""}]
        rows += [expected | {"text": format_amount(r.expected), "interval": interval}]
    return _pairs(rows, names, ["the same days before", "expected"], "Revenue", currency)


def backtests(tests: Sequence[ValueBacktest], currency: str) -> Chart:
    """Draw expected and actual spend of earlier windows."""
    names = [f"from {b.start}" for b in tests]
    rows: Rows = []
    for name, b in zip(names, tests, strict=True):
        rows += [
            {"days": name, "figure": figure, "amount": amount, "text": format_amount(amount), "interval": ""}
            for figure, amount in (("actual", b.actual_spend), ("expected", b.expected_spend))
        ]
    return _pairs(rows, names, ["actual", "expected"], "Spend", currency)


def _pairs(rows: Rows, names: Sequence[str], figures: Sequence[str], title: str, currency: str) -> Chart:
    """Draw two bars for each name, with intervals where the rows have them."""
    colour = alt.Color(
        "figure:N",
        sort=list(figures),
        scale=alt.Scale(domain=list(figures), range=[GREY, BLUE]),
        legend=alt.Legend(title=None, orient="top"),
    )
    base = alt.Chart(chart_data(rows), height=250).encode(
        x=alt.X("days:N", title=None, sort=list(names), axis=alt.Axis(labelAngle=0, ticks=False, labelLimit=140)),
        xOffset=alt.XOffset("figure:N", sort=list(figures)),
    )
    bars = base.mark_bar(cornerRadiusEnd=2).encode(
        y=_amount_axis(title, currency), color=colour, tooltip=tooltips("days", "figure", "text", "interval")
    )
    rule = base.mark_rule(strokeWidth=2.4, color=ORANGE).encode(y="low:Q", y2="high:Q")
    return alt.layer(bars, rule.transform_filter("isValid(datum.low)"))


def tenths(groups: Sequence[ValueGroup]) -> Chart:
    """Draw the share of the expected spend by tenths of the customers, the best first."""
    names = [g.name for g in groups]
    rows = [
        {
            "customers": g.name,
            "share": g.spend_share,
            "percent": format_percent(g.spend_share),
            "expected spend": format_amount(g.expected_spend),
            "likely to order": format_percent(g.return_probability),
        }
        for g in groups
    ]
    base = alt.Chart(chart_data(rows), height=250).encode(
        x=alt.X(
            "customers:N", title="Customers by expected spend, best first", sort=names, axis=alt.Axis(labelAngle=-45)
        ),
        y=alt.Y("share:Q", title="Share of expected spend", axis=alt.Axis(format=".0%", tickCount=4)),
    )
    bars = base.mark_bar(color=BLUE, cornerRadiusEnd=2).encode(
        tooltip=tooltips("customers", "percent", "expected spend", "likely to order")
    )
    return alt.layer(
        bars, base.mark_text(dy=-7, fontSize=11, color=GREY).encode(text=alt.Text("share:Q", format=".0%"))
    )


def calibration(bins: Sequence[CalibrationBin]) -> Chart:
    """Draw the actual share of customers who ordered against the predicted one, with the diagonal."""
    rows = [b.as_dict() | {"size": b.customers} for b in bins]
    axis = alt.Axis(format=".0%", tickCount=5)
    line = alt.Chart(chart_data([{"p": 0.0}, {"p": 1.0}])).mark_line(strokeDash=[4, 3], color=GREY)
    dots = alt.Chart(chart_data(rows), height=270).mark_line(point={"size": 60}, color=BLUE)
    return alt.layer(
        line.encode(x="p:Q", y="p:Q"),
        dots.encode(
            x=alt.X("predicted:Q", title="Predicted share that orders again", axis=axis),
            y=alt.Y("actual:Q", title="Actual share", axis=axis),
            tooltip=[
                alt.Tooltip("predicted:Q", format=".1%"),
                alt.Tooltip("actual:Q", format=".1%"),
                alt.Tooltip("size:Q", title="Customers", format=","),
            ],
        ),
    )


def cohorts(table: CohortTable, values: str, number_format: str) -> Chart:
    """Draw a heat map of cohorts: ``retention`` or ``cumulative_value`` by periods since the first order."""
    rows: list[dict[str, Any]] = [
        {"cohort": c.start, "customers": c.customers, "age": age, "value": value}
        for c in table.cohorts[-MAX_COHORTS:]
        for age, value in table.by_period(c, values).items()
    ]
    middle = max((row["value"] for row in rows), default=0.0) * 0.6
    base = alt.Chart(chart_data(rows), height=22 * min(len(table.cohorts), MAX_COHORTS) + 60).encode(
        x=alt.X(
            "age:O",
            title=f"{table.period.capitalize()}s since the first order",
            axis=alt.Axis(labelAngle=0, ticks=False),
        ),
        y=alt.Y("cohort:O", title=f"First order in the {table.period} of", axis=alt.Axis(ticks=False)),
    )
    boxes = base.mark_rect(cornerRadius=2).encode(
        color=alt.Color("value:Q", scale=alt.Scale(range=list(SEQUENTIAL[:7]), domainMin=0), legend=None),
        tooltip=[
            alt.Tooltip("cohort:N", title="First order"),
            alt.Tooltip("customers:Q", title="Customers", format=","),
            alt.Tooltip("age:Q", title=f"{table.period.capitalize()}s later"),
            alt.Tooltip("value:Q", title=values.replace("_", " ").capitalize(), format=number_format),
        ],
    )
    if max((row["age"] for row in rows), default=0) > MAX_COHORTS:
        return boxes
    colour = alt.condition(f"datum.value > {middle}", alt.value("#FFFFFF"), alt.value("#10161C"))
    short = ".0%" if values == "retention" else ".3~s"
    return alt.layer(boxes, base.mark_text(fontSize=10).encode(text=alt.Text("value:Q", format=short), color=colour))
