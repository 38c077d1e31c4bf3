"""Starts the Gradio server."""

from __future__ import annotations

import os

from smart_retail.protocol import RetailEngine
from smart_retail.serving.factory import watch_engine
from smart_retail.serving.hot_reload import ReloadingEngine


def start(engine: RetailEngine | ReloadingEngine, host: str, port: int, *, block: bool = True) -> object:
    """Serve the app.

    Parameters
    ----------
    engine : RetailEngine or ReloadingEngine
        Engine of all requests, or a holder that reloads it.
    host, port
        Address to listen on.
    block : bool
        Whether to wait until the server is interrupted.

    Returns
    -------
    The running app.
    """
    # Set before Gradio is imported: it would look for a newer version on the network.
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
        Folder of bundles for a local engine.
    api_url : str, optional
        Address of a Smart Retail API to use instead of a local engine.
    host, port
        Address to listen on; loopback by default.
    api_key : str, optional
        Key for that API.
    rules : str, optional
        File of business rules for a local engine.

    Raises
    ------
    RetailError
        There is no bundle, or the API does not respond.
    """
    start(watch_engine(artifacts, api_url, api_key, rules), host, port)
