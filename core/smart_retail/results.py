"""Results of an engine: the same immutable values in Python, in JSON and on every screen.

`as_dict()` converts a result to plain JSON data and `from_dict()` converts it back without loss. Dates are ISO texts
(``YYYY-MM-DD``), amounts are in the shop's currency, shares are 0 to 1. The classes are msgspec structs: a list of ten
items with reasons is built and encoded in 61 us; dataclasses with orjson took 85 us.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import msgspec

from smart_retail.errors import MissingExtraError


def _to_python_number(value: Any) -> Any:
    """Return a NumPy scalar as a Python number."""
    if hasattr(value, "item"):
        return value.item()
    raise NotImplementedError


_ENCODER = msgspec.json.Encoder(enc_hook=_to_python_number)


def to_json(value: Any) -> bytes:
    """Encode results, or plain data that holds results, as JSON."""
    return _ENCODER.encode(value)


class Result(msgspec.Struct, frozen=True):
    """Base of all results."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON data, with keys in the order of the fields."""
        plain: dict[str, Any] = msgspec.json.decode(to_json(self))
        return plain

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Build the result from the output of `as_dict`; unknown keys of a newer version are ignored.

        Raises
        ------
        ValueError
            A field is missing or has another type.
        """
        return msgspec.convert(data, cls)


def to_pandas(results: Sequence[Result]) -> Any:
    """Return results of one class (segments, items, recommendations, ...) as a pandas DataFrame, one row each.

    Parameters
    ----------
    results : sequence of Result

    Returns
    -------
    pandas.DataFrame
        One column per field; nested results are dicts or lists.

    Raises
    ------
    MissingExtraError
        pandas is not installed.
    """
    return _data_frame([result.as_dict() for result in results], type(results[0]) if results else None)


def _data_frame(rows: list[dict[str, Any]], of: type[Result] | None, *first: str) -> Any:
    try:
        import pandas as pd  # only notebooks need it
    except ImportError as error:
        raise MissingExtraError("Tables for notebooks need pandas.", "pip install pandas") from error
    return pd.DataFrame(rows, columns=[*first, *(of.__struct_fields__ if of else ())])


class Reason(Result, frozen=True, gc=False):
    """Evidence that supports an item of a list: an association, never a cause."""

    kind: str
    """buy_again, bought_together (one order), same_customers, cluster, segment, popular, trending, similar or rule."""
    method: str
    """Method that proposed the item: one of the methods, or repurchase, content or rule."""
    rank: int
    """Rank of the item in that method's own list, 1 and up; 0 for a rule, which has none."""
    share: float
    """Share of the item's score, 0 to 1; the shares of one item sum to 1."""
    item_id: str | None
    """The customer's own purchase that the item follows from; null if there is none."""
    text: str
    """The reason as a sentence."""


class Recommendation(Result, frozen=True, gc=False):
    """One item of a list."""

    rank: int
    """Rank in the list, 1 and up."""
    item_id: str
    """The shop's id of the item."""
    item_name: str
    """Name of the item; its id if the source has no names."""
    category: str
    """Category of the item; empty if the source has none."""
    score: float
    """Score, 0 and up, to 6 significant digits; without a unit, comparable within one list only."""
    source: str
    """Method with the largest share of the score, or popular for an item that fills up a short list."""
    reasons: tuple[Reason, ...] = ()
    """Reasons, largest share first; empty if not requested."""


class RecommendationList(Result, frozen=True):
    """A ranked list, or for the method ``all`` one list per method."""

    customer_id: str | None
    """Id of the request; null for baskets, similar and popular items."""
    known: bool
    """Whether the customer has purchases in the data."""
    fallback: bool
    """Whether any item was filled in from popular items."""
    method: str
    """Requested method; for lists without a customer same_customers, bought_together, similar or popular."""
    model_version: str
    """Version id of the bundle."""
    rules: str
    """Digest of the business rules in force; empty without rules."""
    items: tuple[Recommendation, ...]
    """Items, best first; empty for the method all."""
    lists: dict[str, RecommendationList] = {}
    """For the method all: list by method; otherwise empty."""

    def to_pandas(self) -> Any:
        """Return the items as a pandas DataFrame; for the method all, those of every list with a column ``method``."""
        if not self.lists:
            return to_pandas(self.items)
        rows = [{"method": name, **item.as_dict()} for name, each in self.lists.items() for item in each.items]
        return _data_frame(rows, Recommendation, "method")


