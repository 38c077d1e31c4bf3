"""Charts of the pages in Altair: results in, charts out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from smart_retail.analysis.sales_forecast import SalesForecast
from smart_retail.analysis.what_if import ShareChange
from smart_retail.presentation import palette
from smart_retail.presentation.formatting import format_amount, format_integer, format_percent, format_short_amount
from smart_retail.presentation.palette import BLUE, GREY, ORANGE, PALETTE
from smart_retail.results import Cluster, ClusterChoice, ClusterPoint, GridCell, Segment, WeekSales
from smart_retail_streamlit.theme import SEQUENTIAL
from smart_retail_streamlit.treemap import squarify

CELL = "cell"
"""Name of the selection by a click on the RFM grid."""

Rows = list[dict[str, Any]]
Chart = Any
"""An Altair chart; its methods are declared to return several types."""

TREEMAP_SIZE = (100.0, 42.0)
"""Width and height of the treemap, in units of its scales."""
LABEL_PIXELS = 4.8
"""Mean width of a character of a segment's name; the figures below it are as wide or narrower."""

_LINE_LEGEND = alt.Legend(title=None, orient="top", symbolType="stroke", offset=4)


def as_rows(results: Sequence[Any], *exclude: str) -> Rows:
    """Return results as rows, without the fields `exclude`."""
    return [{name: value for name, value in r.as_dict().items() if name not in exclude} for r in results]


def chart_data(rows: Sequence[dict[str, Any]]) -> alt.Data:
    """Return rows as inline data of a chart."""
    return alt.Data(values=list(rows))  # type: ignore[no-untyped-call]


def weekly_sales(weeks: Sequence[WeekSales], currency: str) -> Chart:
    """Draw net sales by week."""
    return (
        alt.Chart(chart_data(as_rows(weeks)), height=230)
        .mark_area(line={"color": BLUE, "strokeWidth": 1.6}, color=BLUE, fillOpacity=0.16)
        .encode(
            x=alt.X("week:T", title=None, axis=alt.Axis(format="%b %Y", tickCount=8, grid=False)),
            y=alt.Y(
                "amount:Q",
                title=f"Sales per week{f', {currency}' if currency else ''}",
                axis=alt.Axis(format="~s", tickCount=4),
            ),
            tooltip=[
                alt.Tooltip("week:T", title="Week of", format="%Y-%m-%d"),
                alt.Tooltip("amount:Q", title="Sales", format=",.2f"),
                alt.Tooltip("orders:Q", title="Orders", format=","),
            ],
        )
    )


def sales_forecast(found: SalesForecast) -> Chart:
    """Draw the end of the history and the forecast with its interval, by day."""
    forecast = found.total
    rows: Rows = [{"day": day, "sales": amount, "part": "sales so far"} for day, amount in found.recent_days()]
    rows += [{"day": d.day, "sales": d.amount, "low": d.low, "high": d.high, "part": "forecast"} for d in forecast.days]
    axis = alt.Axis(format="%d %b %Y", tickCount=8, grid=False)
    base = alt.Chart(chart_data(rows), height=300).encode(x=alt.X("day:T", title=None, axis=axis))
    y = alt.Y("sales:Q", title="Net sales per day", axis=alt.Axis(format="~s", tickCount=5))
    parts = ["sales so far", "forecast"]
    low = alt.Y("low:Q", title="Net sales per day")
    band = base.mark_area(opacity=0.18, color=palette.VERMILLION).encode(y=low, y2="high:Q")
    line = base.mark_line(strokeWidth=1.6).encode(
        y=y,
        color=alt.Color("part:N", scale=alt.Scale(domain=parts, range=[BLUE, palette.VERMILLION]), legend=_LINE_LEGEND),
        strokeDash=alt.StrokeDash("part:N", scale=alt.Scale(domain=parts, range=[[1, 0], [5, 3]]), legend=_LINE_LEGEND),
        tooltip=[
            alt.Tooltip("day:T", title="Day", format="%Y-%m-%d"),
            *(alt.Tooltip(f"{name}:Q", title=name.capitalize(), format=",.0f") for name in ("sales", "low", "high")),
        ],
    )
    return band + line


