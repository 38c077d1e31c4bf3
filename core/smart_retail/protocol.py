"""The engine interface: `RetailEngine`, implemented by `Engine` (in process) and `RemoteEngine` (over HTTP).

Front ends are written against `RetailEngine` and accept either. `ListQuery` holds the options of one list request.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeGuard, TypeVar

import msgspec
from msgspec.structs import force_setattr, replace

from smart_retail.errors import NeedsLocalEngineError, RetailError, UsageError
from smart_retail.progress import SILENT, Progress
from smart_retail.results import (
    Audience,
    Cluster,
    ClusterPoint,
    CohortTable,
    CustomerMatch,
    CustomerPage,
    CustomerProfile,
    CustomerSummary,
    CustomerValue,
    ExpectedRevenue,
    GridCell,
    Item,
    ItemDetails,
    ListScenario,
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
from smart_retail.utils.dates import parse_day

if TYPE_CHECKING:
    from smart_retail.bundle.reader import Bundle
    from smart_retail.serving.bundle_tables import BundleTables
    from smart_retail.serving.customer_values import CustomerValues
    from smart_retail.serving.rule_set import RuleSet

METHODS = ("personalized", "rfm", "cf", "popular", "hybrid")
ALL = "all"
DEFAULT_METHOD = "hybrid"
DEFAULT_N = 10
DEFAULT_SEARCH_N = 20
DEFAULT_AUDIENCE_N = 100
DEFAULT_SALES_DAYS = 28
"""Length of the sales period where none is given."""
DEFAULT_POINTS = 5000
MAX_N = 1000
DEFAULT_HORIZON_DAYS = 90
MAX_HORIZON_DAYS = 3650
MAX_LIST_DAYS = 366
"""Days after the end of the history that a list can be for."""
REVENUE_HORIZONS_DAYS = (30, 60, 90)
DEFAULT_CALENDAR_DAYS = 7
PERIODS = ("week", "month", "quarter")
"""Periods of cohorts."""
DEFAULT_PERIOD = "month"

CUSTOMER_SORTS = (
    "amount", "orders", "last_order", "expected_spend", "return_probability", "lifetime_value", "customer_id",
)  # fmt: skip
"""Columns by which a table of customers is sorted."""
DEFAULT_CUSTOMER_SORT = "amount"
CHURN_RISKS = ("low", "medium", "high")
"""How long a customer has stayed away, measured in the customer's own usual intervals between orders."""
BUNDLE_SORTS = ("support", "confidence", "lift", "revenue")
"""Figures by which product bundles are sorted."""
BUNDLE_SIZES = (2, 3)
"""Numbers of items of a product bundle."""

SAME_CUSTOMERS, BOUGHT_TOGETHER = "same_customers", "bought_together"
RELATIONS = (SAME_CUSTOMERS, BOUGHT_TOGETHER)
"""How an item can be related to another: bought by the same customers, or in the same order."""


def check_method(method: str) -> str:
    """Return `method` if it is valid, otherwise raise `UsageError`."""
    if method not in METHODS and method != ALL:
        raise UsageError(f"{method!r} is not a valid method.", f"Choose one of {', '.join((*METHODS, ALL))}.")
    return method


def check_relation(relation: str) -> str:
    """Return `relation` if it is valid, otherwise raise `UsageError`."""
    if relation not in RELATIONS:
        raise UsageError(f"{relation!r} is not a relation of products.", f"Choose one of {', '.join(RELATIONS)}.")
    return relation


def check_diversity(diversity: float | None) -> None:
    """Raise `UsageError` unless the diversity is None or a number from 0 to 1."""
    if diversity is not None and not 0 <= diversity <= 1:
        raise UsageError(f"The diversity {diversity} is out of range.", "Give a number from 0 to 1, such as 0.3.")


def check_page(n: int, offset: int = 0) -> None:
    """Raise `UsageError` unless 1 <= n <= 1000 and offset >= 0."""
    if not 1 <= n <= MAX_N:
        raise UsageError(
            f"n is {n}, but must be between 1 and {MAX_N}.",
            f"Request 1 to {MAX_N} items, and use an offset to get further pages.",
        )
    if offset < 0:
        raise UsageError(f"offset is {offset}, but must not be negative.", "Start at 0.")


