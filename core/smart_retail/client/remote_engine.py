"""The engine behind an API: `protocol.RetailEngine` over HTTP.

Results and `RetailError` classes are the same as those of an engine in this process. Connection errors and unexpected
responses are `RemoteError`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeVar
from urllib.parse import quote

from smart_retail.client.http_connection import MAX_ATTEMPTS, Connection
from smart_retail.client.remote_tasks import run_task
from smart_retail.errors import RemoteError, UsageError
from smart_retail.progress import SILENT, Progress
from smart_retail.protocol import (
    ALL,
    DEFAULT_AUDIENCE_N,
    DEFAULT_CALENDAR_DAYS,
    DEFAULT_HORIZON_DAYS,
    DEFAULT_N,
    DEFAULT_PERIOD,
    DEFAULT_SEARCH_N,
    METHODS,
    REVENUE_HORIZONS_DAYS,
    CustomerQuery,
    ListQuery,
    RetailEngine,
    Task,
    TaskResult,
    check_bundles,
    check_horizon,
    check_page,
    check_period,
)
from smart_retail.results import (
    Audience,
    Cluster,
    ClusterPoint,
    CohortTable,
    CustomerMatch,
    CustomerPage,
    CustomerProfile,
    CustomerValue,
    ExpectedRevenue,
    GridCell,
    Item,
    ItemDetails,
    ModelInfo,
    ProductBundles,
    RecommendationList,
    ReplenishmentCalendar,
    Result,
    SalesComparison,
    Segment,
    Substitutes,
    ValueSummary,
)

R = TypeVar("R", bound=Result)
MAX_BATCH_CUSTOMERS = 256
MAX_BATCH_LISTS = 256
"""Customers times methods per request."""
MAX_BATCH_ITEMS = 5_000
MAX_POINTS = 100_000
MAX_TARGET_LENGTH = 4_000
"""Length in characters of a URL that every server accepts; longer requests use a POST route."""


class RemoteEngine(RetailEngine):
    """Client of a running Smart Retail API. Thread-safe.

    Parameters
    ----------
    url : str
        Address of the API, such as ``http://127.0.0.1:8000``.
    api_key : str, optional
        Sent as a bearer token.
    timeout : float
        Seconds in which a connection must be made and a complete response must arrive.

    Raises
    ------
    UsageError
        `url` is not a valid HTTP(S) address.
    MissingExtraError
        httpx is not installed.
    """

    def __init__(self, url: str, api_key: str | None = None, timeout: float = 10.0) -> None:
        self._connection = Connection(url, api_key, timeout)

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def version(self) -> str:
        return self._connection.read("GET", "/readyz", lambda data: str(data["model_version"]))

    def query_customers(self, customer_ids: Sequence[str], query: ListQuery) -> list[RecommendationList]:
        """Return one list per customer, in their order, all from one version.

        Raises
        ------
        RemoteError
            The API cannot be reached, or it changed its version during each of three attempts.
        """
        if len(customer_ids) == 1:
            path = _path_for("/v1/customers/{}/recommendations", customer_ids[0], query)
            if path:
                return [self._get(path, RecommendationList, _query_fields(query) | _repeated_fields(query))]
        resolved = self.resolve(query)
        lists = len(METHODS) if resolved.method == ALL else 1
        size = max(1, min(MAX_BATCH_LISTS // lists, MAX_BATCH_ITEMS // (resolved.length * lists)))
        for _ in range(MAX_ATTEMPTS):
            results: list[RecommendationList] = []
            for start in range(0, len(customer_ids), size):
                body = _query_body(query) | {"customer_ids": _encodable_texts(customer_ids[start : start + size])}
                results += self._post_batch("/v1/recommendations:batch", RecommendationList, "lists", body)
            if len({result.model_version for result in results}) <= 1:
                return results
        raise RemoteError("The API changed its version during each of three attempts.", "Try again.")

    def query_basket(
        self, item_ids: Sequence[str], query: ListQuery, customer_id: str | None = None
    ) -> RecommendationList:
        """Return a list that completes a basket, of a customer or of a visitor; unknown items are ignored."""
        body = _query_body(query) | {"item_ids": _encodable_texts(item_ids)}
        if customer_id is not None:
            body["customer_id"] = _encodable(customer_id)
        return self._connection.read("POST", "/v1/basket/recommendations", RecommendationList.from_dict, json=body)

    def query_similar(self, item_id: str, query: ListQuery) -> RecommendationList:
        """Return items related to an item, by `ListQuery.relation`. `UnknownItemError` lists close matches."""
        page = {"n": query.n, "offset": query.offset, "relation": query.relation} | _price_range(query)
        path = _path_for("/v1/items/{}/similar", item_id, query)
        if path:
            return self._get(path, RecommendationList, page | _repeated_fields(query))
        body = page | _list_fields(query) | {"item_id": _encodable(item_id)}
        return self._connection.read("POST", "/v1/items:similar", RecommendationList.from_dict, json=body)

    def query_popular(self, query: ListQuery) -> RecommendationList:
        """Return the most popular items, overall or of one category.

        Raises
        ------
        UsageError
            More than one category was given: the API takes one.
        """
        if len(query.categories) > 1:
            raise UsageError("Popular items over the API take one category.", "Request each category on its own.")
        category = {"category": query.categories[0]} if query.categories else {}
        page = {"n": query.n, "offset": query.offset, "exclude": _encodable_texts(query.exclude)}
        return self._get("/v1/popular", RecommendationList, page | _price_range(query) | category)

    def customer(self, customer_id: str) -> CustomerProfile:
        """Return a customer's profile; ``known=False`` for an unknown id."""
        path = _path_for("/v1/customers/{}", customer_id)
        if path:
            return self._get(path, CustomerProfile)
        body = {"customer_ids": [_encodable(customer_id)]}
        return self._post_batch("/v1/customers:batch", CustomerProfile, "customers", body)[0]

    def customers(self, query: CustomerQuery = CustomerQuery()) -> CustomerPage:  # noqa: B008  # frozen
        """Return a page of a table of customers, as of the fit. The API needs a key of the role admin."""
        options = {
            name: _encodable(value) if isinstance(value, str) else value for name, value in query.conditions.items()
        }
        more = {"sort": query.sort, "ascending": query.ascending, "n": query.n, "offset": query.offset}
        return self._get("/v1/customers:list", CustomerPage, options | more)

    def customer_value(self, customer_id: str, horizon_days: int = DEFAULT_HORIZON_DAYS) -> CustomerValue:
        """Return expected orders, spend, return and lifetime value of a customer; a new customer gets the prior."""
        check_horizon(horizon_days)
        path = _path_for("/v1/customers/{}/value", customer_id)
        if path:
            return self._get(path, CustomerValue, {"horizon_days": horizon_days})
        return self.customer_values([customer_id], horizon_days)[0]

    def customer_values(
        self, customer_ids: Sequence[str], horizon_days: int = DEFAULT_HORIZON_DAYS
    ) -> list[CustomerValue]:
        """Return `customer_value` of several customers, in their order."""
        check_horizon(horizon_days)
        found: list[CustomerValue] = []
        for start in range(0, len(customer_ids), MAX_BATCH_CUSTOMERS):
            chunk = _encodable_texts(customer_ids[start : start + MAX_BATCH_CUSTOMERS])
            body = {"customer_ids": chunk, "horizon_days": horizon_days}
            found += self._post_batch("/v1/customers:value", CustomerValue, "customers", body)
        return found

    def value_summary(self, horizon_days: int = DEFAULT_HORIZON_DAYS) -> ValueSummary:
        """Return expected orders and spend of the shop with intervals, by segment and cluster, with the backtests."""
        check_horizon(horizon_days)
        return self._get("/v1/value", ValueSummary, {"horizon_days": horizon_days})

    def expected_revenue(self, horizons_days: Sequence[int] = REVENUE_HORIZONS_DAYS) -> list[ExpectedRevenue]:
        """Return the expected revenue of the shop for several horizons, with 80 % intervals."""
        horizons = [check_horizon(days) for days in horizons_days]
        return self._get_list("/v1/value/revenue", ExpectedRevenue, "revenue", {"horizon_days": horizons})

    def sales(self, first: str | None = None, last: str | None = None, category: str | None = None) -> SalesComparison:
        """Return the key figures of a period with those of the period before and of the year before."""
        query = {"first": first, "last": last, "category": category}
        return self._get("/v1/sales", SalesComparison, {name: v for name, v in query.items() if v is not None})

    def cohorts(self, period: str = DEFAULT_PERIOD) -> CohortTable:
        """Return customers by the week, month or quarter of their first order, with retention and cumulative value."""
        return self._get("/v1/cohorts", CohortTable, {"period": check_period(period)})

    def replenishment(
        self, days: int = DEFAULT_CALENDAR_DAYS, customer_id: str | None = None, *, n: int = 100, offset: int = 0
    ) -> ReplenishmentCalendar:
        """Return what customers, or one customer, are due to buy again, by date."""
        check_horizon(days)
        check_page(n, offset)
        query: dict[str, Any] = {"days": days, "n": n, "offset": offset}
        if customer_id is not None:
            query["customer_id"] = _encodable(customer_id)
        return self._get("/v1/replenishment", ReplenishmentCalendar, query)

    def bundles(
        self,
        item_id: str | None = None,
        *,
        sort: str = "support",
        size: int | None = None,
        min_support: int | None = None,
        n: int = DEFAULT_SEARCH_N,
        offset: int = 0,
    ) -> ProductBundles:
        """Return pairs and triples of items that are in one order more often than by chance, as of the fit."""
        check_bundles(sort, size, min_support)
        check_page(n, offset)
        query = {"sort": sort, "size": size, "min_support": min_support, "n": n, "offset": offset}
        if item_id is not None:
            query["item_id"] = _encodable(item_id)
        return self._get("/v1/bundles", ProductBundles, {k: v for k, v in query.items() if v is not None})

    def substitutes(self, item_id: str, n: int = DEFAULT_N) -> Substitutes:
        """Return at most `n` items that replace an item. `UnknownItemError` lists close matches."""
        check_page(n)
        path = _path_for("/v1/items/{}/substitutes", item_id)
        if path:
            return self._get(path, Substitutes, {"n": n})
        body = {"item_id": _encodable(item_id), "n": n}
        return self._connection.read("POST", "/v1/items:substitutes", Substitutes.from_dict, json=body)

    def audience(
        self, item_id: str, n: int = DEFAULT_AUDIENCE_N, *, exclude_purchased: bool = True, offset: int = 0
    ) -> Audience:
        """Return the customers who would most likely want an item. The API needs a key of the role admin."""
        check_page(n, offset)
        options: dict[str, Any] = {"n": n, "offset": offset, "exclude_purchased": exclude_purchased}
        path = _path_for("/v1/items/{}/audience", item_id)
        if path:
            return self._get(path, Audience, options)
        body = options | {"item_id": _encodable(item_id)}
        return self._connection.read("POST", "/v1/items:audience", Audience.from_dict, json=body)

    def search_customers(self, text: str, n: int = 20) -> list[CustomerMatch]:
        """Return at most `n` customers that match every word of `text`, an equal id or name first, then by orders."""
        check_page(n)
        return self._get_list("/v1/customers", CustomerMatch, "customers", {"q": _encodable(text), "n": n})

    def search_items(self, text: str, n: int = 20) -> list[Item]:
        """Return at most `n` items that match every word of `text`, sorted as customers."""
        check_page(n)
        return self._get_list("/v1/items", Item, "items", {"q": _encodable(text), "n": n})

    def item(self, item_id: str) -> ItemDetails:
        """Return an item with what the catalogue says of it. `UnknownItemError` lists close matches."""
        if path := _path_for("/v1/items/{}", item_id):
            return self._get(path, ItemDetails)
        body = {"item_id": _encodable(item_id)}
        return self._connection.read("POST", "/v1/items:details", ItemDetails.from_dict, json=body)

    def categories(self) -> list[str]:
        """Return the names of the categories, sorted; empty if the source has none."""
        return self._connection.read("GET", "/v1/categories", lambda data: [str(name) for name in data["categories"]])

    def segments(self) -> list[Segment]:
        """Return the RFM segments that have customers, best first."""
        return self._get_list("/v1/segments", Segment, "segments")

    def clusters(self) -> list[Cluster]:
        """Return the clusters, by id."""
        return self._get_list("/v1/clusters", Cluster, "clusters")

    def rfm_grid(self) -> list[GridCell]:
        """Return all 25 cells, r then f descending."""
        return self._get_list("/v1/rfm-grid", GridCell, "cells")

    def cluster_points(self, limit: int = 5000) -> list[ClusterPoint]:
        """Return an evenly spread sample of at most `limit` (up to 100,000) customers in the latent space."""
        return self._get_list("/v1/clusters/points", ClusterPoint, "points", {"limit": min(limit, MAX_POINTS)})

    def model(self) -> ModelInfo:
        """Return version, data period, cleaning report, scorecard and settings of the bundle."""
        return self._get("/v1/model", ModelInfo)

    def run(self, task: Task[TaskResult], progress: Progress = SILENT) -> TaskResult:
        """Run an analysis or a change, a long one as a job. The API needs a key of the role admin."""
        return run_task(self._connection, task, progress)

    def _get(self, path: str, kind: type[R], query: Mapping[str, Any] | None = None) -> R:
        return self._connection.read("GET", path, kind.from_dict, params=query)

    def _get_list(self, path: str, kind: type[R], field: str, query: Mapping[str, Any] | None = None) -> list[R]:
        return self._connection.read("GET", path, lambda data: [kind.from_dict(d) for d in data[field]], params=query)

    def _post_batch(self, path: str, kind: type[R], field: str, body: dict[str, Any]) -> list[R]:
        expected = len(body["customer_ids"])

        def build(data: dict[str, Any]) -> list[R]:
            results = [kind.from_dict(d) for d in data[field]]
            if len(results) != expected:
                raise ValueError(f"{len(results)} results for {expected} customers")
            return results

        return self._connection.read("POST", path, build, json=body)


