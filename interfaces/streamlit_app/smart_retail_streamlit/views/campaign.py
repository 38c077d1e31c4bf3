"""Campaign page: whom to contact with which products, as a file; and the effect of a campaign after it."""

from __future__ import annotations

import tempfile
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from smart_retail.analysis.campaign import SHEETS, Campaign, CampaignSettings, read_contacts
from smart_retail.analysis.long_tasks import CampaignTask, UpliftTask
from smart_retail.analysis.uplift import EFFECT_HEADINGS, CampaignEffect, describe_effect, uplift_cells
from smart_retail.errors import RetailError
from smart_retail.presentation.filter_texts import describe_filter
from smart_retail.presentation.formatting import format_amount, format_integer, format_percent, pluralize
from smart_retail.presentation.html import Column, table
from smart_retail.protocol import CHURN_RISKS, DEFAULT_HORIZON_DAYS, CustomerFilter, CustomerQuery, RetailEngine
from smart_retail.results import ModelInfo
from smart_retail.utils.spreadsheet import write_table
from smart_retail_streamlit import (
    chart_panel,
    controls,
    customer_filters,
    engine_source,
    html_parts,
    job_panel,
    page_layout,
    query_params,
)
from smart_retail_streamlit.background_job import JobSlot
from smart_retail_streamlit.uploads import SUFFIXES, UploadStore

WRITE, MEASURE = "write", "measure"
VIEWS = {WRITE: "Choose customers", MEASURE: "Measure the effect"}
JOB_SLOT, EFFECT_SLOT = "campaign-job-slot", "campaign-effect-slot"
"""Keys of the session state with the job slots of the visitor."""
MAX_ROWS_SHOWN = 200
TABLE_SUFFIXES = ["csv", "xlsx"]


def show() -> None:
    """Show the page."""
    page_layout.heading("Campaign", "whom to contact with which products, and what it brought")
    engine = engine_source.engine()
    view = controls.choice("view", VIEWS, WRITE, key="campaign-view")
    if view == MEASURE:
        _show_measure()
    else:
        _show_write(engine, engine_source.model())


def _job_slot() -> JobSlot[Campaign]:
    return job_panel.visitor_slot(JOB_SLOT, "campaign")


def _effect_slot() -> JobSlot[CampaignEffect]:
    return job_panel.visitor_slot(EFFECT_SLOT, "measurement")


def _upload_store(name: str) -> UploadStore:
    key = f"campaign-uploads-{name}"
    if key not in st.session_state:
        st.session_state[key] = UploadStore()
    return st.session_state[key]  # type: ignore[no-any-return]


def _show_write(engine: RetailEngine, model: ModelInfo) -> None:
    """Show the controls, the button and the campaign."""
    try:
        chosen = customer_filters.read_address()
        _show_chosen(engine, chosen, model)
    except RetailError as error:
        page_layout.banner(error)
        return
    left, middle, right = st.columns([1.2, 1, 1], gap="medium")
    with left, st.container(border=True, height="stretch"):
        st.html(html_parts.finding("Customers"))
        whom = _choose_customers(engine, model)
    with middle, st.container(border=True, height="stretch"):
        st.html(html_parts.finding("Products"))
        products = _choose_products(model)
    with right, st.container(border=True, height="stretch"):
        st.html(html_parts.finding("Test group"))
        test, contact_file = _choose_test_group()
    settings = CampaignSettings(**whom, **products, **test, customers=chosen)
    job = _job_slot().job
    running = job is not None and job.running
    if st.button("Make the campaign", type="primary", icon=":material/campaign:", disabled=running):
        try:
            if contact_file:
                read_contacts(contact_file)  # a file that cannot be used is reported at once
        except RetailError as error:
            page_layout.banner(error)
            return
        task = CampaignTask(settings, str(contact_file) if contact_file else None)
        _job_slot().start(lambda progress: engine.run(task, progress), None, settings.name)
        st.rerun()
    if job is not None:
        job_panel.watch(job, lambda _, campaign: _show_campaign(campaign), "campaign-seen")
    else:
        st.caption("Choose customers and products. You see the campaign before you save it; no customer is contacted.")


