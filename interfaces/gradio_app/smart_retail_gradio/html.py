"""HTML of the app: a profile or a list in, escaped HTML out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from smart_retail.errors import RetailError
from smart_retail.presentation import html as shared
from smart_retail.presentation import labels
from smart_retail.presentation.formatting import describe_model, describe_profile, value_facts
from smart_retail.presentation.sales_texts import describe_sales
from smart_retail.results import (
    Cluster,
    CustomerProfile,
    CustomerValue,
    ModelInfo,
    ProductBundles,
    RecommendationList,
    SalesComparison,
    Segment,
)
from smart_retail.segmentation.segments import segment_advice


def _render(template: str, **values: Any) -> Markup:
    return shared.render("smart_retail_gradio", template, **values)


def title(name: str, subtitle: str) -> Markup:
    """Return the heading of the page."""
    return _render("title.html", name=name, subtitle=subtitle)


def customer_profile(profile: CustomerProfile, currency: str) -> Markup:
    """Return name, RFM, cluster and key figures of a customer, and what its segment means."""
    return _render(
        "customer_profile.html",
        profile=profile,
        description=describe_profile(profile, currency),
        advice=segment_advice(profile.rfm.segment) if profile.rfm else "",
        rfm_explanation=labels.RFM_EXPLANATION,
    )


def customer_value(value: CustomerValue, currency: str) -> Markup:
    """Return the forecast of a customer as a list of facts, with its notes."""
    return _render("customer_value.html", facts=value_facts(value, currency), notes=value.notes)


def recommendations(result: RecommendationList) -> Markup:
    """Return a list as a table, or the lists of all methods side by side."""
    if result.lists:
        return shared.method_comparison(result)
    if not result.items:
        return empty("No product left. Show purchased products, or choose another category.")
    note = ""
    if result.customer_id is not None and not result.known:
        note = "This customer has no purchases in the data, so the list shows popular products."
    elif result.fallback:
        note = "This method found too few products; popular ones fill the list."
    return _render("recommendations_with_note.html", note=note, table=shared.recommendation_table(result))


def related(results: Sequence[RecommendationList]) -> Markup:
    """Return the products related to one, each relation under its heading."""
    parts = [
        (*labels.RELATIONS[result.method], shared.recommendation_table(result) if result.items else "", result.method)
        for result in results
    ]
    return _render("related.html", parts=parts, reasons_for_none=labels.NO_RELATED)


def shop(sales: SalesComparison, segments: Sequence[Segment], clusters: Sequence[Cluster], model: ModelInfo) -> Markup:
    """Return the sales of a period, the RFM segments and the customer clusters, each under its heading."""
    amounts = f"Net revenue and mean amounts in {model.currency}" if model.currency else ""
    days = f"{sales.current.first} to {sales.current.last}"
    figures = shared.sales_figures(sales, model.currency)
    parts = [
        (describe_sales(sales, model.currency), days, figures, "sales"),
        ("RFM segments", amounts, shared.segment_table(segments), "segments"),
        ("Customer clusters", amounts, shared.cluster_table(clusters), "clusters"),
    ]
    return _render("related.html", parts=parts, reasons_for_none={})


def bundles(found: ProductBundles, currency: str) -> Markup:
    """Return the product bundles with a product; nothing if there are none."""
    if not found.entries:
        return Markup()
    return _render(
        "bundles.html",
        heading=labels.BUNDLES[0],
        meaning=labels.BUNDLES[1],
        table=shared.bundle_table(found.entries, currency),
        explanation=labels.BUNDLE_EXPLANATION,
    )


def empty(text: str) -> Markup:
    """Return an empty state: what to do next."""
    return _render("empty.html", text=text)


def error(failure: RetailError) -> Markup:
    """Return what happened, and what to do."""
    return _render("error.html", message=failure.message, hint=failure.hint)


def footer(model: ModelInfo) -> Markup:
    """Return model version and data period."""
    return _render("footer.html", text=describe_model(model))


def product(name: str, item_id: str) -> Markup:
    """Return name and id of a product."""
    return _render("product.html", name=name or item_id, item_id=item_id if name else "")