class RFM(Result, frozen=True):
    """Recency, frequency and monetary value of a customer, with scores and segment."""

    recency: int
    """Days from the last kept order to the analysis date, 0 and up."""
    frequency: int
    """Number of kept orders over the whole data period, 1 and up."""
    monetary: float
    """Net amount of all kept purchases over the whole data period, in the shop's currency."""
    r: int
    """Recency score, 1 to 5; 5 is the most recent."""
    f: int
    """Frequency score, 1 to 5; 5 is the most frequent."""
    m: int
    """Monetary score, 1 to 5; 5 is the highest amount."""
    code: str
    """The three scores in one text, such as ``534``."""
    segment: str
    """Name of the RFM segment."""
    value_tier: str
    """Lowest, Low, Middle, High or Top, by monetary score."""


class ClusterRef(Result, frozen=True):
    """The cluster of a customer."""

    id: int
    """Cluster id, 0 and up; 0 has the highest mean amount."""
    name: str
    """Name of the cluster."""


class Purchase(Result, frozen=True):
    """A customer's purchases of one item."""

    item_id: str
    """The shop's id of the item."""
    item_name: str
    """Name of the item; its id if the source has no names."""
    category: str
    """Category of the item; empty if the source has none."""
    orders: int
    """Number of kept orders with the item, over the whole data period and later events."""
    quantity: float
    """Units kept."""
    amount: float
    """Net amount, in the shop's currency."""
    first_day: str
    """Day of the first purchase, ISO date."""
    last_day: str
    """Day of the last purchase, ISO date."""


class CategoryShare(Result, frozen=True):
    """A category's share of a customer's purchases."""

    category: str
    """Name of the category."""
    share: float
    """Share of the customer's net amount, 0 to 1."""


class CustomerProfile(Result, frozen=True):
    """Profile of a customer. An unknown customer has ``known=False`` and no other values."""

    customer_id: str
    """Id of the request."""
    known: bool
    """Whether the customer has purchases in the data."""
    customer_name: str
    """Name; empty if the source has none."""
    country: str
    """Country; empty if the source has none."""
    rfm: RFM | None
    """RFM values; null without a kept purchase."""
    cluster: ClusterRef | None
    """Cluster; null without a kept purchase."""
    orders: int
    """Number of kept orders over the whole data period and later events, 0 and up."""
    first_order: str | None
    """Day of the first kept order, ISO date; null without one."""
    last_order: str | None
    """Day of the last kept order, ISO date; null without one."""
    returned_share: float
    """Share of the customer's order lines that were returned, 0 to 1."""
    top_categories: tuple[CategoryShare, ...]
    """At most three categories, largest share first."""
    purchases: tuple[Purchase, ...]
    """Purchases by item, newest first."""
    usual_interval_days: float | None = None
    """Usual days between two orders, from the customer's orders and those of the shop up to the fit; null with fewer
    than two orders."""
    usual_intervals_since_order: float | None = None
    """Days since the last order divided by the usual days between two orders; null where these are not known."""


class CustomerSummary(Result, frozen=True):
    """A customer in a table: groups, orders and forecast, as of the fit."""

    customer_id: str
    """The shop's id of the customer."""
    customer_name: str
    """Name; empty if the source has none."""
    country: str
    """Country; empty if the source has none."""
    segment: str
    """Name of the RFM segment; empty without a kept purchase."""
    cluster: str
    """Name of the cluster; empty without one."""
    orders: int
    """Number of kept orders."""
    amount: float
    """Net amount of all kept orders, in the shop's currency."""
    last_order: str | None
    """Date of the last kept order; null without one."""
    expected_spend: float
    """Expected spend within the horizon, in the shop's currency."""
    return_probability: float
    """Probability of an order within the horizon, 0 to 1."""
    lifetime_value: float
    """Discounted expected spend of three years, in the shop's currency."""
    churn_risk: str
    """How long the customer has stayed away, in the customer's own usual intervals between orders: low, medium or high;
    empty without a kept purchase."""


