"""One self-contained HTML page about a model: data, sales, customers, segments, clusters, products, methods.

It opens without a network. A section that has too little data shows the reason.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smart_retail.errors import DataError, FormatVersionError
from smart_retail.evaluation.verdict import get_verdict
from smart_retail.presentation import labels
from smart_retail.presentation.formatting import describe_model, format_amount, format_integer, pluralize
from smart_retail.progress import SILENT, Progress
from smart_retail.protocol import RetailEngine
from smart_retail.reporting import (
    html,
    model_chart_data,
    model_charts,
    product_charts,
    sales_chart_data,
    sales_charts,
    value_charts,
)
from smart_retail.reporting.chart_style import to_svg
from smart_retail.results import Cluster, Item, ModelInfo, Segment, ValueSummary
from smart_retail.utils.atomic_file import atomic_file

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure

TOP_ITEMS = 20
SIMILARITY_ITEMS = 15
"""Products in the similarity chart."""
SIMILARITY_DEPTH = 200
"""Length of the list of similar products in which the other products of the chart are searched."""


def write_report(engine: RetailEngine, path: str | os.PathLike[str], progress: Progress = SILENT) -> Path:
    """Write the report to a file, completely or not at all.

    Parameters
    ----------
    engine : RetailEngine
        Local engine, or one behind the API.
    path : path
        Target file.
    progress : Progress
        Gets one stage per section.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UsageError
        The folder does not exist or cannot be written to.
    MissingExtraError
        A library of the extra ``report`` is not installed.
    CancelledError
        `progress` has cancelled the report.
    """
    target = Path(path)
    with atomic_file(target) as part:
        part.write_text(report_html(engine, progress), encoding="utf-8")
    return target


def report_html(engine: RetailEngine, progress: Progress = SILENT) -> str:
    """Return the report as text; raises the errors of `write_report`."""
    model = engine.model()
    builders: dict[str, Callable[[], Markup]] = {
        "Summary": lambda: html.paragraph(get_verdict(model.scorecard)),
        "Data": lambda: _data_section(model),
        "Sales": lambda: _sales_section(model),
        "Categories": lambda: _sales_charts(model, "categories"),
        "Discounts": lambda: _sales_charts(model, "discounts", "discounts_by_month"),
        "Shipping": lambda: _sales_charts(model, "shipping", "shipping_by_month"),
        "Returns": lambda: _sales_charts(model, "returns_by_month"),
        "Customers": lambda: _customers_section(model),
        "Segments": lambda: _segments_section(engine, model),
        "Value": lambda: _value_section(engine, model),
        "Clusters": lambda: _clusters_section(engine, model),
        "Products": lambda: _products_section(engine),
        "Methods": lambda: _methods_section(model),
        "Numbers": lambda: _numbers_section(model),
        "Settings": lambda: _settings_section(model),
    }
    sections = {}
    for done, (name, build) in enumerate(builders.items()):
        progress.check()
        progress.stage(name, done / len(builders))
        sections[name] = build()
    subtitle = f"Orders from {model.first} to {model.last}, as of {model.analysis_date}"
    footer = f"{describe_model(model)} · fitted {model.fitted_at}"
    return html.document("Smart Retail report", subtitle, sections, footer)


def _chart(
    name: str, draw: Callable[..., Figure], rows: Callable[..., model_chart_data.Rows], *arguments: Any
) -> Markup:
    """Return a chart with its table, or the reason why it cannot be drawn."""
    try:
        return html.chart(name, to_svg(draw(*arguments), name), rows(*arguments))
    except DataError as error:
        return html.note(error.message)


def _sales_charts(model: ModelInfo, *names: str) -> Markup:
    """Return charts of the order lines; if none can be drawn, one reason is enough."""
    parts = []
    reasons = []
    for name in names:
        try:
            figure, rows = getattr(sales_charts, name)(model), getattr(sales_chart_data, name)(model)
        except DataError as error:
            reasons.append(html.note(error.message))
            continue
        chart_name = name.replace("_", "-")
        parts.append(html.chart(chart_name, to_svg(figure, chart_name), rows))
    return html.join(parts + reasons if parts else reasons[:1])


def _sales_section(model: ModelInfo) -> Markup:
    weekly = _chart("sales-by-week", model_charts.weekly_sales, model_chart_data.weekly_sales, model)
    return html.join((weekly, _sales_charts(model, "line_sizes")))


def _numbers_section(model: ModelInfo) -> Markup:
    """Return how the numbers of the order lines are distributed and related."""
    parts = [
        html.paragraph(
            "For statisticians. A rank correlation (Spearman's ρ) is 1 when two numbers always rise together, -1 when "
            "one falls as the other rises, and 0 when they are unrelated."
        ),
        _sales_charts(model, "correlations"),
    ]
    try:
        rows = sales_chart_data.line_moments(model)
        lines = pluralize(model.statistics["numbers"]["lines"], "order line")
        parts += [
            html.subheading(f"Distribution over {lines} (excess kurtosis: 0 for a normal distribution)"),
            html.table(rows),
        ]
    except DataError:
        pass  # the note in place of the chart has the reason
    try:
        parts += [
            html.subheading("Distribution of recency, frequency and monetary, with rank correlations (ρ)"),
            html.table(model_chart_data.moments(model)),
        ]
    except DataError as error:
        parts.append(html.note(error.message))
    return html.join(parts)


def _data_section(model: ModelInfo) -> Markup:
    cleaning = model.cleaning
    figures = {
        "customers": format_integer(cleaning.customers),
        "orders": format_integer(cleaning.orders),
        "products": format_integer(cleaning.items),
        "rows accepted": format_integer(cleaning.rows_accepted),
        "net sales": format_amount(cleaning.net_amount, model.currency),
    }
    parts = [
        html.key_figures(figures),
        _chart("data-quality", model_charts.data_quality, model_chart_data.data_quality, cleaning),
        html.subheading(f"Returned items (policy: {cleaning.returns_policy})"),
    ]
    returns = [
        {"returns": labels.RETURN_FORMS.get(r.form, r.form), "order lines": r.lines, "amount": r.amount}
        for r in cleaning.returns
    ]
    parts.append(html.table(returns) if returns else html.note("The data has no returned items."))
    if cleaning.notes:
        parts += [html.subheading("Notes on the data"), html.bullets(cleaning.notes)]
    return html.join(parts)


def _customers_section(model: ModelInfo) -> Markup:
    def every_bin(model: ModelInfo) -> model_chart_data.Rows:
        return [
            {"measure": m, **row} for m in model_chart_data.MEASURES for row in model_chart_data.distribution(model, m)
        ]

    parts = [
        html.paragraph(labels.RFM_EXPLANATION),
        _chart("distributions", model_charts.distributions, every_bin, model),
    ]
    measures = {**model_chart_data.MEASURES, "recency_intervals": "usual gaps since the last order"}
    rows = [
        {"measure": measure, "unit": unit} | {f"cut {i}": cut for i, cut in enumerate(cut_points, 1)}
        for measure, unit in measures.items()
        if (cut_points := model_chart_data.cut_points(model, measure))
    ]
    if rows:
        parts += [html.subheading("Cut points between the scores 1 to 5"), html.table(rows)]
    return html.join(parts)


def _segments_section(engine: RetailEngine, model: ModelInfo) -> Markup:
    segments = engine.segments()

    def draw_grid(cells: Any) -> Figure:
        return model_charts.rfm_grid(cells, model.currency)

    advice = [
        {"segment": s.name, "meaning": s.meaning, "limits": s.limits, "action": s.action, "customers": s.customers}
        for s in segments
    ]
    return html.join(
        (
            _chart("segments", model_charts.segments, model_chart_data.segments, segments),
            _chart("rfm-grid", draw_grid, model_chart_data.rfm_grid, engine.rfm_grid()),
            html.subheading("What the segments mean and what to do"),
            html.table(advice),
            _top_products(segments),
        )
    )


def _value_section(engine: RetailEngine, model: ModelInfo) -> Markup:
    """Return what customers are expected to do, how well earlier forecasts held, and cohorts."""
    try:
        summary, revenue, cohorts = engine.value_summary(), engine.expected_revenue(), engine.cohorts()
    except FormatVersionError:
        return html.note("This version was fitted before customer value was added. Fit again to get it.")
    low, high = (format_amount(v, model.currency) for v in (summary.spend_low, summary.spend_high))
    days = f"next {summary.horizon_days} days"
    figures = {
        f"expected spend, {days}": format_amount(summary.expected_spend, model.currency),
        "80 % interval": f"{low} to {high}",
        f"expected orders, {days}": format_integer(summary.expected_orders),
        "customers expected to order": format_integer(summary.expected_returning),
    }

    def draw_backtests(summary: ValueSummary) -> Figure:
        return value_charts.backtests(summary, model.currency)

    at_risk = [
        {
            "customer_id": v.customer_id,
            "spend": v.spend,
            "orders": v.orders,
            "usual_interval_days": v.usual_interval_days,
            "return_share": v.return_probability,
        }
        for v in summary.at_risk
    ]
    parts = [
        html.paragraph(
            "Forecasts for the customers in the history; those who will order for the first time are extra."
        ),
        html.key_figures(figures),
        html.bullets((*summary.sentences, *summary.notes)),
        html.subheading("Expected revenue of the shop, with 80 % intervals"),
        html.table([r.as_dict() for r in revenue]),
        html.subheading("Expected value by segment"),
        html.table([g.as_dict() for g in summary.segments]),
        _chart("value-backtests", draw_backtests, value_charts.backtest_rows, summary),
        _chart("value-calibration", value_charts.calibration, value_charts.calibration_rows, summary),
        _chart("retention", value_charts.retention, value_charts.retention_rows, cohorts),
        html.details("Mean value per customer, by cohort", html.table(value_charts.value_rows(cohorts))),
    ]
    if at_risk:
        parts += [html.subheading("Customers with a high churn risk, by spend at risk"), html.table(at_risk)]
    return html.join(parts)


def _clusters_section(engine: RetailEngine, model: ModelInfo) -> Markup:
    clusters = engine.clusters()
    if not clusters:
        return html.note("There are no clusters: no customer has an order left after returns.")
    points = engine.cluster_points()
    parts = [
        html.paragraph(
            "Clusters are groups of customers who buy alike: what they are worth, how they buy, and what they buy. "
            "K-means finds them; the lists of customers use smaller clusters within them."
        ),
        _chart("clusters", model_charts.cluster_scatter, model_chart_data.cluster_scatter, points, clusters),
        _chart("cluster-profiles", model_charts.cluster_profiles, model_chart_data.cluster_profiles, clusters),
        html.table(model_chart_data.clusters(clusters)),
        _chart("cluster-choice", model_charts.cluster_choice, model_chart_data.cluster_choice, model),
        _chart("training-loss", model_charts.training_loss, model_chart_data.training_loss, model),
    ]
    comparison = model.scorecard.get("groups", {}).get("clusters", {}).get("comparison", [])
    if comparison:
        rows = [{**c, "sizes": ", ".join(f"{size:,}" for size in c["sizes"])} for c in comparison]
        parts += [html.subheading("Comparison with plain K-means for the same number of clusters"), html.table(rows)]
    return html.join((*parts, _top_products(clusters)))


def _top_products(groups: Sequence[Segment] | Sequence[Cluster]) -> Markup:
    """Return the top products of each group, folded."""
    parts = []
    for group in groups:
        rows = [_item_row(rank, item) for rank, item in enumerate(group.top_items, 1)]
        if rows:
            parts.append(html.details(f"Top products of {group.name} customers", html.table(rows)))
    return html.join(parts)


def _item_row(rank: int, item: Item) -> dict[str, Any]:
    return {
        "rank": rank,
        "item_name": item.item_name,
        "item_id": item.item_id,
        "category": item.category,
        "orders": item.orders,
        "customers": item.customers,
    }


def _products_section(engine: RetailEngine) -> Markup:
    popular = engine.popular(TOP_ITEMS)
    rows = [
        {"rank": r.rank, "item_name": r.item_name, "item_id": r.item_id, "category": r.category, "score": r.score}
        for r in popular.items
    ]
    lists = {r.item_id: engine.similar_items(r.item_id, SIMILARITY_DEPTH) for r in popular.items[:SIMILARITY_ITEMS]}
    names = {r.item_id: r.item_name for r in popular.items}
    return html.join(
        (
            html.subheading("Most popular products"),
            html.table(rows),
            _chart("similarity", product_charts.item_similarity, model_chart_data.item_similarity, lists, names),
        )
    )


def _methods_section(model: ModelInfo) -> Markup:
    scorecard = model.scorecard
    tasks = [task for task in model_chart_data.TASKS if scorecard.get("tasks", {}).get(task)] or ["any"]
    parts = [html.paragraph(f"{labels.NDCG_EXPLANATION} {labels.HIT_RATE_EXPLANATION} CF: collaborative filtering.")]
    parts += [
        _chart(f"scorecard-{task}", model_charts.scorecard, model_chart_data.scorecard, model, task) for task in tasks
    ]
    remarks = [str(text) for text in (scorecard.get("choice"), *scorecard.get("notes", ())) if text]
    if remarks:
        parts.append(html.bullets(remarks))
    return html.join(parts)


def _settings_section(model: ModelInfo) -> Markup:
    rows = []
    for name, value in model.settings.items():
        items = value.items() if isinstance(value, dict) else [("", value)]
        rows += [{"setting": f"{name}.{key}".rstrip("."), "value": "" if v is None else str(v)} for key, v in items]
    return html.details("All settings of this model", html.table(rows))
