"""Routes that read: each parses the request, makes one engine call and returns the result.

The annotations `path`, `query` and `body` of a view are its documentation and select its parsers. `bind` parses
requests by them, since the schema work of flask-openapi3 in each request costs more than the view.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

from flask import Response, current_app, request
from werkzeug.exceptions import HTTPException

from smart_retail.bundle.local_copy import last_check
from smart_retail.errors import ArtifactError, UnknownCustomerError, UsageError
from smart_retail.protocol import RetailEngine, is_local
from smart_retail.results import CustomerProfile, RecommendationList, Result, to_json
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail_flask.json_responses import encoded_response, json_response
from smart_retail_flask.middleware import current_request
from smart_retail_flask.problems import RejectedRequestError
from smart_retail_flask.request_models import (
    AudienceBody,
    AudienceQuery,
    BasketBody,
    BatchBody,
    BundlesQuery,
    CohortsQuery,
    CustomerPath,
    CustomersBody,
    CustomersQuery,
    CustomerValueQuery,
    ItemBody,
    ItemPath,
    PointsQuery,
    PopularQuery,
    RecommendQuery,
    ReplenishmentQuery,
    RevenueQuery,
    SalesQuery,
    SearchQuery,
    SimilarBody,
    SimilarQuery,
    StrictQuery,
    SubstitutesBody,
    SubstitutesQuery,
    ValueQuery,
    ValuesBody,
    batch_problem,
)
from smart_retail_flask.response_cache import MAX_KEY_LENGTH, ResponseCache, state_of


class Alive(Result, frozen=True):
    """The process responds."""

    status: str
    """Always ``alive``."""


class Ready(Result, frozen=True):
    """A model is loaded."""

    status: str
    """Always ``ready``."""
    model_version: str
    """Version that the responding worker serves."""
    refused: str | None
    """Error code of a new version that could not be loaded; null if there is none."""
    rules_error: str | None
    """Error code of a changed file of business rules that is not valid; null if there is none."""
    store_error: str | None
    """Error code of the last request to the remote store of the artifacts; null if it succeeded, or without one."""


EVENTS_HINT = "Check events.sqlite in the artifacts folder, or the database that SMART_RETAIL_EVENTS_URL names."

Known = TypeVar("Known", RecommendationList, CustomerProfile)


def engine() -> RetailEngine:
    """Return the engine of the current request; it stays the same for the whole request."""
    current = current_request().engine
    assert current is not None  # set by the guard before any view
    return current


ReadView = Callable[[dict[str, str], bytes], bytes]
"""Returns JSON for the ids of a path and a query string."""


def cached_view(view: Callable[..., Any], cache: ResponseCache) -> ReadView:
    """Wrap a view as a `ReadView` that returns cached responses while they are valid.

    The response must depend on the view's arguments and on `state_of` only.
    """
    hints = get_type_hints(view)
    path, query = hints.get("path"), hints["query"]

    def compute(segments: dict[str, str], query_string: bytes) -> bytes:
        parsed = query.parse(query_string)
        return to_json(view(path(**segments), parsed) if path else view(parsed))

    def read(segments: dict[str, str], query_string: bytes) -> bytes:
        # Keyed by the text of the query: two spellings of one query are cached separately.
        key = (view.__name__, *segments.values(), query_string)
        customer = segments.get("customer_id")
        state = state_of(engine(), customer)
        if state is None or sum(map(len, key)) > MAX_KEY_LENGTH:
            return compute(segments, query_string)
        response = cache.get(key, state)
        if response is None:
            response = compute(segments, query_string)
            if state_of(engine(), customer) == state:  # no event arrived during the computation
                cache.put(key, state, response)
        return response

    return read


def bind(view: Callable[..., Any], read: ReadView | None = None) -> Callable[..., Response]:
    """Return a Flask view that parses the annotated arguments of `view` and returns its result as JSON.

    Parameters
    ----------
    view : callable
        Function with arguments `path`, `query` or `body`, annotated with request models.
    read : callable, optional
        Cached form of the view, which is called in its place.
    """
    hints = get_type_hints(view)
    path, query, body = hints.get("path"), hints.get("query"), hints.get("body")

    @functools.wraps(view)
    def run(**segments: str) -> Response:
        if read is not None:
            return encoded_response(read(segments, request.query_string))
        arguments: dict[str, Any] = {}
        if path:
            arguments["path"] = path(**segments)
        if query:
            arguments["query"] = query.parse(request.query_string)
        if body:
            arguments["body"] = body.parse(_json_body())
        result = view(**arguments)
        return result if isinstance(result, Response) else json_response(result)

    run.__delay_validate_request__ = True  # type: ignore[attr-defined]  # flask-openapi3: the view validates
    return run


def _json_body() -> bytes:
    if request.mimetype != "application/json":
        raise RejectedRequestError(415, "The Content-Type of the body is not application/json.")
    try:
        body = request.get_data()
    except HTTPException:
        raise
    except Exception as error:  # each server has its own errors; none of them is one of this process
        raise RejectedRequestError(400, "The body of the request is not valid HTTP.") from error
    # For a chunked body, werkzeug returns the first MAX_CONTENT_LENGTH bytes without an error.
    if len(body) >= current_app.config["MAX_CONTENT_LENGTH"]:
        raise RejectedRequestError(413, "The body is too large.")
    return body


def recommend(path: CustomerPath, query: RecommendQuery) -> Any:
    """Recommendations for a customer

    An unknown customer gets popular items, with `known: false`. Use `offset` for the next page: the list for
    n = 10 is the beginning of the list for n = 1000.
    """
    return _check_known(engine().query_customers((path.customer_id,), query.list_query())[0], query.strict)


def _check_known(result: Known, strict: bool) -> Known:
    if strict and not result.known:
        raise UnknownCustomerError("There is no customer with this id.", "Search with GET /v1/customers?q=.")
    return result


def recommend_batch(body: BatchBody) -> Any:
    """Recommendations for several customers

    In the order of the request, for at most 256 customers, 256 lists and 5,000 items in total. Accepts every id,
    including those that cannot be put into a URL.
    """
    query = engine().resolve(body.list_query())
    if problem := batch_problem(len(body.customer_ids), query.method, query.n):
        raise UsageError(f"The scenario {query.scenario} is too long: {problem}.", "Request fewer customers at a time.")
    return {"lists": engine().query_customers(body.customer_ids, query)}


def recommend_basket(body: BasketBody) -> Any:
    """Recommendations for a basket

    What is bought in one order with the items of the basket; with `customer_id` also by the customer's habits.
    Unknown items are ignored.
    """
    return engine().query_basket(body.item_ids, body.list_query(), body.customer_id)


def customer(path: CustomerPath, query: StrictQuery) -> Any:
    """Profile of a customer

    RFM scores and segment, cluster, purchases (newest first). An unknown customer has `known: false`.
    """
    result = engine().customer(path.customer_id)
    return _check_known(result, query.strict)


def customers_batch(body: CustomersBody) -> Any:
    """Profiles of several customers

    In the order of the request, at most 256. Accepts every id, including those that cannot be put into a URL.
    """
    return {"customers": [engine().customer(c) for c in body.customer_ids]}


def customer_value(path: CustomerPath, query: CustomerValueQuery) -> Any:
    """Value of a customer

    Expected orders, spend and probability to return within the horizon, next order date with an 80 % interval, and
    lifetime value. A new customer gets the mean of new customers, with `known: false`.
    """
    found = engine().customer_value(path.customer_id, query.horizon_days)
    if query.strict and not found.known:
        raise UnknownCustomerError("No customer has this id.", "Search with GET /v1/customers?q=.")
    return found


def customer_values(body: ValuesBody) -> Any:
    """Value of several customers

    In the order of the request, at most 256. Takes every id, also those that a path cannot contain.
    """
    return {"customers": engine().customer_values(body.customer_ids, body.horizon_days)}


def value_summary(query: ValueQuery) -> Any:
    """Customer value of the shop

    Expected orders and spend with 80 % intervals, by segment, cluster and tenth of the customers, customers at risk,
    and the forecasts of earlier windows next to the actual values.
    """
    return engine().value_summary(query.horizon_days)


def expected_revenue(query: RevenueQuery) -> Any:
    """Expected revenue of the shop

    For several horizons, with 80 % intervals: of the customers in the history, and of those who order for the first
    time.
    """
    return {"revenue": engine().expected_revenue(query.horizon_days)}


def sales(query: SalesQuery) -> Any:
    """Sales of a period, compared

    Revenue, orders, customers and more of a period, of the period before it and of the same weekdays a year earlier; by
    category, country and weekday.
    """
    return engine().sales(query.first, query.last, query.category)


def cohorts(query: CohortsQuery) -> Any:
    """Cohorts with retention and cumulative value

    Customers by the week, month or quarter of their first order.
    """
    return engine().cohorts(query.period)


def replenishment(query: ReplenishmentQuery) -> Any:
    """Replenishment calendar

    Items that customers, or one customer, are due to buy again, by date.
    """
    return engine().replenishment(query.days, query.customer_id, n=query.n, offset=query.offset)


def search_customers(query: SearchQuery) -> Any:
    """Search customers by id or name

    Matches at the beginning of the id come first.
    """
    return {"customers": engine().search_customers(query.q, query.n)}


def list_customers(query: CustomersQuery) -> Any:
    """Table of customers

    Segment, cluster, orders and forecast of the customers that pass the filters, as of the fit. Needs a key of the role
    admin, since it lists customers.
    """
    return engine().customers(query.customer_query())


def similar(path: ItemPath, query: SimilarQuery) -> Any:
    """Items related to an item

    Items that the same customers buy (by category and name if the item was never bought), or that were bought together
    with it in one order. The list can be shorter than n. An unknown item is a 404 that lists similar ids.
    """
    return engine().query_similar(path.item_id, query.list_query())


def similar_by_body(body: SimilarBody) -> Any:
    """Items related to an item whose id cannot be put into a URL"""
    return engine().query_similar(body.item_id, body.list_query())


def bundles(query: BundlesQuery) -> Any:
    """Product bundles

    Pairs and triples of items that are in one order more often than by chance, of the whole shop or with one item, with
    support, confidence, lift and revenue.
    """
    return engine().bundles(**query.model_dump())


def substitutes(path: ItemPath, query: SubstitutesQuery) -> Any:
    """Substitutes of an item

    Items of its category that the same customers buy, but clearly less often in one order than expected by chance, with
    the counts. An unknown item is a 404 that lists similar ids.
    """
    return engine().substitutes(path.item_id, query.n)


def substitutes_by_body(body: SubstitutesBody) -> Any:
    """Substitutes of an item whose id cannot be put into a URL"""
    return engine().substitutes(body.item_id, body.n)


def audience(path: ItemPath, query: AudienceQuery) -> Any:
    """Customers who would want an item

    Customers in whose list the item is among the first 20, by its position, then those whose purchases are most similar
    to it. Needs a key of the role admin, since it lists customers.
    """
    return engine().audience(path.item_id, **query.model_dump())


def audience_by_body(body: AudienceBody) -> Any:
    """Customers who would want an item whose id cannot be put into a URL"""
    return engine().audience(**body.model_dump())


def search_items(query: SearchQuery) -> Any:
    """Search items by id or name

    Matches at the beginning of the id come first.
    """
    return {"items": engine().search_items(query.q, query.n)}


def item(path: ItemPath) -> Any:
    """One item with what the catalogue says of it

    An unknown item is a 404 that lists similar ids.
    """
    return engine().item(path.item_id)


def item_by_body(body: ItemBody) -> Any:
    """One item whose id cannot be put into a URL"""
    return engine().item(body.item_id)


def popular(query: PopularQuery) -> Any:
    """Most popular items, overall or of one category"""
    return engine().query_popular(query.list_query())


def categories() -> Any:
    """Names of the categories, sorted"""
    return {"categories": engine().categories()}


def segments() -> Any:
    """RFM segments with at least one customer, best first"""
    return {"segments": engine().segments()}


def rfm_grid() -> Any:
    """The 5 x 5 grid of recency and frequency scores"""
    return {"cells": engine().rfm_grid()}


def clusters() -> Any:
    """Customer clusters, most valuable first"""
    return {"clusters": engine().clusters()}


def cluster_points(query: PointsQuery) -> Any:
    """Customers as points of the cluster map (two dimensions)"""
    return {"points": engine().cluster_points(query.limit)}


def model() -> Any:
    """Version, training data and quality of the active model

    Data period, cleaning report, scorecard and settings of the fit.
    """
    return engine().model()


def livez() -> Any:
    """Liveness check"""
    return Alive("alive")


def readyz() -> Any:
    """Readiness check: the served model version

    503 if no version can be loaded, or the events since the fit cannot be read. `refused` is the error code of a new
    version that could not be loaded; the previous version stays in use.
    `rules_error` is the error code of a changed rules file that is not valid; the previous rules stay in force.
    `store_error` is the error code of the last request to the remote store; the copy on this host stays in use.
    """
    holder: ReloadingEngine = current_app.extensions[ReloadingEngine.__name__]
    current = engine()
    error, store_code = None, ""
    if is_local(current):
        try:
            current.check_events()
        except ArtifactError:
            raise RejectedRequestError(503, "The events since the fit cannot be read.", EVENTS_HINT) from None
        error = current.rules_error
        store_code = last_check(current.artifacts).code
    return Ready(
        "ready",
        current.version,
        holder.rejected.code if holder.rejected else None,
        error.code if error else None,
        store_code or None,
    )