class CustomerPage(Result, frozen=True):
    """A page of a table of customers."""

    total: int
    """Number of customers that pass the filters, on all pages."""
    with_orders: int
    """Number of these customers with a kept order, which is the number of customers of a campaign."""
    customers: int
    """Number of all customers of the bundle."""
    horizon_days: int
    """Horizon of the forecasts in days."""
    countries: tuple[str, ...]
    """Countries of all customers, most customers first, at most 100; empty if the source has none."""
    entries: tuple[CustomerSummary, ...]
    """The customers of this page."""
    model_version: str
    """Version id of the bundle of models."""


class CustomerMatch(Result, frozen=True):
    """A customer found by a search."""

    customer_id: str
    """The shop's id of the customer."""
    customer_name: str
    """Name; empty if the source has none."""
    segment: str
    """Name of the RFM segment; empty without a kept purchase."""


class Item(Result, frozen=True):
    """An item of the catalogue."""

    item_id: str
    """The shop's id of the item."""
    item_name: str
    """Name; the id if the source has no names."""
    category: str
    """Category; empty if the source has none."""
    subcategory: str
    """Subcategory; empty if the source has none."""
    unit_price: float | None
    """Usual price of one unit, in the shop's currency; null if it cannot be derived."""
    orders: int
    """Number of kept orders with the item, over the whole data period."""
    customers: int
    """Number of customers who bought the item, over the whole data period."""


class ItemRef(Result, frozen=True):
    """An item by id and name."""

    item_id: str
    """The shop's id of the item."""
    item_name: str
    """Name; the id if the source has no names."""
    category: str
    """Category; empty if the source has none."""


class ProductBundle(Result, frozen=True):
    """Two or three items that are bought in one order."""

    items: tuple[ItemRef, ...]
    """The items; the last one is in most of the orders with the others."""
    support: int
    """Number of orders with all items, 1 and up."""
    confidence: float
    """Share of the orders with all items but the last that also have the last one, 0 to 1."""
    lift: float
    """How many times as often as by chance all items are in one order."""
    revenue: float
    """Net amount of these items in these orders, in the shop's currency."""
    text: str
    """What was counted, as a sentence."""


class ProductBundles(Result, frozen=True):
    """A page of product bundles, of the shop or with one item."""

    item: ItemRef | None
    """The item that all bundles have; null for bundles of the whole shop."""
    sort: str
    """Figure by which they are sorted, largest first: support, confidence, lift or revenue."""
    min_support: int
    """Number of orders that every bundle has at least."""
    orders: int
    """Number of orders of the shop."""
    total: int
    """Number of bundles on all pages."""
    entries: tuple[ProductBundle, ...]
    """The bundles of this page."""
    model_version: str
    """Version id of the bundle of models."""


class Substitute(Result, frozen=True):
    """An item that the same customers buy in place of another one."""

    item: ItemRef
    """The item."""
    customers: int
    """Number of customers who bought both."""
    together: int
    """Number of orders with both, 0 and up."""
    expected: float
    """Orders with both to expect, if each customer put the two into orders independently of each other."""
    similarity: float
    """Cosine similarity of the customers of both, 0 to 1."""
    text: str
    """What was counted, as a sentence."""


class Substitutes(Result, frozen=True):
    """Items that replace an item: of its category, bought by the same customers, but rarely in one order."""

    item: ItemRef
    """The item."""
    group: str
    """Subcategory, or category, that was searched; empty if the item has none."""
    entries: tuple[Substitute, ...]
    """The substitutes, best first."""
    note: str
    """Why there is none; empty if there are any."""
    model_version: str
    """Version id of the bundle of models."""


