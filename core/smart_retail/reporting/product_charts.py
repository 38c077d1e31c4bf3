"""Charts of product lists as matplotlib figures: similarity, and the methods behind a recommendation.

Each function draws the rows of the function with the same name in `model_chart_data`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from smart_retail.presentation import palette
from smart_retail.presentation.formatting import pluralize
from smart_retail.presentation.labels import method_label
from smart_retail.reporting import model_chart_data
from smart_retail.reporting.chart_style import (
    LIGHT,
    HeatScale,
    Theme,
    draw_heat_map,
    label_axes,
    new_figure,
    plain_text,
    shorten,
)
from smart_retail.results import RecommendationList

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@plain_text
def item_similarity(lists: Mapping[str, RecommendationList], names: Mapping[str, str], theme: Theme = LIGHT) -> Figure:
    """Draw the similarity of some products; in each row, 1 is the most similar product."""
    rows = model_chart_data.item_similarity(lists, names)
    best = max((r for r in rows if r["item_id"] != r["similar_id"]), key=lambda r: r["similarity"])
    title = f"Most similar: {shorten(best['item_name'])} and {shorten(best['similar_name'])}"
    figure, (ax,) = new_figure(title, 9, 2.2 + 0.3 * len(lists), theme)
    grid = np.array([r["similarity"] for r in rows]).reshape(len(lists), -1)
    sides = [f"{i}  {names.get(item, item)}" for i, item in enumerate(lists, 1)]
    numbers = [str(i) for i in range(1, len(lists) + 1)]
    draw_heat_map(ax, grid, sides, numbers, theme, HeatScale("similarity, 1 = most similar product of the row", high=1))
    label_axes(ax, "product, by number", "", theme)
    return figure


@plain_text
def recommendations(result: RecommendationList, title: str = "", theme: Theme = LIGHT) -> Figure:
    """Draw a list; the bar of each product shows the share of each method in its score."""
    rows = model_chart_data.recommendations(result)
    methods = [name for name in rows[0] if name in palette.METHOD_COLOURS]
    title = title or f"First of {pluralize(len(rows), 'recommendation')}: {shorten(rows[0]['item_name'])}"
    figure, (ax,) = new_figure(title, 9, 1.5 + 0.34 * len(rows), theme)
    ends = [0.0] * len(rows)
    for method in methods:
        shares = [100 * r[method] for r in rows]
        ax.barh(
            range(len(rows)),
            shares,
            left=ends,
            color=palette.METHOD_COLOURS[method],
            height=0.66,
            label=method_label(method),
        )
        ends = [a + b for a, b in zip(ends, shares, strict=True)]
    ax.set_yticks(range(len(rows)), [f"{r['rank']}  {shorten(r['item_name'])}" for r in rows])
    ax.invert_yaxis()
    if methods:
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, labelcolor=theme.text, fontsize=9)
    label_axes(ax, "share of the score, %", "", theme)
    return figure
