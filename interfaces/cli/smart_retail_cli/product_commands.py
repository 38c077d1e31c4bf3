"""Commands about relations of products: bundles, substitutes, audience."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial

import click
import msgspec

from smart_retail.presentation import formatting, labels
from smart_retail.presentation.product_tables import (
    AUDIENCE_COLUMNS,
    BUNDLE_COLUMNS,
    SUBSTITUTE_COLUMNS,
    audience_row,
    bundle_row,
    substitute_row,
)
from smart_retail.protocol import BUNDLE_SIZES, BUNDLE_SORTS, MAX_N, RetailEngine, read_all_pages
from smart_retail.results import Audience
from smart_retail_cli.context import CliContext, Command, as_argument, pass_cli_context
from smart_retail_cli.output import Table, column_label, format_option, print_note, print_result
from smart_retail_cli.parameters import OutputFile

TABLE_COLUMNS = ("products", "support", "confidence", "lift", "revenue")


@click.command(
    short_help="List products that are bought in one order.",
    cls=Command,
    epilog="Example: smart-retail bundles --sort revenue -n 50 -o bundles.xlsx",
)
@click.argument("item", required=False)
@click.option(
    "--sort",
    type=click.Choice(BUNDLE_SORTS),
    default="support",
    show_default=True,
    help="Figure to sort by, largest first; support is the number of orders.",
)
@click.option("--size", type=click.Choice([str(size) for size in BUNDLE_SIZES]), help="Only pairs, or only triples.")
@click.option(
    "--min-orders", type=click.IntRange(1), metavar="N", help="Orders that a bundle has at least (more than the fit's)."
)
@click.option("-n", "n", type=click.IntRange(1, MAX_N), default=20, show_default=True, help="Bundles to show.")
@click.option("-o", "--output", type=OutputFile(".csv", ".xlsx"), metavar="OUT", help="Write all bundles to this file.")
@format_option
@pass_cli_context
def bundles(
    context: CliContext,
    item: str | None,
    sort: str,
    size: str | None,
    min_orders: int | None,
    n: int,
    output: str | None,
    form: str,
) -> None:
    """List pairs and triples of products that are in one order more often than by chance, of the shop or with ITEM."""
    engine = context.engine()
    products = None if size is None else int(size)
    if output is not None:
        from smart_retail.utils.spreadsheet import write_table

        pages = partial(engine.bundles, item, sort=sort, size=products, min_support=min_orders, n=MAX_N)
        rows = map(bundle_row, read_all_pages(lambda offset: pages(offset=offset)))
        headings = {name: column_label(name) for name in BUNDLE_COLUMNS}
        written = write_table(output, rows, headings, formatting.export_metadata(engine.model()))
        print_note(f"{formatting.pluralize(written, 'row')} written to {output}.")
        return
    found = engine.bundles(item, sort=sort, size=products, min_support=min_orders, n=n)
    shown = [bundle_row(bundle) for bundle in found.entries]
    about = f" with {found.item.item_name}" if found.item else ""
    title = f"{labels.BUNDLES[0]}{about}: in at least {formatting.pluralize(found.min_support, 'order')}"
    caption = "" if found.total <= len(shown) else f"{len(shown)} of {found.total:,} bundles"
    table = Table(TABLE_COLUMNS, shown, title, caption=caption)
    print_result(form, Table(BUNDLE_COLUMNS, shown) if form == "csv" else table, found.as_dict)
    if not shown:
        print_note("No products are in so many orders together more often than by chance.")
    elif form == "table":
        print_note(labels.BUNDLE_EXPLANATION)
        if item is not None:
            context.suggest(["substitutes", *as_argument(item)])


@click.command(
    short_help="Find products that replace a product.",
    cls=Command,
    epilog="Example: smart-retail substitutes OFF-PA-10001970",
)
@click.argument("item")
@click.option("-n", "n", type=click.IntRange(1, MAX_N), default=10, show_default=True, help="Number of products.")
@format_option
@pass_cli_context
def substitutes(context: CliContext, item: str, n: int, form: str) -> None:
    """Show the products that replace ITEM: of its category, bought by the same customers, but rarely in one order."""
    found = context.engine().substitutes(item, n)
    rows = [substitute_row(substitute) for substitute in found.entries]
    title = f"{labels.SUBSTITUTES[0]} of {found.item.item_name}: {labels.SUBSTITUTES[1]}"
    if rows or form != "table":
        print_result(form, Table(SUBSTITUTE_COLUMNS, rows, title), found.as_dict)
    if found.note:
        print_note(found.note)


@click.command(
    short_help="List the customers who would want a product.",
    cls=Command,
    epilog="Example: smart-retail audience OFF-PA-10001970 -n 200 -o audience.csv",
)
@click.argument("item")
@click.option("-n", "n", type=click.IntRange(1), default=20, show_default=True, help="Number of customers.")
@click.option("--allow-purchased", is_flag=True, help="Also list customers who bought the product before.")
@click.option("-o", "--output", type=OutputFile(".csv", ".xlsx"), metavar="OUT", help="Write them to this file.")
@format_option
@pass_cli_context
def audience(context: CliContext, item: str, n: int, allow_purchased: bool, output: str | None, form: str) -> None:
    """List the customers who would most likely want ITEM, with what was counted."""
    engine = context.engine()
    pages = _audience_pages(engine, item, n, exclude_purchased=not allow_purchased)
    first = next(pages)
    members = itertools.chain(first.entries, (member for page in pages for member in page.entries))
    if output is not None:
        from smart_retail.utils.spreadsheet import write_table

        headings = {name: column_label(name) for name in AUDIENCE_COLUMNS}
        written = write_table(output, map(audience_row, members), headings, formatting.export_metadata(engine.model()))
        print_note(f"{formatting.pluralize(written, 'customer')} written to {output}.")
    else:
        entries = tuple(members)
        result = msgspec.structs.replace(first, entries=entries)
        title = f"Customers who would want {first.item.item_name}"
        caption = "" if first.total <= len(entries) else f"{len(entries):,} of {first.total:,} customers"
        table = Table(AUDIENCE_COLUMNS, [audience_row(member) for member in entries], title, caption=caption)
        if entries or form != "table":
            print_result(form, table, result.as_dict)
    if first.note:
        print_note(first.note)


def _audience_pages(engine: RetailEngine, item: str, n: int, *, exclude_purchased: bool) -> Iterator[Audience]:
    """Yield the first `n` customers of an audience, page by page; at least one page."""
    for offset in itertools.count(0, MAX_N):
        page = engine.audience(item, min(n - offset, MAX_N), exclude_purchased=exclude_purchased, offset=offset)
        yield page
        if offset + MAX_N >= min(n, page.total):
            return
