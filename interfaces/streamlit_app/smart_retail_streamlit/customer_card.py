"""The card of a customer and the table of their purchases: a profile in, HTML out."""

from __future__ import annotations

from markupsafe import Markup

from smart_retail.presentation import labels, palette
from smart_retail.presentation.formatting import (
    describe_last_order,
    format_amount,
    format_integer,
    format_percent,
    pluralize,
)
from smart_retail.presentation.html import Column, name_cell, table
from smart_retail.results import CustomerProfile
from smart_retail.segmentation.segments import segment_advice
from smart_retail_streamlit import html_parts

MAX_PURCHASES = 200
"""Rows in the table of purchases."""


def card(profile: CustomerProfile, currency: str) -> Markup:
    """Return segment, cluster, RFM scores, key facts and favourite categories of a customer."""
    rfm = profile.rfm
    scores = []
    if rfm:
        scores = [
            ("R", "Recency", rfm.r, describe_last_order(profile).removeprefix("last order ")),
            ("F", "Frequency", rfm.f, pluralize(rfm.frequency, "order")),
            ("M", "Monetary", rfm.m, format_amount(rfm.monetary, currency)),
        ]
    facts = {
        "Orders": format_integer(profile.orders),
        "First order": profile.first_order,
        "Last order": profile.last_order,
        "Products bought": format_integer(len(profile.purchases)),
        "Order lines returned": format_percent(profile.returned_share) if profile.returned_share else "none",
    }
    return html_parts.render(
        "customer_card.html",
        profile=profile,
        scores=scores,
        facts=list(facts.items()),
        advice=segment_advice(rfm.segment) if rfm else "",
        segment_colour=palette.SEGMENT_COLOURS.get(rfm.segment, palette.GREY) if rfm else "",
        rfm_explanation=labels.RFM_EXPLANATION,
    )


def purchases(profile: CustomerProfile) -> Markup:
    """Return the purchases, newest first, at most `MAX_PURCHASES`."""
    columns = [
        Column("Product"),
        Column("Category"),
        Column("Orders", "sr-num"),
        Column("Quantity", "sr-num"),
        Column("Net amount", "sr-num"),
        Column("Last bought", "sr-num"),
    ]
    rows = [
        [
            name_cell(p.item_name, p.item_id),
            p.category,
            format_integer(p.orders),
            _format_quantity(p.quantity),
            format_amount(p.amount),
            p.last_day,
        ]
        for p in profile.purchases[:MAX_PURCHASES]
    ]
    return table(columns, rows)


def _format_quantity(value: float) -> str:
    return format_integer(value) if value == int(value) else f"{value:,.1f}"
