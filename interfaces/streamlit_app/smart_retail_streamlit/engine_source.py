"""The engine behind the pages: a local one over a folder of bundles, or one behind an API.

Its location comes from environment variables that `server.serve` sets. All visitors share the engine; a newly
published bundle gets a new one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import streamlit as st

from smart_retail.protocol import RetailEngine
from smart_retail.results import ModelInfo
from smart_retail.serving.factory import open_engine
from smart_retail.serving.store_polling import poll_store
from smart_retail.utils.artifacts_location import resolve_folder

ARTIFACTS = "SMART_RETAIL_ARTIFACTS"
API_URL = "SMART_RETAIL_API_URL"
API_KEY = "SMART_RETAIL_API_KEY"
RULES = "SMART_RETAIL_RULES"
ALLOW_FIT = "SMART_RETAIL_ALLOW_FIT"
ALLOW_LOCAL_FILES = "SMART_RETAIL_ALLOW_LOCAL_FILES"
_MODEL = "model-of-this-run"


@dataclass(frozen=True, slots=True)
class EngineSource:
    """Location of the engine: an API if its address is set, else a folder of bundles."""

    artifacts: str
    api_url: str
    rules: str | None = None
    allow_fit: bool = False
    """Whether visitors may fit and publish models."""
    allow_local_files: bool = False
    """Whether visitors may name files of this machine."""

    @property
    def is_local(self) -> bool:
        return not self.api_url


def configured_source() -> EngineSource:
    """Return the source that this server was started with."""
    return EngineSource(
        str(resolve_folder(os.environ.get(ARTIFACTS, "artifacts"))),
        os.environ.get(API_URL, ""),
        os.environ.get(RULES) or None,
        allow_fit=bool(os.environ.get(ALLOW_FIT)),
        allow_local_files=bool(os.environ.get(ALLOW_LOCAL_FILES)),
    )


def load_engine(source: EngineSource) -> RetailEngine:
    """Open an engine over `source`.

    Raises
    ------
    RetailError
        There is no bundle, it is damaged, or the API does not respond.
    """
    return open_engine(source.artifacts, source.api_url, os.environ.get(API_KEY), source.rules)


def published_version(source: EngineSource) -> str:
    """Return an identifier of the published bundle and its added items; empty for an API, which reloads by itself."""
    if not source.is_local:
        return ""
    from smart_retail.bundle.reader import read_pointer
    from smart_retail.events.item_changes import ItemChanges

    poll_store(source.artifacts)
    return " ".join(map(str, (*read_pointer(source.artifacts), *ItemChanges(source.artifacts).state())))


def clear_engines() -> None:
    """Close the cached engines; the next page opens a new one."""
    _shared_engine.clear()


@st.cache_resource(max_entries=2, show_spinner=False)
def _shared_engine(source: EngineSource, version: str) -> RetailEngine:
    return load_engine(source)


def engine() -> RetailEngine:
    """Return the engine over the bundle that is published now."""
    source = configured_source()
    return _shared_engine(source, published_version(source))


def begin_run() -> None:
    """Start a run of the script: drop what the last run has cached."""
    st.session_state.pop(_MODEL, None)


def model() -> ModelInfo:
    """Return the model information, requested once per run: over an API each call is a request."""
    found: ModelInfo | None = st.session_state.get(_MODEL)
    if found is None:
        found = st.session_state[_MODEL] = engine().model()
    return found
