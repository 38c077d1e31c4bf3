"""Pages of the app over the small shop, run without a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.fitted_shop import MakeEngine
from tests.streamlit_page import new_page

from smart_retail.serving.engine import Engine

pytest.importorskip("streamlit", reason="the extra streamlit is not installed")


Open = Callable[..., Any]


def page_of(path: str, monkeypatch: pytest.MonkeyPatch, artifacts: Path | str = "artifacts", **address: str) -> Any:
    """Return a page opened by its address, over the bundle in `artifacts`."""
    from smart_retail_streamlit import engine_source

    monkeypatch.setenv(engine_source.ARTIFACTS, str(artifacts))
    monkeypatch.setenv(engine_source.API_URL, "")
    monkeypatch.setenv(engine_source.ALLOW_FIT, "1")
    page = new_page(path, **address)
    page.run()
    assert not page.exception, page.exception
    return page


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch, make_engine: MakeEngine) -> Open:
    """``open_page("customer", Failing, customer="c0001")``: a page over the small shop, with this class of engine."""
    from smart_retail_streamlit import engine_source

    def open_(path: str = "", kind: type[Engine] = Engine, **address: str) -> Any:
        engine = make_engine(kind)
        monkeypatch.setattr(engine_source, "engine", lambda: engine)
        return page_of(path, monkeypatch, **address)

    return open_


def html_of(page: Any) -> str:
    """Return all HTML of a page."""
    return "\n".join(piece.value for piece in page.html)
