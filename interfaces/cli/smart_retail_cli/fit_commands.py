"""Commands that learn from orders: fit and evaluate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from smart_retail.errors import UsageError
from smart_retail.presentation import formatting
from smart_retail.results import CleaningReport, FitReport
from smart_retail.settings import Settings
from smart_retail_cli import progress
from smart_retail_cli.context import Command, Session, pass_session
from smart_retail_cli.output import Table, json_out, note, printable, table_out
from smart_retail_cli.scorecard_tables import show_scorecard

if TYPE_CHECKING:
    from smart_retail.data.dry_run import Inspection

F = TypeVar("F", bound=Callable[..., Any])
SEGMENT_COLUMNS = ("segment", "customers", "share", "revenue", "revenue_share", "action")


def source_options(command: F) -> F:
    """What is read and how: the same for fit and evaluate."""
    for option in reversed(
        (
            click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=click.Path()),
            click.option("--returns", type=click.Path(), metavar="FILE", help="A table of returned orders."),
            click.option(
                "--map",
                "mapping",
                multiple=True,
                metavar="FIELD=COLUMN",
                help="Which column holds a field, such as customer_id=Client; may be repeated.",
            ),
            click.option("--config", type=click.Path(), metavar="FILE", help="Settings as TOML."),
            click.option(
                "--returns-policy",
                type=click.Choice(("net", "keep")),
                help="net: a returned line is no purchase; keep: returns are ignored.",
            ),
            click.option(
                "--backend",
                type=click.Choice(("duckdb", "polars", "pandas", "spark")),
                help="What runs the relational stage (default: duckdb).",
            ),
            click.option(
                "--merge",
                type=click.Choice(("auto", "blend", "ranker")),
                help="How the hybrid merges its candidates (default: auto).",
            ),
            click.option("--analysis-date", metavar="D", help="ISO date to which recency counts."),
            click.option("--clusters", type=int, metavar="K", help="Number of clusters (default: chosen)."),
            click.option("--seed", type=int, metavar="N", help="Seed of everything that is random (default: 0)."),
        )
    ):
        command = option(command)
    return command


def settings_of(config: str | None, threads: int, **chosen: Any) -> Settings:
    """Settings from file and environment, with what the command line says over them."""
    plain = Settings.load(config).as_dict()
    places = {
        "returns_policy": ("data", "returns_policy"),
        "backend": ("data", "backend"),
        "merge": ("recommend", "merge"),
        "analysis_date": ("rfm", "analysis_date"),
        "clusters": ("clusters", "k"),
    }
    for name, value in chosen.items():
        if value is None:
            continue
        if name in places:
            section, key = places[name]
            plain[section][key] = value
        else:
            plain[name] = value
    if threads:
        plain["threads"] = threads
    return Settings.from_dict(plain)


def check_places(sources: tuple[str, ...], returns: str | None, backend: str) -> None:
    """Refuse what is not there before anything starts; only Spark can tell of addresses and tables."""
    if backend == "spark":
        return
    for place, hint in [*((s, "SOURCE...") for s in sources), *([(returns, "--returns")] if returns else [])]:
        if Path(place).exists():
            continue
        if "://" in place:
            raise UsageError(
                f"{place} is an address, and the {backend} backend reads only files of this machine.",
                "Copy it here, or let a cluster read it: --backend spark",
            )
        raise click.BadParameter(f"Path {place!r} does not exist.", param_hint=f"'{hint}'")


def mapping_of(pairs: tuple[str, ...]) -> dict[str, str]:
    """``("customer_id=Client",)`` as a dictionary."""
    found = {}
    for pair in pairs:
        name, equals, column = pair.partition("=")
        if not (name and equals and column):
            raise UsageError(f"--map {pair} is not of the form FIELD=COLUMN.", "For example: --map customer_id=Client")
        found[name.strip()] = column.strip()
    return found


@click.command(
    short_help="Clean, fit, evaluate and publish.",
    cls=Command,
    epilog="Example: smart-retail fit orders_2023.csv orders_2024.xlsx --map customer_id=Client",
)
@source_options
@click.option("--force", is_flag=True, help="Publish also what the quality gate refuses.")
@click.option("--dry-run", is_flag=True, help="Read and clean only; fit and publish nothing.")
@pass_session
def fit(
    session: Session,
    /,
    sources: tuple[str, ...],
    returns: str | None,
    mapping: tuple[str, ...],
    config: str | None,
    force: bool,
    dry_run: bool,
    **chosen: Any,
) -> None:
    """Clean, fit, evaluate and publish; several sources are one history."""
    settings = settings_of(config, session.threads, **chosen)
    check_places(sources, returns, settings.data.backend)
    fields = mapping_of(mapping)
    if dry_run:
        from smart_retail.data.dry_run import inspect_source

        with progress.shown() as listener:
            seen = inspect_source(
                sources,
                returns=returns,
                mapping=fields,
                settings=settings.data,
                threads=settings.threads,
                progress=listener,
            )
        show_columns(seen)
        show_cleaning(seen.report)
        note("Next: the same command without --dry-run")
        return
    from smart_retail.training import fit as training

    with progress.shown() as listener:
        report = training.fit(
            *sources,
            artifacts=session.artifacts,
            returns=returns,
            mapping=fields,
            settings=settings,
            force=force,
            progress=listener,
        )
    show_fit(report)
    session.suggest(["segments"], ["recommend", "CUSTOMER"], ["serve", "streamlit"])


@click.command(
    short_help="Score every method on a time split.",
    cls=Command,
    epilog="Example: smart-retail evaluate orders.csv --merge ranker",
)
@source_options
@click.option("--format", "form", type=click.Choice(("table", "json")), default="table", show_default=True)
@pass_session
def evaluate(
    session: Session,
    /,
    sources: tuple[str, ...],
    returns: str | None,
    mapping: tuple[str, ...],
    config: str | None,
    form: str,
    **chosen: Any,
) -> None:
    """Score every method on a time split: learnt on the past, judged on the rest. Publishes nothing."""
    from smart_retail.training import fit as training

    settings = settings_of(config, session.threads, **chosen)
    check_places(sources, returns, settings.data.backend)
    with progress.shown() as listener:
        scorecard = training.evaluate(
            *sources, returns=returns, mapping=mapping_of(mapping), settings=settings, progress=listener
        )
    if form == "json":
        json_out(scorecard)
    else:
        show_scorecard(scorecard, whole=True)


def show_fit(report: FitReport) -> None:
    """Where the rows went, who the customers are, how good the methods are."""
    show_cleaning(report.cleaning)
    segments = [segment.as_dict() | {"segment": segment.name} for segment in report.segments]
    table_out(Table(SEGMENT_COLUMNS, segments, "Segments"))
    show_scorecard(report.scorecard)
    for text in report.notes:
        note(printable(text))
    seconds = sum(report.seconds.values())
    state = "published" if report.published else "not published"
    note(f"Version {report.version} {state} after {seconds:.0f} s.")


def show_columns(seen: Inspection) -> None:
    """How the headers of each source were understood."""
    for source in seen.sources:
        rows = [
            {"field": field, "header": header, "dates": source.dates.get(header)}
            for field, header in source.columns.items()
        ]
        table_out(Table(("field", "header", "dates"), rows, f"{source.name}, read as {source.preset}"))
        if source.unused:
            click.echo(printable(f"Not used: {', '.join(source.unused)}"))


def show_cleaning(report: CleaningReport) -> None:
    """The cleaning report as a table: rows in = accepted + set aside by reason."""
    rows: list[dict[str, Any]] = [
        {"rows": report.rows_in, "what": "in the source"},
        {"rows": report.rows_accepted, "what": "accepted"},
        *(
            {"rows": aside.rows, "what": f"set aside: {aside.reason}", "examples": ", ".join(aside.examples)}
            for aside in report.set_aside
        ),
        *(
            {"rows": back.lines, "what": f"returned, told by {back.form}", "amount": back.amount}
            for back in report.returns
        ),
    ]
    table_out(Table(("what", "rows", "amount", "examples"), rows, "Data"))
    click.echo(
        formatting.DOT.join(
            (
                formatting.count(report.customers, "customer"),
                formatting.count(report.items, "item"),
                formatting.count(report.orders, "order"),
                f"{report.first} to {report.last}",
                f"amount {formatting.amount(report.amount)}",
                f"after returns {formatting.amount(report.net_amount)}",
            )
        )
    )
    for text in report.notes:
        click.echo(f"- {printable(text)}")
