"""What-if page: the lists of the same customers before and after a change, and the rules of the shop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st
from markupsafe import Markup

from smart_retail.analysis.long_tasks import WhatIfTask
from smart_retail.analysis.tasks import CurrentRulesTask, SourceWeightsTask
from smart_retail.analysis.what_if import Scenario, ShareChange, WhatIfResult, compare_figures, describe_what_if
from smart_retail.errors import SettingsError
from smart_retail.presentation.formatting import (
    format_percent,
    join_name_and_id,
    pluralize,
)
from smart_retail.presentation.html import Column, recommendation_table, table
from smart_retail.protocol import RetailEngine
from smart_retail.results import ModelInfo
from smart_retail_streamlit import (
    chart_panel,
    charts,
    controls,
    engine_source,
    html_parts,
    job_panel,
    page_layout,
    rules_panel,
    what_if_controls,
)
from smart_retail_streamlit.background_job import JobSlot
from smart_retail_streamlit.chart_panel import Panel

JOB_SLOT = "what-if-job-slot"
"""Key of the session state with the job slot of the visitor."""
MAX_CATEGORIES = 12


def _job_slot() -> JobSlot[WhatIfResult]:
    return job_panel.visitor_slot(JOB_SLOT, "what-if")


def show() -> None:
    """Show the page."""
    page_layout.heading("What-if", "compare recommendations before and after a change")
    model = engine_source.model()
    _choose(model)
    job = _job_slot().job
    if job is not None:
        job_panel.watch(job, lambda shown, result: _show_result(result, shown.name, model.currency), "trial-seen")
    else:
        st.caption("Change something and press Try. A sample of customers gets lists with and without the change.")


def _choose(model: ModelInfo) -> None:
    """Show the controls of the scenario and the button that tries it."""
    engine = engine_source.engine()
    left, middle, right = st.columns([1.25, 1.25, 1], gap="medium")
    with right, st.container(border=True):
        st.html(html_parts.finding("Lists to compare"))
        method = controls.single_method("try-method")
        one, two = st.columns(2)
        n = int(one.number_input("Products", 1, 50, 10, key="try-n"))
        sample = int(two.number_input("Customers", 1, 5000, 300, key="sample", help="Evenly sampled from all"))
        hide = st.checkbox("Hide purchased products", not model.show_purchased, key="try-hide")
        wanted = (
            st.text_input("Show the lists of", max_chars=200, key="whose", placeholder="Customer id (optional)") or ""
        )
    with left, st.container(border=True, height="stretch"):
        st.html(html_parts.finding("Business rules"))
        rules = _edit_rules(engine)
    with middle, st.container(border=True, height="stretch"):
        st.html(html_parts.finding("Date and returns"))
        day, policy = what_if_controls.day_and_policy(model)
        with st.expander("Weights of the sources in Hybrid"):
            weights = what_if_controls.blend_weights(engine.run(SourceWeightsTask(hide)).weights)
    scenario = Scenario(rules, weights, day, policy)
    changes = what_if_controls.describe_changes(scenario)
    job = _job_slot().job
    # Not below the rules: a list of products loses a line when the button takes the focus, the button would move up
    # below the pointer, and the browser would not count the click.
    with right:
        running = job is not None and job.running
        if st.button("Try", type="primary", icon=":material/science:", disabled=not changes or running):
            customers = (wanted.strip(),) if wanted.strip() else ()
            task = WhatIfTask(scenario, method, n, hide, customers, sample)
            _job_slot().start(lambda progress: engine.run(task, progress), None, changes)
            st.rerun()
        st.html(html_parts.finding("", f"Changes: {changes or 'none yet'}"))
    rules_panel.show(engine, engine_source.configured_source(), rules)


def _edit_rules(engine: RetailEngine) -> dict[str, Any] | None:
    """Return the edited rules, None if they are those in force or not valid."""
    try:
        return what_if_controls.business_rules(engine, engine.run(CurrentRulesTask()).rules)
    except SettingsError as error:
        page_layout.banner(error)
        return None


def _show_result(result: WhatIfResult, changes: str, currency: str) -> None:
    left, right = st.columns([1.1, 1], gap="medium")
    with left, st.container(border=True, height="stretch"):
        about = f"{format_percent(result.changed_share)} of all list positions get another product. Changed: {changes}."
        st.html(html_parts.finding(describe_what_if(result), about))
        st.html(_comparison_table(result, currency))
        for note in result.notes:
            st.html(html_parts.note(note))
    with right:
        _show_mix("discounts", "Listed products by usual discount", result.discounts)
        _show_mix("categories", "Listed products by category", result.categories[:MAX_CATEGORIES])
    _show_lists(result)


def _comparison_table(result: WhatIfResult, currency: str) -> Markup:
    rows = compare_figures(result, currency)
    return table([Column("Figure"), Column("Before", "sr-num"), Column("After", "sr-num")], rows, "sr-gap")


def _show_mix(name: str, finding: str, parts: Sequence[ShareChange]) -> None:
    if len(parts) > 1:
        about = "Share of all list positions"
        chart_panel.show(
            Panel(
                f"whatif-{name}",
                finding,
                about,
                charts.before_after(parts, about),
                charts.as_rows(parts),
            )
        )
    else:
        with st.container(border=True):
            st.html(html_parts.finding(finding, f"The data has no {name}."))


def _show_lists(result: WhatIfResult) -> None:
    """Show the lists of one customer side by side."""
    if not result.lists:
        return
    pairs = {pair.customer_id: pair for pair in result.lists}
    with st.container(border=True):
        chosen = st.selectbox(
            "Customer",
            list(pairs),
            key="trial-customer",
            format_func=lambda c: join_name_and_id(pairs[c].customer_name, c),
            width=420,
        )
        pair = pairs[chosen or result.lists[0].customer_id]
        shared = {r.item_id for r in pair.before.items} & {r.item_id for r in pair.after.items}
        sides = (("Before", "only before", pair.before), ("After", "only after", pair.after))
        for box, (title, label, part) in zip(st.columns(2, gap="large"), sides, strict=True):
            box.html(html_parts.finding(title, f"{label}: {pluralize(len(part.items) - len(shared), 'product')}"))
            box.html(recommendation_table(part, compact=True))