class AudienceMember(Result, frozen=True):
    """A customer who would want an item."""

    rank: int
    """Rank in the audience, 1 and up."""
    customer_id: str
    """The shop's id of the customer."""
    customer_name: str
    """Name; empty if the source has none."""
    segment: str
    """Name of the RFM segment; empty without a kept purchase."""
    orders: int
    """Number of kept orders."""
    last_order: str | None
    """Date of the last kept order; null without one."""
    position: int | None
    """Position of the item in the customer's list by the method hybrid, before business rules; null if not in it."""
    similarity: float
    """Similarity of the customer's purchases to the item, 0 to 1: the share of its most similar items, weighted."""
    text: str
    """Why the customer would want the item, as a sentence."""


class Audience(Result, frozen=True):
    """A page of the customers who would want an item, most likely first."""

    item: ItemRef
    """The item."""
    exclude_purchased: bool
    """Whether customers who bought or returned the item are left out."""
    total: int
    """Number of customers on all pages."""
    leading: int
    """Number of those in whose list the item is among the first 20; they come first."""
    entries: tuple[AudienceMember, ...]
    """The customers of this page."""
    note: str
    """What to know about the audience; usually empty."""
    model_version: str
    """Version id of the bundle of models."""


class ItemDetails(Item, frozen=True):
    """An item with what the catalogue says of it; empty or null where there is no catalogue or it has no value."""

    brand: str
    """Brand; empty if unknown."""
    description: str
    """Description without HTML tags; empty if unknown."""
    image_url: str
    """Address of a picture; empty if unknown."""
    list_price: float | None
    """Price of the catalogue, in the shop's currency."""
    cost: float | None
    """Cost of one unit, in the shop's currency."""
    stock: float | None
    """Units in stock; an item with 0 or less is in no list."""
    launch_date: str
    """ISO date; empty if unknown."""
    attributes: dict[str, str]
    """Further columns of the catalogue: header -> value."""


class ItemsAccepted(Result, frozen=True):
    """Items that were added or changed; they are stored on disk."""

    received: int
    """Items that were sent."""
    added: int
    """Items that the version does not have and that were not sent before."""
    changed: int
    """Items that the version has, or that were sent before."""
    skipped: tuple[str, ...]
    """Ids of items that are new and have no name, at most 100; they are not stored."""
    note: str
    """What to know about the skipped items; empty without any."""


class Segment(Result, frozen=True):
    """An RFM segment."""

    name: str
    """Name of the segment."""
    meaning: str
    """What its customers have in common."""
    action: str
    """Suggested marketing action."""
    customers: int
    """Number of customers, 1 and up."""
    share: float
    """Share of all customers with purchases, 0 to 1."""
    revenue: float
    """Net amount of its customers over the whole data period, in the shop's currency."""
    revenue_share: float
    """Share of the shop's net amount, 0 to 1."""
    mean_recency: float
    """Mean number of days since the last order."""
    mean_frequency: float
    """Mean number of orders per customer over the whole data period."""
    mean_monetary: float
    """Mean net amount per customer over the whole data period, in the shop's currency."""
    top_items: tuple[Item, ...]
    """Most popular items of the segment, best first."""
    limits: str = ""
    """Its customers in numbers, such as ``Last order 19 to 43 days ago, 4 to 6 orders``; empty where the cells of the
    segment are not a rectangle of the grid, as a shop can define them."""


class Cluster(Result, frozen=True):
    """A cluster of customers who are alike in value and taste."""

    id: int
    """Cluster id, 0 and up; ordered by mean amount, highest first."""
    name: str
    """Name of the cluster."""
    customers: int
    """Number of customers, 1 and up."""
    share: float
    """Share of all customers with purchases, 0 to 1."""
    revenue: float
    """Net amount of its customers over the whole data period, in the shop's currency."""
    revenue_share: float
    """Share of the shop's net amount, 0 to 1."""
    mean_recency: float
    """Mean number of days since the last order."""
    mean_frequency: float
    """Mean number of orders per customer over the whole data period."""
    mean_monetary: float
    """Mean net amount per customer over the whole data period, in the shop's currency."""
    x: float
    """Centroid, first plotted dimension; without a unit."""
    y: float
    """Centroid, second plotted dimension; without a unit."""
    top_items: tuple[Item, ...]
    """Items that the cluster buys more of than other customers, largest lift first."""


