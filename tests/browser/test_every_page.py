"""Every page of both web apps at the width of a desktop and of a phone, light and dark."""

from __future__ import annotations

from typing import Any

import pytest

from smart_retail.serving.engine import Engine

from .apps import Visit
from .page_walk import CLIPPED_TEXT, SCHEMES, SIZES, walk_gradio, walk_streamlit

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_complete(
    browser: Any, streamlit_app: str, gradio_app: str, engine: Engine, size: str, scheme: str
) -> None:
    visit = Visit(browser, scheme, *SIZES[size])
    seen = [*walk_streamlit(visit, streamlit_app, engine), *walk_gradio(visit, gradio_app)]
    visit.close()
    assert {page.page: page.clipped for page in seen if page.clipped} == {}
    assert visit.console_errors == []
    assert visit.external_requests == []


@pytest.mark.parametrize(
    ("html", "clipped"),
    [
        ("<div style='width:60px;overflow:hidden;white-space:nowrap'>a text too long for it</div>", True),
        ("<div style='position:absolute;left:95vw;white-space:nowrap'>a text out of the window</div>", True),
        ("<div style='width:60px;overflow:auto;white-space:nowrap'>a text in a box that scrolls</div>", False),
        ("<div style='width:60px;overflow:hidden'>a text that wraps</div>", False),
    ],
)
def test_clipped_texts_are_found(visit: Visit, html: str, clipped: bool) -> None:
    visit.page.set_content(html)
    assert bool(visit.page.evaluate(CLIPPED_TEXT)) == clipped
