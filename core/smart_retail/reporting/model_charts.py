"""Charts of the model as matplotlib figures, without pyplot and its global state.

Each function draws the rows of the function with the same name in `model_chart_data`, below a title that states the
finding. Too little data raises `DataError` with the reason. `chart_style.to_svg` and `to_png` write a figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from smart_retail.presentation import palette
from smart_retail.presentation.formatting import format_amount, format_integer, format_percent, pluralize
from smart_retail.reporting import model_chart_data
from smart_retail.reporting.chart_style import (
    LIGHT,
    SEQUENTIAL_COLOURS,
    Theme,
    add_legend,
    amount_label,
    draw_bars,
    format_tick,
    label_axes,
    new_figure,
    plain_text,
    text_colour_on,
)
from smart_retail.reporting.model_chart_data import MEASURES, TASKS
from smart_retail.results import (
    CleaningReport,
    Cluster,
    ClusterPoint,
    GridCell,
    ModelInfo,
    Segment,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKERS = "os^DPvX*"
"""Clusters differ in marker and colour."""


@plain_text
def weekly_sales(model: ModelInfo, theme: Theme = LIGHT) -> Figure:
    """Draw sales by week."""
    rows = model_chart_data.weekly_sales(model)
    best = max(rows, key=lambda r: r["amount"])
    mean = sum(r["amount"] for r in rows) / len(rows)
    title = f"Sales average {format_amount(mean, model.currency)} a week; the best week began {best['week']}"
    figure, (ax,) = new_figure(title, 9, 3, theme)
    from matplotlib.dates import ConciseDateFormatter

    weeks = np.array([r["week"] for r in rows], dtype="datetime64[D]")
    amounts = [r["amount"] for r in rows]
    ax.fill_between(weeks, amounts, color=palette.BLUE, alpha=0.16, linewidth=0)
    ax.plot(weeks, amounts, color=palette.BLUE, linewidth=1.6, marker="o" if len(rows) == 1 else None)
    formatter = ConciseDateFormatter(ax.xaxis.get_major_locator())  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_formatter(formatter)
    ax.yaxis.set_major_formatter(format_tick)
    ax.grid(axis="y", color=theme.grid)
    ax.set_ylim(bottom=min(0, *amounts))
    label_axes(ax, "week (Monday)", amount_label("sales", model.currency), theme)
    return figure


@plain_text
def data_quality(cleaning: CleaningReport, theme: Theme = LIGHT) -> Figure:
    """Draw accepted rows, and rejected rows by reason."""
    rows = model_chart_data.data_quality(cleaning)
    title = f"{format_percent(rows[0]['share'])} of {format_integer(cleaning.rows_in)} rows accepted"
    figure, (ax,) = new_figure(title, 9, 1.3 + 0.34 * len(rows), theme)
    colours = [palette.BLUE, *[palette.ORANGE] * (len(rows) - 1)]
    draw_bars(
        ax,
        [r["part"] for r in rows],
        [r["rows"] for r in rows],
        colours,
        theme,
        [f"{format_integer(r['rows'])} ({format_percent(r['share'])})" for r in rows],
    )
    label_axes(ax, "rows of the source", "", theme)
    return figure


@plain_text
def segments(groups: Sequence[Segment], theme: Theme = LIGHT) -> Figure:
    """Draw the share of customers and of revenue by segment."""
    rows = model_chart_data.segments(groups)
    top = max(rows, key=lambda r: r["revenue_share"])
    title = (
        f"{top['segment']}: {format_percent(top['share'])} of customers, "
        f"{format_percent(top['revenue_share'])} of revenue"
    )
    figure, (left, right) = new_figure(title, 9, 1.3 + 0.34 * len(rows), theme, columns=2)
    names = [r["segment"] for r in rows]
    colours = [palette.SEGMENT_COLOURS.get(name, palette.GREY) for name in names]
    for ax, share, axis in ((left, "share", "customers, %"), (right, "revenue_share", "revenue, %")):
        values = [100 * r[share] for r in rows]
        draw_bars(ax, names, values, colours, theme, [format_percent(r[share]) for r in rows])
        label_axes(ax, axis, "", theme)
    right.set_yticklabels([])
    return figure


@plain_text
def rfm_grid(cells: Sequence[GridCell], currency: str = "", theme: Theme = LIGHT) -> Figure:
    """Draw the grid of R and F scores: customers, revenue and segment of each cell."""
    rows = model_chart_data.rfm_grid(cells)
    customers, revenue = sum(r["customers"] for r in rows), sum(r["revenue"] for r in rows)
    best = [r for r in rows if r["r"] >= 4 and r["f"] >= 4]
    share = sum(r["customers"] for r in best) / customers
    title = f"Recent and frequent customers (R and F 4 to 5): {format_percent(share)} of customers"
    if revenue > 0:
        title += f", {format_percent(sum(r['revenue'] for r in best) / revenue)} of revenue"
    figure, (ax,) = new_figure(title, 9, 5.2, theme)
    most = max(r["customers"] for r in rows)
    for r in rows:
        fill = SEQUENTIAL_COLOURS[round((len(SEQUENTIAL_COLOURS) - 1) * (r["customers"] / most) ** 0.5)]
        ax.add_patch(_box(r["f"] - 0.48, r["r"] - 0.47, 0.96, 0.94, fill))
        money = f"{format_tick(r['revenue'])} {currency}".rstrip()
        cell_texts = (
            (0.26, r["segment"], 8, "normal"),
            (0.0, format_integer(r["customers"]), 13, "bold"),
            (-0.27, money, 8, "normal"),
        )
        for up, text, size, weight in cell_texts if r["customers"] else cell_texts[:1]:
            ax.text(
                r["f"],
                r["r"] + up,
                text,
                ha="center",
                va="center",
                fontsize=size,
                fontweight=weight,
                color=text_colour_on(fill),
            )
    ax.set(xlim=(0.5, 5.5), ylim=(0.5, 5.5), xticks=range(1, 6), yticks=range(1, 6))
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    label_axes(ax, "F score: number of orders (5 = most)", "R score: days since the last order (5 = fewest)", theme)
    return figure


@plain_text
def cluster_scatter(points: Sequence[ClusterPoint], groups: Sequence[Cluster], theme: Theme = LIGHT) -> Figure:
    """Draw customers in the latent space, with cluster names at the centroids."""
    rows = model_chart_data.cluster_scatter(points, groups)
    top = max(groups, key=lambda c: c.revenue_share)
    title = f"{pluralize(len(groups), 'cluster')}; {top.name}: {format_percent(top.revenue_share)} of revenue"
    figure, (ax,) = new_figure(title, 9, 5.2, theme)
    for c in groups:
        x, y = ([r[axis] for r in rows if r["cluster"] == c.id] for axis in "xy")
        # Thousands of markers as vectors would add a megabyte to the page.
        ax.scatter(
            x,
            y,
            s=9,
            marker=MARKERS[c.id % len(MARKERS)],
            color=_colour(c.id),
            alpha=0.5,
            linewidths=0,
            rasterized=True,
        )
    for c in groups:
        box = {"boxstyle": "round,pad=0.25", "facecolor": theme.background, "edgecolor": _colour(c.id), "alpha": 0.92}
        ax.annotate(
            c.name, (c.x, c.y), ha="center", va="center", fontsize=10, fontweight="bold", color=theme.text, bbox=box
        )
    label_axes(ax, "principal component 1 (no unit)", "principal component 2 (no unit)", theme)
    return figure


@plain_text
def cluster_profiles(groups: Sequence[Cluster], theme: Theme = LIGHT) -> Figure:
    """Draw the means of each cluster as multiples of the mean of all customers."""
    rows = model_chart_data.cluster_profiles(groups)
    best = max((r for r in rows if r["measure"] == MEASURES["monetary"]), key=lambda r: r["ratio"])
    title = f"{best['name']} customers spend {best['ratio']:.1f} times the average of all customers"
    figure, axes = new_figure(title, 9, 1.4 + 0.36 * len(groups), theme, columns=3)
    for ax, measure in zip(axes, MEASURES.values(), strict=True):
        part = [r for r in rows if r["measure"] == measure]
        colours = [_colour(r["cluster"]) for r in part]
        draw_bars(
            ax,
            [r["name"] for r in part],
            [r["ratio"] for r in part],
            colours,
            theme,
            [f"{r['ratio']:.2f}" for r in part],
        )
        ax.axvline(1, color=theme.secondary, linestyle="--", linewidth=1)
        label_axes(ax, f"{measure}, times the mean", "", theme)
        if ax is not axes[0]:
            ax.set_yticklabels([])
    return figure


@plain_text
def cluster_choice(model: ModelInfo, theme: Theme = LIGHT) -> Figure:
    """Draw silhouette and stability by number of clusters."""
    rows = model_chart_data.cluster_choice(model)
    best = next((r for r in rows if r["chosen"]), rows[0])
    title = f"{best['k']} clusters: silhouette {best['silhouette']:.2f}, stability {best['stability']:.2f}"
    figure, (ax,) = new_figure(title, 9, 3, theme)
    ks = [r["k"] for r in rows]
    for name, colour, marker in (("silhouette", palette.BLUE, "o"), ("stability", palette.ORANGE, "s")):
        ax.plot(ks, [r[name] for r in rows], color=colour, marker=marker, label=name)
    ax.axvline(best["k"], color=theme.secondary, linestyle="--", linewidth=1)
    ax.set_xticks(ks)
    ax.grid(axis="y", color=theme.grid)
    add_legend(ax, theme)
    label_axes(ax, "number of clusters k", "score (1 is best)", theme)
    return figure


@plain_text
def training_loss(model: ModelInfo, theme: Theme = LIGHT) -> Figure:
    """Draw the error of the autoencoder by epoch; the title compares it with principal components."""
    rows = model_chart_data.training_loss(model)
    least = min(r["validation_loss"] for r in rows)
    title = f"The error of the autoencoder fell to {least:.4f} in {len(rows)} epochs"
    if rows[0]["linear_loss"]:
        title += f" (principal components: {rows[0]['linear_loss']:.4f})"
    figure, (ax,) = new_figure(title, 9, 3, theme)
    epochs = [r["epoch"] for r in rows]
    ax.plot(epochs, [r["loss"] for r in rows], color=palette.BLUE, label="training customers")
    ax.plot(
        epochs, [r["validation_loss"] for r in rows], color=palette.ORANGE, linestyle="--", label="held-out customers"
    )
    ax.grid(axis="y", color=theme.grid)
    add_legend(ax, theme)
    label_axes(ax, "epoch", "mean squared error (no unit)", theme)
    return figure


@plain_text
def distributions(model: ModelInfo, theme: Theme = LIGHT) -> Figure:
    """Draw recency, frequency and monetary over the customers, with the cut points between the scores."""
    parts = {measure: model_chart_data.distribution(model, measure) for measure in MEASURES}
    once = sum(r["customers"] for r in parts["frequency"] if r["lower"] == 1 and r["upper"] <= 2)
    customers = sum(r["customers"] for r in parts["frequency"])
    title = f"{format_percent(once / customers)} of {format_integer(customers)} customers ordered once"
    figure, axes = new_figure(title, 11, 3.2, theme, columns=3)
    for ax, (measure, rows) in zip(axes, parts.items(), strict=True):
        positive = [r for r in rows if r["lower"] > 0] if measure != "recency" else rows
        left, width = [r["lower"] for r in positive], [r["upper"] - r["lower"] for r in positive]
        ax.bar(
            left, [r["customers"] for r in positive], width, align="edge", color=palette.BLUE, alpha=0.75, linewidth=0
        )
        if measure != "recency" and positive:
            ax.set_xscale("log")
        for cut in model_chart_data.cut_points(model, measure):
            if measure == "recency" or cut > 0:
                ax.axvline(cut, color=palette.VERMILLION, linestyle="--", linewidth=1)
        ax.xaxis.set_major_formatter(format_tick)
        ax.grid(axis="y", color=theme.grid)
        unit = amount_label("amount", model.currency) if measure == "monetary" else MEASURES[measure]
        label_axes(ax, unit, "customers" if ax is axes[0] else "", theme)
    axes[0].plot([], [], color=palette.VERMILLION, linestyle="--", linewidth=1, label="cut points")
    add_legend(axes[0], theme)
    return figure


@plain_text
def scorecard(model: ModelInfo, task: str = "any", theme: Theme = LIGHT) -> Figure:
    """Draw the NDCG of every method with its 95 % interval."""
    rows = model_chart_data.scorecard(model, task)
    measure = f"NDCG@{model.scorecard.get('k', 10)}"
    title = f"{rows[0]['label']} ranks first on {TASKS.get(task, task)} ({measure} = {rows[0]['ndcg']:.3f})"
    figure, (ax,) = new_figure(title, 9, 1.3 + 0.36 * len(rows), theme)
    colours = [palette.METHOD_COLOURS.get(r["method"], palette.GREY) for r in rows]
    texts = [f"{r['ndcg']:.3f} ({r['low']:.3f} to {r['high']:.3f})" for r in rows]
    draw_bars(
        ax, [r["label"] for r in rows], [r["ndcg"] for r in rows], colours, theme, texts, [r["high"] for r in rows]
    )
    for position, r in enumerate(rows):
        ax.plot([r["low"], r["high"]], [position, position], color=theme.text, linewidth=2)
    label_axes(ax, f"{measure} with 95 % interval, 0 to 1", "", theme)
    return figure


def _box(x: float, y: float, width: float, height: float, fill: str) -> Any:
    from matplotlib.patches import FancyBboxPatch

    return FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0,rounding_size=0.05", facecolor=fill, linewidth=0)


def _colour(cluster: int) -> str:
    return palette.PALETTE[cluster % len(palette.PALETTE)]
