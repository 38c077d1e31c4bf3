"""The commands `items TEXT` (search), and `items add`, `list` and `remove`: products that are sent between two fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from smart_retail.errors import DataError, NeedsLocalEngineError
from smart_retail.events.item_changes import NUMBERS, TEXTS, ItemChange, ItemChanges
from smart_retail.presentation import formatting
from smart_retail_cli.context import CliContext, Command, Group, as_argument, pass_cli_context
from smart_retail_cli.lookup_commands import n_option, to_rows, warn_if_empty
from smart_retail_cli.output import Table, format_option, print_note, print_result

CHANGE_COLUMNS = ("item_id", *TEXTS, *NUMBERS, "launch_date", "attributes", "changed")
SHOWN_COLUMNS = ("item_id", "item_name", "category", "list_price", "stock", "changed")
API_HINT = "Leave --api-url out, or send them to PUT /v1/items."


class SearchGroup(Group):
    """A group whose arguments are a search unless the first one names a subcommand."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["search", *args]
        return super().parse_args(ctx, args)


@click.group(
    short_help="Find products, or add and change them between two fits.",
    cls=SearchGroup,
    epilog="Examples: smart-retail items paper -n 5, smart-retail items add new.csv",
)
def items() -> None:
    """Find products whose id or name contains TEXT (`items TEXT`), or add, list and remove products.

    A product that was added is found, has a page and is recommended by its content at once; the next fit includes it.
    """


@items.command(
    short_help="Find products by id or name.", cls=Command, epilog="Example: smart-retail items search paper -n 5"
)
@click.argument("text")
@n_option
@format_option
@pass_cli_context
def search(context: CliContext, text: str, n: int, form: str) -> None:
    """Find products whose id or name contains TEXT."""
    found = to_rows(context.engine().search_items(text, n))
    columns = ("item_name", "item_id", "category", "subcategory", "unit_price", "orders", "customers")
    print_result(form, Table(columns, found), lambda: found)
    warn_if_empty(found, "product", text)


@items.command(
    short_help="Add new products, or change price and stock.",
    cls=Command,
    epilog="Example: smart-retail items add new_products.csv",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@format_option
@pass_cli_context
def add(context: CliContext, file: Path, form: str) -> None:
    """Add the products in FILE, or change price, stock and texts of known ones, without a fit.

    FILE is a table as for `fit --catalogue`: CSV, XLSX or Parquet with a column of item ids. Values that are missing
    stay as they are.
    """
    from smart_retail.serving.item_updates import add_items

    _check_local(context)
    found = add_items(str(file), context.artifacts)
    if form != "table":
        row = found.as_dict()
        print_result(form, Table(tuple(row), [row]), found.as_dict)
        return
    click.echo(
        f"{formatting.pluralize(found.received, 'product')} read: {found.added:,} added, {found.changed:,} changed."
    )
    if found.note:
        print_note(found.note)
    context.suggest(["items", "list"])


@items.command(name="list", cls=Command, epilog="Example: smart-retail items list --format csv")
@format_option
@pass_cli_context
def list_items(context: CliContext, form: str) -> None:
    """List the products that were added or changed, by id."""
    _check_local(context)
    found = [_row(item_id, change) for item_id, change in sorted(ItemChanges(context.artifacts).read().items())]
    print_result(form, Table(CHANGE_COLUMNS if form == "csv" else SHOWN_COLUMNS, found), lambda: found)
    if not found:
        print_note("No product was added or changed.")


@items.command(cls=Command, epilog="Example: smart-retail items remove SKU-1")
@click.argument("item_ids", metavar="ITEM...", nargs=-1, required=True)
@pass_cli_context
def remove(context: CliContext, item_ids: tuple[str, ...]) -> None:
    """Forget what was added or changed of the products ITEM.

    A product that a fit has included stays in its version.
    """
    from smart_retail.serving.item_updates import remove_items

    _check_local(context)
    removed = remove_items(item_ids, context.artifacts)
    if not removed:
        raise DataError(
            f"Nothing was added or changed of {', '.join(as_argument(item_ids[0]))}.",
            "`smart-retail items list` lists the products that were.",
        )
    click.echo(f"{formatting.pluralize(removed, 'product')} removed.")


def _row(item_id: str, change: ItemChange) -> dict[str, Any]:
    row = {name: getattr(change, name) for name in CHANGE_COLUMNS if name != "item_id"}
    return {"item_id": item_id} | row


def _check_local(context: CliContext) -> None:
    if context.api_url:
        raise NeedsLocalEngineError("Products from a file are added to a local artifacts folder.", API_HINT)
