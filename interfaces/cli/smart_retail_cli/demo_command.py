"""The command `demo`: a fitted bundle of public shop data and what one customer gets from it."""

from __future__ import annotations

from pathlib import Path

import click

from smart_retail import __version__
from smart_retail.bundle import versions
from smart_retail.errors import MissingBundleError, UsageError
from smart_retail.presentation import formatting
from smart_retail.protocol import ALL
from smart_retail.settings import Settings
from smart_retail_cli import progress
from smart_retail_cli.context import Command, Session, pass_session
from smart_retail_cli.fit_commands import show_fit
from smart_retail_cli.output import note, printable, table_out
from smart_retail_cli.recommend_commands import tables

MARK = "demo"
"""File in the artifacts folder that names the version this command fitted."""
SHOWN = 5
"""Items of each list."""


QUICK = {"merge": "blend", "windows": 0, "cf_variant": "bm25"}
"""The demo shows what a fit gives and saves the time of comparing variants; `smart-retail fit` compares them."""


@click.command(short_help="Fit the demo data, show one customer.", cls=Command, epilog="Example: smart-retail demo")
@pass_session
def demo(session: Session) -> None:
    """Fit the demo data (once) and show one customer's profile and list by every method."""
    settings = Settings.from_dict({"recommend": QUICK, "threads": session.threads})
    if is_fitted(session.artifacts, settings):
        note("The demo data is fitted already; its bundle is used.")
    else:
        fit_demo(session, settings)
    engine = session.engine()
    customer = engine.search_customers("", 1)[0].customer_id
    profile = engine.customer(customer)
    click.echo()
    click.echo(
        printable(
            formatting.DOT.join(
                (formatting.name_and_id(profile.customer_name, customer), formatting.profile_line(profile))
            )
        )
    )
    table_out(*tables(engine.recommend(customer, ALL, SHOWN)))
    session.suggest(["recommend", "--allow-purchased", customer], ["segments"], ["serve", "streamlit"])


def is_fitted(folder: Path, settings: Settings) -> bool:
    """Whether the active version is the demo data under these settings by this engine.

    Raises
    ------
    UsageError
        The active version is somebody's own data, which a demo must not replace.
    """
    try:
        manifest = versions.inspect(folder)
    except MissingBundleError:
        return False
    mark = folder / MARK
    if not mark.is_file() or mark.read_text(encoding="utf-8").strip() != manifest["version"]:
        raise UsageError(
            f"The folder {folder} serves other data, which the demo does not replace.",
            "Give it a folder of its own: smart-retail --artifacts artifacts-demo demo",
        )
    return bool(manifest["settings_digest"] == settings.digest() and manifest["engine_version"] == __version__)


def fit_demo(session: Session, settings: Settings) -> None:
    """Fit, publish and remember that it was the demo."""
    from smart_retail.data.demo import load_demo
    from smart_retail.training import fit

    with progress.shown() as listener:
        report = fit.fit(load_demo(), artifacts=session.artifacts, settings=settings, progress=listener)
    (session.artifacts / MARK).write_text(report.version + "\n", encoding="utf-8")
    show_fit(report)
