"""The commands `fit` and `evaluate`, which read order files and train."""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from smart_retail.data.files.read_options import ReadOptions
from smart_retail.errors import UsageError
from smart_retail.presentation import formatting, labels
from smart_retail.results import CleaningReport, FitReport
from smart_retail.settings import Settings, setting_choices
from smart_retail_cli import progress
from smart_retail_cli.context import CliContext, Command, pass_cli_context
from smart_retail_cli.output import Table, print_json, print_note, print_tables, replace_control_characters
from smart_retail_cli.parameters import DATE
from smart_retail_cli.scorecard_tables import print_scorecard, print_verdict

if TYPE_CHECKING:
    from smart_retail.data.dry_run import Inspection

F = TypeVar("F", bound=Callable[..., Any])
SEGMENT_COLUMNS = ("segment", "customers", "share", "revenue", "revenue_share", "action")


def source_options(command: F) -> F:
    """Add the arguments and options that fit and evaluate share."""
    for option in reversed(
        (
            click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=click.Path()),
            click.option("--returns", type=click.Path(), metavar="FILE", help="Table of returned orders."),
            click.option(
                "--catalogue",
                type=click.Path(),
                metavar="FILE",
                help="Table of the products that the shop sells, with or without purchases so far.",
            ),
            click.option(
                "--map",
                "mapping",
                multiple=True,
                metavar="FIELD=COLUMN",
                help="Column that holds a field, such as customer_id=Client; repeatable.",
            ),
            click.option(
                "--header-row",
                type=click.IntRange(1),
                metavar="N",
                help="Row of the header, counted from 1 (default: searched in the first 30 rows).",
            ),
            click.option(
                "--sheet", metavar="NAME", help="Sheet of a workbook (default: the one with the best header)."
            ),
            click.option("--query", metavar="SQL", help="Query on a source that is the URL of a database."),
            click.option("--config", type=click.Path(), metavar="FILE", help="Settings file (TOML)."),
            click.option(
                "--returns-policy",
                type=click.Choice(setting_choices("data.returns_policy")),
                help="net: leave returned lines out everywhere (default); keep: ignore returns.",
            ),
            click.option(
                "--backend",
                type=click.Choice(setting_choices("data.backend")),
                help="Engine that reads and cleans the data (default: duckdb).",
            ),
            click.option(
                "--merge",
                type=click.Choice(setting_choices("recommend.merge")),
                help="How the hybrid combines the methods: fixed or fitted weights (blend), a ranking model (ranker), "
                "or whichever predicts better (auto, the default).",
            ),
            click.option(
                "--analysis-date",
                type=DATE,
                metavar="DATE",
                help="Date up to which recency is counted, such as 2026-01-31 (default: day after the last order).",
            ),
            click.option(
                "--recency",
                type=click.Choice(setting_choices("rfm.recency")),
                help="What recency counts: days (default), or the usual gaps between the customer's own orders.",
            ),
            click.option(
                "--clusters", type=int, metavar="K", help="Number of customer clusters (default: chosen from the data)."
            ),
            click.option(
                "--date-order",
                type=click.Choice(tuple(filter(None, setting_choices("data.date_order")))),
                help="Order of day, month and year in dates such as 01/02/2024 (default: detected).",
            ),
            click.option("--currency", metavar="CODE", help="Currency shown with amounts, such as EUR."),
            click.option(
                "--memory",
                metavar="SIZE",
                help="Memory for reading and processing purchases, such as 8GB (default: half of the machine's); "
                "larger data is processed from files.",
            ),
            click.option("--seed", type=int, metavar="N", help="Random seed (default: 0)."),
            click.option("-v", "--verbose", is_flag=True, help="Also print decisions and figures of model selection."),
        )
    ):
        command = option(command)
    return command


def build_settings(config: str | None, threads: int, **chosen: Any) -> Settings:
    """Return the settings of file and environment, overridden by options of the command line.

    Parameters
    ----------
    config : str or None
        Path of a settings file.
    threads : int
        Maximum number of threads; 0 keeps the setting.
    **chosen
        Options by name; None means that the option was not given.
    """
    plain = Settings.load(config).as_dict()
    keys = {
        "returns_policy": ("data", "returns_policy"),
        "backend": ("data", "backend"),
        "merge": ("recommend", "merge"),
        "currency": ("data", "currency"),
        "date_order": ("data", "date_order"),
        "analysis_date": ("rfm", "analysis_date"),
        "recency": ("rfm", "recency"),
        "clusters": ("clusters", "k"),
    }
    for name, value in chosen.items():
        if value is None:
            continue
        if name in keys:
            section, key = keys[name]
            plain[section][key] = value
        else:
            plain[name] = value
    if threads:
        plain["threads"] = threads
    return Settings.from_dict(plain)


