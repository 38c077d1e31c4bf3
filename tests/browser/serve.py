"""Serve a web app for tests and screenshots, over a bundle or over the small engine in memory.

``python -m tests.browser.serve streamlit 8713 [ARTIFACTS]`` from the root of the checkout; without a folder of
bundles the small engine is used.
"""

from __future__ import annotations

import sys

from smart_retail.serving.factory import watch_engine
from smart_retail.serving.web_app import WebAppOptions
from tests.fake_engine import FakeEngine


def main(app: str, port: str, artifacts: str = "") -> None:
    if app == "gradio":
        from smart_retail_gradio import server as gradio

        engine = watch_engine(artifacts) if artifacts else FakeEngine()
        gradio.start(engine, WebAppOptions(port=int(port)))
        return
    from smart_retail_streamlit import engine_source, server

    if not artifacts:
        engine_source.load_engine = lambda source: FakeEngine()
        engine_source.published_version = lambda source: "small engine"
    server.serve(WebAppOptions(port=int(port), allow_fit=True), artifacts or "artifacts")


if __name__ == "__main__":
    main(*sys.argv[1:])