def rows_bar(parts: Sequence[tuple[str, int]]) -> Chart:
    """Draw accepted rows and rejected rows by reason as one stacked bar."""
    names = [name for name, _ in parts]
    rows = [{"part": name, "rows": number, "order": i} for i, (name, number) in enumerate(parts)]
    colours = [BLUE, *[PALETTE[1 + i % (len(PALETTE) - 1)] for i in range(len(parts) - 1)]]
    return (
        alt.Chart(chart_data(rows), height=62)
        .mark_bar(height=26)
        .encode(
            x=alt.X(
                "rows:Q",
                stack="zero",
                title=None,
                scale=alt.Scale(domain=[0, sum(n for _, n in parts)], nice=False),
                axis=alt.Axis(format="~s", grid=False, tickCount=6),
            ),
            color=alt.Color("part:N", sort=names, scale=alt.Scale(domain=names, range=colours), legend=None),
            order="order:Q",
            tooltip=[alt.Tooltip("part:N", title="Part"), alt.Tooltip("rows:Q", title="Rows", format=",")],
        )
    )


def segment_treemap(segments: Sequence[Segment], dark: bool) -> Chart:
    """Draw segments by number of customers, with names where they fit."""
    width, height = TREEMAP_SIZE
    order = sorted(segments, key=lambda s: -s.customers)
    rows = []
    for segment, (left, top, right, bottom) in zip(
        order, squarify([s.customers for s in order], width, height), strict=True
    ):
        fits = _name_fits(segment.name, right - left, bottom - top)
        tall = bottom - top > 9 and fits
        rows.append(
            {
                "segment": segment.name,
                "left": left,
                "top": top,
                "right": right,
                "bottom": bottom,
                "x": left + 1.2,
                "y": top + 1.8,
                "label": segment.name if fits else "",
                "second": f"{format_integer(segment.customers)} · {format_percent(segment.share)}" if tall else "",
                "customers": format_integer(segment.customers),
                "share": format_percent(segment.share),
                "revenue": format_amount(segment.revenue),
                "revenue_share": format_percent(segment.revenue_share),
            }
        )
    across, down = alt.Scale(domain=[0, width], nice=False), alt.Scale(domain=[height, 0], nice=False)
    base = alt.Chart(chart_data(rows), height=230).transform_calculate(**_labels_that_fit(width))
    boxes = base.mark_rect(stroke="#12171D" if dark else "#FFFFFF", strokeWidth=2, cornerRadius=3).encode(
        x=alt.X("left:Q", axis=None, scale=across),
        x2="right:Q",
        y=alt.Y("top:Q", axis=None, scale=down),
        y2="bottom:Q",
        color=_segment_colour(),
        tooltip=tooltips("segment", "customers", "share", "revenue", "revenue_share"),
    )
    position: dict[str, Any] = {"x": alt.X("x:Q", axis=None, scale=across), "y": alt.Y("y:Q", axis=None, scale=down)}
    name = base.mark_text(align="left", baseline="top", fontWeight=600).encode(
        text="shown_label:N", color=_text_colour("segment"), **position
    )
    number = base.mark_text(align="left", baseline="top", dy=17, fontSize=11)
    return alt.layer(boxes, name, number.encode(text="shown_second:N", color=_text_colour("segment"), **position))


def _labels_that_fit(width: float) -> dict[str, str]:
    """Return expressions for the labels of the cells whose name fits at the width, in pixels, of the drawn chart."""
    fits = f"(datum.right - datum.left) / {width} * width > {LABEL_PIXELS} * max(length(datum.label), 13) + 8"
    return {f"shown_{name}": f"{fits} ? datum.{name} : ''" for name in ("label", "second")}


