"""A change that a visitor wants to try: the widgets for it, and the core's `Change` that follows."""

from __future__ import annotations

from datetime import date
from typing import Any

import streamlit as st

from smart_retail.analysis.what_if import Scenario
from smart_retail.presentation.formatting import join_name_and_id
from smart_retail.protocol import RetailEngine
from smart_retail.results import ModelInfo

MAX_CHOICES = 200
"""Most wanted products that the boxes list; any other id can be typed."""


def business_rules(engine: RetailEngine, present: dict[str, Any]) -> dict[str, Any] | None:
    """All rules as they would be; None while they are those in force."""
    names = {r.item_id: join_name_and_id(r.item_name, r.item_id) for r in engine.popular(MAX_CHOICES).items}
    categories = engine.categories()

    def items(label: str, rule: str, told: str) -> list[str]:
        before = list(present.get(rule, []))
        return st.multiselect(
            label,
            list(dict.fromkeys([*before, *names])),
            before,
            format_func=lambda i: names.get(i, i),
            key=rule,
            accept_new_options=True,
            placeholder=told,
        )

    ban = items("Never recommend", "ban", "products, by name or id")
    pin = items("First in every list", "pin", "products, in this order")
    stock = items("Only these are in stock", "stock", "products; none named: all are")
    lift = present.get("boost", {})
    boosted = st.multiselect(
        "Lift",
        list(dict.fromkeys([*lift, *names])),
        list(lift),
        format_func=lambda i: names.get(i, i),
        key="boost",
        accept_new_options=True,
        placeholder="products whose score is multiplied",
    )
    left, right = st.columns(2)
    factor = left.number_input("by the factor", 0.1, 100.0, 1.5, 0.1, key="factor", disabled=not boosted)
    cap = right.number_input(
        "At most of one category (0: any)", 0, 1000, int(present.get("max_per_category", 0)), key="cap"
    )
    only = st.multiselect(
        "Only these categories",
        categories,
        present.get("categories", []),
        key="only",
        placeholder="all" if categories else "the source has no categories",
    )
    told = {
        **present,
        "ban": ban,
        "pin": pin,
        "stock": stock,
        "boost": {item: lift.get(item, factor) for item in boosted},
        "categories": only,
        "max_per_category": int(cap),
    }
    told = {name: value for name, value in told.items() if value}
    return None if told == present else told


def blend_weights(learnt: dict[str, float]) -> dict[str, float]:
    """The sources of the merge whose weight is another one than was learnt."""
    boxes = [box for _ in range(0, len(learnt), 3) for box in st.columns(3, gap="small")]
    found = {
        source: box.number_input(source.capitalize(), 0.0, 1000.0, weight, 0.05, key=f"weight-{source}", format="%.3f")
        for (source, weight), box in zip(learnt.items(), boxes, strict=False)
    }
    return {source: weight for source, weight in found.items() if weight != learnt[source]}


def day_and_policy(model: ModelInfo) -> tuple[str, str]:
    """Another analysis date and another returns policy, each empty where it stays."""
    now = date.fromisoformat(model.analysis_date)
    first = date.fromisoformat(model.first)
    day = st.date_input(
        "Recency counts to",
        now,
        min(first, now),
        key="date",
        help="Purchases on and after this day are left out.",
    )
    present = model.cleaning.returns_policy
    policy = st.radio(
        "Returns",
        ["net", "keep"],
        ["net", "keep"].index(present),
        horizontal=True,
        key="try-policy",
        captions=["a returned line is no purchase", "returns are ignored"],
    )
    text = day.isoformat() if isinstance(day, date) else ""
    return "" if text == model.analysis_date else text, "" if policy in (None, present) else policy


def describe_changes(change: Scenario) -> str:
    """What is changed, in a few words."""
    parts = []
    if change.rules is not None:
        parts.append("the rules")
    if change.weights:
        parts.append("weights of " + ", ".join(change.weights))
    if change.analysis_date:
        parts.append(f"the date {change.analysis_date}")
    if change.returns_policy:
        parts.append(f"returns policy {change.returns_policy}")
    return "; ".join(parts)