def check_sources(sources: tuple[str, ...], others: Mapping[str, str | None], backend: str) -> None:
    """Raise an error for a missing file before any work starts; only Spark resolves URLs and table names.

    `others` maps an option to its file, None where it was not given.
    """
    if backend == "spark":
        return
    from smart_retail.data.ingestion.database import is_database_url
    from smart_retail.data.ingestion.sources import STANDARD_INPUT

    given = [(path, option) for option, path in others.items() if path]
    for path, hint in [*((s, "SOURCE...") for s in sources), *given]:
        if Path(path).exists() or path == STANDARD_INPUT or is_database_url(path):
            continue
        if hint == "SOURCE..." and glob.glob(path):  # noqa: PTH207  # absolute patterns too
            continue
        if "://" in path:
            raise UsageError(
                f"{path} is a URL, and the {backend} backend reads only local files.",
                "Download it first, or read it with Spark: --backend spark",
            )
        raise click.BadParameter(f"Path {path!r} does not exist.", param_hint=f"'{hint}'")


def read_options(chosen: dict[str, Any]) -> ReadOptions:
    """Take the options of reading files out of the chosen options."""
    return ReadOptions(chosen.pop("header_row") or 0, chosen.pop("sheet") or "", chosen.pop("query") or "")


def parse_mapping(pairs: tuple[str, ...]) -> dict[str, str]:
    """Return ``("customer_id=Client",)`` as a dictionary of field and column."""
    mapping: dict[str, str] = {}
    for pair in pairs:
        name, equals, column = pair.partition("=")
        if not (name and equals and column):
            raise UsageError(
                f"'{pair}' is not a valid --map (expected FIELD=COLUMN).", "For example: --map customer_id=Client"
            )
        if mapping.setdefault(name.strip(), column.strip()) != column.strip():
            raise UsageError(f"--map gives two columns for {name.strip()}.", "Give one of them.")
    from smart_retail.data.parsing.column_mapping import check_fields

    check_fields(mapping)
    return mapping


@click.command(
    short_help="Fit order files and publish the result.",
    cls=Command,
    epilog="Example: smart-retail fit orders_2023.csv orders_2024.xlsx --map customer_id=Client",
)
@source_options
@click.option("--force", is_flag=True, help="Publish even if an import guard or the quality gate rejects the fit.")
@click.option(
    "--dry-run", is_flag=True, help="Only read and clean the files and show the result; fit and publish nothing."
)
@pass_cli_context
def fit(
    context: CliContext,
    /,
    sources: tuple[str, ...],
    returns: str | None,
    catalogue: str | None,
    mapping: tuple[str, ...],
    config: str | None,
    verbose: bool,
    force: bool,
    dry_run: bool,
    **chosen: Any,
) -> None:
    """Read and clean order files, fit the models, evaluate them and publish a new version.

    Several files are combined into one purchase history. A source is a file, a folder, a pattern such as
    'exports/*.csv', - for the standard input, or the URL of a database (PostgreSQL, SQLite, MySQL) with --query.
    """
    reading = read_options(chosen)
    settings = build_settings(config, context.threads, **chosen)
    fields = parse_mapping(mapping)
    check_sources(sources, {"--returns": returns, "--catalogue": catalogue}, settings.data.backend)
    if dry_run:
        from smart_retail.data.dry_run import inspect_source

        with progress.show_progress(verbose=verbose) as listener:
            inspection = inspect_source(
                sources,
                returns=returns,
                catalogue=catalogue,
                mapping=fields,
                settings=settings.data,
                threads=settings.threads,
                reading=reading,
                progress=listener,
            )
        print_columns(inspection)
        print_months(inspection)
        print_cleaning_report(inspection.report)
        print_note("Next: the same command without --dry-run")
        return
    from smart_retail.training import fit as training

    with progress.show_progress(verbose=verbose) as listener:
        report = training.fit(
            *sources,
            artifacts=context.artifacts_folder,
            returns=returns,
            catalogue=catalogue,
            mapping=fields,
            settings=settings,
            force=force,
            reading=reading,
            progress=listener,
        )
    print_fit_report(report)
    context.suggest(["segments"], ["recommend", "CUSTOMER"], ["serve", "streamlit"])


