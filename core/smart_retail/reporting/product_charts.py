"""Pictures of lists of products: how alike they are, and what a recommendation is made of.

As in `figures`: results in, a matplotlib figure out, drawn from the rows of its namesake in `figure_rows`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from smart_retail.presentation import palette
from smart_retail.presentation.labels import method_label
from smart_retail.reporting import model_chart_data
from smart_retail.reporting.chart_style import (
    LIGHT,
    Theme,
    disable_math_text,
    draw_heat_map,
    label_axes,
    new_figure,
    shorten,
)
from smart_retail.results import RecommendationList

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def item_similarity(lists: Mapping[str, RecommendationList], names: Mapping[str, str], theme: Theme = LIGHT) -> Figure:
    """How alike some items are: row by row, 1 for the most similar product of all."""
    rows = model_chart_data.item_similarity(lists, names)
    best = max((r for r in rows if r["item_id"] != r["similar_id"]), key=lambda r: r["similarity"])
    title = f"{shorten(best['item_name'])} goes with {shorten(best['similar_name'])}"
    figure, (ax,) = new_figure(title, 9, 2.2 + 0.3 * len(lists), theme)
    grid = np.array([r["similarity"] for r in rows]).reshape(len(lists), -1)
    sides = [f"{i}  {names.get(item, item)}" for i, item in enumerate(lists, 1)]
    numbers = [str(i) for i in range(1, len(lists) + 1)]
    draw_heat_map(ax, grid, sides, numbers, theme, high=1, unit="similarity, 1 = the row's most similar product")
    label_axes(ax, "product, by its number", "", theme)
    return disable_math_text(figure)


def recommendations(answer: RecommendationList, title: str = "", theme: Theme = LIGHT) -> Figure:
    """A list, each item's bar made of the shares of the methods behind it."""
    rows = model_chart_data.recommendations(answer)
    methods = [name for name in rows[0] if name in palette.METHOD_COLOURS]
    title = title or f"First of {len(rows)}: {shorten(rows[0]['item_name'])}"
    figure, (ax,) = new_figure(title, 9, 1.5 + 0.34 * len(rows), theme)
    reached = [0.0] * len(rows)
    for method in methods:
        shares = [100 * r[method] for r in rows]
        ax.barh(
            range(len(rows)),
            shares,
            left=reached,
            color=palette.METHOD_COLOURS[method],
            height=0.66,
            label=method_label(method),
        )
        reached = [a + b for a, b in zip(reached, shares, strict=True)]
    ax.set_yticks(range(len(rows)), [f"{r['rank']}  {shorten(r['item_name'])}" for r in rows])
    ax.invert_yaxis()
    if methods:
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, labelcolor=theme.text, fontsize=9)
    label_axes(ax, "share of the score, %", "", theme)
    return disable_math_text(figure)
