"""The command `sales`: key figures of a period, compared with the period before and the year before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from smart_retail.presentation.sales_texts import describe_sales, key_figures
from smart_retail.results import SalesComparison, SalesGroup
from smart_retail_cli.context import CliContext, Command, pass_cli_context
from smart_retail_cli.output import Table, format_option, print_note, print_result
from smart_retail_cli.parameters import DATE

COLUMNS = ("figure", "current", "previous", "year_ago")


@click.command(
    short_help="Compare sales with the period before and a year ago.",
    cls=Command,
    epilog="Example: smart-retail sales --from 2026-01-01 --to 2026-01-31",
)
@click.option("--from", "first", type=DATE, metavar="DATE", help="First day (default: 28 days up to the last one).")
@click.option("--to", "last", type=DATE, metavar="DATE", help="Last day, included (default: that of the history).")
@click.option("-c", "--category", metavar="C", help="Only items of this category.")
@format_option
@pass_cli_context
def sales(context: CliContext, first: str | None, last: str | None, category: str | None, form: str) -> None:
    """Show revenue, orders and customers of a period next to those of the period before and of a year ago.

    A year ago means 52 weeks, so that the same weekdays are compared.
    """
    engine = context.engine()
    found = engine.sales(first, last, category)
    if form == "csv":
        print_result(form, Table(COLUMNS, figure_rows(found)), found.as_dict)
        return
    currency = engine.model().currency
    print_result(form, lambda: _tables(found, currency), found.as_dict)
    if form == "table":
        print_note(describe_sales(found, currency))
        for note in found.notes:
            print_note(note)


def figure_rows(found: SalesComparison) -> list[dict[str, object]]:
    """Return one row per key figure."""
    periods = {"current": found.current, "previous": found.previous, "year_ago": found.year_ago}
    return [
        {"figure": figure.name} | {period: getattr(figures, figure.name, None) for period, figures in periods.items()}
        for figure in key_figures(found, "")
    ]


def _tables(found: SalesComparison, currency: str) -> list[Table]:
    period = f"{found.current.first} to {found.current.last}"
    rows: list[dict[str, Any]] = [
        {"figure": figure.label, "value": figure.value}
        | {f"against {earlier}": change for earlier, change in figure.changes.items()}
        for figure in key_figures(found, currency)
    ]
    tables = [Table(tuple(rows[0]), rows, period)]
    for title, groups in (("Categories", found.categories), ("Countries", found.countries)):
        if len(groups) > 1:
            tables.append(_group_table(groups, title))
    return [*tables, _group_table(found.weekdays, "Weekdays")]


def _group_table(groups: Sequence[SalesGroup], title: str) -> Table:
    return Table(SalesGroup.__struct_fields__, [group.as_dict() for group in groups], title)
