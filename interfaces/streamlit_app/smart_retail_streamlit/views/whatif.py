"""What-if: the same customers' lists before and after a change; nothing is published."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from smart_retail.analysis.what_if import (
    ListStats,
    Scenario,
    ShareChange,
    WhatIfResult,
    current_rules,
    source_weights,
    supports_what_if,
    what_if,
)
from smart_retail.presentation import labels
from smart_retail.presentation.formatting import (
    format_amount,
    format_integer,
    format_percent,
    join_name_and_id,
    pluralize,
)
from smart_retail.results import ModelInfo
from smart_retail_streamlit import (
    chart_panel,
    charts,
    engine_source,
    html,
    page_layout,
    recommendation_tables,
    what_if_controls,
)
from smart_retail_streamlit.background_job import Job, JobSlot

METHODS = [method for method in labels.METHODS if method != "all"]


def _desk() -> JobSlot[WhatIfResult]:
    """The visitor's own; one trial at a time."""
    if "trial-desk" not in st.session_state:
        st.session_state["trial-desk"] = JobSlot("trial")
    return st.session_state["trial-desk"]  # type: ignore[no-any-return]


def show() -> None:
    page_layout.heading("What-if", "the same customers' lists before and after a change; nothing is published")
    where = engine_source.configured_source()
    if not where.is_local or not supports_what_if(engine_source.engine()):
        asks = f"This app asks the API at {where.api_url}. " if where.api_url else ""
        with st.container(border=True):
            page_layout.empty(
                "What-if needs an engine in this process",
                f"{asks}Start it without --api-url on the machine that keeps the bundles.",
            )
        return
    model = engine_source.model()
    _choose(model)
    job = _desk().job
    if job is not None:
        _watch(job, model.currency)
    else:
        st.caption("Change something and press Try: the lists of a sample of customers are made both ways.")


def _choose(model: ModelInfo) -> None:
    """The change, and the button that tries it."""
    engine = engine_source.engine()
    left, middle, right = st.columns([1.25, 1.25, 1], gap="medium")
    with right, st.container(border=True, height="stretch"):
        st.html('<p class="sr-finding">Lists</p>')
        method = st.selectbox("Method", METHODS, format_func=labels.method_label, key="try-method")
        one, two = st.columns(2)
        n = int(one.number_input("Items", 1, 50, 10, key="try-n"))
        sample = int(two.number_input("Customers", 1, 5000, 300, key="sample", help="an even sample of all"))
        hide = st.checkbox("Hide what was bought", not model.show_purchased, key="try-hide")
        wanted = st.text_input("Show the lists of", max_chars=200, key="whose", placeholder="customer id, or nobody")
    with left, st.container(border=True, height="stretch"):
        st.html('<p class="sr-finding">Rules</p>')
        rules = what_if_controls.rules(engine, current_rules(engine, engine_source.chosen().rules))
    with middle, st.container(border=True, height="stretch"):
        st.html('<p class="sr-finding">Date and returns</p>')
        day, policy = what_if_controls.day_and_policy(model)
        with st.expander("Weights of the merge"):
            weights = what_if_controls.weights(source_weights(engine, hide))
    change = Scenario(rules, weights, day, policy)
    said = what_if_controls.describe_changes(change)
    job = _desk().job
    with st.container(horizontal=True, vertical_alignment="center"):
        running = job is not None and job.running
        if st.button("Try", type="primary", icon=":material/science:", disabled=not said or running):
            customers = [wanted.strip()] if wanted.strip() else []
            _desk().start(
                lambda progress: what_if(
                    engine,
                    change,
                    method=method or METHODS[0],
                    n=n,
                    exclude_purchased=hide,
                    customers=customers,
                    sample=sample,
                    progress=progress,
                ),
                None,
                said,
            )
            st.rerun()
        st.html(f'<p class="sr-axis">changes: {escape(said or "nothing yet")}</p>')


