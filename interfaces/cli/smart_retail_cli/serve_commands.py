"""Commands that start another front end: serve api, serve streamlit, serve gradio, desktop."""

from __future__ import annotations

import errno
import importlib
import math
import os
import socket
from collections.abc import Callable
from typing import Any, TypeVar

import click

from smart_retail.client.api_key import configured_api_key
from smart_retail.errors import UsageError
from smart_retail.serving.web_app import WebAppOptions
from smart_retail_cli import extras
from smart_retail_cli.context import CliContext, Command, pass_cli_context
from smart_retail_cli.output import print_note
from smart_retail_cli.parameters import OutputFile

F = TypeVar("F", bound=Callable[..., Any])

host_option = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")


def port_option(default: int) -> Callable[[F], F]:
    return click.option(
        "--port", type=click.IntRange(1, 65535), default=default, show_default=True, help="Port to listen on."
    )


allow_host_option = click.option(
    "--allow-host", "hosts", multiple=True, metavar="NAME", help="Host name that requests may use; repeatable."
)


def check_port(host: str, port: int) -> None:
    """Raise `UsageError` if no server can listen on this address, before one is started."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise UsageError(f"{host} is not a valid host name or address.", "Use --host 127.0.0.1 or 0.0.0.0.") from error
    family, kind, protocol, _, address = addresses[0]
    with socket.socket(family, kind, protocol) as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                message, hint = f"Port {port} is already in use.", "Stop the other program, or choose another --port."
            elif error.errno == errno.EACCES:
                message, hint = f"Port {port} needs administrator rights.", "Choose a --port from 1024 to 65535."
            else:
                message = f"Cannot listen on {host}, port {port}: {error.strerror}."
                hint = "Use an address of this machine, such as --host 127.0.0.1."
            raise UsageError(message, hint) from error


def load_front_end(module: str, extra: str) -> Any:
    """Import a module of another front end by name, since front ends never import each other statically."""
    extras.require_extra(extra)
    return importlib.import_module(module)


@click.group()
def serve() -> None:
    """Start the API or a web app."""


@serve.command(cls=Command, epilog="Example: smart-retail serve api --port 8000 --workers 2")
@host_option
@port_option(8000)
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Number of server processes.")
@click.option(
    "--keys", type=click.Path(), metavar="FILE", help="File of API keys; required when other machines can connect."
)
@click.option(
    "--new-key", type=click.Choice(("read", "admin")), help="Print a new key and its line for the key file, then exit."
)
@allow_host_option
@click.option(
    "--cors-origin",
    "origins",
    multiple=True,
    metavar="URL",
    help="Origin of a web page that may call the API; repeatable.",
)
@click.option("--rate", type=click.FloatRange(0), default=0.0, help="Requests per second and key (default: no limit).")
@click.option(
    "--burst",
    type=click.IntRange(1),
    metavar="N",
    help="With --rate: requests that a key may send at once (default: those of two seconds).",
)
@click.option("--metrics", is_flag=True, help="Serve metrics for Prometheus at /metrics.")
@click.option("--log-level", type=click.Choice(("info", "warning", "error")), default="warning", show_default=True)
@pass_cli_context
def api(
    context: CliContext,
    host: str,
    port: int,
    workers: int,
    keys: str | None,
    new_key: str | None,
    hosts: tuple[str, ...],
    origins: tuple[str, ...],
    rate: float,
    burst: int | None,
    metrics: bool,
    log_level: str,
) -> None:
    """Start the HTTP API (documentation at /docs)."""
    server = load_front_end("smart_retail_flask.server", "flask")
    options = load_front_end("smart_retail_flask.settings", "flask")
    if new_key:
        key, line = options.new_key(new_key)
        click.echo(f"Key (shown only once):  {key}\nLine for the key file:  {line}")
        return
    check_port(host, port)
    settings = options.ApiSettings(
        keys=options.read_keys(keys) if keys else (),
        hosts=hosts,
        cors_origins=origins,
        rate=rate,
        burst=burst or max(1, math.ceil(2 * rate)),
        metrics=metrics,
    )
    threads = {"threads": context.threads} if context.threads else {}
    server.serve(
        context.artifacts,
        options.ServerOptions(
            host=host, port=port, workers=workers, rules=context.rules, log_level=log_level, api=settings, **threads
        ),
    )


@serve.command(cls=Command, epilog="Example: smart-retail serve streamlit --api-url http://127.0.0.1:8000")
@host_option
@port_option(8501)
@allow_host_option
@click.option("--allow-fit", is_flag=True, help="Let all users of the app fit and publish models.")
@click.option("--allow-local-files", is_flag=True, help="With --allow-fit: files of this machine can be named, too.")
@pass_cli_context
def streamlit(
    context: CliContext, host: str, port: int, hosts: tuple[str, ...], allow_fit: bool, allow_local_files: bool
) -> None:
    """Start the Streamlit web app for analysts, on a bundle or an API."""
    options = WebAppOptions(host, port, hosts, allow_fit, allow_local_files)
    start_web_app(load_front_end("smart_retail_streamlit.server", "streamlit"), context, options)


@serve.command(cls=Command, epilog="Example: smart-retail serve gradio --port 7860")
@host_option
@port_option(7860)
@allow_host_option
@pass_cli_context
def gradio(context: CliContext, host: str, port: int, hosts: tuple[str, ...]) -> None:
    """Start the Gradio web app, a single page, on a bundle or an API."""
    start_web_app(load_front_end("smart_retail_gradio.server", "gradio"), context, WebAppOptions(host, port, hosts))


def start_web_app(server: Any, context: CliContext, options: WebAppOptions) -> None:
    """Start a web app through the `serve` function of its module `server`."""
    check_port(options.host, options.port)
    address = f"[{options.host}]" if ":" in options.host else options.host
    print_note(f"Open http://{address}:{options.port} in a browser; stop with Ctrl+C.")
    server.serve(
        options,
        artifacts=str(context.artifacts),
        api_url=context.api_url,
        api_key=configured_api_key(),
        rules=context.rules and str(context.rules),
    )


@click.command(short_help="Start the desktop tool.", cls=Command, epilog="Example: smart-retail desktop")
@pass_cli_context
def desktop(context: CliContext) -> None:
    """Start the desktop tool."""
    load_front_end("smart_retail_tkinter.launch", "tkinter").run(
        artifacts=str(context.artifacts),
        api_url=context.api_url,
        api_key=configured_api_key(),
        rules=context.rules and str(context.rules),
    )


@click.group(short_help="Export the description of the API.")
def openapi() -> None:
    """The OpenAPI description of the API."""


@openapi.command(cls=Command, epilog="Example: smart-retail openapi export -o openapi.json")
@click.option("-o", "--output", type=OutputFile(".json"), default="openapi.json", show_default=True, metavar="FILE")
def export(output: str) -> None:
    """Write the OpenAPI 3.1 document of the API to a file."""
    load_front_end("smart_retail_flask.openapi_export", "flask").export(output)
    print_note(f"Written to {output}.")