def _show_chosen(engine: RetailEngine, chosen: CustomerFilter, model: ModelInfo) -> None:
    """Show which customers of the Customers page the campaign is for, if the visitor comes from there."""
    conditions = describe_filter(chosen, model.currency)
    if not conditions:
        return
    found = engine.customers(CustomerQuery(**chosen.conditions, n=1))
    with st.container(border=True, key="campaign-chosen"):
        st.html(
            html_parts.finding(pluralize(found.with_orders, "customer"), f"Of the table of customers: {conditions}")
        )
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            address = {name: str(value) for name, value in chosen.conditions.items()}
            page_layout.link("Customers", "Change the filters", ":material/filter_alt:", **address)
            st.button(
                "Choose from all customers",
                key="campaign-all",
                type="tertiary",
                on_click=customer_filters.clear_address,
            )


def _choose_customers(engine: RetailEngine, model: ModelInfo) -> dict[str, Any]:
    names = [segment.name for segment in engine.segments()]
    wanted = query_params.read("segment", "", names)
    risk = query_params.read("risk", "", list(CHURN_RISKS))
    segments = st.multiselect(
        "Segments", names, default=[wanted] if wanted else [], key="campaign-segments", placeholder="All segments"
    )
    risks = st.multiselect(
        "Churn risk",
        list(CHURN_RISKS),
        default=[risk] if risk else [],
        key="campaign-risks",
        placeholder="Any",
        help="How long a customer has stayed away, measured in the customer's own usual intervals between orders",
    )
    query_params.write("segment", segments[0] if len(segments) == 1 else "", "")
    query_params.write("risk", risks[0] if len(risks) == 1 else "", "")
    worth = st.number_input(
        f"Worth more than{f' ({model.currency})' if model.currency else ''}",
        min_value=0.0,
        value=None,
        step=50.0,
        key="campaign-worth",
        placeholder="No limit",
        help="Spend so far plus lifetime value",
    )
    low, high = st.slider(
        "Likely to order, %",
        0,
        100,
        (0, 100),
        key="campaign-likely",
        help="Probability of at least one order within the horizon, without a campaign",
    )
    horizon = st.selectbox(
        "Horizon",
        controls.HORIZONS_DAYS,
        controls.HORIZONS_DAYS.index(DEFAULT_HORIZON_DAYS),
        key="campaign-horizon",
        format_func=lambda days: f"Next {days} days",
    )
    return {
        "segments": tuple(segments),
        "churn_risks": tuple(risks),
        "worth_above": worth,
        "return_above": low / 100 if low else None,
        "return_below": high / 100 if high < 100 else None,
        "horizon_days": horizon or DEFAULT_HORIZON_DAYS,
    }


def _choose_products(model: ModelInfo) -> dict[str, Any]:
    method = controls.single_method("campaign-method")
    n = int(st.number_input("Products per customer", 1, 20, 5, key="campaign-n"))
    hide = st.checkbox("Hide purchased products", True, key="campaign-hide")
    if model.show_purchased and hide:
        st.caption("Customers of this shop often buy the same products again: consider to show them.")
    diversity = st.slider(
        "Diversity of the products",
        0.0,
        1.0,
        0.0,
        0.05,
        key="campaign-diversity",
        help="0 chooses by score, or as the business rules say. Above 0, products of other categories, or bought by "
        "other customers, come earlier.",
    )
    return {"method": method, "n": n, "exclude_purchased": hide, "diversity": diversity or None}


def _choose_test_group() -> tuple[dict[str, Any], Path | None]:
    share = st.slider(
        "Held out, %",
        0,
        90,
        10,
        key="campaign-holdout",
        help="These customers get nothing. What they buy shows what the others would have bought without the campaign.",
    )
    name = st.text_input(
        "Name of the campaign",
        "campaign",
        max_chars=100,
        key="campaign-name",
        help="Decides who is held out: the same name always holds out the same customers",
    )
    upload = st.file_uploader("Contacts to add, such as e-mail addresses (optional)", TABLE_SUFFIXES)
    files = _upload_store("contacts").store([upload] if upload else [])
    return {"holdout": share / 100, "name": (name or "").strip() or "campaign"}, files[0] if files else None


