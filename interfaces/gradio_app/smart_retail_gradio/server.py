"""Starts the Gradio server."""

from __future__ import annotations

import os

from smart_retail.protocol import RetailEngine
from smart_retail.serving.factory import watch_engine
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail.serving.web_app import WebAppOptions


def start(engine: RetailEngine | ReloadingEngine, options: WebAppOptions, *, block: bool = True) -> object:
    """Serve the app.

    Parameters
    ----------
    engine : RetailEngine or ReloadingEngine
        Engine of all requests, or a holder that reloads it.
    options : WebAppOptions
        Address to listen on, and host names to accept.
    block : bool
        Whether to wait until the server is interrupted.

    Returns
    -------
    The running app.
    """
    # Set before Gradio is imported: it would look for a newer version on the network.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from smart_retail_gradio import request_privacy, theme
    from smart_retail_gradio.app import build_demo

    request_privacy.log_errors_without_values()

    # The middleware compares IPv6 addresses in the brackets of the header.
    hosts = [f"[{host}]" if ":" in host else host for host in options.accepted_hosts]
    middleware = [
        Middleware(TrustedHostMiddleware, hosts, www_redirect=False),
        Middleware(request_privacy.RefuseUploads),
    ]
    demo = build_demo(engine)
    demo.launch(
        server_name=options.host,
        server_port=options.port,
        app_kwargs={"middleware": middleware},
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
    options: WebAppOptions,
    artifacts: str = "artifacts",
    api_url: str | None = None,
    api_key: str | None = None,
    rules: str | None = None,
) -> None:
    """Serve the app until interrupted.

    Parameters
    ----------
    options : WebAppOptions
        Address to listen on, and host names to accept.
    artifacts : str
        Folder of bundles for a local engine.
    api_url, api_key : str, optional
        Address of a Smart Retail API to use instead of a local engine, and a key for it.
    rules : str, optional
        File of business rules for a local engine.

    Raises
    ------
    RetailError
        There is no bundle, or the API does not respond.
    """
    start(watch_engine(artifacts, api_url, api_key, rules), options)