def _query_fields(query: ListQuery) -> dict[str, Any]:
    """Return the options of a list request without its lists of texts, as query parameters or JSON fields."""
    names = ("on", "method", "n", "diversity", "scenario", "price_min", "price_max")
    given = {name: value for name in names if (value := getattr(query, name)) is not None}
    return given | {
        "offset": query.offset,
        "exclude_purchased": query.exclude_purchased,
        "explain": query.explain,
        "variants": query.variants,
    }


def _price_range(query: ListQuery) -> dict[str, Any]:
    return {name: value for name in ("price_min", "price_max") if (value := getattr(query, name)) is not None}


def _repeated_fields(query: ListQuery) -> dict[str, Any]:
    """Return categories and excluded items as query parameters, which are repeated."""
    return {"category": _encodable_texts(query.categories), "exclude": _encodable_texts(query.exclude)}


def _list_fields(query: ListQuery) -> dict[str, Any]:
    """Return categories and excluded items as fields of a JSON body."""
    return {"categories": _encodable_texts(query.categories), "exclude": _encodable_texts(query.exclude)}


def _query_body(query: ListQuery) -> dict[str, Any]:
    """Return the options of a list request as fields of a JSON body."""
    return _query_fields(query) | _list_fields(query)


def _path_for(template: str, identity: str, query: ListQuery | None = None) -> str:
    """Return the path for an id; empty if the id cannot be put into a URL or the URL would be too long.

    Clients and proxies remove the segments ``.`` and ``..``, escaped or not.
    """
    path = template.format(quote(_encodable(identity), safe=""))
    texts = (*query.categories, *query.exclude) if query is not None else ()
    length = len(path) + sum(len(quote(_encodable(text))) + len("&category=") for text in texts)
    return path if identity not in ("", ".", "..") and length <= MAX_TARGET_LENGTH else ""


def _encodable_texts(texts: Sequence[str]) -> list[str]:
    return [_encodable(text) for text in texts]


def _encodable(text: str) -> str:
    """Return the text with lone surrogates, which UTF-8 cannot encode, replaced by ``?``."""
    return text.encode("utf-8", "replace").decode("utf-8")