class GridCell(Result, frozen=True):
    """One cell of the 5 x 5 grid of recency and frequency scores."""

    r: int
    """Recency score, 1 to 5; 5 is the most recent."""
    f: int
    """Frequency score, 1 to 5; 5 is the most frequent."""
    segment: str
    """Name of the segment of this cell."""
    customers: int
    """Number of customers, 0 and up."""
    revenue: float
    """Net amount of these customers over the whole data period, in the shop's currency."""


class ClusterPoint(Result, frozen=True):
    """A customer in the two plotted dimensions of the clusters."""

    customer_id: str
    """The shop's id of the customer."""
    cluster: int
    """Cluster id, 0 and up."""
    x: float
    """First plotted dimension; without a unit."""
    y: float
    """Second plotted dimension; without a unit."""


class RejectedRows(Result, frozen=True):
    """Rows that were not accepted, for one reason."""

    reason: str
    """Why the rows were rejected."""
    rows: int
    """Number of rows, 1 and up."""
    examples: tuple[str, ...]
    """A few of the values that caused the rejection, shortened."""


class Returns(Result, frozen=True):
    """Returned goods, by the form in which the source records them."""

    form: str
    """table, cancellation, flag, or unmatched (a cancellation without a matching purchase)."""
    lines: int
    """Number of order lines."""
    amount: float
    """Returned amount as a positive number, in the shop's currency."""


class CleaningReport(Result, frozen=True):
    """What happened to every row of the source: ``rows_in = rows_accepted + sum of rejected``."""

    rows_in: int
    """Rows read from the source."""
    rows_accepted: int
    """Rows that became order lines."""
    rejected: tuple[RejectedRows, ...]
    """Rejected rows by reason, most rows first."""
    returns: tuple[Returns, ...]
    """Returned goods by form."""
    returns_policy: str
    """net (returned lines do not count as purchases) or keep (returns are ignored)."""
    customers: int
    """Number of customers in the accepted rows."""
    items: int
    """Number of items in the accepted rows."""
    orders: int
    """Number of orders in the accepted rows."""
    first: str
    """Day of the first order, ISO date."""
    last: str
    """Day of the last order, ISO date."""
    amount: float
    """Sum over the accepted purchase lines before returns, in the shop's currency."""
    net_amount: float
    """What remains of the amount after returns, by the policy, in the shop's currency."""
    notes: tuple[str, ...]
    """Decisions (preset, date order, ...) and warnings about too little data."""


class MonthTotals(Result, frozen=True):
    """What a month of the sources holds next to what was accepted of it."""

    month: str
    """Month as YYYY-MM; empty for rows without a valid date."""
    rows: int
    """Rows read."""
    rows_accepted: int
    amount: float
    """Sum of the readable amounts of all rows, cancellations negative, in the shop's currency."""
    amount_accepted: float
    """The same for the accepted rows, before returns by a flag or a table of returns."""


class WeekSales(Result, frozen=True):
    """Sales of one week."""

    week: str
    """Monday of the week, ISO date."""
    amount: float
    """Net amount of the week, in the shop's currency."""
    orders: int
    """Number of orders in the week."""


class ClusterChoice(Result, frozen=True):
    """A number of clusters that was evaluated."""

    k: int
    """Number of clusters, 1 and up."""
    silhouette: float
    """Mean silhouette coefficient, -1 to 1."""
    stability: float
    """Mean adjusted Rand index between fits on resamples, at most 1."""
    chosen: bool
    """Whether this number is used."""