def unlabelled_segments(segments: Sequence[Segment]) -> list[Segment]:
    """Return the segments whose name does not fit into their cell of the treemap."""
    order = sorted(segments, key=lambda s: -s.customers)
    boxes = squarify([s.customers for s in order], *TREEMAP_SIZE)
    return [
        segment
        for segment, (left, top, right, bottom) in zip(order, boxes, strict=True)
        if not _name_fits(segment.name, right - left, bottom - top)
    ]


def _name_fits(name: str, width: float, height: float) -> bool:
    return width > 0.95 * len(name) and height > 5


_DARK_TEXT_SEGMENTS = (
    "Potential Loyalist",
    "New",
    "Promising",
    "Need Attention",
    "About to Sleep",
    "Loyal",
    "Hibernating",
    "Can't Lose",
    "Lost",
    "At Risk",
)


def _text_colour(field: str) -> Any:
    """Return black for light fills, white for dark ones."""
    dark = alt.FieldOneOfPredicate(field=field, oneOf=list(_DARK_TEXT_SEGMENTS))
    return alt.condition(dark, alt.value("#10161C"), alt.value("#FFFFFF"))


def _segment_colour() -> alt.Color:
    scale = alt.Scale(domain=list(palette.SEGMENT_COLOURS), range=list(palette.SEGMENT_COLOURS.values()))
    return alt.Color("segment:N", scale=scale, legend=None)


def tooltips(*names: str) -> list[alt.Tooltip]:
    """Return the tooltip of a mark: the named fields."""
    return [alt.Tooltip(f"{name}:N", title=name.replace("_", " ").capitalize()) for name in names]


def rfm_grid(cells: Sequence[GridCell]) -> Chart:
    """Draw the grid of R and F scores: segment, customers and revenue of each cell; a click selects one."""
    most = max((cell.customers for cell in cells), default=1) or 1
    rows = [
        {
            "r": cell.r,
            "f": cell.f,
            "segment": cell.segment,
            "lines": "\n".join(cell.segment.rsplit(" ", 1)),
            "customers": cell.customers,
            "number": format_integer(cell.customers) if cell.customers else "–",
            "money": format_short_amount(cell.revenue) if cell.customers else "",
            "revenue": format_amount(cell.revenue),
            "dark": cell.customers > 0.66 * most,
        }
        for cell in cells
    ]
    click = alt.selection_point(name=CELL, fields=["r", "f"], toggle=False)
    gap = alt.Scale(paddingInner=0.035, paddingOuter=0)
    base = alt.Chart(chart_data(rows), height=400).encode(
        x=alt.X(
            "f:O",
            title="F score: number of orders (5 = most)",
            scale=gap,
            axis=alt.Axis(labelAngle=0, domain=False, ticks=False),
        ),
        y=alt.Y(
            "r:O",
            title="R score: days since the last order (5 = fewest)",
            sort="descending",
            scale=gap,
            axis=alt.Axis(domain=False, ticks=False),
        ),
    )
    boxes = (
        base.mark_rect(cornerRadius=4, strokeWidth=3, cursor="pointer")
        .encode(
            color=alt.Color("customers:Q", scale=alt.Scale(range=list(SEQUENTIAL[:7]), domainMin=0), legend=None),
            stroke=alt.condition(click, alt.value(ORANGE), alt.value("transparent"), empty=False),
            tooltip=[*tooltips("segment", "r", "f"), alt.Tooltip("number:N", title="Customers"), *tooltips("revenue")],
        )
        .add_params(click)
    )
    text_colour = alt.condition("datum.dark", alt.value("#FFFFFF"), alt.value("#10161C"))
    number = base.mark_text(fontSize=17, fontWeight=600, dy=4).encode(text="number:N", color=text_colour)
    # On two lines, and smaller on a phone, so that a name stays in its box.
    name_size = alt.expr("width < 400 ? 9 : 11")
    name = base.mark_text(fontSize=name_size, baseline="top", lineBreak="\n", lineHeight=11, dy=-31).encode(
        text="lines:N", color=text_colour
    )
    money = base.mark_text(fontSize=11, dy=23).encode(text="money:N", color=text_colour)
    return alt.layer(boxes, name, number, money)


