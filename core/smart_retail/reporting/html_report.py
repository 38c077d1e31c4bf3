"""One self-contained HTML page about a bundle: data, sales, discounts, customers, segments, products, methods.

In: an engine, in process or behind the API. Out: a file that opens without a network. A section that has
too little data says so and why; the rest is made.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smart_retail.errors import DataError
from smart_retail.evaluation.verdict import get_verdict
from smart_retail.presentation.formatting import describe_model, format_amount, format_integer
from smart_retail.progress import SILENT, Progress
from smart_retail.protocol import RetailEngine
from smart_retail.reporting import html, model_chart_data, model_charts, product_charts, sales_chart_data, sales_charts
from smart_retail.reporting.chart_style import to_svg
from smart_retail.results import Cluster, Item, ModelInfo, Segment
from smart_retail.utils.atomic_file import atomic_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOP_ITEMS = 20
MAP_ITEMS = 15
"""Items in the similarity map."""
MAP_DEPTH = 200
"""How far down the similar items of one the others are looked for."""


def write_report(engine: RetailEngine, path: str | os.PathLike[str], progress: Progress = SILENT) -> Path:
    """Write the report.

    Returns
    -------
    Path
        The file, whole or not there at all.

    Raises
    ------
    UsageError
        The folder does not exist or cannot be written to.
    MissingExtraError
        matplotlib is not installed (extra ``report``).
    CancelledError
        Through `progress`.
    """
    target = Path(path)
    with atomic_file(target) as part:
        part.write_text(report_html(engine, progress), encoding="utf-8")
    return target


def report_html(engine: RetailEngine, progress: Progress = SILENT) -> str:
    """The report as text; errors as `write_report`."""
    model = engine.model()
    makers: dict[str, Callable[[], str]] = {
        "Summary": lambda: f"<p>{escape(get_verdict(model.scorecard))}</p>",
        "Data": lambda: _data(model),
        "Sales": lambda: (
            _picture("sales-by-week", model_charts.weekly_sales, model_chart_data.weekly_sales, model)
            + _shop(model, "line_sizes")
        ),
        "Categories": lambda: _shop(model, "categories"),
        "Discounts": lambda: _shop(model, "discounts", "discounts_by_month"),
        "Shipping": lambda: _shop(model, "shipping", "shipping_by_month"),
        "Returns": lambda: _shop(model, "returns_by_month"),
        "Numbers": lambda: _numbers(model),
        "Customers": lambda: _customers(model),
        "Segments": lambda: _segments(engine, model),
        "Clusters": lambda: _clusters(engine, model),
        "Products": lambda: _products(engine),
        "Methods": lambda: _methods(model),
        "Settings": lambda: _settings(model),
    }
    sections = {}
    for done, (name, make) in enumerate(makers.items()):
        progress.check()
        progress.stage(name, done / len(makers))
        sections[name] = make()
    lead = f"{model.first} to {model.last}, seen from {model.analysis_date}"
    return html.document("Smart Retail report", lead, sections, f"{describe_model(model)} · fitted {model.fitted_at}")


def _picture(name: str, draw: Callable[..., Figure], rows: Callable[..., model_chart_data.Rows], *facts: Any) -> str:
    """A picture with its numbers, or why there is none."""
    try:
        return html.picture(name, to_svg(draw(*facts), name), rows(*facts))
    except DataError as error:
        return html.note(error.message)


def _shop(model: ModelInfo, *names: str) -> str:
    """Pictures of the shop's lines; one reason is enough where several have the same."""
    parts = [
        _picture(name.replace("_", "-"), getattr(sales_charts, name), getattr(sales_chart_data, name), model)
        for name in names
    ]
    notes = [part for part in parts if part.startswith("<p")]
    return "".join(notes[:1] if len(notes) == len(parts) else parts)


def _numbers(model: ModelInfo) -> str:
    """How the lines' numbers are spread and hang together."""
    parts = [_shop(model, "correlations")]
    try:
        rows = sales_chart_data.line_moments(model)
        lines = f"over {format_integer(model.statistics['numbers']['lines'])} lines"
        parts += [f"<h3>Moments {lines} (excess kurtosis: 0 for a normal distribution)</h3>", html.table(rows)]
    except DataError:
        pass  # the picture's note has said why
    return "".join(parts)


def _data(model: ModelInfo) -> str:
    cleaning = model.cleaning
    parts = [
        html.key_figures(
            {
                "customers": format_integer(cleaning.customers),
                "orders": format_integer(cleaning.orders),
                "products": format_integer(cleaning.items),
                "rows accepted": format_integer(cleaning.rows_accepted),
                "net sales": format_amount(cleaning.net_amount, model.currency),
            }
        ),
        _picture("data-quality", model_charts.data_quality, model_chart_data.data_quality, cleaning),
        f"<h3>Returns (policy: {escape(cleaning.returns_policy)})</h3>",
    ]
    returns = [r.as_dict() for r in cleaning.returns]
    parts.append(html.table(returns) if returns else html.note("The source tells of no returns."))
    if cleaning.notes:
        parts += ["<h3>What was decided on the way</h3>", html.bullets(cleaning.notes)]
    return "".join(parts)