class ListScenario(Result, frozen=True):
    """A scenario of the business rules: the options of a list by one name."""

    name: str
    """Name in the rules file."""
    method: str
    """Method of the lists."""
    n: int
    """Number of items."""
    diversity: float | None
    """How much the items should differ, 0 to 1; None for that of the other rules."""
    rules: tuple[str, ...]
    """Names of the rules that it adds."""


class ModelInfo(Result, frozen=True):
    """Contents and quality of the active bundle."""

    version: str
    """Version id."""
    fitted_at: str
    """Time of the fit, ISO 8601 in UTC."""
    engine_version: str
    """Version of the software that fitted it."""
    first: str
    """First day of the data, ISO date."""
    last: str
    """Last day of the data, ISO date."""
    analysis_date: str
    """Day that recency is counted to, ISO date."""
    currency: str
    """The shop's currency; empty if not set."""
    customers: int
    """Number of customers."""
    items: int
    """Number of items."""
    orders: int
    """Number of orders over the whole data period."""
    cleaning: CleaningReport
    """What happened to the rows of the source."""
    settings: dict[str, Any]
    """Settings of the fit, by section."""
    scorecard: dict[str, Any]
    """Quality of every method on held-out purchases."""
    cluster_choice: tuple[ClusterChoice, ...]
    """Numbers of clusters that were evaluated."""
    weekly_sales: tuple[WeekSales, ...]
    """Sales by week, over the whole data period."""
    show_purchased: bool
    """Whether lists show purchased items by default (share of repeat purchases above 25 %)."""
    rules: str
    """Digest of the business rules in force; empty without rules."""
    rules_error: str = ""
    """Why the changed rules file is not used; the previous rules stay in force. Empty if there is no problem."""
    scenarios: tuple[ListScenario, ...] = ()
    """Scenarios of the business rules, by name in the order of the rules file."""
    statistics: dict[str, Any] = {}
    """Statistics of the order lines as plain data: ``months``, ``categories``, ``discounts``, ``shipping``,
    ``sales_categories`` and ``numbers`` (moments and rank correlations of the numeric columns); empty in older
    bundles."""


class FitReport(Result, frozen=True):
    """Result of a fit."""

    version: str
    """Version id of the new bundle."""
    published: bool
    """Whether it is the active version now."""
    cleaning: CleaningReport
    """What happened to the rows of the source."""
    segments: tuple[Segment, ...]
    """RFM segments, best first."""
    clusters: tuple[Cluster, ...]
    """Clusters, by id."""
    scorecard: dict[str, Any]
    """Quality of every method on held-out purchases."""
    seconds: dict[str, float]
    """Wall time in seconds by stage."""
    notes: tuple[str, ...]
    """Decisions and warnings, one sentence each."""


class CustomerValue(Result, frozen=True):
    """What a customer is expected to do in the coming days, and what the customer has done so far."""

    customer_id: str
    known: bool
    """Whether the customer has kept orders. A new customer gets the mean of new customers."""
    horizon_days: int
    start: str
    """First day of the horizon: the day after the last order of the history."""
    expected_orders: float
    """Orders within the horizon."""
    expected_spend: float
    """Kept amount within the horizon, returns netted."""
    return_probability: float
    """Probability of at least one order within the horizon, 0 to 1, calibrated on earlier windows."""
    next_order_date: str
    """Median day of the next order, given that it falls into the horizon."""
    next_order_low: str
    """Lower end of the 80 % interval of that day."""
    next_order_high: str
    """Upper end of the 80 % interval of that day."""
    lifetime_value: float
    """Discounted spend over `lifetime_days`."""
    lifetime_days: int
    discount_rate: float
    """Per year, 0.1 is 10 %."""
    orders: int
    """Orders so far."""
    spend: float
    """Kept amount so far."""
    active_probability: float
    """Probability that the customer still buys at the shop, 0 to 1."""
    usual_interval_days: float
    """Usual days between two orders of the customer, shrunk towards the shop's."""
    churn_risk: str
    """low, medium or high: the days since the last order against the customer's usual interval."""
    model_version: str
    notes: tuple[str, ...] = ()
    """Warnings, such as a horizon beyond the backtested ones."""


