"""Named endpoints for programs: results of the engine as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from smart_retail.errors import RetailError
from smart_retail.protocol import DEFAULT_HORIZON_DAYS, SAME_CUSTOMERS
from smart_retail.results import Result
from smart_retail.serving.hot_reload import ReloadingEngine


def publish(engines: ReloadingEngine) -> None:
    """Add the endpoints of programs, one for each function below, to the app that is being built."""

    def recommend(
        customer_id: str,
        method: str | None = None,
        n: int | None = None,
        exclude_purchased: bool = True,
        categories: list[str] | None = None,
        on: str | None = None,
        scenario: str | None = None,
        price_min: float | None = None,
        price_max: float | None = None,
        exclude: list[str] | None = None,
    ) -> dict:  # type: ignore[type-arg]  # Gradio accepts the bare type only
        """Return recommendations for a customer; an unknown customer gets popular products.

        Args:
            customer_id: Id of the customer.
            method: hybrid, personalized, rfm, cf, popular or all; none: that of the scenario, else hybrid.
            n: Number of products, 1 to 1000; none: that of the scenario, else 10.
            exclude_purchased: Leave out products that the customer has bought.
            categories: Only products of these categories; none: all.
            on: Date that the list is for, an ISO date; none: the day after the history.
            scenario: Name of a scenario of the business rules; other options override it.
            price_min: Lowest price; products without a price are returned too.
            price_max: Highest price.
            exclude: Ids of products to leave out.
        """
        return _call(
            lambda: engines.get().recommend(
                customer_id,
                method or None,
                n,
                exclude_purchased=exclude_purchased,
                categories=categories or None,
                on=on or None,
                scenario=scenario or None,
                price_min=price_min,
                price_max=price_max,
                exclude=exclude or None,
            )
        )

    def similar(item_id: str, n: int = 10, categories: list[str] | None = None, relation: str = SAME_CUSTOMERS) -> dict:  # type: ignore[type-arg]
        """Return products related to one.

        Args:
            item_id: Id of the product.
            n: Number of products, 1 to 1000.
            categories: Only products of these categories; none: all.
            relation: same_customers, or bought_together (in one order).
        """
        return _call(lambda: engines.get().similar_items(item_id, n, categories=categories or None, relation=relation))

    def basket(
        item_ids: list[str],
        n: int | None = None,
        method: str | None = None,
        customer_id: str | None = None,
        scenario: str | None = None,
    ) -> dict:  # type: ignore[type-arg]
        """Return products that complete a basket.

        Args:
            item_ids: Ids of the products in the basket.
            n: Number of products, 1 to 1000; none: that of the scenario, else 10.
            method: hybrid, personalized, rfm, cf, popular or all; none: that of the scenario, else hybrid.
            customer_id: The customer of the basket; none: a visitor.
            scenario: Name of a scenario of the business rules; other options override it.
        """
        return _call(
            lambda: engines.get().recommend_for_basket(
                item_ids, n, customer_id=customer_id or None, method=method or None, scenario=scenario or None
            )
        )

    def value(customer_id: str, horizon_days: int = DEFAULT_HORIZON_DAYS) -> dict:  # type: ignore[type-arg]
        """Return expected orders, spend and next order of a customer; a new customer gets the mean of new customers.

        Args:
            customer_id: Id of the customer.
            horizon_days: Days to forecast, 1 to 3650.
        """
        return _call(lambda: engines.get().customer_value(customer_id, horizon_days))

    def segments() -> list:  # type: ignore[type-arg]
        """Return the RFM segments with size, revenue and means."""
        return _call_many(lambda: engines.get().segments())

    def clusters() -> list:  # type: ignore[type-arg]
        """Return the customer clusters with size, revenue and means."""
        return _call_many(lambda: engines.get().clusters())

    def sales(first: str | None = None, last: str | None = None, category: str | None = None) -> dict:  # type: ignore[type-arg]
        """Return the key figures of a period with those of the period before and of the year before.

        Args:
            first: First day, an ISO date; none: 28 days before the end of the history.
            last: Last day, an ISO date; none: the last day of the history.
            category: Only products of this category; none: all.
        """
        return _call(lambda: engines.get().sales(first or None, last or None, category or None))

    for endpoint in (recommend, similar, basket, value, segments, clusters, sales):
        gr.api(endpoint, api_name=endpoint.__name__)  # type: ignore[attr-defined]


def _call_many(request: Callable[[], Sequence[Result]]) -> list[dict[str, Any]]:
    """Return several results as JSON data, with the errors of `_call`."""
    try:
        return [result.as_dict() for result in request()]
    except RetailError as error:
        raise _as_gradio_error(error) from error


def _call(request: Callable[[], Result]) -> dict[str, Any]:
    """Return the result as JSON data; a `RetailError` becomes a message that starts with its stable code."""
    try:
        return request().as_dict()
    except RetailError as error:
        raise _as_gradio_error(error) from error


def _as_gradio_error(error: RetailError) -> gr.Error:
    return gr.Error(f"{error.code}: {error.message} {error.hint}", print_exception=False)
