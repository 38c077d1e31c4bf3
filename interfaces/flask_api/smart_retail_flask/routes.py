"""The routes: each parses, makes one call of the engine and gives the answer.

Annotations say what a route takes (`path`, `query`, `body`) and are its documentation; `bind` reads the
request by them without flask-openapi3's per-request schema work, which alone costs more than the rest.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, get_type_hints

from flask import Response, current_app, request

from smart_retail.errors import UnknownCustomerError
from smart_retail.protocol import RetailEngine
from smart_retail.results import Result
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail_flask.json_responses import answer, ready, to_json
from smart_retail_flask.middleware import visit
from smart_retail_flask.problems import RefusedError
from smart_retail_flask.request_models import (
    BasketBody,
    BatchBody,
    CustomerPath,
    CustomersBody,
    ItemPath,
    PointsQuery,
    PopularQuery,
    RecommendQuery,
    SearchQuery,
    SimilarBody,
    SimilarQuery,
    StrictQuery,
)
from smart_retail_flask.response_cache import LONGEST_QUESTION, Remembered, state_of


class Alive(Result, frozen=True):
    """The process answers."""

    status: str


class Ready(Result, frozen=True):
    """A model is loaded."""

    status: str
    model_version: str
    refused: str | None
    """Error code of a new version that was not taken; null where there is none."""


def engine() -> RetailEngine:
    """The engine of this request, from its start to its end."""
    found = visit().engine
    assert found is not None  # the guard sets it before any view
    return found


Read = Callable[[dict[str, str], bytes], bytes]
"""JSON by the segments of a path and a query string."""


def reader(view: Callable[..., Any], remembered: Remembered) -> Read:
    """The view as a `Read`, which gives an answer again while it holds.

    The view's answer must follow from its arguments and `state_of` alone.
    """
    hints = get_type_hints(view)
    path, query = hints.get("path"), hints["query"]

    def made(segments: dict[str, str], query_string: bytes) -> bytes:
        asked = query.read(query_string)
        return to_json(view(path(**segments), asked) if path else view(asked))

    def read(segments: dict[str, str], query_string: bytes) -> bytes:
        # The text of the query says what it means; two spellings of one question are kept apart.
        question = (view.__name__, *segments.values(), query_string)
        customer = segments.get("customer_id")
        state = state_of(engine(), customer)
        if state is None or sum(map(len, question)) > LONGEST_QUESTION:
            return made(segments, query_string)
        known = remembered.get(question, state)
        if known is None:
            known = made(segments, query_string)
            if state_of(engine(), customer) == state:  # no purchase came in between
                remembered.put(question, state, known)
        return known

    return read


def bind(view: Callable[..., Any], read: Read | None = None) -> Callable[..., Response]:
    """The view for Flask: its annotated arguments read from the request, its result as JSON; by `read` where given."""
    hints = get_type_hints(view)
    path, query, body = hints.get("path"), hints.get("query"), hints.get("body")

    @functools.wraps(view)
    def run(**segments: str) -> Response:
        if read is not None:
            return ready(read(segments, request.query_string))
        arguments: dict[str, Any] = {}
        if path:
            arguments["path"] = path(**segments)
        if query:
            arguments["query"] = query.read(request.query_string)
        if body:
            arguments["body"] = body.read(_json_body())
        result = view(**arguments)
        return result if isinstance(result, Response) else answer(result)

    run.__delay_validate_request__ = True  # type: ignore[attr-defined]  # flask-openapi3: the view validates
    return run


def _json_body() -> bytes:
    if request.mimetype != "application/json":
        raise RefusedError(415, "The body is not declared as JSON.")
    body = request.get_data()
    # Of a chunked body werkzeug gives the first MAX_CONTENT_LENGTH bytes and no error.
    if len(body) >= current_app.config["MAX_CONTENT_LENGTH"]:
        raise RefusedError(413, "The body is too large.")
    return body


def recommend(path: CustomerPath, query: RecommendQuery) -> Any:
    """Recommendations for a customer

    An unknown customer gets what is popular, with `known: false`. Page on with `offset`: the list for
    n = 10 is the beginning of the list for n = 1000.
    """
    found = engine().recommend(
        path.customer_id,
        query.method,
        query.n,
        offset=query.offset,
        exclude_purchased=query.exclude_purchased,
        categories=query.category or None,
        explain=query.explain,
    )
    if query.strict and not found.known:
        raise UnknownCustomerError("No customer has this id.", "Search with GET /v1/customers?q=.")
    return found


def recommend_batch(body: BatchBody) -> Any:
    """Recommendations for several customers

    In the order asked for, at most 256 customers and 5,000 items in all. Takes every id, those that no path
    can carry too.
    """
    filters = _filters(body)
    if body.offset:
        lists = [engine().recommend(c, body.method, body.n, offset=body.offset, **filters) for c in body.customer_ids]
    else:
        lists = engine().recommend_many(body.customer_ids, body.method, body.n, **filters)
    return {"lists": lists}


def recommend_basket(body: BasketBody) -> Any:
    """Recommendations for a basket

    For a visitor without history; unknown items count as none.
    """
    return engine().recommend_for_basket(
        body.item_ids, body.n, method=body.method, offset=body.offset, **_filters(body)
    )


def _filters(body: BatchBody | BasketBody) -> dict[str, Any]:
    return {
        "exclude_purchased": body.exclude_purchased,
        "categories": body.categories,
        "explain": body.explain,
    }


def customer(path: CustomerPath, query: StrictQuery) -> Any:
    """Profile of a customer

    RFM scores and segment, cluster, purchases (newest first). An unknown customer has `known: false`.
    """
    found = engine().customer(path.customer_id)
    if query.strict and not found.known:
        raise UnknownCustomerError("No customer has this id.", "Search with GET /v1/customers?q=.")
    return found


def customers_batch(body: CustomersBody) -> Any:
    """Profiles of several customers

    In the order asked for, at most 256. Takes every id, those that no path can carry too.
    """
    return {"customers": [engine().customer(c) for c in body.customer_ids]}


def search_customers(query: SearchQuery) -> Any:
    """Search customers by id or name

    Ids that begin with the text come first.
    """
    return {"customers": engine().search_customers(query.q, query.n)}


def similar(path: ItemPath, query: SimilarQuery) -> Any:
    """What goes with an item

    By purchases, or by content where nobody bought it. An unknown item is a 404 that names near matches.
    """
    return engine().similar_items(path.item_id, query.n, offset=query.offset, categories=query.category or None)


def similar_by_body(body: SimilarBody) -> Any:
    """What goes with an item whose id no path can carry"""
    return engine().similar_items(body.item_id, body.n, offset=body.offset, categories=body.categories)


def search_items(query: SearchQuery) -> Any:
    """Search items by id or name

    Ids that begin with the text come first.
    """
    return {"items": engine().search_items(query.q, query.n)}


def popular(query: PopularQuery) -> Any:
    """The most wanted items, overall or of one category"""
    return engine().popular(query.n, offset=query.offset, category=query.category)


def categories() -> Any:
    """Names of the categories, sorted"""
    return {"categories": engine().categories()}


def segments() -> Any:
    """RFM segments that have customers, best first"""
    return {"segments": engine().segments()}


def rfm_grid() -> Any:
    """The 5 x 5 grid of recency and frequency scores"""
    return {"cells": engine().rfm_grid()}


def clusters() -> Any:
    """Clusters of the latent space, the most valuable first"""
    return {"clusters": engine().clusters()}


def cluster_points(query: PointsQuery) -> Any:
    """Customers in the two plotted dimensions of the latent space"""
    return {"points": engine().cluster_points(query.limit)}


def model() -> Any:
    """What the active model was made of and how good it is

    Version, data period, cleaning report, scorecard, settings.
    """
    return engine().model()


def livez() -> Any:
    """Whether the process answers"""
    return Alive("alive")


def readyz() -> Any:
    """Whether a model is loaded, and which

    `refused` tells of a new version that could not be taken; the one before serves on.
    """
    holder: ReloadingEngine = current_app.extensions[ReloadingEngine.__name__]
    return Ready("ready", engine().version, holder.refused.code if holder.refused else None)