class ValueGroup(Result, frozen=True):
    """Customer value of one segment, cluster or tenth of the customers."""

    name: str
    customers: int
    expected_orders: float
    expected_spend: float
    """Total within the horizon."""
    spend_share: float
    """Of the expected spend of all customers."""
    return_probability: float
    """Mean over the customers."""
    lifetime_value: float
    """Mean per customer."""
    spend: float
    """Total so far."""


class ValueBacktest(Result, frozen=True):
    """Forecast and actual totals of one earlier window."""

    start: str
    days: int
    customers: int
    expected_orders: float
    actual_orders: float
    expected_spend: float
    actual_spend: float
    expected_returning: float
    actual_returning: int


class CalibrationBin(Result, frozen=True):
    """A tenth of the customers by predicted probability to return, over all earlier windows."""

    predicted: float
    actual: float
    customers: int


class ValueSummary(Result, frozen=True):
    """Customer value of the whole shop for one horizon."""

    horizon_days: int
    start: str
    customers: int
    expected_orders: float
    orders_low: float
    """Lower end of the 80 % interval of the total."""
    orders_high: float
    expected_spend: float
    """Of the customers in the history; those who come for the first time are not included."""
    spend_low: float
    spend_high: float
    expected_returning: float
    """Customers with at least one order within the horizon."""
    segments: tuple[ValueGroup, ...]
    clusters: tuple[ValueGroup, ...]
    deciles: tuple[ValueGroup, ...]
    """Tenths of the customers by expected spend, the best first."""
    at_risk: tuple[CustomerValue, ...]
    """Customers with a high churn risk, by spend so far times the probability not to return."""
    backtests: tuple[ValueBacktest, ...]
    calibration: tuple[CalibrationBin, ...]
    sentences: tuple[str, ...]
    """The backtest figures in words."""
    notes: tuple[str, ...]
    model_version: str


class ExpectedRevenue(Result, frozen=True):
    """Expected revenue of the shop in the coming days, with an 80 % interval."""

    horizon_days: int
    start: str
    """First day of the horizon, ISO date."""
    end: str
    """Last day of the horizon, ISO date."""
    known_customers: float
    """Of the customers in the history, as in `ValueSummary`."""
    known_low: float
    known_high: float
    new_customers: float | None
    """Of customers who order for the first time: as much as in an earlier window; null if the history is too short."""
    expected: float
    """Of known and new customers; of the known ones alone where `new_customers` is null."""
    low: float
    high: float
    last_window: float
    """Actual revenue of the last `horizon_days` days of the history."""


class DueItem(Result, frozen=True):
    """An item that a customer is due to buy again."""

    customer_id: str
    customer_name: str
    item_id: str
    item_name: str
    category: str
    due_date: str
    """Last purchase plus the interval, ISO date."""
    interval_days: float
    """Usual days between purchases: the customer's own intervals for the item, shrunk towards those of all buyers."""
    last_date: str
    """Day of the last purchase, ISO date."""
    purchases: int
    """Days on which the customer bought the item."""


class ReplenishmentCalendar(Result, frozen=True):
    """Items due to be bought again, by date."""

    start: str
    """First day of the calendar: the day after the last order of the history."""
    days: int
    total: int
    """Entries in the calendar; `entries` is a part of them."""
    entries: tuple[DueItem, ...]
    """By due date, customer id and item id."""
    model_version: str


class SalesFigures(Result, frozen=True):
    """Key figures of a period. Amounts are in the shop's currency, after returns."""

    first: str
    """First day, ISO date."""
    last: str
    """Last day, included, ISO date."""
    revenue: float
    """Kept amount of the orders of these days."""
    orders: int
    """Orders with a kept item, 0 and up."""
    customers: int
    """Customers with an order, 0 and up."""
    new_customers: int
    """Customers whose first order of any item is in the period, 0 and up."""
    average_order_value: float
    """Revenue per order; 0 without an order."""
    returning_share: float
    """Share of the customers who had ordered before the period, 0 to 1."""
    units: float
    """Kept units."""
    returned_amount: float
    """Amount of purchases of these days that were returned, 0 and up."""