def check_horizon(horizon_days: int) -> int:
    """Return the horizon, or raise `UsageError` if it is not between 1 and `MAX_HORIZON_DAYS` days."""
    if not 1 <= horizon_days <= MAX_HORIZON_DAYS:
        raise UsageError(
            f"The horizon of {horizon_days} days is out of range (1-{MAX_HORIZON_DAYS}).",
            "Common horizons are 30, 60, 90, 180 and 365 days.",
        )
    return horizon_days


def check_period(period: str) -> str:
    """Return the period of cohorts, or raise `UsageError` if it is not one of `PERIODS`."""
    if period not in PERIODS:
        raise UsageError(f"There is no period {period!r}.", f"Periods: {', '.join(PERIODS)}.")
    return period


def check_bundles(sort: str, size: int | None, min_support: int | None) -> None:
    """Raise `UsageError` unless these options of product bundles are valid."""
    if sort not in BUNDLE_SORTS:
        raise UsageError(f"Bundles cannot be sorted by {sort!r}.", f"Choose one of {', '.join(BUNDLE_SORTS)}.")
    if size is not None and size not in BUNDLE_SIZES:
        raise UsageError(f"There are no bundles of {size} products.", "Choose 2 or 3.")
    if min_support is not None and min_support < 1:
        raise UsageError(f"The minimum support is {min_support}, but must be at least 1 order.", "Choose 1 or more.")


def check_price_range(price_min: float | None, price_max: float | None) -> None:
    """Raise `UsageError` unless the bounds are 0 or more, and in order; None for no limit."""
    for price in (price_min, price_max):
        if price is not None and not 0 <= price < float("inf"):
            raise UsageError(f"{price} is not a valid price.", "Give a number of 0 or more, such as 9.90.")
    if price_min is not None and price_max is not None and price_min > price_max:
        raise UsageError(
            f"The lowest price {price_min:g} is above the highest price {price_max:g}.", "Exchange the two prices."
        )


class ListQuery(msgspec.Struct, frozen=True):
    """The validated options of one list request; hashable.

    Raises
    ------
    UsageError
        An option is out of range, on construction.
    """

    method: str | None = None
    """One of `METHODS`, or ``all`` for one list per method; None for that of the scenario. Without a scenario, None
    becomes `DEFAULT_METHOD`. Ignored for similar and popular items."""
    n: int | None = None
    """Number of items, 1 to 1000; None for that of the scenario. Without a scenario, None becomes `DEFAULT_N`."""
    offset: int = 0
    """Number of best items to skip, 0 and up."""
    exclude_purchased: bool = True
    """Whether items that the customer purchased or returned are left out."""
    categories: tuple[str, ...] = ()
    """Only items of these categories; empty for all."""
    explain: bool = True
    """Whether each item comes with its reasons."""
    relation: str = SAME_CUSTOMERS
    """One of `RELATIONS`; only for items related to an item."""
    variants: bool = False
    """Whether several variants of one product, of one name but for size and colour, can be in a list. What the customer
    bought can always be in it."""
    on: str | None = None
    """Date that the list is for (ISO 8601); None for the day after the history. For customers and baskets."""
    diversity: float | None = None
    """How much the items of a list should differ, 0 to 1: 0 lists by score alone; None for the business rules."""
    scenario: str | None = None
    """Name of a scenario of the business rules. For customers and baskets."""
    price_min: float | None = None
    """Lowest price, 0 and up; None for no limit. Items without a price pass."""
    price_max: float | None = None
    """Highest price."""
    exclude: tuple[str, ...] = ()
    """Ids of items that are not in the list; unknown ones are ignored."""

    def __post_init__(self) -> None:
        if self.scenario is None:
            if self.method is None:
                force_setattr(self, "method", DEFAULT_METHOD)
            if self.n is None:
                force_setattr(self, "n", DEFAULT_N)
        if self.on is not None:
            parse_day(self.on)
        if self.method is not None:
            check_method(self.method)
        check_diversity(self.diversity)
        check_relation(self.relation)
        check_page(DEFAULT_N if self.n is None else self.n, self.offset)
        check_price_range(self.price_min, self.price_max)

    @property
    def length(self) -> int:
        """Number of items; that of a scenario must have been resolved."""
        return DEFAULT_N if self.n is None else self.n

    @property
    def end(self) -> int:
        """Rank of the last requested item: offset + n."""
        return self.offset + self.length

    def with_scenario(self, scenarios: Iterable[ListScenario]) -> ListQuery:
        """Return the query with the method and the length of its scenario, unless they are given.

        Raises
        ------
        UsageError
            No scenario has this name.
        """
        if self.scenario is None:
            return self
        found = {scenario.name: scenario for scenario in scenarios}
        if self.scenario not in found:
            known = f"Scenarios: {', '.join(found)}." if found else "Add [scenario.NAME] to the rules file."
            raise UsageError(f"There is no scenario {self.scenario!r}.", known)
        chosen = found[self.scenario]
        return replace(self, method=self.method or chosen.method, n=self.n or chosen.n)


