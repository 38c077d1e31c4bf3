"""Starts the Streamlit server."""

from __future__ import annotations

import os
from pathlib import Path

from smart_retail.serving.web_app import WebAppOptions
from smart_retail_streamlit import engine_source, theme

MAX_UPLOAD_MB = 500

_QUIET: dict[str, object] = {
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "viewer",
    "global.developmentMode": False,
    "runner.magicEnabled": False,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.maxUploadSize": MAX_UPLOAD_MB,
    "server.showEmailPrompt": False,
}


def streamlit_options(options: WebAppOptions) -> dict[str, object]:
    """Return the configuration of Streamlit for a server with these options."""
    return (
        _QUIET
        | theme.OPTIONS
        | {
            "server.address": options.host,
            "server.allowedHosts": list(options.accepted_hosts),
            "server.port": options.port,
        }
    )


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
        Address to listen on, host names to accept, and what visitors may do.
    artifacts : str
        Folder of bundles for a local engine.
    api_url, api_key : str, optional
        Address of a Smart Retail API to use instead of a local engine, and a key for it.
    rules : str, optional
        File of business rules for a local engine.
    """
    from streamlit.web import bootstrap

    os.environ[engine_source.ARTIFACTS] = artifacts
    os.environ[engine_source.API_URL] = api_url or ""
    os.environ[engine_source.RULES] = rules or ""
    os.environ[engine_source.ALLOW_FIT] = "1" if options.allow_fit else ""
    os.environ[engine_source.ALLOW_LOCAL_FILES] = "1" if options.allow_local_files else ""
    if api_key:
        os.environ[engine_source.API_KEY] = api_key
    flags = {name.replace(".", "_"): value for name, value in streamlit_options(options).items()}
    bootstrap.load_config_options(flags)
    bootstrap.run(str(Path(__file__).with_name("app.py")), False, [], flags)
