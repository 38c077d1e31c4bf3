"""Fit page: a file of orders, its cleaning report, then a new model with progress by stage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from smart_retail.data import columns as fields
from smart_retail.errors import ColumnError, UsageError
from smart_retail.presentation import labels
from smart_retail.presentation.formatting import format_amount, format_integer, format_percent, pluralize
from smart_retail.presentation.html import Column, table
from smart_retail.results import CleaningReport, FitReport
from smart_retail.settings import setting_choices
from smart_retail_streamlit import engine_source, fit_request, html, page_layout
from smart_retail_streamlit.background_job import Job, JobSlot
from smart_retail_streamlit.fit_request import FitRequest
from smart_retail_streamlit.uploads import SUFFIXES, UploadStore
from smart_retail_streamlit.views.overview import cleaning_table
from smart_retail_streamlit.what_if_controls import RETURNS_POLICIES

if TYPE_CHECKING:
    from smart_retail.data.dry_run import Inspection

MAPPED_FIELDS = {
    fields.CUSTOMER_ID: "Customer id",
    fields.ITEM_ID: "Product id",
    fields.TIMESTAMP: "Order date",
    fields.ORDER_ID: "Order id",
    fields.QUANTITY: "Quantity",
    fields.AMOUNT: "Amount of the line",
    fields.UNIT_PRICE: "Unit price",
    fields.ITEM_NAME: "Product name",
    fields.CATEGORY: "Category",
}
"""Fields whose header a visitor may name -> label; other fields are recognised or left out."""

MERGES = {
    "auto": "automatic: the one that predicts best",
    "blend": "weighted blend of the methods",
    "ranker": "trained ranking model",
}


@st.cache_resource(show_spinner=False)
def job_slot() -> JobSlot[FitReport]:
    """Return the job slot of the server: one fit at a time."""
    return JobSlot()


@st.cache_resource(scope="session", on_release=UploadStore.close, show_spinner=False)
def _upload_store() -> UploadStore:
    return UploadStore()


def show() -> None:
    """Show the page."""
    page_layout.heading("Fit", "make a new model from a file of orders")
    source = engine_source.configured_source()
    if not source.is_local:
        with st.container(border=True):
            page_layout.empty(
                "Fitting needs a local engine",
                f"This app uses the API at {source.api_url}. Start it without --api-url on the machine with the "
                "models, or fit there with: smart-retail fit orders.xlsx",
            )
        return
    if not source.allow_fit:
        with st.container(border=True):
            page_layout.empty(
                "Fitting is switched off in this app",
                "All users of the app could replace the model. To fit here, start it with: "
                "smart-retail serve streamlit --allow-fit. On the command line: smart-retail fit orders.xlsx",
            )
        return
    job = job_slot().job
    if job is not None:
        _watch(job)
        return
    request = _choose_files(source.allow_local_files)
    if request is not None:
        _show_inspection(request, source.artifacts)


def _choose_files(allow_local_files: bool) -> FitRequest | None:
    """Return the files and choices, or None if no file is chosen.

    Parameters
    ----------
    allow_local_files : bool
        Whether a file of the server's machine can be named.
    """
    left, right = st.columns([1.5, 1], gap="medium")
    with left, st.container(border=True, height="stretch"):
        uploads = st.file_uploader(
            "Orders, one line per product and order: CSV, Excel, ODS or Parquet",
            list(SUFFIXES),
            accept_multiple_files=True,
            help="Several files are read as one history. Rows that are in two files count once.",
        )
        path = ""
        if allow_local_files:
            label = "or a file on this machine"
            path = (st.text_input(label, placeholder="path/to/orders.csv", max_chars=4000) or "").strip()
    with right, st.container(border=True, height="stretch"):
        returns = st.file_uploader("Returned orders, if they are in a separate file (optional)", list(SUFFIXES))
        policy = st.radio(
            "Returned items",
            setting_choices("data.returns_policy"),
            key="policy",
            format_func=lambda name: RETURNS_POLICIES.get(name, name),
        )
    mapping, choices = _more_options(policy)
    files = _upload_store().store([*uploads, *([returns] if returns else [])])
    orders = files[: len(uploads)] + ([Path(path)] if path else [])
    if not orders:
        st.caption(
            "Add a file. Before anything is fitted, you see how its columns are read and which rows can be used. "
            "No file at hand? Fit the demo data in a terminal: smart-retail demo"
        )
        return None
    return FitRequest(tuple(orders), files[-1] if returns else None, mapping, fit_request.build_settings(choices))


def _more_options(policy: str | None) -> tuple[tuple[tuple[str, str], ...], dict[str, dict[str, Any]]]:
    """Return the named headers, and the settings by section."""
    with st.expander("More options"):
        left, middle, right = st.columns(3, gap="medium")
        k = left.number_input("Number of clusters (0 = automatic)", 0, 50, 0, key="k")
        merge = middle.selectbox(
            "Combination of the methods",
            setting_choices("recommend.merge"),
            key="merge",
            format_func=lambda name: MERGES.get(name, name),
        )
        currency = right.text_input("Currency, shown with amounts", max_chars=8, key="currency") or ""
        st.caption("Headers of the columns, if they are not recognised:")
        boxes = [box for _ in range(0, len(MAPPED_FIELDS), 3) for box in st.columns(3, gap="medium")]
        headers = [
            (
                name,
                (
                    box.text_input(label, key=f"map-{name}", max_chars=200, placeholder="recognised automatically")
                    or ""
                ).strip(),
            )
            for (name, label), box in zip(MAPPED_FIELDS.items(), boxes, strict=True)
        ]
    choices: dict[str, dict[str, Any]] = {
        "data": {"returns_policy": policy or "net", "currency": currency.strip()},
        "clusters": {"k": int(k)},
        "recommend": {"merge": merge or "auto"},
    }
    return tuple((name, header) for name, header in headers if header), choices


def _inspect(request: FitRequest) -> Inspection:
    """Read and clean the files, once for the same files and choices."""
    key = (request, *(path.stat().st_mtime for path in request.sources if path.exists()))
    cached = st.session_state.get("inspection")
    if cached is None or cached[0] != key:
        with st.spinner("Reading and cleaning ..."):
            cached = st.session_state["inspection"] = (key, fit_request.inspect(request))
    return cached[1]


def _show_inspection(request: FitRequest, artifacts: str) -> None:
    """Show the cleaning report and the button that starts the fit."""
    try:
        found = _inspect(request)
    except ColumnError as error:
        page_layout.banner(ColumnError(error.message, "Enter the header of the column under More options."))
        return
    cleaning = found.report
    accepted = format_percent(cleaning.rows_accepted / max(cleaning.rows_in, 1))
    finding = f"{format_integer(cleaning.rows_accepted)} of {format_integer(cleaning.rows_in)} rows can be used"
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html(html.finding(f"{finding} ({accepted})", _summary(cleaning)))
            force = st.checkbox("Publish even if worse than popular products", key="force")
            if st.button("Fit", type="primary", icon=":material/play_arrow:"):
                _start(request, force, artifacts)
        left, right = st.columns([1, 1.5], gap="large")
        with left:
            _show_columns(found)
        with right:
            st.html(cleaning_table(cleaning))
            if cleaning.notes:
                st.html(html.bullets(cleaning.notes))


def _summary(cleaning: CleaningReport) -> str:
    return (
        f"{pluralize(cleaning.customers, 'customer')}, {pluralize(cleaning.items, 'product')}, "
        f"{pluralize(cleaning.orders, 'order')}, {cleaning.first} to {cleaning.last}, "
        f"net revenue {format_amount(cleaning.net_amount)}"
    )


def _show_columns(found: Inspection) -> None:
    """Show how the columns of each source are read, and which are not used."""
    columns = [Column("Column"), Column("Read as"), Column("Dates", "sr-dim")]
    for source in found.sources:
        recognised = labels.PRESETS.get(source.preset, labels.PRESETS["aliases"])
        rows = [[html.render("bold.html", text=f.header), f.field.replace("_", " "), f.dates] for f in source.fields]
        st.html(html.finding("", f"{source.name}: {recognised}"))
        st.html(table(columns, rows))
        if source.unused:
            st.html(html.finding("", f"Not used: {', '.join(column.header for column in source.unused)}"))


def _start(request: FitRequest, force: bool, artifacts: str) -> None:
    final = FitRequest(request.sources, request.returns, request.mapping, request.settings, force)
    folder = _upload_store().detach_folder()
    job_slot().start(lambda progress: fit_request.fit(final, artifacts, progress), folder, final.names)
    st.rerun()


@st.fragment(run_every=1.0)
def _watch(job: Job[FitReport]) -> None:
    """Show the progress of the running fit, and its result when it has ended."""
    if not job.running:
        _show_result(job)
        return
    seconds = job.seconds_left()
    left = "" if seconds is None else f", about {pluralize(max(round(seconds), 1), 'second')} left"
    with st.container(border=True):
        st.html(html.finding(f"Fitting {job.name}"))
        stage = (job.stages or ["starting"])[-1]
        stage = f"{stage[:1].upper()}{stage[1:]}{left}"
        st.progress(job.done, "Cancelling: nothing will be published" if job.cancelling else stage)
        if len(job.stages) > 1:
            st.html(html.finding("", f"Done: {', '.join(job.stages[:-1])}"))
        if job.messages:
            st.caption(html.escape_markdown(job.messages[-1]))
        st.button("Cancel", icon=":material/close:", on_click=job.cancel, disabled=job.cancelling)
        st.caption("The current model stays in use until the new one is published. You can leave this page.")


def _show_result(job: Job[FitReport]) -> None:
    with st.container(border=True):
        if job.report is not None:
            _show_report(job.report)
        else:
            page_layout.banner(job.error or UsageError("The fit ended without a result.", "Try again."))
            st.caption("The model in use is unchanged.")
        st.button("Fit another file", icon=":material/refresh:", on_click=job_slot().clear)
    if st.session_state.get("fit-seen") != id(job):
        # Run the whole page once, so that the footer and the other pages show the new model.
        st.session_state["fit-seen"] = id(job)
        st.rerun()


def _show_report(report: FitReport) -> None:
    seconds = sum(report.seconds.values())
    state = "is published" if report.published else "was fitted but not published"
    version = html.escape_markdown(report.version)
    st.success(f"Model {version} {state}. It took {seconds:,.0f} seconds.", icon=":material/check_circle:")
    st.html(html.finding("", _summary(report.cleaning)))
    left, right = st.columns(2, gap="large")
    rows = [[stage, f"{spent:,.1f}"] for stage, spent in report.seconds.items()]
    left.html(table([Column("Stage"), Column("Seconds", "sr-num")], rows))
    with right:
        for note in report.notes:
            st.html(html.note(note))