def _filters(price_min: float | None, price_max: float | None, exclude: Sequence[str] | None) -> dict[str, Any]:
    """Return the fields of a `ListQuery` that filter its items by price and id."""
    return {"price_min": price_min, "price_max": price_max, "exclude": tuple(exclude or ())}


class CustomerFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which customers a table shows and a campaign contacts; hashable. All figures are as of the fit.

    Raises
    ------
    UsageError
        An option is out of range, on construction.
    """

    text: str = ""
    """Only customers that match every word with id or name, as in a search; empty for all."""
    segment: str = ""
    """Only customers of this RFM segment; empty for all."""
    cluster: str = ""
    """Only customers of the cluster of this name; empty for all."""
    country: str = ""
    """Only customers of this country; empty for all."""
    category: str = ""
    """Only customers who bought an item of this category and kept it; empty for all."""
    churn_risk: str = ""
    """Only customers with this churn risk, one of `CHURN_RISKS`; empty for all."""
    due_days: int | None = None
    """Only customers who are due to buy an item again within so many days after the last order of the history."""
    min_amount: float | None = None
    """Only customers whose orders amount to at least this, in the shop's currency."""
    max_amount: float | None = None
    """Only customers whose orders amount to at most this, in the shop's currency."""
    last_order_from: str | None = None
    """Only customers whose last order was on this date (ISO 8601) or later."""
    last_order_to: str | None = None
    """Only customers whose last order was on this date (ISO 8601) or earlier."""

    def __post_init__(self) -> None:
        if self.churn_risk and self.churn_risk not in CHURN_RISKS:
            raise UsageError(f"There is no churn risk {self.churn_risk!r}.", f"Choose one of {', '.join(CHURN_RISKS)}.")
        if self.due_days is not None:
            check_horizon(self.due_days)
        days = [parse_day(text) for text in (self.last_order_from, self.last_order_to) if text is not None]
        if len(days) == 2 and days[0] > days[1]:
            raise UsageError("The dates of the last order are in the wrong order.", "Give the earlier one first.")
        amounts = [amount for amount in (self.min_amount, self.max_amount) if amount is not None]
        if not all(map(math.isfinite, amounts)) or amounts != sorted(amounts):
            raise UsageError(
                f"The amounts {' to '.join(map(str, amounts))} are not a range.", "Give the smaller one first."
            )

    @property
    def conditions(self) -> dict[str, Any]:
        """The options that select customers, by their names; empty for all customers."""
        found = {name: getattr(self, name) for name in FILTER_NAMES}
        return {name: value for name, value in found.items() if value not in ("", None)}

    @property
    def filter(self) -> CustomerFilter:
        """The filter alone, without order and page."""
        return CustomerFilter(**self.conditions)


FILTER_NAMES: tuple[str, ...] = CustomerFilter.__struct_fields__
"""Names of the options of `CustomerFilter`."""
ALL_CUSTOMERS = CustomerFilter()


