"""Fit page: a file of orders, its cleaning report, then a new model with progress by stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from smart_retail.data.files.read_options import ReadOptions
from smart_retail.errors import ColumnError, DataError, RetailError, UsageError
from smart_retail.presentation import labels
from smart_retail.presentation.formatting import format_amount, format_integer, format_percent, pluralize
from smart_retail.presentation.html import Column, table
from smart_retail.presentation.labels import RECENCY_UNITS, RETURNS_POLICIES
from smart_retail.results import CleaningReport, FitReport
from smart_retail.settings import setting_choices
from smart_retail_streamlit import engine_source, fit_request, html_parts, page_layout
from smart_retail_streamlit.background_job import Job, JobSlot
from smart_retail_streamlit.engine_source import EngineSource
from smart_retail_streamlit.fit_request import FitRequest
from smart_retail_streamlit.uploads import SUFFIXES, UploadStore
from smart_retail_streamlit.views.overview import cleaning_table

if TYPE_CHECKING:
    from smart_retail.data.dry_run import Inspection

T = TypeVar("T")
DATE_ORDERS = {"": "automatic", "dmy": "day first", "mdy": "month first", "ymd": "year first"}
MAX_MONTHS = 36
"""Months shown in the import report, the last ones."""
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
        mapping = _choose_columns(request)
        _show_inspection(replace(request, mapping=mapping), source)


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
        catalogue = st.file_uploader(
            "Catalogue of products (optional)",
            list(SUFFIXES),
            help="One row per product: id, name, category, price, stock and more. Products without orders are "
            "recommended by their texts.",
        )
        policy = st.radio(
            "Returned items",
            setting_choices("data.returns_policy"),
            key="policy",
            format_func=lambda name: RETURNS_POLICIES.get(name, name),
        )
    reading, choices = _more_options(policy)
    optional = [upload for upload in (returns, catalogue) if upload]
    files = _upload_store().store([*uploads, *optional])
    orders = files[: len(uploads)] + ([Path(path)] if path else [])
    if not orders:
        st.caption(
            "Add a file. Before anything is fitted, you see how its columns are read and which rows can be used. "
            "No file at hand? Fit the demo data in a terminal: smart-retail demo"
        )
        return None
    settings = fit_request.build_settings(choices)
    return FitRequest(
        tuple(orders),
        files[len(uploads)] if returns else None,
        (),
        settings,
        reading=reading,
        catalogue=files[-1] if catalogue else None,
    )


def _more_options(policy: str | None) -> tuple[ReadOptions, dict[str, dict[str, Any]]]:
    """Return how the files are read, and the settings by section."""
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
        order = left.selectbox(
            "Order of dates such as 01/02/2024",
            list(DATE_ORDERS),
            key="date-order",
            format_func=lambda o: DATE_ORDERS[o],
        )
        header_row = middle.number_input("Row of the header (0 = automatic)", 0, 1000, 0, key="header-row")
        recency = left.selectbox(
            "Recency of the segments",
            setting_choices("rfm.recency"),
            key="recency",
            format_func=lambda name: RECENCY_UNITS.get(name, name),
            help="Days compare all customers with each other. Usual gaps compare each customer with their own rhythm: "
            "At Risk then means more than 3 usual gaps without an order.",
        )
        sheet = right.text_input("Sheet of a workbook", max_chars=100, key="sheet", placeholder="automatic") or ""
    choices: dict[str, dict[str, Any]] = {
        "data": {"returns_policy": policy or "net", "currency": currency.strip(), "date_order": order or ""},
        "clusters": {"k": int(k)},
        "recommend": {"merge": merge or "auto"},
        "rfm": {"recency": recency or "days"},
    }
    return ReadOptions(int(header_row), sheet.strip()), choices


def _choose_columns(request: FitRequest) -> tuple[tuple[str, str], ...]:
    """Show a drop-down with sample values for each field, and return the chosen pairs of field and header."""
    sources = _cached("columns", request, fit_request.inspect_columns)
    samples = {choice.header: choice.samples for source in reversed(sources) for choice in source.choices}
    recognised = {field.field: field.header for source in reversed(sources) for field in source.fields}
    open_fields = {column.field: column.candidates for source in sources for column in source.open}
    chosen: list[tuple[str, str]] = []
    with st.expander("Columns", expanded=bool(open_fields)):
        if open_fields:
            names = ", ".join(labels.FIELD_NAMES.get(field, field).lower() for field in open_fields)
            st.markdown(f"Not recognised: **{names}**. The columns that fit best are first in the lists.")
        boxes = [box for _ in range(0, len(labels.FIELD_NAMES), 3) for box in st.columns(3, gap="medium")]
        for (field, label), box in zip(labels.FIELD_NAMES.items(), boxes, strict=False):
            candidates = [candidate.header for candidate in open_fields.get(field, ())]
            headers: list[str] = ["", *candidates, *(header for header in samples if header not in candidates)]
            automatic = f"automatic: {recognised[field]}" if field in recognised else "not in the file"
            texts = {header: labels.describe_column(header, samples.get(header, ())) for header in headers}
            texts[""] = "please choose" if field in open_fields else automatic
            header = box.selectbox(label, headers, key=f"map-{field}", format_func=texts.__getitem__)
            if header:
                chosen.append((field, header))
    return tuple(chosen)


def _cached(name: str, request: FitRequest, compute: Callable[[FitRequest], T]) -> T:
    """Return a result for the files and choices of a request, computed once."""
    key = (request, *(path.stat().st_mtime for path in request.sources if path.exists()))
    cached = st.session_state.get(name)
    if cached is None or cached[0] != key:
        with st.spinner("Reading and cleaning ..."):
            cached = st.session_state[name] = (key, compute(request))
    result: T = cached[1]
    return result


def _show_inspection(request: FitRequest, source: EngineSource) -> None:
    """Show the import report and the button that starts the fit."""
    try:
        found = _cached("inspection", request, fit_request.inspect)
    except ColumnError as error:
        page_layout.banner(ColumnError(error.message, "Choose the columns in the lists under Columns."))
        return
    except DataError as error:
        page_layout.banner(_for_screen(error))
        return
    cleaning = found.report
    accepted = format_percent(cleaning.rows_accepted / max(cleaning.rows_in, 1))
    finding = f"{format_integer(cleaning.rows_accepted)} of {format_integer(cleaning.rows_in)} rows can be used"
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html(html_parts.finding(f"{finding} ({accepted})", _summary(cleaning)))
            force = st.checkbox(
                "Publish even if a check fails",
                key="force",
                help="Checks: too many rejected rows, far fewer customers, orders or sales than in the current model, "
                "or recommendations worse than popular products.",
            )
            if st.button("Fit", type="primary", icon=":material/play_arrow:"):
                _start(request, force, source)
        _show_columns(found)
        left, right = st.columns(2, gap="large")
        with left:
            st.html(cleaning_table(cleaning))
        with right:
            _show_months(found)
        if cleaning.notes:
            st.html(html_parts.bullets(cleaning.notes))


def _for_screen(error: RetailError) -> RetailError:
    return type(error)(error.message, labels.screen_hint(error.code, error.hint))


def _summary(cleaning: CleaningReport) -> str:
    return (
        f"{pluralize(cleaning.customers, 'customer')}, {pluralize(cleaning.items, 'product')}, "
        f"{pluralize(cleaning.orders, 'order')}, {cleaning.first} to {cleaning.last}, "
        f"net revenue {format_amount(cleaning.net_amount)}"
    )


def _show_columns(found: Inspection) -> None:
    """Show how the columns of each source are read, what is computed, and which are not used."""
    columns = [Column("Column"), Column("Read as"), Column("Confidence"), Column("Dates", "sr-dim"), Column("Values")]
    for source in found.sources:
        recognised = labels.PRESETS.get(source.preset, f"recognised as {source.preset}")
        rows = [
            [
                html_parts.render("bold.html", text=f.header),
                f.field.replace("_", " "),
                labels.CONFIDENCE.get(f.confidence, f.confidence),
                f.dates,
                ", ".join(f.samples),
            ]
            for f in source.fields
        ]
        st.html(html_parts.finding("", f"{source.name}: {recognised}"))
        st.html(table(columns, rows, "sr-cards"))
        if source.computed:
            st.html(html_parts.finding("", f"Computed: {'; '.join(source.computed)}"))
        important = [column for column in source.unused if column.looks_like]
        if important:
            rows = [
                [html_parts.render("bold.html", text=u.header), u.looks_like, ", ".join(u.values[:6])]
                for u in important
            ]
            st.html(html_parts.finding("", "Not used, but looks important:"))
            st.html(table([Column("Column"), Column("Looks like"), Column("Values")], rows, "sr-cards"))
        others = [column.header for column in source.unused if not column.looks_like]
        if others:
            st.html(html_parts.finding("", f"Not used: {', '.join(others)}"))


def _show_months(found: Inspection) -> None:
    """Show rows and amounts by month: all that are in the files next to the accepted ones."""
    columns = [Column("Month"), *(Column(name, "sr-num") for name in ("Rows", "Accepted", "Amount", "Accepted amount"))]
    rows = [
        [
            month.month or "no date",
            format_integer(month.rows),
            format_integer(month.rows_accepted),
            format_amount(month.amount),
            format_amount(month.amount_accepted),
        ]
        for month in found.months
    ]
    st.html(table(columns, rows[-MAX_MONTHS:], "sr-cards"))


def _start(request: FitRequest, force: bool, source: EngineSource) -> None:
    final = replace(request, force=force)
    folder = _upload_store().detach_folder()
    if source.is_local:
        job_slot().start(lambda progress: fit_request.fit(final, source.artifacts, progress), folder, final.names)
    else:
        engine, task = engine_source.engine(), fit_request.fit_task(final)
        job_slot().start(lambda progress: engine.run(task, progress), folder, final.names)
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
        st.html(html_parts.finding(f"Fitting {job.name}"))
        stage = (job.stages or ["starting"])[-1]
        stage = f"{stage[:1].upper()}{stage[1:]}{left}"
        st.progress(job.done, "Cancelling: nothing will be published" if job.cancelling else stage)
        if len(job.stages) > 1:
            st.html(html_parts.finding("", f"Done: {', '.join(job.stages[:-1])}"))
        if job.messages:
            st.caption(html_parts.escape_markdown(job.messages[-1]))
        st.button("Cancel", icon=":material/close:", on_click=job.cancel, disabled=job.cancelling)
        st.caption("The current model stays in use until the new one is published. You can leave this page.")


def _show_result(job: Job[FitReport]) -> None:
    with st.container(border=True):
        if job.report is not None:
            _show_report(job.report)
        else:
            page_layout.banner(_for_screen(job.error or UsageError("The fit ended without a result.", "Try again.")))
            st.caption("The model in use is unchanged.")
        st.button("Fit another file", icon=":material/refresh:", on_click=job_slot().clear)
    if st.session_state.get("fit-seen") != id(job):
        # Run the whole page once, so that the footer and the other pages show the new model.
        st.session_state["fit-seen"] = id(job)
        st.rerun()


def _show_report(report: FitReport) -> None:
    seconds = sum(report.seconds.values())
    state = "is published" if report.published else "was fitted but not published"
    version = html_parts.escape_markdown(report.version)
    st.success(f"Model {version} {state}. It took {seconds:,.0f} seconds.", icon=":material/check_circle:")
    st.html(html_parts.finding("", _summary(report.cleaning)))
    left, right = st.columns(2, gap="large")
    rows = [[stage, f"{spent:,.1f}"] for stage, spent in report.seconds.items()]
    left.html(table([Column("Stage"), Column("Seconds", "sr-num")], rows))
    with right:
        for note in report.notes:
            st.html(html_parts.note(note))
