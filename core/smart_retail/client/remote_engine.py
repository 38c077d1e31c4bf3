"""An engine behind the API: the protocol of `protocol.RetailEngine` over HTTP.

In: an address and, where the API asks for one, a key. Out: the same results and the same `RetailError`
classes as from an engine in this process. What is not an answer of the API is a `RemoteError`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeVar
from urllib.parse import quote

from smart_retail.client.http_connection import TRIES, Connection
from smart_retail.errors import RemoteError
from smart_retail.protocol import ALL, DEFAULT_METHOD, METHODS, check_method, check_page
from smart_retail.results import (
    Cluster,
    ClusterPoint,
    CustomerMatch,
    CustomerProfile,
    GridCell,
    Item,
    ModelInfo,
    RecommendationList,
    Result,
    Segment,
)

R = TypeVar("R", bound=Result)
BATCH_IDS = 256
BATCH_ITEMS = 5_000
MAX_POINTS = 100_000
LONGEST_TARGET = 4_000
"""Characters of an address that any server takes; longer calls go through a POST route."""


class RemoteEngine:
    """Asks a running Smart Retail API. May be used by many threads.

    Parameters
    ----------
    url : str
        Where the API is, such as ``http://127.0.0.1:8000``.
    api_key : str, optional
        Sent as a bearer token.
    timeout : float
        Seconds to wait for a connection and for each answer.

    Raises
    ------
    UsageError
        The address is none.
    MissingExtraError
        httpx is not installed.
    """

    is_local = False

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

    def recommend(
        self,
        customer_id: str,
        method: str = DEFAULT_METHOD,
        n: int = 10,
        *,
        offset: int = 0,
        exclude_purchased: bool = True,
        categories: Sequence[str] | None = None,
        explain: bool = True,
    ) -> RecommendationList:
        """The best items for a customer; an unknown one gets popularity and ``known=False``."""
        check_method(method)
        check_page(n, offset)
        options: dict[str, Any] = {
            "method": method,
            "n": n,
            "offset": offset,
            "exclude_purchased": exclude_purchased,
            "explain": explain,
        }
        path = _path("/v1/customers/{}/recommendations", customer_id, categories)
        if path:
            return self._get(path, RecommendationList, options | {"category": categories or []})
        body = options | {"customer_ids": [_sent(customer_id)], "categories": _texts(categories)}
        return self._posted("/v1/recommendations:batch", RecommendationList, "lists", body)[0]

    def recommend_many(
        self,
        customer_ids: Sequence[str],
        method: str = DEFAULT_METHOD,
        n: int = 10,
        *,
        exclude_purchased: bool = True,
        categories: Sequence[str] | None = None,
        explain: bool = True,
    ) -> list[RecommendationList]:
        """`recommend` for several customers, in their order, all by one model version."""
        check_method(method)
        check_page(n)
        options = {
            "method": method,
            "n": n,
            "exclude_purchased": exclude_purchased,
            "categories": _texts(categories),
            "explain": explain,
        }
        size = max(1, min(BATCH_IDS, BATCH_ITEMS // (n * (len(METHODS) if method == ALL else 1))))
        for _ in range(TRIES):
            found: list[RecommendationList] = []
            for start in range(0, len(customer_ids), size):
                body = options | {"customer_ids": [_sent(c) for c in customer_ids[start : start + size]]}
                found += self._posted("/v1/recommendations:batch", RecommendationList, "lists", body)
            if len({answer.model_version for answer in found}) <= 1:
                return found
        raise RemoteError("The API changed its model during each of three attempts.", "Try again.")

    def recommend_for_basket(
        self,
        item_ids: Sequence[str],
        n: int = 10,
        *,
        method: str = DEFAULT_METHOD,
        offset: int = 0,
        exclude_purchased: bool = True,
        categories: Sequence[str] | None = None,
        explain: bool = True,
    ) -> RecommendationList:
        """For a visitor without history whose basket holds these items; unknown items count as none."""
        check_method(method)
        check_page(n, offset)
        body = {
            "item_ids": _texts(item_ids),
            "method": method,
            "n": n,
            "offset": offset,
            "exclude_purchased": exclude_purchased,
            "categories": _texts(categories),
            "explain": explain,
        }
        return self._connection.read("POST", "/v1/basket/recommendations", RecommendationList.from_dict, json=body)

    def similar_items(
        self, item_id: str, n: int = 10, *, offset: int = 0, categories: Sequence[str] | None = None
    ) -> RecommendationList:
        """What goes with an item; by content where nobody bought it. `UnknownItemError` names near matches."""
        check_page(n, offset)
        path = _path("/v1/items/{}/similar", item_id, categories)
        if path:
            return self._get(path, RecommendationList, {"n": n, "offset": offset, "category": categories or []})
        body = {"item_id": _sent(item_id), "n": n, "offset": offset, "categories": _texts(categories)}
        return self._connection.read("POST", "/v1/items:similar", RecommendationList.from_dict, json=body)

    def popular(self, n: int = 10, *, offset: int = 0, category: str | None = None) -> RecommendationList:
        """The most wanted items, overall or of one category."""
        check_page(n, offset)
        only = {} if category is None else {"category": category}
        return self._get("/v1/popular", RecommendationList, {"n": n, "offset": offset} | only)

    def customer(self, customer_id: str) -> CustomerProfile:
        """Profile; ``known=False`` for an unknown id."""
        path = _path("/v1/customers/{}", customer_id)
        if path:
            return self._get(path, CustomerProfile)
        body = {"customer_ids": [_sent(customer_id)]}
        return self._posted("/v1/customers:batch", CustomerProfile, "customers", body)[0]

    def search_customers(self, text: str, n: int = 20) -> list[CustomerMatch]:
        """Customers whose id or name holds `text`, case ignored: ids that begin with it first."""
        check_page(n)
        return self._many("/v1/customers", CustomerMatch, "customers", {"q": _sent(text), "n": n})

    def search_items(self, text: str, n: int = 20) -> list[Item]:
        """Items whose id or name holds `text`, case ignored: ids that begin with it first."""
        check_page(n)
        return self._many("/v1/items", Item, "items", {"q": _sent(text), "n": n})

    def categories(self) -> list[str]:
        """Names of the categories, sorted; empty where the source has none."""
        return self._connection.read("GET", "/v1/categories", lambda data: [str(name) for name in data["categories"]])

    def segments(self) -> list[Segment]:
        """RFM segments that have customers, best first."""
        return self._many("/v1/segments", Segment, "segments")

    def clusters(self) -> list[Cluster]:
        """Clusters, by id."""
        return self._many("/v1/clusters", Cluster, "clusters")

    def rfm_grid(self) -> list[GridCell]:
        """All 25 cells, r then f descending."""
        return self._many("/v1/rfm-grid", GridCell, "cells")

    def cluster_points(self, limit: int = 5000) -> list[ClusterPoint]:
        """An evenly spread choice of at most `limit` customers (100,000 over the API) in the latent space."""
        return self._many("/v1/clusters/points", ClusterPoint, "points", {"limit": min(limit, MAX_POINTS)})

    def model(self) -> ModelInfo:
        """Version, period, cleaning report, scorecard, settings."""
        return self._get("/v1/model", ModelInfo)

    def method_names(self) -> tuple[str, ...]:
        """The methods `recommend` takes, ``all`` last."""
        return (*METHODS, ALL)

    def _get(self, path: str, kind: type[R], query: Mapping[str, Any] | None = None) -> R:
        return self._connection.read("GET", path, kind.from_dict, params=query)

    def _many(self, path: str, kind: type[R], field: str, query: Mapping[str, Any] | None = None) -> list[R]:
        return self._connection.read("GET", path, lambda data: [kind.from_dict(d) for d in data[field]], params=query)

    def _posted(self, path: str, kind: type[R], field: str, body: dict[str, Any]) -> list[R]:
        asked = len(body["customer_ids"])

        def build(data: dict[str, Any]) -> list[R]:
            found = [kind.from_dict(d) for d in data[field]]
            if len(found) != asked:
                raise ValueError(f"{len(found)} answers to {asked} questions")
            return found

        return self._connection.read("POST", path, build, json=body)


def _path(template: str, identity: str, categories: Sequence[str] | None = None) -> str:
    """The path for an id, or an empty text where no path can carry it or the call would grow too long.

    Clients and proxies take out the segments ``.`` and ``..``, escaped or not.
    """
    path = template.format(quote(_sent(identity), safe=""))
    longest = len(path) + sum(len(quote(_sent(c))) + len("&category=") for c in categories or ())
    carried = identity not in ("", ".", "..") and longest <= LONGEST_TARGET
    return path if carried else ""


def _texts(texts: Sequence[str] | None) -> list[str] | None:
    return None if texts is None else [_sent(t) for t in texts]


def _sent(text: str) -> str:
    """The text as UTF-8 can hold it: lone surrogates become ``?``, as in `ids`."""
    return text.encode("utf-8", "replace").decode("utf-8")
