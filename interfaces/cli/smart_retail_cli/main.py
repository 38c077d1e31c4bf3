"""Entry point of `smart-retail`: load and run the command, and turn errors into a message and an exit code."""

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
from smart_retail.utils.storage_errors import storage_error
from smart_retail_cli.context import global_options
from smart_retail_cli.output import replace_control_characters

COMMANDS = {
    "demo": "demo_command",
    "fit": "fit_commands",
    "evaluate": "fit_commands",
    "presets": "presets_command",
    "recommend": "recommend_commands",
    "batch": "recommend_commands",
    "basket": "recommend_commands",
    "similar": "recommend_commands",
    "popular": "recommend_commands",
    "bundles": "product_commands",
    "substitutes": "product_commands",
    "audience": "product_commands",
    "customer": "lookup_commands",
    "customers": "lookup_commands",
    "items": "item_commands",
    "item": "lookup_commands",
    "sales": "sales_command",
    "value": "value_commands",
    "replenishment": "value_commands",
    "cohorts": "value_commands",
    "segments": "lookup_commands",
    "clusters": "lookup_commands",
    "report": "report_commands",
    "campaign": "campaign_commands",
    "migration": "report_commands",
    "forecast": "report_commands",
    "rules": "rules_commands",
    "what-if": "what_if_command",
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
"""Command name -> the module that defines it, imported only when the command runs."""

GC_THRESHOLD = 50_000
"""New objects between two runs of the cyclic garbage collector: imports create many objects and little garbage."""
BUG_EXIT_CODE = 1
INTERRUPTED = 130
BUG_HINT = "Please report it together with the command you ran; SMART_RETAIL_DEBUG=1 shows the traceback."


class Program(click.Group):
    """A command group that imports a command only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"smart_retail_cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def main(self, args: Sequence[str] | None = None, **extra: Any) -> Any:  # type: ignore[override]
        """Run a command and exit: 0 for success, 1 for a bug, otherwise the exit code of the error."""
        try:
            status = super().main(args, **extra | {"standalone_mode": False})
        except click.ClickException as error:
            error.show()
            status = error.exit_code
        except RetailError as error:
            print_error(error.message, error.hint)
            status = error.exit_code
        except (click.Abort, KeyboardInterrupt):
            click.echo("Stopped.", err=True)
            status = INTERRUPTED
        except BrokenPipeError:
            # The reader of the pipe, such as `head`, has closed it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            status = 0
        except Exception as error:
            if os.environ.get("SMART_RETAIL_DEBUG") == "1":
                raise
            status = print_unexpected(error)
        sys.exit(status if isinstance(status, int) else 0)


def print_unexpected(error: Exception) -> int:
    """Print an error that is not a `RetailError`, a full disk or a bug, and return the exit code."""
    if found := storage_error(error):
        print_error(found.message, found.hint)
        return found.exit_code
    print_error(f"This is a bug in Smart Retail Engine: {type(error).__name__}.", BUG_HINT)
    return BUG_EXIT_CODE


def print_error(message: str, hint: str = "") -> None:
    """Print an error to stderr: one line on what happened, then what to do."""
    click.echo(f"Error: {replace_control_characters(message)}", err=True)
    for line in hint.splitlines():
        click.echo(replace_control_characters(line), err=True)


@click.group(
    cls=Program,
    params=global_options(hidden=False),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="These options may also follow the command. To get started: smart-retail demo",
)
@click.version_option(package_name="smart-retail-engine", prog_name="smart-retail")
def cli() -> None:
    """Turn a shop's order lines into customer segments and product recommendations."""


def main() -> None:
    """Run the program."""
    gc.set_threshold(GC_THRESHOLD)
    atexit.register(_skip_final_collection)
    for stream in (sys.stdout, sys.stderr):
        _use_utf8(stream)
    cli.main(prog_name="smart-retail")


def _skip_final_collection() -> None:
    """Skip the final garbage collection, which only delays the exit.

    Not with DuckDB loaded: it would report every object that was not released.
    """
    if "duckdb" not in sys.modules:
        gc.freeze()


def _use_utf8(stream: TextIO) -> None:
    """Write UTF-8 whatever the locale, so that ids are printed unchanged."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(encoding="utf-8", errors="surrogateescape")
