"""Commands that ask for lists: recommend, batch, similar, popular."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import click

from smart_retail.errors import ColumnError, DataError
from smart_retail.presentation import formatting, labels
from smart_retail.protocol import ALL, DEFAULT_METHOD, MAX_N, METHODS
from smart_retail.results import Recommendation, RecommendationList
from smart_retail.serving.batch_export import (
    RECOMMENDATION_COLUMNS,
    main_reason,
    recommendation_rows,
    write_recommendations,
)
from smart_retail_cli import progress
from smart_retail_cli.context import Command, Session, as_argument, pass_session
from smart_retail_cli.output import (
    Table,
    csv_out,
    format_option,
    json_out,
    note,
    printable,
    table_out,
)

LIST_COLUMNS = ("rank", "item_name", "item_id", "category", "reason", "share")

method_option = click.option(
    "-m",
    "--method",
    type=click.Choice((*METHODS, ALL)),
    default=DEFAULT_METHOD,
    show_default=True,
    help="How the items are chosen; all puts every list side by side.",
)
n_option = click.option(
    "-n", "n", type=click.IntRange(1, MAX_N), default=10, show_default=True, help="Length of a list."
)
purchased_option = click.option(
    "--allow-purchased", is_flag=True, help="Keep what the customer bought before (buy again)."
)
category_option = click.option(
    "-c", "--category", "categories", multiple=True, metavar="C", help="Only this category; may be repeated."
)


def tables(answer: RecommendationList) -> list[Table]:
    """A list as one table, or one for each method, the model under the last."""
    parts = [
        (part, f"{labels.METHODS[method][0]}: {labels.METHODS[method][1]}" if answer.lists else "")
        for method, part in by_method(answer)
    ]
    model = f"model {answer.model_version}"
    return [
        Table(
            LIST_COLUMNS, [list_row(item) for item in part.items], title, caption=model if part is parts[-1][0] else ""
        )
        for part, title in parts
    ]


def by_method(answer: RecommendationList) -> list[tuple[str, RecommendationList]]:
    """The list itself, or those of ``all`` in the order of the screens."""
    return [(m, answer.lists[m]) for m in labels.METHODS if m in answer.lists] or [(answer.method, answer)]


def list_row(item: Recommendation) -> dict[str, Any]:
    """An item with its strongest reason."""
    names = ("rank", "item_name", "item_id", "category")
    share = max((reason.share for reason in item.reasons), default=None)
    return {**{name: getattr(item, name) for name in names}, "reason": main_reason(item), "share": share}


def show_list(form: str, answer: RecommendationList) -> None:
    """Print an answer; says when popularity filled it up and when nothing fits."""
    if form == "json":
        json_out(answer.as_dict())
    elif form == "csv":
        csv_out(tuple(RECOMMENDATION_COLUMNS), recommendation_rows(answer))
    else:
        table_out(*tables(answer))
        if answer.known and answer.fallback:
            note("Some items were filled in from what is popular.")
    if not (answer.items or any(part.items for part in answer.lists.values())):
        note("Nothing fits: no item passes the filters.")


@click.command(
    short_help="Products for one customer.",
    cls=Command,
    epilog="Example: smart-retail recommend AA-10315 -n 5   (an id with a dash in front: recommend -- -12)",
)
@click.argument("customer")
@method_option
@n_option
@purchased_option
@category_option
@format_option
@pass_session
def recommend(
    session: Session, customer: str, method: str, n: int, allow_purchased: bool, categories: tuple[str, ...], form: str
) -> None:
    """Recommend products to one CUSTOMER; an unknown one gets what is popular."""
    engine = session.engine(listing=True)
    answer = engine.recommend(customer, method, n, exclude_purchased=not allow_purchased, categories=categories or None)
    if form == "table":
        profile = engine.customer(customer)
        click.echo(
            printable(
                formatting.DOT.join(
                    (formatting.name_and_id(profile.customer_name, customer), formatting.profile_line(profile))
                )
            )
        )
    show_list(form, answer)
    if form == "table":
        session.suggest(["recommend", "--method", "all", *as_argument(customer)], ["customer", *as_argument(customer)])


@click.command(
    short_help="Lists of many customers into a file.",
    cls=Command,
    epilog="Example: smart-retail batch --method hybrid -n 10 -o lists.parquet",
)
@click.option(
    "--customers",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="CSV with a customer_id column; unknown customers get what is popular. Without it: all customers.",
)
@method_option
@n_option
@purchased_option
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT",
    help="A .csv or .parquet file.",
)
@pass_session
def batch(session: Session, customers: Path | None, method: str, n: int, allow_purchased: bool, output: Path) -> None:
    """Write the lists of many customers to a file, sorted by customer, method and rank."""
    ids = None if customers is None else read_customers(customers)
    engine = session.engine()
    with progress.shown() as listener:
        rows = write_recommendations(
            engine, output, customers=ids, method=method, n=n, exclude_purchased=not allow_purchased, progress=listener
        )
    note(f"{formatting.count(rows, 'row')} written to {output}.")


@click.command(
    short_help="What goes with an item.", cls=Command, epilog="Example: smart-retail similar OFF-PA-10001970"
)
@click.argument("item")
@n_option
@category_option
@format_option
@pass_session
def similar(session: Session, item: str, n: int, categories: tuple[str, ...], form: str) -> None:
    """Show what goes with an ITEM."""
    show_list(form, session.engine().similar_items(item, n, categories=categories or None))


@click.command(
    short_help="What everybody buys now.",
    cls=Command,
    epilog="Example: smart-retail popular -n 20 --category Technology",
)
@n_option
@click.option("-c", "--category", metavar="C", help="Only this category.")
@format_option
@pass_session
def popular(session: Session, n: int, category: str | None, form: str) -> None:
    """Show what everybody buys now."""
    show_list(form, session.engine().popular(n, category=category))


def read_customers(path: Path) -> list[str]:
    """The customer_id column of a CSV, every id as it stands."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            header = next(rows, [])
            if "customer_id" not in header:
                found = ", ".join(header) or "nothing"
                raise ColumnError(
                    f"There is no column customer_id in {path} (found: {found}).",
                    "Name the column of the ids customer_id.",
                )
            place = header.index("customer_id")
            ids: list[Any] = [row[place] for row in rows if len(row) > place]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as CSV in UTF-8.", "Save it as CSV UTF-8.") from error
    return ids
