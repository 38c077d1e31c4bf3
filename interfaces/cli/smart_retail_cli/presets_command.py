"""The command `presets`: the exports of shop systems that are recognised by their headers."""

from __future__ import annotations

import click

from smart_retail.data.parsing.presets import PRESETS
from smart_retail_cli.context import Command
from smart_retail_cli.output import Table, format_option, print_result

COLUMNS = ("preset", "recognised by", "document")
OTHER = {
    "preset": "aliases",
    "recognised by": "any other file, such as the invoice list of an ERP: headers in eight languages, and content",
    "document": "",
}


@click.command(
    short_help="List the shop exports that are recognised.", cls=Command, epilog="Example: smart-retail presets"
)
@format_option
def presets(form: str) -> None:
    """List the exports of shop systems that are recognised by their headers, with the document of the vendor."""
    rows = [
        {
            "preset": preset.name,
            "recognised by": ", ".join(preset.columns[column][0] for column in preset.required),
            "document": preset.document,
        }
        for preset in PRESETS
    ]
    rows.append(OTHER)
    print_result(form, Table(COLUMNS, rows), lambda: rows)
