"""Fit: a file of orders in, its cleaning report, then a new model with progress by stage."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from smart_retail.data import columns
from smart_retail.errors import ColumnError, UsageError
from smart_retail.presentation.formatting import format_amount, format_integer, format_percent, pluralize
from smart_retail.results import CleaningReport, FitReport
from smart_retail.settings import setting_choices
from smart_retail_streamlit import engine_source, fit_request, html, page_layout
from smart_retail_streamlit.background_job import Job, JobSlot
from smart_retail_streamlit.uploads import SUFFIXES, UploadStore
from smart_retail_streamlit.views.overview import cleaning_table

if TYPE_CHECKING:
    from smart_retail.data.dry_run import Inspection

MAPPED = (
    columns.CUSTOMER_ID,
    columns.ITEM_ID,
    columns.TIMESTAMP,
    columns.ORDER_ID,
    columns.QUANTITY,
    columns.AMOUNT,
    columns.UNIT_PRICE,
    columns.ITEM_NAME,
    columns.CATEGORY,
)
"""Columns that a visitor may point out; the others are found by their headers or left out."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@st.cache_resource(show_spinner=False)
def _desk() -> JobSlot[FitReport]:
    return JobSlot()


@st.cache_resource(scope="session", on_release=UploadStore.close, show_spinner=False)
def _intake() -> UploadStore:
    return UploadStore()


def _inspect(wanted: fit_request.FitRequest) -> Inspection:
    """What the files are taken for, made once for the same files and choices."""
    key = (wanted, *(path.stat().st_mtime for path in wanted.sources if path.exists()))
    seen = st.session_state.get("inspection")
    if seen is None or seen[0] != key:
        with st.spinner("Reading and cleaning ..."):
            seen = st.session_state["inspection"] = (key, fit_request.inspect(wanted))
    return seen[1]  # type: ignore[no-any-return]


def show() -> None:
    page_layout.heading("Fit", "a file of orders in, a new model out")
    where = engine_source.configured_source()
    if not where.is_local:
        with st.container(border=True):
            page_layout.empty(
                "Fitting needs an engine in this process",
                f"This app asks the API at {where.api_url}. Start it without --api-url on the machine that keeps the "
                "bundles, or fit there with: smart-retail fit orders.xlsx",
            )
        return
    job = _desk().job
    if job is not None:
        _watch(job)
        return
    wanted = _choose()
    if wanted is not None:
        _check(wanted, where.artifacts)


def _choose() -> fit_request.FitRequest | None:
    """The files and choices; None while no file is named."""
    left, right = st.columns([1.5, 1], gap="medium")
    with left, st.container(border=True, height="stretch"):
        uploads = st.file_uploader(
            "Orders, one line each: CSV, gzip, Excel or Parquet",
            list(SUFFIXES),
            accept_multiple_files=True,
            help="Several files are read as one history; rows that stand in both count once.",
        )
        path = ""
        if st.get_option("server.address") in LOOPBACK:
            path = st.text_input("or a file on this machine", placeholder="path/to/orders.csv", max_chars=4000).strip()
    with right, st.container(border=True, height="stretch"):
        returns = st.file_uploader("Returned orders, if in a file of their own", list(SUFFIXES))
        policy = st.radio(
            "Returns",
            setting_choices("data.returns_policy"),
            horizontal=True,
            key="policy",
            captions=["a returned line is no purchase", "returns are ignored"],
        )
    mapping, choices = _more(policy)
    files = _intake().store([*uploads, *([returns] if returns else [])])
    orders = files[: len(uploads)] + ([Path(path)] if path else [])
    if not orders:
        st.caption(
            "Add a file: you will see which columns were recognised and where every row goes before anything is fitted."
        )
        return None
    return fit_request.FitRequest(
        tuple(orders), files[-1] if returns else None, mapping, fit_request.build_settings(choices)
    )


def _more(policy: str | None) -> tuple[tuple[tuple[str, str], ...], dict[str, dict[str, Any]]]:
    """Choices that most people leave alone."""
    with st.expander("More choices"):
        one, two, three = st.columns(3, gap="medium")
        k = one.number_input("Clusters (0: chosen by silhouette and stability)", 0, 50, 0, key="k")
        merge = two.selectbox("Merge of the methods", setting_choices("recommend.merge"), key="merge")
        currency = three.text_input("Currency, shown beside amounts", max_chars=8, key="currency")
        st.caption("Headers, where they are not recognised by themselves:")
        grid = [box for _ in range(0, len(MAPPED), 3) for box in st.columns(3, gap="medium")]
        named = [
            (name, box.text_input(name, key=f"map-{name}", max_chars=200, placeholder="found by itself").strip())
            for name, box in zip(MAPPED, grid, strict=True)
        ]
    choices = {
        "data": {"returns_policy": policy or "net", "currency": currency.strip()},
        "clusters": {"k": int(k)},
        "recommend": {"merge": merge or "auto"},
    }
    return tuple((name, header) for name, header in named if header), choices


