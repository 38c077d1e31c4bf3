"""The command `demo`: fit public shop data and show one customer's recommendations."""

from __future__ import annotations

from pathlib import Path

import click

from smart_retail import __version__
from smart_retail.bundle import versions
from smart_retail.errors import MissingBundleError, UsageError
from smart_retail.presentation import formatting
from smart_retail.protocol import ALL
from smart_retail.settings import Settings
from smart_retail.utils.atomic_file import write_atomically
from smart_retail_cli import progress
from smart_retail_cli.context import CliContext, Command, pass_cli_context
from smart_retail_cli.fit_commands import print_fit_report
from smart_retail_cli.output import print_note, print_tables, replace_control_characters
from smart_retail_cli.recommend_commands import list_tables

DEMO_MARKER = "demo"
"""File in the artifacts folder with the id of the version that this command fitted."""
LIST_LENGTH = 5
"""Products in each list."""

QUICK_SETTINGS = {"merge": "blend", "windows": 0, "cf_variant": "bm25"}
"""The demo skips the comparison of variants, which takes most of the time of `smart-retail fit`."""


@click.command(
    short_help="Fit public demo data and show one customer.", cls=Command, epilog="Example: smart-retail demo"
)
@pass_cli_context
def demo(context: CliContext) -> None:
    """Fit public demo data (once) and show the profile and the lists of one customer."""
    settings = Settings.from_dict({"recommend": QUICK_SETTINGS, "threads": context.threads})
    if is_fitted(context.artifacts, settings):
        print_note("The demo data has been fitted before; that version is used.")
    else:
        fit_demo(context, settings)
    engine = context.engine()
    customer = engine.search_customers("", 1)[0].customer_id
    profile = engine.customer(customer)
    click.echo()
    click.echo(
        replace_control_characters(
            formatting.SEPARATOR.join(
                (formatting.join_name_and_id(profile.customer_name, customer), formatting.describe_profile(profile))
            )
        )
    )
    print_tables(*list_tables(engine.recommend(customer, ALL, LIST_LENGTH)))
    context.suggest(["recommend", "--allow-purchased", customer], ["segments"], ["serve", "streamlit"])


def is_fitted(folder: Path, settings: Settings) -> bool:
    """Return whether the active version is the demo data, fitted with these settings by this engine version.

    Raises
    ------
    UsageError
        The active version holds other data, which the demo must not replace.
    """
    try:
        manifest = versions.inspect(folder)
    except MissingBundleError:
        return False
    marker = folder / DEMO_MARKER
    if not marker.is_file() or marker.read_text(encoding="utf-8").strip() != manifest["version"]:
        raise UsageError(
            f"The folder {folder} contains a version fitted on other data, which the demo does not replace.",
            "Use a separate folder: smart-retail --artifacts artifacts-demo demo",
        )
    return bool(manifest["settings_digest"] == settings.digest() and manifest["engine_version"] == __version__)


def fit_demo(context: CliContext, settings: Settings) -> None:
    """Fit the demo data, publish the version and mark it as the demo."""
    from smart_retail.data.demo import load_demo
    from smart_retail.training import fit

    with progress.show_progress() as listener:
        report = fit.fit(load_demo(), artifacts=context.artifacts, settings=settings, progress=listener)
    write_atomically(context.artifacts / DEMO_MARKER, f"{report.version}\n".encode())
    print_fit_report(report)
