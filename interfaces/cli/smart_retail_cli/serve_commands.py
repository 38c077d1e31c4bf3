"""Commands that start another front end: serve api, serve streamlit, serve gradio, desktop."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from smart_retail_cli import extras
from smart_retail_cli.context import Command, Session, pass_session
from smart_retail_cli.output import note

F = TypeVar("F", bound=Callable[..., Any])

host_option = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")


def port_option(default: int) -> Callable[[F], F]:
    return click.option("--port", type=click.IntRange(1, 65535), default=default, show_default=True, help="Port.")


def front_end(module: str, extra: str) -> Any:
    """The module that starts a front end; named, not imported, for front ends never import each other."""
    extras.need(extra)
    return importlib.import_module(module)


@click.group()
def serve() -> None:
    """Start the API or a web app."""


@serve.command(cls=Command, epilog="Example: smart-retail serve api --port 8000 --workers 2")
@host_option
@port_option(8000)
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Processes.")
@click.option("--keys", type=click.Path(), metavar="FILE", help="Keys that may ask; needed beyond this machine.")
@click.option(
    "--new-key", type=click.Choice(("read", "admin")), help="Print a new key and its line for FILE; no serving."
)
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME", help="Host name to answer to; may be repeated.")
@click.option("--cors-origin", "origins", multiple=True, metavar="URL", help="Web page that may ask; may be repeated.")
@click.option(
    "--rate", type=click.FloatRange(0), default=0.0, help="Requests a second for each key (default: no limit)."
)
@click.option("--metrics", is_flag=True, help="Give figures for Prometheus at /metrics.")
@click.option("--log-level", type=click.Choice(("info", "warning", "error")), default="warning", show_default=True)
@pass_session
def api(
    session: Session,
    host: str,
    port: int,
    workers: int,
    keys: str | None,
    new_key: str | None,
    hosts: tuple[str, ...],
    origins: tuple[str, ...],
    rate: float,
    metrics: bool,
    log_level: str,
) -> None:
    """Start the HTTP API (documentation at /docs)."""
    launch = front_end("smart_retail_flask.server", "flask")
    options = front_end("smart_retail_flask.settings", "flask")
    if new_key:
        key, line = options.new_key(new_key)
        click.echo(f"Key, shown this once:   {key}\nLine for the key file:  {line}")
        return
    settings = options.ApiSettings(
        keys=options.read_keys(keys) if keys else (), hosts=hosts, cors_origins=origins, rate=rate, metrics=metrics
    )
    more = {"threads": session.threads} if session.threads else {}
    launch.serve(
        session.artifacts, host, port, workers, settings=settings, rules=session.rules, log_level=log_level, **more
    )


@serve.command(cls=Command, epilog="Example: smart-retail serve streamlit --api-url http://127.0.0.1:8000")
@host_option
@port_option(8501)
@pass_session
def streamlit(session: Session, host: str, port: int) -> None:
    """Start the Streamlit web app, over a bundle or over the API."""
    start(front_end("smart_retail_streamlit.server", "streamlit"), session, host, port)


@serve.command(cls=Command, epilog="Example: smart-retail serve gradio --port 7860")
@host_option
@port_option(7860)
@pass_session
def gradio(session: Session, host: str, port: int) -> None:
    """Start the Gradio web app, over a bundle or over the API."""
    start(front_end("smart_retail_gradio.server", "gradio"), session, host, port)


def start(launch: Any, session: Session, host: str, port: int) -> None:
    place = f"[{host}]" if ":" in host else host
    note(f"Open http://{place}:{port} in a browser; stop with Ctrl+C.")
    launch.serve(
        artifacts=str(session.artifacts),
        api_url=session.api_url,
        host=host,
        port=port,
        api_key=os.environ.get("SMART_RETAIL_API_KEY"),
        rules=session.rules and str(session.rules),
    )


@click.command(short_help="Start the desktop tool.", cls=Command, epilog="Example: smart-retail desktop")
@pass_session
def desktop(session: Session) -> None:
    """Start the desktop tool."""
    front_end("smart_retail_tkinter.launch", "tkinter").run(
        artifacts=str(session.artifacts),
        api_url=session.api_url,
        api_key=os.environ.get("SMART_RETAIL_API_KEY"),
        rules=session.rules and str(session.rules),
    )


@click.group(short_help="The API's description.")
def openapi() -> None:
    """The API's description for other programs."""


@openapi.command(cls=Command, epilog="Example: smart-retail openapi export -o openapi.json")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), default="openapi.json", show_default=True, metavar="FILE"
)
def export(output: str) -> None:
    """Write the OpenAPI 3.1 document of the API."""
    front_end("smart_retail_flask.openapi_export", "flask").export(output)
    note(f"Written to {output}.")