def _check(wanted: fit_request.FitRequest, artifacts: str) -> None:
    """The cleaning report, and the button that starts the fit."""
    try:
        found = _inspect(wanted)
    except ColumnError as error:
        page_layout.banner(ColumnError(error.message, "Name its header under More choices."))
        return
    cleaning = found.report
    accepted = format_percent(cleaning.rows_accepted / max(cleaning.rows_in, 1))
    with st.container(border=True):
        rows_in = format_integer(cleaning.rows_in)
        told = f"{format_integer(cleaning.rows_accepted)} of {rows_in} rows can be used ({accepted})"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html(f'<p class="sr-finding">{escape(told)}</p><p class="sr-axis">{escape(_summary(cleaning))}</p>')
            force = st.checkbox("Publish even if clearly worse than popularity", key="force")
            if st.button("Fit", type="primary", icon=":material/play_arrow:"):
                _begin(wanted, force, artifacts)
        left, right = st.columns([1, 1.5], gap="large")
        left.html(_columns(found))
        with right:
            st.html(cleaning_table(cleaning))
            if cleaning.notes:
                st.html('<ul class="sr-notes">' + "".join(f"<li>{escape(n)}</li>" for n in cleaning.notes) + "</ul>")


def _summary(cleaning: CleaningReport) -> str:
    return (
        f"{pluralize(cleaning.customers, 'customer')}, {pluralize(cleaning.items, 'product')}, "
        f"{pluralize(cleaning.orders, 'order')}, {cleaning.first} to {cleaning.last}, "
        f"{format_amount(cleaning.net_amount)} net of returns"
    )


def _columns(found: Inspection) -> str:
    """How each source was understood: column by column, and what is left unread."""
    parts = []
    for each in found.sources:
        how = "by common names" if each.preset in ("", "aliases", "any") else f"as {each.preset}"
        rows = [
            [f"<b>{escape(header)}</b>", escape(name.replace("_", " ")), escape(each.dates.get(header, ""))]
            for name, header in each.columns.items()
        ]
        parts.append(f'<p class="sr-axis">{escape(each.name)}, recognised {escape(how)}</p>')
        parts.append(html.table([("", "Column"), ("", "Read as"), ("sr-dim", "")], rows))
        if each.unused:
            parts.append(f'<p class="sr-axis">Not needed: {escape(", ".join(each.unused[:20]))}</p>')
    return "".join(parts)


def _begin(wanted: fit_request.FitRequest, force: bool, artifacts: str) -> None:
    final = fit_request.FitRequest(wanted.sources, wanted.returns, wanted.mapping, wanted.settings, force)
    _desk().start(lambda progress: fit_request.fit(final, artifacts, progress), _intake().detach_folder(), final.names)
    st.rerun()


@st.fragment(run_every=1.0)
def _watch(job: Job[FitReport]) -> None:
    """Progress of the running fit; its outcome when it has ended."""
    if not job.running:
        _ended(job)
        return
    left = job.seconds_left()
    told = "" if left is None else f", about {pluralize(max(round(left), 1), 'second')} left"
    with st.container(border=True):
        st.html(f'<p class="sr-finding">Fitting {escape(job.name)}</p>')
        stage = "cancelling: nothing will be published" if job.cancelling else (job.stages or ["starting"])[-1]
        st.progress(job.done, f"{stage}{told if not job.cancelling else ''}")
        if len(job.stages) > 1:
            st.html(f'<p class="sr-axis">done: {escape(", ".join(job.stages[:-1]))}</p>')
        if job.messages:
            st.caption(html.plain(job.messages[-1]))
        st.button("Cancel", icon=":material/close:", on_click=job.cancel, disabled=job.cancelling)
        st.caption("The model in use keeps answering until the new one is published. You may leave this page.")


def _ended(job: Job[FitReport]) -> None:
    with st.container(border=True):
        if job.report is not None:
            _report(job.report)
        else:
            page_layout.banner(job.error or UsageError("The fit ended without a result.", "Try again."))
            st.caption("The model in use is unchanged.")
        st.button("Fit another file", icon=":material/refresh:", on_click=_desk().clear)
    if st.session_state.get("fit-seen") != id(job):
        # Once, outside the fragment: the footer and the other pages show the new model.
        st.session_state["fit-seen"] = id(job)
        st.rerun()


def _report(report: FitReport) -> None:
    seconds = sum(report.seconds.values())
    done = "is published" if report.published else "was fitted, but not published"
    st.success(f"Model {html.plain(report.version)} {done}, in {seconds:,.0f} seconds.", icon=":material/check_circle:")
    st.html(f'<p class="sr-axis">{escape(_summary(report.cleaning))}</p>')
    rows = [[escape(stage), f"{spent:,.1f}"] for stage, spent in report.seconds.items()]
    left, right = st.columns(2, gap="large")
    left.html(html.table([("", "Stage"), ("sr-num", "Seconds")], rows))
    with right:
        for note in report.notes:
            st.html(f'<p class="sr-note">{escape(note)}</p>')