class CustomerQuery(CustomerFilter, frozen=True):
    """The validated options of a table of customers: a filter, an order and a page; hashable.

    Raises
    ------
    UsageError
        An option is out of range, on construction.
    """

    sort: str = DEFAULT_CUSTOMER_SORT
    """One of `CUSTOMER_SORTS`."""
    ascending: bool = False
    """Whether the smallest value comes first; customers without a value are last."""
    n: int = DEFAULT_AUDIENCE_N
    """Number of customers, 1 to 1000."""
    offset: int = 0
    """Number of first customers to skip, 0 and up."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sort not in CUSTOMER_SORTS:
            raise UsageError(
                f"Customers cannot be sorted by {self.sort!r}.", f"Choose one of {', '.join(CUSTOMER_SORTS)}."
            )
        check_page(self.n, self.offset)


TaskResult = TypeVar("TaskResult", bound=Result)


class Task(msgspec.Struct, Generic[TaskResult], frozen=True, forbid_unknown_fields=True):
    """An analysis or a change with its options: what an engine does that is more than a look-up.

    An engine runs a task by `RetailEngine.run`: in this process, or over the API by a route or as a job. The fields are
    the options, in Python as in JSON.
    """

    name: ClassVar[str]
    """Name in the API."""
    result: ClassVar[type[Any]]
    """Class of the result."""
    route: ClassVar[tuple[str, str] | None] = None
    """Verb and path of the API; None for a task that only runs as a job."""
    file_fields: ClassVar[tuple[str, ...]] = ()
    """Fields with paths of files, one or several each; over the API the files are uploaded."""

    @property
    def is_long(self) -> bool:
        """Whether a client of the API runs the task as a job rather than in one request."""
        return self.route is None

    def compute(self, engine: LocalEngine, progress: Progress) -> TaskResult:
        """Return the result of the task over a bundle; raises `RetailError`."""
        raise NotImplementedError


class RetailEngine(ABC):
    """Reads of one published bundle.

    An engine implements the abstract methods; the keyword methods of the public Python API (`recommend`,
    `recommend_many`, `recommend_for_basket`, `similar_items`, `popular`) are defined here once, over the four methods
    that take a `ListQuery`. Ids are text and compared character by character. Every call works on one bundle from
    start to end. Errors are `RetailError`.
    """

    is_local: ClassVar[bool] = False
    """Whether the bundle is open in this process, so that the engine is a `LocalEngine`."""

    @property
    @abstractmethod
    def version(self) -> str:
        """Version id of the bundle in use."""

    @abstractmethod
    def query_customers(self, customer_ids: Sequence[str], query: ListQuery) -> list[RecommendationList]:
        """Return one list per customer, in their order; unknown customers get popular items and ``known=False``."""

    @abstractmethod
    def query_basket(
        self, item_ids: Sequence[str], query: ListQuery, customer_id: str | None = None
    ) -> RecommendationList:
        """Return a list that completes a basket, of a customer or of a visitor; unknown items are ignored."""

    @abstractmethod
    def query_similar(self, item_id: str, query: ListQuery) -> RecommendationList:
        """Return items related to an item, by `ListQuery.relation`. `UnknownItemError` lists close matches."""

    @abstractmethod
    def query_popular(self, query: ListQuery) -> RecommendationList:
        """Return the most popular items, overall or of the given categories."""

    @abstractmethod
    def customer(self, customer_id: str) -> CustomerProfile:
        """Return a customer's profile; ``known=False`` for an unknown id."""

    @abstractmethod
    def customers(self, query: CustomerQuery = CustomerQuery()) -> CustomerPage:  # noqa: B008  # frozen
        """Return a page of a table of customers, filtered and sorted, as of the fit.

        Raises
        ------
        UsageError
            There is no such segment, cluster, country or category.
        """

    @abstractmethod
    def customer_value(self, customer_id: str, horizon_days: int = DEFAULT_HORIZON_DAYS) -> CustomerValue:
        """Return expected orders, spend, return and lifetime value of a customer; a new customer gets the prior."""

    @abstractmethod
    def customer_values(
        self, customer_ids: Sequence[str], horizon_days: int = DEFAULT_HORIZON_DAYS
    ) -> list[CustomerValue]:
        """Return `customer_value` of several customers, in their order."""

    @abstractmethod
    def value_summary(self, horizon_days: int = DEFAULT_HORIZON_DAYS) -> ValueSummary:
        """Return expected orders and spend of the shop with intervals, by segment and cluster, with the backtests."""

    @abstractmethod
    def expected_revenue(self, horizons_days: Sequence[int] = REVENUE_HORIZONS_DAYS) -> list[ExpectedRevenue]:
        """Return the expected revenue of the shop for several horizons, with 80 % intervals."""

    @abstractmethod
    def sales(self, first: str | None = None, last: str | None = None, category: str | None = None) -> SalesComparison:
        """Return the key figures of a period with those of the period before and of the year before.

        Parameters
        ----------
        first, last : str, optional
            ISO dates, both included; by default the last 28 days of the history.
        category : str, optional
            Only items of this category.

        Raises
        ------
        UsageError
            A date is not valid, the period has no day of the history, or no item has the category.
        """

    @abstractmethod
    def cohorts(self, period: str = DEFAULT_PERIOD) -> CohortTable:
        """Return customers by the week, month or quarter of their first order, with retention and cumulative value.

        Raises
        ------
        UsageError
            `period` is not week, month or quarter.
        """

    @abstractmethod
    def replenishment(
        self, days: int = DEFAULT_CALENDAR_DAYS, customer_id: str | None = None, *, n: int = 100, offset: int = 0
    ) -> ReplenishmentCalendar:
        """Return what customers, or one customer, are due to buy again, by date.

        Parameters
        ----------
        days : int
            Length of the calendar from the day after the last order of the history.
        customer_id : str, optional
            Only this customer.
        n : int
            Entries to return, 1 to 1000.
        offset : int
            Entries to skip.
        """

    @abstractmethod
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
        """Return pairs and triples of items that are in one order more often than by chance, as of the fit.

        Parameters
        ----------
        item_id : str, optional
            Only bundles with this item: all its pairs that are frequent enough, and the triples with the 20 items that
            are most often in one order with it. By default the most frequent bundles of the shop.
        sort : {"support", "confidence", "lift", "revenue"}
            Largest first.
        size : {2, 3}, optional
            Only pairs, or only triples.
        min_support : int, optional
            Orders that a bundle has at least. It can raise the limit of the fit (``recommend.min_support``, or a larger
            one for the bundles of a shop with very many), not lower it.
        n, offset : int
            Page, n from 1 to 1000.

        Raises
        ------
        UnknownItemError
            No item has this id; the hint lists close matches.
        UsageError
            An option is out of range.
        """

    @abstractmethod
    def substitutes(self, item_id: str, n: int = DEFAULT_N) -> Substitutes:
        """Return at most `n` items that replace an item: of its category, of the same customers, rarely in one order.

        Raises
        ------
        UnknownItemError
            No item has this id; the hint lists close matches.
        """

    @abstractmethod
    def audience(
        self, item_id: str, n: int = DEFAULT_AUDIENCE_N, *, exclude_purchased: bool = True, offset: int = 0
    ) -> Audience:
        """Return the customers who would most likely want an item.

        Customers in whose list by the method hybrid the item is among the first 20 come first, by its position; then
        those who bought items of the same customers, by similarity of their purchases to the item. Only customers of
        the last fit; those who bought the item since then count as buyers.

        Parameters
        ----------
        item_id : str
        n, offset : int
            Page, n from 1 to 1000.
        exclude_purchased : bool
            Whether customers who bought or returned the item are left out.

        Raises
        ------
        UnknownItemError
            No item has this id; the hint lists close matches.
        """

    @abstractmethod
    def search_customers(self, text: str, n: int = DEFAULT_SEARCH_N) -> list[CustomerMatch]:
        """Return at most `n` customers that match every word of `text`, an equal id or name first, then by orders.

        Words can be in any order and be parts of the words of id or name. Case and accents are ignored. If there is no
        match, each word may have one typing error. Without text, the first customers are returned.
        """

    @abstractmethod
    def search_items(self, text: str, n: int = DEFAULT_SEARCH_N) -> list[Item]:
        """Return at most `n` items that match every word of `text` with id, name or category, sorted as customers."""

    @abstractmethod
    def item(self, item_id: str) -> ItemDetails:
        """Return an item with what the catalogue says of it. `UnknownItemError` lists close matches."""

    @abstractmethod
    def categories(self) -> list[str]:
        """Return the names of the categories, sorted; empty if the source has none."""

    @abstractmethod
    def segments(self) -> list[Segment]:
        """Return the RFM segments that have customers, best first."""

    @abstractmethod
    def clusters(self) -> list[Cluster]:
        """Return the clusters, by id."""

    @abstractmethod
    def rfm_grid(self) -> list[GridCell]:
        """Return all 25 cells, r then f descending."""

    @abstractmethod
    def cluster_points(self, limit: int = DEFAULT_POINTS) -> list[ClusterPoint]:
        """Return an evenly spread sample of at most `limit` customers in the latent space."""

    @abstractmethod
    def model(self) -> ModelInfo:
        """Return version, data period, cleaning report, scorecard and settings of the bundle."""

    @abstractmethod
    def run(self, task: Task[TaskResult], progress: Progress = SILENT) -> TaskResult:
        """Run an analysis or a change, such as a forecast or a rollback, and return its result.

        Parameters
        ----------
        task : Task
            One of `analysis.tasks`, `analysis.long_tasks` or `reporting.report_task`.
        progress : Progress
            Gets the stages; its `check` can cancel the task.

        Raises
        ------
        RetailError
            The error of the task. Over the API, tasks need a key of the role admin.
        """

    def recommend(
        self,
        customer_id: str,
        method: str | None = None,
        n: int | None = None,
        *,
        scenario: str | None = None,
        offset: int = 0,
        exclude_purchased: bool = True,
        categories: Sequence[str] | None = None,
        price_min: float | None = None,
        price_max: float | None = None,
        exclude: Sequence[str] | None = None,
        explain: bool = True,
        variants: bool = False,
        on: str | None = None,
        diversity: float | None = None,
    ) -> RecommendationList:
        """Return the best items for a customer.

        Parameters
        ----------
        customer_id : str
            An unknown customer gets popular items, with ``known=False`` and ``fallback=True``.
        method : str, optional
            One of `METHODS`, or ``all`` for one list per method; by default that of the scenario, else ``hybrid``.
        n : int, optional
            Number of items, 1 to 1000; by default that of the scenario, else 10. A shorter list is the beginning of a
            longer one.
        scenario : str, optional
            Name of a scenario of the business rules, such as ``home``: method, number, diversity and rules by one name.
            Other options of the call override it. `model` lists the scenarios.
        offset : int
            Number of best items to skip, 0 and up.
        exclude_purchased : bool
            Whether items that the customer purchased or returned are left out.
        categories : sequence of str, optional
            Only items of these categories.
        price_min, price_max : float, optional
            Only items with a price from the one to the other, in the shop's currency; items without a price pass.
        exclude : sequence of str, optional
            Ids of items that are not in the list; unknown ones are ignored.
        explain : bool
            Whether each item comes with its reasons.
        variants : bool
            Whether several variants of one product, of one name but for size and colour, can be in the list. What the
            customer bought can always be in it.
        on : str, optional
            Date that the list is for (ISO 8601), at most `MAX_LIST_DAYS` after the history: which purchases are due
            again, and the season, follow from it. By default the day after the history.
        diversity : float, optional
            How much the items of the list should differ, 0 to 1 (maximal marginal relevance): 0 lists by score alone.
            By default that of the business rules, else 0.

        Returns
        -------
        RecommendationList
            For ``all``, `items` is empty and `lists` maps each method to its list.

        Raises
        ------
        UsageError
            An option is not valid, or a category or the scenario does not exist.
        """
        options = method, n, offset, exclude_purchased, tuple(categories or ()), explain
        filters = _filters(price_min, price_max, exclude)
        query = ListQuery(*options, variants=variants, on=on, diversity=diversity, scenario=scenario, **filters)
        return self.query_customers((customer_id,), query)[0]

    def recommend_many(
        self,
        customer_ids: Sequence[str],
        method: str | None = None,
        n: int | None = None,
        *,
        scenario: str | None = None,
        exclude_purchased: bool = True,
        categories: Sequence[str] | None = None,
        price_min: float | None = None,
        price_max: float | None = None,
        exclude: Sequence[str] | None = None,
        explain: bool = True,
        variants: bool = False,
        on: str | None = None,
        diversity: float | None = None,
    ) -> list[RecommendationList]:
        """Return the lists of several customers, all from one version.

        Parameters
        ----------
        customer_ids : sequence of str
        method, n, scenario, exclude_purchased, categories, price_min, price_max, exclude, explain, variants
            As in `recommend`.
        on, diversity
            As in `recommend`.

        Returns
        -------
        list of RecommendationList
            In the order of `customer_ids`.
        """
        options = method, n, 0, exclude_purchased, tuple(categories or ()), explain
        filters = _filters(price_min, price_max, exclude)
        query = ListQuery(*options, variants=variants, on=on, diversity=diversity, scenario=scenario, **filters)
        return self.query_customers(customer_ids, query)

    def recommend_for_basket(
        self,
        item_ids: Sequence[str],
        n: int | None = None,
        *,
        customer_id: str | None = None,
        method: str | None = None,
        scenario: str | None = None,
        offset: int = 0,
        exclude_purchased: bool = True,
        categories: Sequence[str] | None = None,
        price_min: float | None = None,
        price_max: float | None = None,
        exclude: Sequence[str] | None = None,
        explain: bool = True,
        variants: bool = False,
        on: str | None = None,
        diversity: float | None = None,
    ) -> RecommendationList:
        """Return a list that completes a basket: what is bought in one order with its items.

        Parameters
        ----------
        item_ids : sequence of str
            Items of the basket; unknown ones are ignored.
        customer_id : str, optional
            The customer of the basket, whose habits count too; None for a visitor.
        method : str, optional
            ``hybrid`` completes the basket by a model of its own. Other methods take the basket as the latest order. By
            default that of the scenario, else ``hybrid``.
        exclude_purchased : bool
            Whether the items of the basket are left out. What the customer bought before can be in the list of
            ``hybrid``: it may be missing in this basket.
        n, scenario, offset, categories, price_min, price_max, exclude, explain, variants, on, diversity
            As in `recommend`.

        Returns
        -------
        RecommendationList
        """
        options = method, n, offset, exclude_purchased, tuple(categories or ()), explain
        filters = _filters(price_min, price_max, exclude)
        query = ListQuery(*options, variants=variants, on=on, diversity=diversity, scenario=scenario, **filters)
        return self.query_basket(item_ids, query, customer_id)

    def similar_items(
        self,
        item_id: str,
        n: int = DEFAULT_N,
        *,
        offset: int = 0,
        categories: Sequence[str] | None = None,
        price_min: float | None = None,
        price_max: float | None = None,
        exclude: Sequence[str] | None = None,
        relation: str = SAME_CUSTOMERS,
    ) -> RecommendationList:
        """Return items that are related to an item.

        Parameters
        ----------
        item_id : str
        n, offset, categories, price_min, price_max, exclude
            As in `recommend`.
        relation : {"same_customers", "bought_together"}
            ``same_customers``: items that the same customers buy, or of similar content if the item was never bought.
            ``bought_together``: items that are in the same order more often than by chance, in at least
            ``recommend.min_support`` orders.

        Returns
        -------
        RecommendationList
            Its method is the relation, or ``similar`` for similar content. It can be shorter than `n`, or empty.

        Raises
        ------
        UnknownItemError
            No item has this id; the hint lists close matches.
        """
        filters = _filters(price_min, price_max, exclude)
        query = ListQuery(n=n, offset=offset, categories=tuple(categories or ()), relation=relation, **filters)
        return self.query_similar(item_id, query)

    def popular(
        self,
        n: int = DEFAULT_N,
        *,
        offset: int = 0,
        category: str | None = None,
        price_min: float | None = None,
        price_max: float | None = None,
        exclude: Sequence[str] | None = None,
    ) -> RecommendationList:
        """Return the most popular items, overall or of one category.

        Parameters
        ----------
        n, offset, price_min, price_max, exclude
            As in `recommend`.
        category : str, optional
            Only items of this category.

        Returns
        -------
        RecommendationList
        """
        categories = () if category is None else (category,)
        filters = _filters(price_min, price_max, exclude)
        return self.query_popular(ListQuery(n=n, offset=offset, categories=categories, **filters))

    def resolve(self, query: ListQuery) -> ListQuery:
        """Return a query with the method and the length of its scenario; `UsageError` for an unknown scenario."""
        return query if query.scenario is None else query.with_scenario(self.model().scenarios)

    def method_names(self) -> tuple[str, ...]:
        """Return the methods that `recommend` accepts, ``all`` last."""
        return (*METHODS, ALL)


