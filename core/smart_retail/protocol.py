"""What an engine can be asked: the one interface of `Engine` (in process) and `RemoteEngine`.

Front ends are written against `RetailEngine` and take either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from smart_retail.errors import UsageError
from smart_retail.results import (
    Cluster,
    ClusterPoint,
    CustomerMatch,
    CustomerProfile,
    GridCell,
    Item,
    ModelInfo,
    RecommendationList,
    Segment,
)

METHODS = ("personalized", "rfm", "cf", "popular", "hybrid")
ALL = "all"
DEFAULT_METHOD = "hybrid"
MAX_N = 1000


def check_method(method: str) -> str:
    """`method` itself if it is one, or `UsageError`."""
    if method not in METHODS and method != ALL:
        raise UsageError(f"There is no method {method!r}.", f"Choose one of {', '.join((*METHODS, ALL))}.")
    return method


def check_page(n: int, offset: int = 0) -> None:
    """`UsageError` unless 1 <= n <= 1000 and offset >= 0."""
    if not 1 <= n <= MAX_N:
        raise UsageError(
            f"n is {n}; it must lie between 1 and {MAX_N}.", f"Ask for 1 to {MAX_N} items; page on with an offset."
        )
    if offset < 0:
        raise UsageError(f"offset is {offset}; it cannot be negative.", "Start at 0.")


class RetailEngine(Protocol):
    """Reads of one published bundle.

    Ids are text, compared character by character. `n` lies between 1 and 1000. Every call works on one
    bundle from start to end. Errors are `RetailError`.
    """

    @property
    def version(self) -> str:
        """Version id of the bundle that answers."""

    @property
    def is_local(self) -> bool:
        """Whether fitting and what-if are possible in this process."""

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
        """`recommend` for several customers, in their order."""

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

    def similar_items(
        self,
        item_id: str,
        n: int = 10,
        *,
        offset: int = 0,
        categories: Sequence[str] | None = None,
    ) -> RecommendationList:
        """What goes with an item; by content where nobody bought it. `UnknownItemError` names near matches."""

    def popular(
        self,
        n: int = 10,
        *,
        offset: int = 0,
        category: str | None = None,
    ) -> RecommendationList:
        """The most wanted items, overall or of one category."""

    def customer(self, customer_id: str) -> CustomerProfile:
        """Profile; ``known=False`` for an unknown id."""

    def search_customers(self, text: str, n: int = 20) -> list[CustomerMatch]:
        """Customers whose id or name holds `text`, case ignored: ids that begin with it first."""

    def search_items(self, text: str, n: int = 20) -> list[Item]:
        """Items whose id or name holds `text`, case ignored: ids that begin with it first."""

    def categories(self) -> list[str]:
        """Names of the categories, sorted; empty where the source has none."""

    def segments(self) -> list[Segment]:
        """RFM segments that have customers, best first."""

    def clusters(self) -> list[Cluster]:
        """Clusters, by id."""

    def rfm_grid(self) -> list[GridCell]:
        """All 25 cells, r then f descending."""

    def cluster_points(self, limit: int = 5000) -> list[ClusterPoint]:
        """An evenly spread choice of at most `limit` customers in the latent space."""

    def model(self) -> ModelInfo:
        """Version, period, cleaning report, scorecard, settings."""

    def method_names(self) -> tuple[str, ...]:
        """The methods `recommend` takes, ``all`` last."""
