"""Progress and result of a visitor's background job, shown below the controls that started it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from smart_retail_streamlit import page_layout
from smart_retail_streamlit.background_job import Job, JobSlot

T = TypeVar("T")


def visitor_slot(key: str, kind: str) -> JobSlot[T]:
    """Return the job slot of the visitor, which is kept in the session state: one job at a time.

    Parameters
    ----------
    key : str
        Key of the session state.
    kind : str
        What the work is called in messages.
    """
    if key not in st.session_state:
        st.session_state[key] = JobSlot(kind)
    return st.session_state[key]  # type: ignore[no-any-return]


@st.fragment(run_every=1.0)
def watch(job: Job[T], show_result: Callable[[Job[T], T], None], seen_key: str) -> None:
    """Show the progress of a running job with a button to cancel it, and its result or error when it has ended.

    Parameters
    ----------
    job : Job
    show_result : callable
        Shows the result; called with the job and its result.
    seen_key : str
        Key of the session state that says which job was shown.
    """
    if job.running:
        with st.container(border=True):
            stage = "Cancelling" if job.cancelling else (job.stages or ["starting"])[-1]
            st.progress(job.done, stage)
            st.button("Cancel", icon=":material/close:", on_click=job.cancel, disabled=job.cancelling)
        return
    if st.session_state.get(seen_key) != id(job):
        # Run the whole page once: the button can be pressed again, and the page no longer refreshes every second.
        st.session_state[seen_key] = id(job)
        st.rerun()
    if job.error is not None:
        page_layout.banner(job.error)
    elif job.report is not None:
        show_result(job, job.report)