class SalesGroup(Result, frozen=True):
    """Revenue of one category, country or weekday, in the shop's currency."""

    name: str
    revenue: float
    previous: float | None
    """In the period before; None if the history does not cover it."""
    year_ago: float | None
    """In the year before; None if the history does not cover it."""


class SalesComparison(Result, frozen=True):
    """Sales of a period, of the period of equal length before it, and of the same weekdays 52 weeks earlier."""

    current: SalesFigures
    previous: SalesFigures | None
    """None if the history does not cover the period before."""
    year_ago: SalesFigures | None
    """364 days earlier; None if the history does not cover it, and for periods of more than 364 days."""
    category: str
    """Only items of this category; empty for all."""
    categories: tuple[SalesGroup, ...]
    """By revenue; at most 20, the others combined."""
    countries: tuple[SalesGroup, ...]
    """Of the customers, by revenue; at most 20, the others combined."""
    weekdays: tuple[SalesGroup, ...]
    """Monday to Sunday."""
    notes: tuple[str, ...]
    model_version: str


class Cohort(Result, frozen=True):
    """Customers who first ordered in the same period. Period 0 of each tuple is the period of the first order."""

    start: str
    """First day of the period, ISO date."""
    customers: int
    retention: tuple[float, ...]
    """Share of the cohort that ordered in each period, 0 to 1; the first is 1."""
    cumulative_value: tuple[float, ...]
    """Mean kept amount per customer of the cohort until the end of each period."""


class CohortTable(Result, frozen=True):
    """Cohorts with retention and cumulative value, the oldest first."""

    period: str
    """week, month or quarter."""
    last_period_complete: bool
    """Whether the history covers the last period until its end."""
    cohorts: tuple[Cohort, ...]
    mean_retention: tuple[float, ...]
    """Over the cohorts after the first that are old enough, weighted by customers; complete periods only."""
    notes: tuple[str, ...]
    model_version: str

    def by_period(self, cohort: Cohort, figure: str) -> dict[int, float]:
        """Return ``retention`` or ``cumulative_value`` of a cohort as charts show it, by periods since the first order.

        Of the retention, the first period is left out, in which all customers ordered, and so is an incomplete last
        period, whose share would look like a drop.
        """
        values = dict(enumerate(getattr(cohort, figure)))
        if figure == "retention":
            values.pop(0, None)
            if not self.last_period_complete:
                values.pop(len(cohort.retention) - 1, None)
        return values


class JobProblem(Result, frozen=True):
    """Why a job has no result."""

    code: str
    """Stable error code."""
    message: str
    """What happened, one sentence."""
    hint: str
    """What to do about it; empty if nothing can be done."""


class Job(Result, frozen=True):
    """A long task that the API runs in a process of its own."""

    id: str
    """Id of the job, 32 hexadecimal digits."""
    task: str
    """Name of the task; empty if the file of the job is damaged."""
    state: str
    """queued, running, done, failed or cancelled."""
    done: float
    """Finished share, 0 to 1."""
    stage: str
    """What is being done, for people; empty before the start."""
    created_at: str
    """ISO 8601, UTC."""
    ended_at: str
    """ISO 8601, UTC; empty until the job has ended."""
    model_version: str
    """Version of the bundle that the job works on."""
    problem: JobProblem | None
    """Why the job failed or was cancelled; null otherwise."""
    result_bytes: int
    """Size of the result; 0 until there is one."""

    @property
    def has_ended(self) -> bool:
        """Whether the state is final."""
        return self.state not in ("queued", "running")


class Upload(Result, frozen=True):
    """A file that is being uploaded for a job."""

    id: str
    """Id of the upload, 32 hexadecimal digits."""
    size: int
    """Bytes received so far."""