class LocalEngine(RetailEngine):
    """An engine whose bundle is open in this process. `is_local` tests for it, `require_local` demands it."""

    is_local: ClassVar[bool] = True

    bundle: Bundle
    """The opened bundle."""
    tables: BundleTables
    """Customers, items and purchases of the bundle."""

    @property
    @abstractmethod
    def artifacts(self) -> Path:
        """The artifacts folder of the bundle."""

    @property
    @abstractmethod
    def rules(self) -> RuleSet:
        """The business rules in force."""

    @property
    @abstractmethod
    def rules_file(self) -> Path:
        """The rules file, which need not exist: the given one, else ``rules.toml`` in the artifacts folder."""

    @property
    @abstractmethod
    def rules_error(self) -> RetailError | None:
        """Error of a rules file that changed after the start; the rules read before it stay in force."""

    @abstractmethod
    def check_events(self) -> None:
        """Read new events since the fit; raise `ArtifactError` if the event store cannot be read."""

    @property
    @abstractmethod
    def values(self) -> CustomerValues:
        """Value forecasts of the customers of the bundle."""

    def run(self, task: Task[TaskResult], progress: Progress = SILENT) -> TaskResult:
        """Run a task in this process."""
        return task.compute(self, progress)

    @abstractmethod
    def customer_ids(self, selected: CustomerFilter = ALL_CUSTOMERS) -> Iterator[str]:
        """Iterate over the ids of the customers of the bundle that pass a filter, in id order.

        Raises
        ------
        UsageError
            There is no such segment, cluster, country or category.
        """

    @abstractmethod
    def state_of(self, customer_id: str | None = None) -> tuple[object, str, int]:
        """Return what a result depends on; calls in equal states return equal results.

        The parts are an object that identifies the opened bundle, the digest of the business rules, and the sequence
        number of the customer's newest event (0 without any).
        """


