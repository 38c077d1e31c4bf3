"""The program `smart-retail`: finds the command, runs it, turns errors into one sentence and an exit code."""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

import click

from smart_retail.errors import RetailError
from smart_retail_cli.context import global_options
from smart_retail_cli.output import printable

COMMANDS = {
    "demo": "demo_command",
    "fit": "fit_commands",
    "evaluate": "fit_commands",
    "recommend": "recommend_commands",
    "batch": "recommend_commands",
    "similar": "recommend_commands",
    "popular": "recommend_commands",
    "customer": "lookup_commands",
    "customers": "lookup_commands",
    "items": "lookup_commands",
    "segments": "lookup_commands",
    "clusters": "lookup_commands",
    "report": "report_commands",
    "campaign": "campaign_commands",
    "migration": "report_commands",
    "forecast": "report_commands",
    "serve": "serve_commands",
    "desktop": "serve_commands",
    "openapi": "serve_commands",
    "versions": "version_commands",
    "inspect": "version_commands",
    "verify": "version_commands",
    "rollback": "version_commands",
    "events": "event_commands",
    "erase": "event_commands",
    "doctor": "doctor_command",
}
"""Command -> the module that holds it, imported only when it is asked for."""

FEW_CYCLES = 50_000
"""New objects until Python looks for cycles: modules make many objects and hardly any garbage."""
BUG = 1
INTERRUPTED = 130
REPORT = "Please report it with the command you ran; SMART_RETAIL_DEBUG=1 shows where it happened."


class Program(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"smart_retail_cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def main(self, args: Sequence[str] | None = None, **extra: Any) -> Any:  # type: ignore[override]
        """Run and exit: 0 ok, 1 bug, else the code of the error."""
        try:
            status = super().main(args, **extra | {"standalone_mode": False})
        except click.ClickException as error:
            error.show()
            status = error.exit_code
        except RetailError as error:
            tell(error.message, error.hint)
            status = error.exit_code
        except (click.Abort, KeyboardInterrupt):
            click.echo("Stopped.", err=True)
            status = INTERRUPTED
        except BrokenPipeError:
            # The reader of a pipe, such as head, has seen enough.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            status = 0
        except Exception as error:
            if os.environ.get("SMART_RETAIL_DEBUG") == "1":
                raise
            tell(f"This is a bug in Smart Retail Engine: {type(error).__name__}.", REPORT)
            status = BUG
        sys.exit(status if isinstance(status, int) else 0)


def tell(message: str, hint: str = "") -> None:
    """One line what, one line what to do, on stderr."""
    click.echo(f"Error: {printable(message)}", err=True)
    if hint:
        click.echo(printable(hint), err=True)


@click.group(
    cls=Program,
    params=global_options(hidden=False),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="The options above may also stand after a command. Start with: smart-retail demo",
)
@click.version_option(package_name="smart-retail-engine", prog_name="smart-retail")
def cli() -> None:
    """Raw order lines in; customer segments and product recommendations out."""


def main() -> None:
    """Entry point of the program."""
    gc.set_threshold(FEW_CYCLES)
    atexit.register(_leave)
    for stream in (sys.stdout, sys.stderr):
        _plain_text(stream)
    cli.main(prog_name="smart-retail")


def _leave() -> None:
    """What is left at the end goes with the process, unseen; DuckDB alone would tell of everything not given back."""
    if "duckdb" not in sys.modules:
        gc.freeze()


def _plain_text(stream: TextIO) -> None:
    """UTF-8 wherever the output goes, so that every id comes out as it went in."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(encoding="utf-8", errors="surrogateescape")