def _show_campaign(campaign: Campaign) -> None:
    """Show groups, what to expect, the first rows, and the downloads."""
    groups, currency = campaign.groups, engine_source.model().currency
    sentences = groups.sentences()
    with st.container(border=True):
        st.html(html_parts.finding(sentences[0], " ".join(sentences[1:])))
        if not campaign.rows:
            return
        spend = sum(row.get("expected_spend") or 0.0 for row in campaign.rows)
        share = groups.expected_share
        figures = [
            ("To contact", format_integer(groups.treated)),
            ("Held out", format_integer(groups.holdout)),
            ("Expected to order without the campaign", "not known" if share is None else format_percent(share)),
            (f"Expected spend, {campaign.settings.horizon_days} days", format_amount(spend, currency)),
        ]
        st.html(html_parts.render("key_figures.html", figures=figures))
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            for kind in ("xlsx", "csv"):
                st.download_button(
                    "Excel, a sheet per group" if kind == "xlsx" else "CSV",
                    partial(_file_bytes, campaign, kind),
                    f"{campaign.settings.name}.{kind}",
                    icon=":material/download:",
                    on_click="ignore",
                    key=f"campaign-{kind}",
                    type="primary" if kind == "xlsx" else "secondary",
                )
            st.caption(f"Model {campaign.metadata['Model version']}, data {campaign.metadata['Data period']}")
        _show_rows(campaign)


def _show_rows(campaign: Campaign) -> None:
    shown = campaign.rows[:MAX_ROWS_SHOWN]
    if len(campaign.rows) > len(shown):
        st.caption(f"The first {len(shown)} of {pluralize(len(campaign.rows), 'customer')}")
    st.dataframe(
        [{heading: row.get(name) for name, heading in campaign.headings.items()} for row in shown],
        hide_index=True,
        height=min(460, 38 + 35 * len(shown)),
    )


def _file_bytes(campaign: Campaign, kind: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"campaign.{kind}"
        write_table(path, campaign.rows, campaign.headings, campaign.metadata, SHEETS)
        return path.read_bytes()


def _show_measure() -> None:
    """Show the controls of the measurement, and its result."""
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, height="stretch"):
        st.html(html_parts.finding("Campaign file", "The file that was downloaded here, with both groups"))
        upload = st.file_uploader("Campaign file", TABLE_SUFFIXES, label_visibility="collapsed", key="effect-file")
        model_end = date.fromisoformat(engine_source.model().last)
        since = st.date_input(
            "First day whose orders count", model_end + timedelta(days=1), key="effect-since", format="YYYY-MM-DD"
        )
    with right, st.container(border=True, height="stretch"):
        st.html(html_parts.finding("Orders since the campaign", "In the format of the files that were fitted"))
        orders = st.file_uploader(
            "Orders", list(SUFFIXES), accept_multiple_files=True, label_visibility="collapsed", key="effect-orders"
        )
    job = _effect_slot().job
    running = job is not None and job.running
    ready = bool(upload and orders and since)
    if st.button("Measure", type="primary", icon=":material/straighten:", disabled=running or not ready):
        files = _upload_store("effect").store([*([upload] if upload else []), *orders])
        folder = _upload_store("effect").detach_folder()
        # The files are on this machine, and no engine is needed.
        task = UpliftTask(str(files[0]), tuple(map(str, files[1:])), str(since))
        _effect_slot().start(task.measure, folder, task.since)
        st.rerun()
    if job is not None:
        job_panel.watch(job, lambda _, effect: _show_effect(effect), "effect-seen")
    else:
        st.caption("Compares revenue and buyers of the contacted with those of the held-out customers.")


def _show_effect(effect: CampaignEffect) -> None:
    currency = engine_source.model().currency
    with st.container(border=True):
        st.html(html_parts.finding(*describe_effect(effect)))
        columns = [Column(text, "sr-num" if i else "") for i, text in enumerate(EFFECT_HEADINGS)]
        st.html(table(columns, [uplift_cells(uplift, currency) for uplift in effect.uplifts], "sr-cards"))
        chart_panel.download("effect", [uplift.as_dict() for uplift in effect.uplifts], "Download CSV")
