"""Controls of the What-if page, and the scenario that follows from them."""

from __future__ import annotations

from datetime import date
from typing import Any

import streamlit as st

from smart_retail.analysis.rules_history import format_rules
from smart_retail.analysis.what_if import Scenario
from smart_retail.errors import SettingsError
from smart_retail.presentation.formatting import join_name_and_id
from smart_retail.presentation.labels import RETURNS_POLICIES, RULE_LABELS
from smart_retail.protocol import RetailEngine
from smart_retail.results import ModelInfo
from smart_retail.serving.business_rules import RULE_NAMES, RULES_NAME, parse_rules
from smart_retail.serving.rule_set import SECTIONS

MAX_CHOICES = 200
"""Most popular products that the boxes list; any other id can be typed."""

_RULE_KEYS = ("ban", "pin", "stock", "boost", "factor", "cap", "only", "diversity", "sections")
"""Keys of the controls of `business_rules` in the session state."""


def forget_rules() -> None:
    """Let the controls show the rules in force at the next run."""
    for key in _RULE_KEYS:
        st.session_state.pop(key, None)


SECTIONS_EXAMPLE = '[[when]]\nfrom = 2026-12-01\nto = 2026-12-24\nsegments = ["Champions"]\npin = ["A-100"]'


def rule_sections(current: dict[str, Any]) -> dict[str, Any]:
    """Return the rules for dates and segments, which are edited as the text of a rules file.

    Raises
    ------
    SettingsError
        The text is not valid, or has rules outside of sections.
    """
    sections = {name: value for name, value in current.items() if name not in RULE_NAMES}
    text = st.text_area(
        "Rules for dates and segments, scenarios",
        format_rules(sections) if sections else "",
        max_chars=100_000,
        key="sections",
        placeholder=SECTIONS_EXAMPLE,
        help="A section [[when]] has from, to or segments, and rules. A later section counts before an earlier one. "
        "A scenario [scenario.home] has method, n and rules.",
    )
    rules = parse_rules((text or "").encode(), RULES_NAME)
    if general := [name for name in rules if name in RULE_NAMES]:
        raise SettingsError(f"The rule {general[0]} is in no section.", f"Write [[{SECTIONS}]] above it.")
    return rules


def business_rules(engine: RetailEngine, current: dict[str, Any]) -> dict[str, Any] | None:
    """Return all rules of the scenario, or None if they equal the `current` ones; raises as `rule_sections`."""
    names = {r.item_id: join_name_and_id(r.item_name, r.item_id) for r in engine.popular(MAX_CHOICES).items}
    categories = engine.categories()

    def choose_items(rule: str, chosen: list[str], hint: str) -> list[str]:
        return st.multiselect(
            RULE_LABELS[rule],
            list(dict.fromkeys([*chosen, *names])),
            chosen,
            format_func=lambda i: names.get(i, i),
            key=rule,
            accept_new_options=True,
            placeholder=hint,
        )

    ban = choose_items("ban", list(current.get("ban", [])), "Products, by name or id")
    pin = choose_items("pin", list(current.get("pin", [])), "Products, in this order")
    stock = choose_items("stock", list(current.get("stock", [])), "Products; none chosen: all are")
    boosts = current.get("boost", {})
    boosted = choose_items("boost", list(boosts), "Products whose score is multiplied")
    left, right = st.columns(2)
    factor = left.number_input("Boost factor", 0.1, 100.0, 1.5, 0.1, key="factor", disabled=not boosted)
    cap = right.number_input(
        f"{RULE_LABELS['max_per_category']} (0 = no limit)", 0, 1000, int(current.get("max_per_category", 0)), key="cap"
    )
    only = st.multiselect(
        RULE_LABELS["categories"],
        categories,
        current.get("categories", []),
        key="only",
        placeholder="All categories" if categories else "The data has no categories",
    )
    diversity = st.slider(
        RULE_LABELS["diversity"],
        0.0,
        1.0,
        float(current.get("diversity", 0.0)),
        0.05,
        key="diversity",
        help="0 lists by score alone. Above 0, products that are unlike the ones before them come earlier: of other "
        "categories, and bought by other customers.",
    )
    general = {name: value for name, value in current.items() if name in RULE_NAMES}
    rules = {
        **general,
        "ban": ban,
        "pin": pin,
        "stock": stock,
        "boost": {item: boosts.get(item, factor) for item in boosted},
        "categories": only,
        "max_per_category": int(cap),
        "diversity": diversity,
        **rule_sections(current),
    }
    rules = {name: value for name, value in rules.items() if value or name == "new_items_share"}  # 0 is a share too
    return None if rules == current else rules


def blend_weights(current: dict[str, float]) -> dict[str, float]:
    """Return the weights of the sources that differ from the `current` ones."""
    boxes = [box for _ in range(0, len(current), 3) for box in st.columns(3, gap="small")]
    chosen = {
        source: box.number_input(source.capitalize(), 0.0, 1000.0, weight, 0.05, key=f"weight-{source}", format="%.3f")
        for (source, weight), box in zip(current.items(), boxes, strict=False)
    }
    return {source: weight for source, weight in chosen.items() if weight != current[source]}


def day_and_policy(model: ModelInfo) -> tuple[str, str]:
    """Return another analysis date and another returns policy, each empty if unchanged."""
    current_day = date.fromisoformat(model.analysis_date)
    first = date.fromisoformat(model.first)
    day = st.date_input(
        "Analysis date",
        current_day,
        min(first, current_day),
        key="date",
        help="Recency is counted up to this day. Purchases on and after it are left out.",
    )
    current = model.cleaning.returns_policy
    policies = list(RETURNS_POLICIES)
    policy = st.radio(
        "Returned items",
        policies,
        policies.index(current),
        key="try-policy",
        format_func=lambda name: RETURNS_POLICIES[name],
    )
    text = day.isoformat() if isinstance(day, date) else ""
    return "" if text == model.analysis_date else text, "" if policy in (None, current) else policy


def describe_changes(scenario: Scenario) -> str:
    """Return the changes of a scenario in a few words."""
    parts = []
    if scenario.rules is not None:
        parts.append("business rules")
    if scenario.weights:
        parts.append("weights of " + ", ".join(scenario.weights))
    if scenario.analysis_date:
        parts.append(f"analysis date {scenario.analysis_date}")
    if scenario.returns_policy:
        parts.append(f"returned items: {RETURNS_POLICIES[scenario.returns_policy].lower()}")
    return "; ".join(parts)
