"""The app over the small engine, run without a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="the extra streamlit is not installed")

from tests.fake_engine import FakeEngine

Open = Callable[..., Any]


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Open:
    """``open_page("customer", engine, customer="C-001")``: a page as by its address."""
    from streamlit.testing.v1 import AppTest
    from streamlit.util import calc_hash

    import smart_retail_streamlit
    from smart_retail_streamlit import source

    monkeypatch.setenv(source.ARTIFACTS, "artifacts")
    monkeypatch.setenv(source.API_URL, "")
    app = Path(smart_retail_streamlit.__file__).with_name("app.py")

    def open_(path: str = "", engine: Any = None, **address: str) -> Any:
        engine = engine or FakeEngine()
        monkeypatch.setattr(source, "engine", lambda: engine)
        page = AppTest.from_file(str(app), default_timeout=30)
        page._page_hash = calc_hash(path)  # AppTest has no public way to a page of st.navigation
        for name, value in address.items():
            page.query_params[name] = value
        page.run()
        assert not page.exception, page.exception
        return page

    return open_


def html_of(page: Any) -> str:
    """All HTML of a page."""
    return "\n".join(piece.value for piece in page.html)
