"""The commands `rules ...`: show, check and save business rules, and restore earlier ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from smart_retail.protocol import LocalEngine, require_local
from smart_retail_cli.context import CliContext, Command, Group, pass_cli_context
from smart_retail_cli.output import Table, format_option, print_note, print_result

if TYPE_CHECKING:
    from smart_retail.analysis.rules_check import RulesCheck

COLUMNS = ("rule", "entries", "known", "effect")


@click.group(short_help="Show, check, save or restore the business rules.", cls=Group)
def rules() -> None:
    """Show the business rules in force, check or save a file, or restore rules saved earlier."""


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


@rules.command(
    short_help="Use the rules of a file from now on.",
    cls=Command,
    epilog="Example: smart-retail rules save rules.toml",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@format_option
@pass_cli_context
def save(context: CliContext, file: Path, form: str) -> None:
    """Check FILE, and replace the rules in force by it.

    Running servers use the new rules from their next response on. All saved rules are kept; `rules restore` brings
    earlier ones back.
    """
    from smart_retail.analysis.rules_history import save_rules_file

    _print_effects(form, save_rules_file(_engine_without_rules(context, "Saving rules needs"), file, context.rules))


@rules.command(
    short_help="List the rules saved so far.",
    cls=Command,
    epilog="Example: smart-retail rules history",
)
@format_option
@pass_cli_context
def history(context: CliContext, form: str) -> None:
    """List all saved rules, the newest first, and mark those in force."""
    from smart_retail.analysis.rules_history import SavedRules, list_saved_rules

    engine = _engine_without_rules(context, "The history of rules needs")
    saved = list_saved_rules(engine.artifacts, context.rules)
    rows = [state.as_dict() | {"rules": ", ".join(state.rules)} for state in saved]
    print_result(form, Table(SavedRules.__struct_fields__, rows), lambda: [state.as_dict() for state in saved])


@rules.command(
    short_help="Use rules saved earlier again.",
    cls=Command,
    epilog="Example: smart-retail rules restore 20260301T081500.000000Z",
)
@click.argument("name")
@format_option
@pass_cli_context
def restore(context: CliContext, name: str, form: str) -> None:
    """Replace the rules in force by those saved as NAME, see `rules history`."""
    from smart_retail.analysis.rules_history import restore_rules

    _print_effects(form, restore_rules(_engine_without_rules(context, "Restoring rules needs"), name, context.rules))


def _engine_without_rules(context: CliContext, purpose: str) -> LocalEngine:
    """Open the active version without the rules in force, which may be the ones that must be replaced."""
    if context.api_url:
        return require_local(context.engine(), purpose)
    from smart_retail.bundle.reader import Bundle
    from smart_retail.serving.business_rules import Rules
    from smart_retail.serving.engine import Engine

    return Engine(Bundle.open(context.artifacts), Rules())


def _print_check(context: CliContext, form: str) -> None:
    from smart_retail.analysis.rules_check import check_rules

    _print_effects(form, check_rules(require_local(context.engine(), "Checking rules needs"), context.rules))


def _print_effects(form: str, found: RulesCheck) -> None:
    print_result(form, Table(COLUMNS, [effect.as_dict() for effect in found.effects]), found.as_dict)
    if form == "table":
        print_note(
            f"{found.allowed_items:,} of {found.items:,} items can be recommended under the rules of {found.file}."
        )
        for warning in found.warnings:
            print_note(warning)
        if found.unknown_ids:
            print_note(f"Not in version {found.model_version}: {', '.join(found.unknown_ids)}")