def cluster_scatter(points: Sequence[ClusterPoint], clusters: Sequence[Cluster], dark: bool) -> Chart:
    """Draw customers in the latent space of the autoencoder, with cluster names at the centroids."""
    names = {cluster.id: cluster.name for cluster in clusters}
    order = [cluster.name for cluster in clusters]
    rows = [
        {"x": p.x, "y": p.y, "cluster": names.get(p.cluster, str(p.cluster)), "customer": p.customer_id} for p in points
    ]
    shape = alt.Scale(
        domain=order,
        range=[
            "circle",
            "square",
            "triangle-up",
            "diamond",
            "cross",
            "triangle-down",
            "triangle-right",
            "triangle-left",
        ],
    )
    x = alt.X(
        "x:Q",
        title="Principal component 1 (no unit)",
        axis=alt.Axis(grid=False, tickCount=7),
        scale=alt.Scale(zero=False, padding=14),
    )
    y = alt.Y(
        "y:Q",
        title="Principal component 2 (no unit)",
        axis=alt.Axis(grid=False, tickCount=6),
        scale=alt.Scale(zero=False, padding=14),
    )
    dots = (
        alt.Chart(chart_data(rows), height=430)
        .mark_point(filled=True, size=16, opacity=0.5)
        .encode(
            x=x,
            y=y,
            color=_cluster_colour(order),
            shape=alt.Shape("cluster:N", scale=shape, legend=None),
            tooltip=tooltips("customer", "cluster"),
        )
    )
    centres = alt.Chart(chart_data(_labels(points, clusters)))
    halo = centres.mark_text(fontSize=14, fontWeight=700, strokeWidth=4, stroke="#12171D" if dark else "#FFFFFF")
    label = centres.mark_text(fontSize=14, fontWeight=700, color="#E4E9EE" if dark else "#1C2733")
    return alt.layer(dots, *[layer.encode(x="x:Q", y="y:Q", text="cluster:N") for layer in (halo, label)])


def _labels(points: Sequence[ClusterPoint], clusters: Sequence[Cluster]) -> Rows:
    """Return cluster names at their centroids, moved up where they would overlap."""
    xs, ys = [p.x for p in points] or [0.0], [p.y for p in points] or [0.0]
    letter_width, line_height = (max(xs) - min(xs)) / 85, (max(ys) - min(ys)) / 18
    labels: Rows = []
    for cluster in sorted(clusters, key=lambda c: c.y):
        y = cluster.y
        for other in labels:
            width = letter_width * (len(other["cluster"]) + len(cluster.name)) / 2
            if abs(other["x"] - cluster.x) < width and abs(other["y"] - y) < line_height:
                y = other["y"] + line_height
        labels.append({"x": cluster.x, "y": y, "cluster": cluster.name})
    return labels


def cluster_profiles(rows: Sequence[dict[str, Any]], clusters: Sequence[Cluster]) -> Chart:
    """Draw the means of each cluster as multiples of the mean of all customers (the line at 1)."""
    order = [cluster.name for cluster in clusters]
    measures = list(dict.fromkeys(row["measure"] for row in rows))
    bars = (
        alt.Chart(chart_data(rows), height=430)
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            x=alt.X("ratio:Q", title="Times the mean of all customers", axis=alt.Axis(tickCount=5, format="~g")),
            y=alt.Y(
                "measure:N",
                title=None,
                sort=measures,
                scale=alt.Scale(paddingInner=0.3, paddingOuter=0.1),
                axis=alt.Axis(domain=False, ticks=False),
            ),
            yOffset=alt.YOffset("cluster:N", sort=order, scale=alt.Scale(paddingInner=0.15)),
            color=_cluster_colour(
                order, alt.Legend(title=None, orient="bottom", columns=alt.expr("width < 400 ? 1 : 3"))
            ),
            tooltip=tooltips("cluster", "measure", "value", "mean", "times"),
        )
    )
    line = alt.Chart(chart_data([{"mean": 1.0}])).mark_rule(strokeDash=[4, 3], color=GREY).encode(x="mean:Q")
    return alt.layer(bars, line)


