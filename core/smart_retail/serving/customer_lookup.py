"""Look-up of a customer by id or name, with suggestions for texts that are not an id."""

from __future__ import annotations

from smart_retail.errors import UnknownCustomerError
from smart_retail.protocol import RetailEngine
from smart_retail.results import CustomerMatch
from smart_retail.serving.text_search import fold

MAX_SUGGESTIONS = 3


def find_customer(engine: RetailEngine, text: str) -> CustomerMatch:
    """Return the only customer whose name contains all words of a text that is not the id of a customer.

    Parameters
    ----------
    engine : RetailEngine
    text : str
        Text that was entered in place of an id.

    Returns
    -------
    CustomerMatch

    Raises
    ------
    UnknownCustomerError
        No name or several names match. The hint lists customers with a similar id or name.
    """
    matches = engine.search_customers(text, MAX_SUGGESTIONS + 1)
    words = set(fold(text).split())
    named = [match for match in matches if words and words <= set(fold(match.customer_name).split())]
    if len(named) == 1 and len(matches) <= MAX_SUGGESTIONS:
        return named[0]
    suggestions = " or ".join(_describe(match) for match in matches[:MAX_SUGGESTIONS])
    raise UnknownCustomerError(
        f"No customer {text!r}.",
        f"Did you mean {suggestions}?" if suggestions else "Search for customers by a part of their id or name.",
    )


def _describe(match: CustomerMatch) -> str:
    return f"{match.customer_id} ({match.customer_name})" if match.customer_name else match.customer_id
