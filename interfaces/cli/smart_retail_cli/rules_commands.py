"""The commands `rules ...`: show, check and save business rules, and restore earlier ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from smart_retail.protocol import RetailEngine
from smart_retail_cli.context import CliContext, Command, Group, pass_cli_context
from smart_retail_cli.output import Table, format_option, print_note, print_result

if TYPE_CHECKING:
    from smart_retail.analysis.rules_check import RulesCheck

COLUMNS = ("rule", "entries", "known", "effect")
WITH_SECTIONS = ("section", *COLUMNS)


@click.group(short_help="Show, check, save or restore the business rules.", cls=Group)
def rules() -> None:
    """Show the business rules in force, check or save a file, or restore rules saved earlier."""


@rules.command(short_help="Show the rules in force.", cls=Command, epilog="Example: smart-retail rules show")
@format_option
@pass_cli_context
def show(context: CliContext, form: str) -> None:
    """Show what the rules file of the artifacts folder, or of --rules, does to the active version."""
    from smart_retail.analysis.tasks import CheckRulesTask

    _print_effects(form, context.engine().run(CheckRulesTask()))


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
    from smart_retail.analysis.tasks import CheckRulesTask

    if not context.api_url:
        context.rules = file  # those in force may not be valid
    _print_effects(form, context.engine().run(CheckRulesTask(_read_text(file), str(file))))


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
    from smart_retail.analysis.tasks import SaveRulesTask

    _print_effects(form, _engine_without_rules(context).run(SaveRulesTask(_read_text(file))))


@rules.command(
    short_help="List the rules saved so far.",
    cls=Command,
    epilog="Example: smart-retail rules history",
)
@format_option
@pass_cli_context
def history(context: CliContext, form: str) -> None:
    """List all saved rules, the newest first, and mark those in force."""
    from smart_retail.analysis.rules_history import SavedRules
    from smart_retail.analysis.tasks import RulesHistoryTask

    saved = _engine_without_rules(context).run(RulesHistoryTask()).states
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
    from smart_retail.analysis.tasks import RestoreRulesTask

    _print_effects(form, _engine_without_rules(context).run(RestoreRulesTask(name)))


def _read_text(file: Path) -> str:
    """Return the text of a rules file."""
    from smart_retail.serving.business_rules import parse_rules, read_rules_content

    content = read_rules_content(file)
    parse_rules(content, file.name)  # a file that is not valid is reported before the engine is opened
    return content.decode("utf-8")


def _engine_without_rules(context: CliContext) -> RetailEngine:
    """Open the active version without the rules in force, which may be the ones that must be replaced."""
    if context.api_url:
        return context.engine()
    from smart_retail.bundle.local_copy import open_bundle
    from smart_retail.serving.business_rules import Rules
    from smart_retail.serving.engine import Engine

    return Engine(open_bundle(context.artifacts), Rules(), rules_file=context.rules)


def _print_effects(form: str, found: RulesCheck) -> None:
    from smart_retail.analysis.rules_check import ALL_LISTS, describe_check

    sections = any(effect.section for effect in found.effects)
    rows = [effect.as_dict() | {"section": effect.section or ALL_LISTS} for effect in found.effects]
    print_result(form, Table(WITH_SECTIONS if sections else COLUMNS, rows), found.as_dict)
    if form == "table":
        print_note(f"{describe_check(found)} Rules: {found.file}")
        for warning in found.warnings:
            print_note(warning)
        if found.unknown_ids:
            print_note(f"Not in version {found.model_version}: {', '.join(found.unknown_ids)}")
