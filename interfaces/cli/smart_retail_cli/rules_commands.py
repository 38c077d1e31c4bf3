"""The commands `rules show` and `rules check`: what the business rules do to the active version."""

from __future__ import annotations

from pathlib import Path

import click

from smart_retail.protocol import require_local
from smart_retail_cli.context import CliContext, Command, Group, pass_cli_context
from smart_retail_cli.output import Table, format_option, print_note, print_result

COLUMNS = ("rule", "entries", "known", "effect")


@click.group(short_help="Show or check the business rules.", cls=Group)
def rules() -> None:
    """Show the business rules in force, or check a file before it is used."""


@rules.command(short_help="Show the rules in force.", cls=Command, epilog="Example: smart-retail rules show")
@format_option
@pass_cli_context
def show(context: CliContext, form: str) -> None:
    """Show what the rules file of the artifacts folder, or of --rules, does to the active version."""
    _print_check(context, form)


@rules.command(
    short_help="Check a rules file before it is used.",
    cls=Command,
    epilog="Example: smart-retail rules check rules.toml",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@format_option
@pass_cli_context
def check(context: CliContext, file: Path, form: str) -> None:
    """Read FILE as the engine would, and show what each rule does and which entries have no effect."""
    context.rules = file
    _print_check(context, form)


def _print_check(context: CliContext, form: str) -> None:
    from smart_retail.analysis.rules_check import check_rules

    found = check_rules(require_local(context.engine(), "Checking rules needs"), context.rules)
    print_result(form, Table(COLUMNS, [effect.as_dict() for effect in found.effects]), found.as_dict)
    if form == "table":
        print_note(
            f"{found.allowed_items:,} of {found.items:,} items can be recommended under the rules of {found.file}."
        )
        for warning in found.warnings:
            print_note(warning)
        if found.unknown_ids:
            print_note(f"Not in version {found.model_version}: {', '.join(found.unknown_ids)}")
