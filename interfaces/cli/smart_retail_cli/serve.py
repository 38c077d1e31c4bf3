"""Commands that start another front end: serve api, serve streamlit, serve gradio, desktop."""

from __future__ import annotations

import importlib
import os
from typing import Any

import click

from smart_retail.errors import MissingExtraError
from smart_retail_cli.output import note
from smart_retail_cli.session import Command, Session, pass_session

host_option = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")


def port_option(default: int) -> Any:
    return click.option("--port", type=click.IntRange(1, 65535), default=default, show_default=True, help="Port.")


def front_end(module: str, extra: str) -> Any:
    """The module that starts a front end; named, not imported, for front ends never import each other."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"This needs the extra {extra}, which is not installed (missing: {error.name}).",
            f'Install it with: pip install "smart-retail-engine[{extra}]".',
        ) from error


@click.group()
def serve() -> None:
    """Start the API or a web app."""


@serve.command(cls=Command, epilog="Example: smart-retail serve api --port 8000 --workers 2")
@host_option
@port_option(8000)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
@pass_session
def api(session: Session, host: str, port: int, workers: int) -> None:
    """Start the HTTP API (docs at /docs)."""
    launch = front_end("smart_retail_flask.launch", "flask")
    launch.serve(artifacts=str(session.artifacts), host=host, port=port, workers=workers)


@serve.command(cls=Command, epilog="Example: smart-retail serve streamlit --api-url http://127.0.0.1:8000")
@host_option
@port_option(8501)
@pass_session
def streamlit(session: Session, host: str, port: int) -> None:
    """Start the Streamlit web app, over a bundle or over the API."""
    start(front_end("smart_retail_streamlit.launch", "streamlit"), session, host, port)


@serve.command(cls=Command, epilog="Example: smart-retail serve gradio --port 7860")
@host_option
@port_option(7860)
@pass_session
def gradio(session: Session, host: str, port: int) -> None:
    """Start the Gradio web app, over a bundle or over the API."""
    start(front_end("smart_retail_gradio.launch", "gradio"), session, host, port)


def start(launch: Any, session: Session, host: str, port: int) -> None:
    note(f"Open http://{host}:{port} in a browser; stop with Ctrl+C.")
    launch.serve(
        artifacts=str(session.artifacts),
        api_url=session.api_url,
        host=host,
        port=port,
        api_key=os.environ.get("SMART_RETAIL_API_KEY"),
    )


@click.command(short_help="Start the desktop tool.", cls=Command, epilog="Example: smart-retail desktop")
@pass_session
def desktop(session: Session) -> None:
    """Start the desktop tool."""
    front_end("smart_retail_tkinter.launch", "tkinter").start(artifacts=str(session.artifacts), api_url=session.api_url)