def is_local(engine: RetailEngine) -> TypeGuard[LocalEngine]:
    """Return whether the bundle of `engine` is open in this process."""
    return engine.is_local


def require_local(
    engine: RetailEngine,
    feature: str,
    hint: str = "Run it without --api-url on the machine that has the artifacts folder.",
) -> LocalEngine:
    """Return `engine` as a `LocalEngine`.

    Parameters
    ----------
    engine : RetailEngine
    feature : str
        Subject and verb of the message, such as ``A forecast needs``.
    hint : str
        What to do instead.

    Returns
    -------
    LocalEngine

    Raises
    ------
    NeedsLocalEngineError
        The engine is behind an API.
    """
    if not is_local(engine):
        raise NeedsLocalEngineError(f"{feature} the bundle in this process, but the engine is behind an API.", hint)
    return engine


def read_all_pages(read_page: Callable[[int], Any]) -> Iterator[Any]:
    """Yield the entries of all pages of a result, such as those of `RetailEngine.customers`.

    Parameters
    ----------
    read_page : callable
        Returns the page of `MAX_N` entries from an offset, with its ``entries`` and their ``total`` on all pages.
    """
    for offset in itertools.count(0, MAX_N):
        page = read_page(offset)
        yield from page.entries
        if offset + MAX_N >= page.total:
            return


def all_customers(engine: RetailEngine, query: CustomerQuery) -> Iterator[CustomerSummary]:
    """Yield all customers of a query."""
    return read_all_pages(lambda offset: engine.customers(replace(query, n=MAX_N, offset=offset)))