@click.command(
    short_help="Compare all methods on held-out orders.",
    cls=Command,
    epilog="Example: smart-retail evaluate orders.csv --merge ranker",
)
@source_options
@click.option("--format", "form", type=click.Choice(("table", "json")), default="table", show_default=True)
@pass_cli_context
def evaluate(
    context: CliContext,
    /,
    sources: tuple[str, ...],
    returns: str | None,
    catalogue: str | None,
    mapping: tuple[str, ...],
    config: str | None,
    verbose: bool,
    form: str,
    **chosen: Any,
) -> None:
    """Fit on earlier orders and evaluate every method on the later ones. Publishes nothing."""
    from smart_retail.training import fit as training

    reading = read_options(chosen)
    settings = build_settings(config, context.threads, **chosen)
    fields = parse_mapping(mapping)
    check_sources(sources, {"--returns": returns, "--catalogue": catalogue}, settings.data.backend)
    with progress.show_progress(verbose=verbose) as listener:
        scorecard = training.evaluate(
            *sources,
            returns=returns,
            catalogue=catalogue,
            mapping=fields,
            settings=settings,
            reading=reading,
            progress=listener,
        )
    if form == "json":
        print_json(scorecard)
    else:
        print_verdict(scorecard)
        print_scorecard(scorecard, detailed=True)


def print_fit_report(report: FitReport) -> None:
    """Print the report of a fit: verdict, data cleaning, segments, scorecard."""
    print_verdict(report.scorecard)
    print_cleaning_report(report.cleaning)
    segments = [segment.as_dict() | {"segment": segment.name} for segment in report.segments]
    print_tables(Table(SEGMENT_COLUMNS, segments, "Segments"))
    print_scorecard(report.scorecard)
    for text in report.notes:
        print_note(replace_control_characters(text))
    seconds = sum(report.seconds.values())
    state = "published" if report.published else "not published"
    print_note(f"Version {report.version} {state} after {seconds:.0f} s.")


def print_columns(inspection: Inspection) -> None:
    """Print how the columns of each source were recognised, what is computed and what is not used."""
    for source in inspection.sources:
        rows = [
            {
                "field": field.field,
                "column": field.header,
                "sample values": ", ".join(field.samples),
                "recognised": field.confidence,
                "date format": field.dates,
            }
            for field in source.fields
        ]
        recognised = labels.PRESETS.get(source.preset, f"recognised as {source.preset}")
        header = ("field", "column", "recognised", "date format", "sample values")
        print_tables(Table(header, rows, f"{source.name}: {recognised}"))
        if source.computed:
            click.echo(replace_control_characters(f"Computed: {'; '.join(source.computed)}"))
        relevant = [column for column in source.unused if column.looks_like]
        if relevant:
            not_used = [
                {"column": u.header, "looks like": u.looks_like, "values": ", ".join(u.values)} for u in relevant
            ]
            print_tables(Table(("column", "looks like", "values"), not_used, "Columns not used that look important"))
        others = [column.header for column in source.unused if not column.looks_like]
        if others:
            click.echo(replace_control_characters(f"Columns not used: {', '.join(others)}"))


def print_months(inspection: Inspection) -> None:
    """Print rows and amounts by month: all that are in the sources next to the accepted ones."""
    rows = [
        {
            "month": month.month or "no date",
            "rows": month.rows,
            "accepted": month.rows_accepted,
            "amount": month.amount,
            "amount accepted": month.amount_accepted,
        }
        for month in inspection.months
    ]
    print_tables(Table(("month", "rows", "accepted", "amount", "amount accepted"), rows, "Totals by month"))


def print_cleaning_report(report: CleaningReport) -> None:
    """Print the cleaning report: rows read = accepted + rejected by reason."""
    rows: list[dict[str, Any]] = [
        {"rows": report.rows_in, "what": "in the files"},
        {"rows": report.rows_accepted, "what": "accepted"},
        *(
            {"rows": rejected.rows, "what": f"rejected: {rejected.reason}", "examples": ", ".join(rejected.examples)}
            for rejected in report.rejected
        ),
        *(
            {
                "rows": returns.lines,
                "what": labels.RETURN_FORMS.get(returns.form, returns.form),
                "amount": returns.amount,
            }
            for returns in report.returns
        ),
    ]
    print_tables(Table(("what", "rows", "amount", "examples"), rows, "Order lines"))
    click.echo(
        formatting.SEPARATOR.join(
            (
                formatting.pluralize(report.customers, "customer"),
                formatting.pluralize(report.items, "item"),
                formatting.pluralize(report.orders, "order"),
                f"{report.first} to {report.last}",
                f"amount {formatting.format_amount(report.amount)}",
                f"after returns {formatting.format_amount(report.net_amount)}",
            )
        )
    )
    for text in report.notes:
        click.echo(f"- {replace_control_characters(text)}")
