"""Versions page: the fitted models, and which of them is in use."""

from __future__ import annotations

import streamlit as st

from smart_retail.analysis.tasks import RollbackTask, Versions, VersionsTask
from smart_retail.bundle.versions import VersionInfo
from smart_retail.errors import RetailError
from smart_retail.presentation.formatting import format_bytes, format_integer, format_percent
from smart_retail.presentation.html import Column, table
from smart_retail_streamlit import engine_source, html_parts, page_layout
from smart_retail_streamlit.engine_source import EngineSource


def show() -> None:
    """Show the page."""
    page_layout.heading("Versions", "the fitted models, and which of them is in use")
    source = engine_source.configured_source()
    found = _read_versions(source).versions
    if not found:
        st.caption("No model yet.")
        return
    with st.container(border=True):
        active = next((v for v in found if v.active), None)
        title = f"In use: {active.version}, fitted {_format_time(active)}" if active else "No version is in use"
        about = "Each fit publishes a version. All users of the shop's apps and of its API get the one in use."
        st.html(html_parts.finding(title, about))
        st.html(_version_table(found))
    _show_choice(source, found)


def _read_versions(source: EngineSource) -> Versions:
    # A folder is read without its engine, since a damaged version may have to be replaced here.
    if source.is_local:
        return VersionsTask().read_folder(source.artifacts)
    return engine_source.engine().run(VersionsTask())


def _version_table(found: tuple[VersionInfo, ...]) -> str:
    columns = [
        Column("Version"),
        Column("Fitted"),
        Column("Data up to"),
        Column("Customers", "sr-num"),
        Column("Bought a listed product", "sr-num"),
        Column("Size", "sr-num"),
        Column(""),
    ]
    rows = [
        [
            version.version,
            _format_time(version),
            version.last_order or "not known",
            format_integer(version.customers) if version.customers else "not known",
            "not tested" if version.hit_rate is None else format_percent(version.hit_rate),
            format_bytes(version.size),
            "in use" if version.active else "before it" if version.previous else "",
        ]
        for version in found
    ]
    return str(table(columns, rows, "sr-cards"))


def _show_choice(source: EngineSource, found: tuple[VersionInfo, ...]) -> None:
    """Show the choice of another version, where visitors may change the model."""
    others = {v.version: v for v in found if not v.active}
    if not source.allow_fit:
        st.caption(
            "Changing the version is switched off in this app, since it changes the lists of all users. Start it with: "
            "smart-retail serve streamlit --allow-fit. On the command line: smart-retail rollback VERSION"
        )
        return
    if not others:
        st.caption("There is no other version to use.")
        return
    names = list(others)
    previous = next((name for name, version in others.items() if version.previous), names[0])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Another version",
            names,
            names.index(previous),
            key="version",
            format_func=lambda name: f"{name}, fitted {_format_time(others[name])}",
            width=480,
        )
        if st.button("Use this version", type="primary", icon=":material/history:", disabled=chosen is None):
            _activate(source, str(chosen))


def _activate(source: EngineSource, version: str) -> None:
    task = RollbackTask(version)
    try:
        if source.is_local:
            task.change_folder(source.artifacts)
        else:
            engine_source.engine().run(task)
    except RetailError as error:
        page_layout.banner(error)
        return
    st.toast(f"Version {version} is in use now.", icon=":material/check:")
    st.rerun()


def _format_time(version: VersionInfo) -> str:
    return f"{version.fitted_at.replace('T', ' ').removesuffix('Z')} UTC"