def _cluster_colour(order: Sequence[str], legend: alt.Legend | None = None) -> alt.Color:
    scale = alt.Scale(domain=list(order), range=[PALETTE[i % len(PALETTE)] for i in range(len(order))])
    return alt.Color("cluster:N", scale=scale, legend=legend)


def cluster_choice(tried: Sequence[ClusterChoice]) -> Chart:
    """Draw silhouette and stability of each number of clusters; the chosen one has a ring."""
    rows = [
        {"k": c.k, "score": value, "measure": name, "chosen": c.chosen}
        for c in tried
        for name, value in (("silhouette", c.silhouette), ("stability", c.stability))
    ]
    base = alt.Chart(chart_data(rows), height=270).encode(
        x=alt.X("k:O", title="Number of clusters k", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("score:Q", title="Score, at most 1", scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=4)),
        color=alt.Color("measure:N", scale=alt.Scale(range=[BLUE, ORANGE]), legend=_LINE_LEGEND),
        strokeDash=alt.StrokeDash("measure:N", legend=None),
        tooltip=[alt.Tooltip("k:O"), alt.Tooltip("measure:N"), alt.Tooltip("score:Q", format=".3f")],
    )
    lines = base.mark_line(point={"size": 45})
    ring = base.transform_filter("datum.chosen").mark_point(size=190, strokeWidth=2, filled=False)
    return alt.layer(lines, ring)


def training_loss(rows: Rows) -> Chart:
    """Draw the loss by epoch for training and validation customers."""
    return (
        alt.Chart(chart_data(rows), height=270)
        .mark_line(strokeWidth=1.8)
        .encode(
            x=alt.X("epoch:Q", title="Epoch", axis=alt.Axis(tickCount=6, grid=False)),
            y=alt.Y("loss:Q", title="Mean squared error", axis=alt.Axis(tickCount=4)),
            color=alt.Color("customers:N", scale=alt.Scale(range=[BLUE, ORANGE]), sort=None, legend=_LINE_LEGEND),
            strokeDash=alt.StrokeDash("customers:N", sort=None, legend=None),
            tooltip=[alt.Tooltip("epoch:Q"), alt.Tooltip("customers:N"), alt.Tooltip("loss:Q", format=".4f")],
        )
    )


def before_after(parts: Sequence[ShareChange], axis_title: str) -> Chart:
    """Draw shares before and after a change, two bars for each name."""
    names = [part.name for part in parts]
    sides = ("before", "after")
    rows = [
        {"name": p.name, "side": s, "share": getattr(p, s), "percent": format_percent(getattr(p, s))}
        for p in parts
        for s in sides
    ]
    order = alt.Scale(domain=list(sides), range=[GREY, BLUE])
    return (
        alt.Chart(chart_data(rows), height=30 * len(names) + 70)
        .mark_bar()
        .encode(
            y=alt.Y("name:N", title=None, sort=names, axis=alt.Axis(domain=False, ticks=False, labelLimit=220)),
            yOffset=alt.YOffset("side:N", sort=list(sides)),
            x=alt.X("share:Q", title=axis_title, axis=alt.Axis(format=".0%", tickCount=5)),
            color=alt.Color("side:N", scale=order, legend=alt.Legend(title=None, orient="top")),
            tooltip=tooltips("name", "side", "percent"),
        )
    )