@st.fragment(run_every=1.0)
def _watch(job: Job[WhatIfResult], currency: str) -> None:
    """Progress of the running trial; its outcome when it has ended."""
    if job.running:
        with st.container(border=True):
            stage = "cancelling" if job.cancelling else (job.stages or ["starting"])[-1]
            st.progress(job.done, stage)
            st.button("Cancel", icon=":material/close:", on_click=job.cancel, disabled=job.cancelling)
        return
    if st.session_state.get("trial-seen") != id(job):
        # Once, outside the fragment: the button can be pressed again, and nothing is asked every second.
        st.session_state["trial-seen"] = id(job)
        st.rerun()
    if job.error is not None:
        page_layout.banner(job.error)
    elif job.report is not None:
        _outcome(job.report, job.name, currency)


def _outcome(found: WhatIfResult, said: str, currency: str) -> None:
    share = format_percent(found.changed_customers / max(found.customers, 1))
    finding = f"{share} of {pluralize(found.customers, 'customer')} would see another list"
    left, right = st.columns([1.1, 1], gap="medium")
    with left, st.container(border=True, height="stretch"):
        about = f"{format_percent(found.changed_share)} of the places go to another product. Changed: {said}."
        st.html(f'<p class="sr-finding">{escape(finding)}</p><p class="sr-axis">{escape(about)}</p>')
        st.html(_figures(found.before, found.after, currency))
        for note in found.notes:
            st.html(f'<p class="sr-note">{escape(note)}</p>')
    with right:
        _mix("discounts", "Listed products by their usual discount", found.discounts, "discounts")
        _mix("categories", "Listed products by category", found.categories[:12], "categories")
    _lists(found)


def _figures(before: ListStats, after: ListStats, currency: str) -> str:
    def share(value: float | None) -> str:
        return "not known" if value is None else format_percent(value)

    rows = [
        ["Different products", *(format_integer(s.items) for s in (before, after))],
        ["Coverage of the catalogue", *(format_percent(s.coverage) for s in (before, after))],
        ["One piece of every listed product, by list", *(format_amount(s.revenue, currency) for s in (before, after))],
        [
            "Share of the shop's sales that these products made",
            *(format_percent(s.revenue_share) for s in (before, after)),
        ],
        ["Mean discount of these products", *(share(s.mean_discount) for s in (before, after))],
        ["Places owed mostly to popularity or a rule", *(format_percent(s.filled) for s in (before, after))],
    ]
    return html.table([("", "Figure"), ("sr-num", "Before"), ("sr-num", "After")], rows, "sr-gap")


def _mix(name: str, finding: str, parts: Sequence[ShareChange], what: str) -> None:
    if len(parts) > 1:
        rows = charts.as_rows(parts)
        chart = charts.before_after(parts, "share of places")
        chart_panel.show(f"whatif-{name}", finding, "Share of the places in all lists", chart, rows)
    else:
        with st.container(border=True):
            st.html(f'<p class="sr-finding">{finding}</p><p class="sr-axis">The source tells of no {what}.</p>')


def _lists(found: WhatIfResult) -> None:
    """One customer's lists side by side."""
    if not found.lists:
        return
    pairs = {pair.customer_id: pair for pair in found.lists}
    with st.container(border=True):
        chosen = st.selectbox(
            "Customer",
            list(pairs),
            key="trial-customer",
            format_func=lambda c: join_name_and_id(pairs[c].customer_name, c),
            width=420,
        )
        pair = pairs[chosen or found.lists[0].customer_id]
        kept = {r.item_id for r in pair.before.items} & {r.item_id for r in pair.after.items}
        for box, title, answer in zip(
            st.columns(2, gap="large"), ("Before", "After"), (pair.before, pair.after), strict=True
        ):
            other = len(answer.items) - len(kept)
            word = "leaving" if title == "Before" else "new"
            box.html(f'<p class="sr-finding">{title}</p><p class="sr-axis">{word}: {pluralize(other, "product")}</p>')
            box.html(recommendation_tables.table(answer, narrow=True))
