"""Serve a web app over a bundle, for tests and screenshots.

``python -m tests.browser.serve streamlit 8713 ARTIFACTS`` from the root of the checkout.
"""

from __future__ import annotations

import sys

from smart_retail.serving.factory import watch_engine
from smart_retail.serving.web_app import WebAppOptions


def main(app: str, port: str, artifacts: str) -> None:
    if app == "gradio":
        from smart_retail_gradio import server as gradio

        gradio.start(watch_engine(artifacts), WebAppOptions(port=int(port)))
        return
    from smart_retail_streamlit import server

    server.serve(WebAppOptions(port=int(port), allow_fit=True), artifacts)


if __name__ == "__main__":
    main(*sys.argv[1:])
