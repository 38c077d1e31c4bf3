"""The argument CUSTOMER: an id, or a name that only one customer has."""

from __future__ import annotations

import click

from smart_retail.protocol import RetailEngine
from smart_retail_cli.output import print_note, replace_control_characters

new_customer_option = click.option(
    "--new-customer", is_flag=True, help="Accept an unknown id as a new customer, who gets the popular products."
)


def find_similar_customer(engine: RetailEngine, text: str) -> str:
    """Return the id of the only customer with this name, and print a note.

    Raises
    ------
    UnknownCustomerError
        No customer or several customers have this name.
    """
    from smart_retail.serving.customer_lookup import find_customer  # only for a text that is not a known id

    match = find_customer(engine, text)
    print_note(replace_control_characters(f"Customer {match.customer_id} ({match.customer_name})"))
    return match.customer_id
