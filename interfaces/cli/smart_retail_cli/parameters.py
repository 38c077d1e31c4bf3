"""Parameter types of the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from smart_retail.errors import UsageError
from smart_retail.protocol import DEFAULT_HORIZON_DAYS, MAX_HORIZON_DAYS
from smart_retail.utils.dates import iso, parse_day


class IsoDate(click.ParamType):  # type: ignore[type-arg]  # generic only from click 8.4
    """A date such as 2026-01-31, kept as text."""

    name = "date"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the date in the form YYYY-MM-DD."""
        try:
            return iso(parse_day(value))
        except UsageError as error:
            self.fail(error.message, param, ctx)


class OutputFile(click.Path):
    """A file to write, whose ending must be one of `endings` and whose folder must exist."""

    def __init__(self, *endings: str) -> None:
        super().__init__(dir_okay=False)
        self._endings = endings

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:  # type: ignore[override]
        """Return the path."""
        path = str(super().convert(value, param, ctx))
        if not path.lower().endswith(self._endings):
            choices = " or ".join(self._endings)
            self.fail(f"{path} has an unsupported file type. Use a name that ends in {choices}.", param, ctx)
        if not Path(path).absolute().parent.is_dir():
            self.fail(f"The folder {Path(path).parent} does not exist.", param, ctx)
        return path


DATE = IsoDate()
CUSTOMER_FILTER_OPTIONS = (
    click.option("--cluster", default="", metavar="NAME", help="Only customers of this cluster."),
    click.option("--country", default="", metavar="NAME", help="Only customers of this country."),
    click.option("--category", default="", metavar="NAME", help="Only customers who bought in this category."),
    click.option(
        "--due-days",
        type=click.IntRange(1, MAX_HORIZON_DAYS),
        metavar="DAYS",
        help="Only customers who are due to buy a product again within so many days.",
    ),
    click.option("--min-amount", type=float, metavar="AMOUNT", help="Only customers who bought for at least this."),
    click.option("--max-amount", type=float, metavar="AMOUNT", help="Only customers who bought for at most this."),
    click.option("--last-order-from", type=DATE, metavar="DATE", help="Only customers with an order since this date."),
    click.option("--last-order-to", type=DATE, metavar="DATE", help="Only customers without an order after this date."),
)
"""Filters of the table of customers that `customers` and `campaign` share, by the names of `CustomerFilter`."""


def customer_filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `CUSTOMER_FILTER_OPTIONS` to a command."""
    for option in reversed(CUSTOMER_FILTER_OPTIONS):
        command = option(command)
    return command


horizon_option = click.option(
    "--horizon",
    type=click.IntRange(1, MAX_HORIZON_DAYS),
    default=DEFAULT_HORIZON_DAYS,
    show_default=True,
    metavar="DAYS",
    help="Days to forecast, from the day after the last order of the history.",
)
