"""Starts the Gradio app: where the engine is and where to listen in, a running server out."""

from __future__ import annotations

import os

from smart_retail.protocol import RetailEngine
from smart_retail.serving.factory import watch_engine
from smart_retail.serving.hot_reload import ReloadingEngine


def start(engine: RetailEngine | ReloadingEngine, host: str, port: int, *, block: bool = True) -> object:
    """Serve the app over `engine`; the running app if it does not block."""
    # Before Gradio is imported, or it asks its makers for a newer version.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    from smart_retail_gradio import theme
    from smart_retail_gradio.app import build_demo

    demo = build_demo(engine)
    demo.launch(
        server_name=host,
        server_port=port,
        share=False,
        quiet=True,
        inbrowser=False,
        show_error=True,
        prevent_thread_lock=not block,
        footer_links=["api"],
        enable_monitoring=False,
        ssr_mode=False,
        max_file_size=0,
        pwa=False,
        run_history=False,
        theme=theme.theme(),
        css=theme.CSS,
    )
    return demo


def serve(
    artifacts: str = "artifacts",
    api_url: str | None = None,
    host: str = "127.0.0.1",
    port: int = 7860,
    api_key: str | None = None,
    rules: str | None = None,
) -> None:
    """Serve the app until interrupted.

    Parameters
    ----------
    artifacts : str
        Folder of bundles for an engine in this process.
    api_url : str, optional
        Address of a Smart Retail API to ask instead.
    host, port
        Where to listen; loopback unless told otherwise.
    api_key : str, optional
        Key for that API.
    rules : str, optional
        Business rules for an engine in this process.

    Raises
    ------
    RetailError
        There is no bundle, or the API does not answer.
    """
    start(watch_engine(artifacts, api_url, api_key, rules), host, port)
