"""Starts the Streamlit server."""

from __future__ import annotations

import os
from pathlib import Path

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


def options(host: str, port: int) -> dict[str, object]:
    """Return the configuration of Streamlit for a server on `host` and `port`."""
    return _QUIET | theme.OPTIONS | {"server.address": host, "server.port": port}


def serve(
    artifacts: str = "artifacts",
    api_url: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8501,
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
    """
    from streamlit.web import bootstrap

    os.environ[engine_source.ARTIFACTS] = artifacts
    os.environ[engine_source.API_URL] = api_url or ""
    os.environ[engine_source.RULES] = rules or ""
    if api_key:
        os.environ[engine_source.API_KEY] = api_key
    flags = {name.replace(".", "_"): value for name, value in options(host, port).items()}
    bootstrap.load_config_options(flags)
    bootstrap.run(str(Path(__file__).with_name("app.py")), False, [], flags)
