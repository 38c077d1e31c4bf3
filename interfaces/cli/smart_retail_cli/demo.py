"""The command `demo`: a fitted bundle of public shop data and what one customer gets from it."""

from __future__ import annotations

import click

from smart_retail import display
from smart_retail.errors import ArtifactError
from smart_retail.protocol import ALL
from smart_retail.settings import Settings
from smart_retail_cli import progress
from smart_retail_cli.ask import tables
from smart_retail_cli.fit import show_fit
from smart_retail_cli.output import next_step, note, printable, table_out
from smart_retail_cli.session import Command, Session, pass_session

SHOWN = 5
"""Items of each list."""


@click.command(short_help="Fit the demo data, show one customer.", cls=Command, epilog="Example: smart-retail demo")
@pass_session
def demo(session: Session) -> None:
    """Fit the demo data (once) and show one customer's profile and list by every method."""
    settings = Settings.from_dict({"recommend": {"merge": "blend"}, "threads": session.threads})
    if fitted(session, settings):
        note("The demo data is fitted already; its bundle is used.")
    else:
        from smart_retail.data.demo import load_demo

        from smart_retail import training

        with progress.shown() as listener:
            report = training.fit(load_demo(), artifacts=session.artifacts, settings=settings, progress=listener)
        show_fit(report)
    engine = session.engine()
    customer = engine.search_customers("", 1)[0].customer_id
    profile = engine.customer(customer)
    click.echo()
    click.echo(
        printable(f"{display.named(profile.customer_name, customer)}{display.DOT}{display.profile_line(profile)}")
    )
    table_out(*tables(engine.recommend(customer, ALL, SHOWN)))
    next_step(
        f"smart-retail recommend {customer} --allow-purchased", "smart-retail segments", "smart-retail serve streamlit"
    )


def fitted(session: Session, settings: Settings) -> bool:
    """Whether the active bundle is the demo data under these settings."""
    from smart_retail.data.demo import NAME

    from smart_retail import artifacts

    try:
        manifest = artifacts.inspect(session.artifacts)
    except ArtifactError:
        return False
    return bool(manifest.get("sources") == [NAME] and manifest.get("settings_digest") == settings.digest())
