"""Commands that return lists of products: recommend, batch, basket, similar, popular."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import Any

import click

from smart_retail.errors import ColumnError, DataError
from smart_retail.presentation import formatting, labels
from smart_retail.protocol import (
    ALL,
    BOUGHT_TOGETHER,
    DEFAULT_METHOD,
    MAX_N,
    METHODS,
    RELATIONS,
    SAME_CUSTOMERS,
    ListQuery,
)
from smart_retail.results import Recommendation, RecommendationList
from smart_retail.serving.batch_export import (
    RECOMMENDATION_COLUMNS,
    main_reason,
    recommendation_rows,
    write_recommendations,
)
from smart_retail_cli import progress
from smart_retail_cli.context import CliContext, Command, as_argument, pass_cli_context
from smart_retail_cli.customer_argument import find_similar_customer, new_customer_option
from smart_retail_cli.output import (
    Table,
    format_option,
    print_csv,
    print_json,
    print_note,
    print_tables,
    replace_control_characters,
)
from smart_retail_cli.parameters import DATE

LIST_COLUMNS = ("rank", "item_name", "item_id", "category", "reason", "share")

n_option = click.option(
    "-n", "n", type=click.IntRange(1, MAX_N), default=10, show_default=True, help="Number of products in a list."
)
method_option = click.option(
    "-m",
    "--method",
    type=click.Choice((*METHODS, ALL)),
    help="Recommendation method; all shows the lists of every method. "
    f"[default: by the scenario, else {DEFAULT_METHOD}]",
)
list_n_option = click.option(
    "-n", "n", type=click.IntRange(1, MAX_N), help="Number of products in a list. [default: by the scenario, else 10]"
)
scenario_option = click.option(
    "--scenario",
    metavar="NAME",
    help="Scenario of the rules file: method, number, diversity and rules by one name. Other options override it.",
)
_PRICE = click.FloatRange(min=0)


def price_and_exclude_options(command: Any) -> Any:
    """Add the filters by price and id to a command that returns lists."""
    for option in (
        click.option("--exclude", multiple=True, metavar="ITEM", help="Without the product with this id; repeatable."),
        click.option("--price-max", type=_PRICE, metavar="AMOUNT", help="Only products at this price or below."),
        click.option("--price-min", type=_PRICE, metavar="AMOUNT", help="Only products at this price or above."),
    ):
        command = option(command)
    return command


purchased_option = click.option(
    "--allow-purchased", is_flag=True, help="Also recommend products that the customer bought before."
)
variants_option = click.option(
    "--variants", is_flag=True, help="Also list several variants of one product: one name but for size and colour."
)
on_option = click.option(
    "--on",
    type=DATE,
    metavar="DATE",
    help="Date that the list is for, which decides what is due to buy again (default: the day after the history).",
)
diversity_option = click.option(
    "-d",
    "--diversity",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="How much the products of a list should differ, 0 (by score alone) to 1. [default: by the business rules]",
)
category_option = click.option(
    "-c", "--category", "categories", multiple=True, metavar="C", help="Only this category; repeatable."
)


def list_tables(result: RecommendationList) -> list[Table]:
    """Return one table, or one per method for ``all``; the model version is below the last.

    The share of the main reason is shown only in lists where it differs from 100 %.
    """
    parts = [
        (part, f"{labels.METHODS[method][0]}: {labels.METHODS[method][1]}" if result.lists else "")
        for method, part in by_method(result)
    ]
    model = f"model {result.model_version}"
    tables = []
    for part, title in parts:
        rows = [list_row(item) for item in part.items]
        informative = any(row["share"] is not None and row["share"] < 0.9995 for row in rows)
        columns = LIST_COLUMNS if informative else LIST_COLUMNS[:-1]
        tables.append(Table(columns, rows, title, caption=model if part is parts[-1][0] else ""))
    return tables


def by_method(result: RecommendationList) -> list[tuple[str, RecommendationList]]:
    """Return method and list; for ``all`` one pair per method, in the order of the screens."""
    return [(m, result.lists[m]) for m in labels.METHODS if m in result.lists] or [(result.method, result)]


def list_row(item: Recommendation) -> dict[str, Any]:
    """Return the cells of an item, with its strongest reason."""
    names = ("rank", "item_name", "item_id", "category")
    share = max((reason.share for reason in item.reasons), default=None)
    return {**{name: getattr(item, name) for name in names}, "reason": main_reason(item), "share": share}


def print_list(form: str, result: RecommendationList) -> None:
    """Print a list in the requested format; note when it was filled with popular products or is empty."""
    if form == "json":
        print_json(result.as_dict())
    elif form == "csv":
        print_csv(tuple(RECOMMENDATION_COLUMNS), recommendation_rows(result))
    else:
        print_tables(*list_tables(result))
        if result.known and result.fallback:
            print_note("The method found too few products; the list is filled with popular ones.")
    if not (result.items or any(part.items for part in result.lists.values())):
        print_note("The list is empty: no product passes the filters.")


def print_related(results: list[RecommendationList]) -> None:
    """Print one table per relation, each under its heading; an empty relation is a sentence."""
    for result in results:
        heading, meaning = labels.RELATIONS[result.method]
        if not result.items:
            click.echo(f"{heading}: {labels.NO_RELATED[result.method]}")
            continue
        (table,) = list_tables(result)
        is_last = result is results[-1]
        print_tables(
            dataclasses.replace(table, title=f"{heading}: {meaning}", caption=table.caption if is_last else "")
        )


@click.command(
    short_help="Recommend products to one customer.",
    cls=Command,
    epilog="Example: smart-retail recommend AA-10315 -n 5   (an id that starts with a dash: recommend -- -12)",
)
@click.argument("customer")
@scenario_option
@method_option
@list_n_option
@purchased_option
@category_option
@price_and_exclude_options
@variants_option
@on_option
@diversity_option
@new_customer_option
@format_option
@pass_cli_context
def recommend(
    context: CliContext,
    /,
    customer: str,
    allow_purchased: bool,
    categories: tuple[str, ...],
    new_customer: bool,
    form: str,
    **options: Any,
) -> None:
    """Recommend products to one CUSTOMER, given by id or by a name that only one customer has."""
    engine = context.engine(for_lists=True)
    options |= {"exclude_purchased": not allow_purchased, "categories": categories or None}
    result = engine.recommend(customer, **options)
    if not (result.known or new_customer):
        customer = find_similar_customer(engine, customer)
        result = engine.recommend(customer, **options)
    if form == "table":
        profile = engine.customer(customer)
        click.echo(
            replace_control_characters(
                formatting.SEPARATOR.join(
                    (formatting.join_name_and_id(profile.customer_name, customer), formatting.describe_profile(profile))
                )
            )
        )
    print_list(form, result)
    if form == "table":
        context.suggest(["recommend", "--method", "all", *as_argument(customer)], ["customer", *as_argument(customer)])


@click.command(
    short_help="Write the lists of many customers to a file.",
    cls=Command,
    epilog="Example: smart-retail batch --method hybrid -n 10 -o lists.parquet",
)
@click.option(
    "--customers",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="CSV with a customer_id column (default: all customers); unknown customers get the popular products.",
)
@scenario_option
@method_option
@list_n_option
@purchased_option
@category_option
@price_and_exclude_options
@variants_option
@on_option
@diversity_option
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT",
    help="Output file (.csv or .parquet).",
)
@pass_cli_context
def batch(
    context: CliContext,
    /,
    customers: Path | None,
    allow_purchased: bool,
    categories: tuple[str, ...],
    exclude: tuple[str, ...],
    output: Path,
    **options: Any,
) -> None:
    """Write the lists of many customers to a CSV or Parquet file, sorted by customer, method and rank."""
    ids = None if customers is None else read_customer_ids(customers)
    engine = context.engine()
    with progress.show_progress() as listener:
        query = ListQuery(**options, exclude_purchased=not allow_purchased, categories=categories, exclude=exclude)
        rows = write_recommendations(engine, output, customers=ids, query=query, progress=listener)
    print_note(f"{formatting.pluralize(rows, 'row')} written to {output}.")


@click.command(
    short_help="Find products that are bought with a product.",
    cls=Command,
    epilog="Example: smart-retail similar OFF-PA-10001970",
)
@click.argument("item")
@click.option(
    "--relation",
    type=click.Choice(RELATIONS),
    help="Only products bought together with ITEM in one order, or only those that the same customers buy.",
)
@n_option
@category_option
@price_and_exclude_options
@format_option
@pass_cli_context
def similar(
    context: CliContext, /, item: str, relation: str | None, categories: tuple[str, ...], form: str, **options: Any
) -> None:
    """Show the products that were bought together with ITEM, and those that the same customers buy."""
    engine = context.engine()
    wanted = (relation,) if relation else (BOUGHT_TOGETHER, SAME_CUSTOMERS)
    options["categories"] = categories or None
    found = {name: engine.similar_items(item, relation=name, **options) for name in wanted}
    if form == "json":
        results = {name: result.as_dict() for name, result in found.items()}
        print_json(results[relation] if relation else results)
    elif form == "csv":
        rows = [row for result in found.values() for row in recommendation_rows(result)]
        print_csv(tuple(RECOMMENDATION_COLUMNS), rows)
    else:
        print_related(list(found.values()))


@click.command(
    short_help="Recommend products that complete a basket.",
    cls=Command,
    epilog="Example: smart-retail basket OFF-PA-10001970 OFF-BI-10003910 --customer AA-10315",
)
@click.argument("items", nargs=-1, required=True, metavar="ITEM...")
@click.option("--customer", metavar="ID", help="The customer of the basket, whose habits count too.")
@scenario_option
@method_option
@list_n_option
@category_option
@price_and_exclude_options
@variants_option
@on_option
@diversity_option
@format_option
@pass_cli_context
def basket(
    context: CliContext,
    /,
    items: tuple[str, ...],
    customer: str | None,
    categories: tuple[str, ...],
    form: str,
    **options: Any,
) -> None:
    """Recommend products that are bought in one order with the products ITEM..."""
    engine = context.engine(for_lists=True)
    known = {item.item_id for one in items for item in engine.search_items(one, 20)}
    for unknown in (one for one in items if one not in known):
        print_note(f"No product has the id {unknown}: it is left out. Search with: smart-retail items TEXT")
    print_list(
        form,
        engine.recommend_for_basket(items, customer_id=customer, categories=categories or None, **options),
    )


@click.command(
    short_help="Show the most popular products.",
    cls=Command,
    epilog="Example: smart-retail popular -n 20 --category Technology",
)
@n_option
@click.option("-c", "--category", metavar="C", help="Only this category.")
@price_and_exclude_options
@format_option
@pass_cli_context
def popular(context: CliContext, /, form: str, **options: Any) -> None:
    """Show the products that most customers buy now."""
    print_list(form, context.engine().popular(**options))


def read_customer_ids(path: Path) -> list[str]:
    """Return the customer_id column of a CSV, ids unchanged."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            header = next(rows, [])
            if "customer_id" not in header:
                columns = ", ".join(header) or "none"
                raise ColumnError(
                    f"{path} has no column customer_id (columns: {columns}).",
                    "Rename the column with the customer ids to customer_id.",
                )
            position = header.index("customer_id")
            ids: list[Any] = [row[position] for row in rows if len(row) > position]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a valid CSV file in UTF-8.", "Save it again as CSV UTF-8.") from error
    return ids
