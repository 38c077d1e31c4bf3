"""Pages of the Streamlit app without a browser."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any


def new_page(path: str, **address: str) -> Any:
    """Return a page of the app that has not run yet, with choices in its address."""
    from streamlit.testing.v1 import AppTest
    from streamlit.util import calc_hash

    import smart_retail_streamlit

    _scan_packages_once()
    page = AppTest.from_file(str(Path(smart_retail_streamlit.__file__).with_name("app.py")), default_timeout=30)
    page._page_hash = calc_hash(path)  # AppTest has no public way to a page of st.navigation
    for name, value in address.items():
        page.query_params[name] = value
    return page


@functools.cache
def _scan_packages_once() -> None:
    """Keep the result of Streamlit's search for components in all installed packages, half the time of a page."""
    from streamlit.components.v2 import manifest_scanner

    manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)