def _customers(model: ModelInfo) -> str:
    def every_bin(model: ModelInfo) -> model_chart_data.Rows:
        return [
            {"measure": m, **row} for m in model_chart_data.MEASURES for row in model_chart_data.distribution(model, m)
        ]

    parts = [_picture("distributions", model_charts.distributions, every_bin, model)]
    cuts = {measure: model_chart_data.cut_points(model, measure) for measure in model_chart_data.MEASURES}
    rows = [
        {"measure": measure, "unit": model_chart_data.MEASURES[measure]}
        | {f"cut {i}": c for i, c in enumerate(found, 1)}
        for measure, found in cuts.items()
        if found
    ]
    if rows:
        parts += ["<h3>Cut points of the scores</h3>", html.table(rows)]
    try:
        parts += ["<h3>Moments and rank correlations</h3>", html.table(model_chart_data.moments(model))]
    except DataError as error:
        parts.append(html.note(error.message))
    return "".join(parts)


def _segments(engine: RetailEngine, model: ModelInfo) -> str:
    found = engine.segments()
    advice = [{"segment": s.name, "meaning": s.meaning, "action": s.action, "customers": s.customers} for s in found]
    return (
        _picture("segments", model_charts.segments, model_chart_data.segments, found)
        + _picture("rfm-grid", _grid_in(model.currency), model_chart_data.rfm_grid, engine.rfm_grid())
        + "<h3>What they are and what to do</h3>"
        + html.table(advice)
        + _top_items(found)
    )


def _grid_in(currency: str) -> Callable[..., Figure]:
    return lambda cells: model_charts.rfm_grid(cells, currency)


def _clusters(engine: RetailEngine, model: ModelInfo) -> str:
    found = engine.clusters()
    if not found:
        return html.note("There are no clusters: no customer has a kept order.")
    comparison = model.scorecard.get("groups", {}).get("clusters", {}).get("comparison", [])
    parts = [
        _picture(
            "clusters", model_charts.cluster_scatter, model_chart_data.cluster_scatter, engine.cluster_points(), found
        ),
        _picture("cluster-profiles", model_charts.cluster_profiles, model_chart_data.cluster_profiles, found),
        html.table(model_chart_data.clusters(found)),
        _picture("cluster-choice", model_charts.cluster_choice, model_chart_data.cluster_choice, model),
        _picture("training-loss", model_charts.training_loss, model_chart_data.training_loss, model),
    ]
    if comparison:
        rows = [{**c, "sizes": ", ".join(f"{size:,}" for size in c["sizes"])} for c in comparison]
        parts += ["<h3>Beside plain K-means with as many clusters</h3>", html.table(rows)]
    return "".join(parts) + _top_items(found)


def _top_items(groups: Sequence[Segment] | Sequence[Cluster]) -> str:
    """What each group buys most, folded away."""
    parts = []
    for group in groups:
        rows = [_item(place, item) for place, item in enumerate(group.top_items, 1)]
        if rows:
            name = escape(f"Top products of {group.name} customers")
            parts.append(f"<details><summary>{name}</summary>{html.table(rows)}</details>")
    return "".join(parts)


def _item(place: int, item: Item) -> dict[str, Any]:
    return {
        "rank": place,
        "item_name": item.item_name,
        "item_id": item.item_id,
        "category": item.category,
        "orders": item.orders,
        "customers": item.customers,
    }


def _products(engine: RetailEngine) -> str:
    popular = engine.popular(TOP_ITEMS)
    rows = [
        {"rank": r.rank, "item_name": r.item_name, "item_id": r.item_id, "category": r.category, "score": r.score}
        for r in popular.items
    ]
    lists = {r.item_id: engine.similar_items(r.item_id, MAP_DEPTH) for r in popular.items[:MAP_ITEMS]}
    names = {r.item_id: r.item_name for r in popular.items}
    return (
        "<h3>Most wanted</h3>"
        + html.table(rows)
        + _picture("similarity", product_charts.item_similarity, model_chart_data.item_similarity, lists, names)
    )


def _methods(model: ModelInfo) -> str:
    card = model.scorecard
    parts = [
        _picture(f"scorecard-{task}", model_charts.scorecard, model_chart_data.scorecard, model, task)
        for task in ([t for t in model_chart_data.TASKS if card.get("tasks", {}).get(t)] or ["any"])
    ]
    remarks = [str(text) for text in (card.get("choice"), *card.get("notes", ())) if text]
    return "".join(parts) + (html.bullets(remarks) if remarks else "")


def _settings(model: ModelInfo) -> str:
    rows = []
    for name, value in model.settings.items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        rows += [{"setting": f"{name}.{key}".rstrip("."), "value": "" if v is None else str(v)} for key, v in inner]
    return f"<details><summary>all that can be set</summary>{html.table(rows)}</details>"
