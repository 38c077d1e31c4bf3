"""Which engine the pages ask: one in process over a folder of bundles, or one behind an API.

Where it is comes from the environment, as `launch.serve` leaves it. The engine is shared by all
visitors and never changed; a newly published bundle makes a new one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import streamlit as st

from smart_retail.protocol import RetailEngine
from smart_retail.results import ModelInfo
from smart_retail.serving.factory import open_engine

ARTIFACTS = "SMART_RETAIL_ARTIFACTS"
API_URL = "SMART_RETAIL_API_URL"
API_KEY = "SMART_RETAIL_API_KEY"
RULES = "SMART_RETAIL_RULES"
_MODEL = "model-of-this-run"


@dataclass(frozen=True, slots=True)
class EngineSource:
    """Where answers come from: the API if its address is given, else the folder."""

    artifacts: str
    api_url: str
    rules: str | None = None

    @property
    def is_local(self) -> bool:
        return not self.api_url


def configured_source() -> EngineSource:
    """The source this server was started with."""
    return EngineSource(
        os.environ.get(ARTIFACTS, "artifacts"), os.environ.get(API_URL, ""), os.environ.get(RULES) or None
    )


def load_engine(source: EngineSource) -> RetailEngine:
    """A fresh engine over `source`.

    Raises
    ------
    RetailError
        There is no bundle, it is damaged, or the API does not answer.
    """
    return open_engine(source.artifacts, source.api_url, os.environ.get(API_KEY), source.rules)


def published_version(source: EngineSource) -> str:
    """What tells one published bundle from the next; an API looks after its own."""
    if not source.is_local:
        return ""
    from smart_retail.bundle.reader import read_pointer

    return " ".join(read_pointer(source.artifacts))


@st.cache_resource(max_entries=2, show_spinner=False)
def _shared(source: EngineSource, stamp: str) -> RetailEngine:
    return load_engine(source)


def engine() -> RetailEngine:
    """The engine over the bundle that is published now."""
    source = configured_source()
    return _shared(source, published_version(source))


def begin_run() -> None:
    """A run of the script begins: what was asked once in the last one is asked again."""
    st.session_state.pop(_MODEL, None)


def model() -> ModelInfo:
    """What the engine says of its bundle, asked once a run: over an API each question costs a request."""
    found: ModelInfo | None = st.session_state.get(_MODEL)
    if found is None:
        found = st.session_state[_MODEL] = engine().model()
    return found
