"""What comes out of an engine: the same frozen values in Python, JSON and on every screen.

Each class turns into plain JSON data with `as_dict()` and back with `from_dict()`, without loss. As structs
of msgspec a list of ten with its reasons is made and written in 61 us; dataclasses and orjson took 85.
Dates are ISO texts (``YYYY-MM-DD``), amounts are in the shop's own currency, shares are 0 to 1.
"""

from __future__ import annotations

from typing import Any, Self

import msgspec


def _to_python_number(value: Any) -> Any:
    """A scalar of NumPy, some of which pass for `float`, as the number of Python that it is."""
    if hasattr(value, "item"):
        return value.item()
    raise NotImplementedError


_ENCODER = msgspec.json.Encoder(enc_hook=_to_python_number)


def to_json(value: Any) -> bytes:
    """JSON of results and of plain data that holds results."""
    return _ENCODER.encode(value)


class Result(msgspec.Struct, frozen=True):
    """Base of all results."""

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON data, keys in the order of the fields."""
        plain: dict[str, Any] = msgspec.json.decode(to_json(self))
        return plain

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of `as_dict`. Unknown keys of a newer version are left out.

        Raises
        ------
        ValueError
            A field is missing or of another kind.
        """
        return msgspec.convert(data, cls)


class Reason(Result, frozen=True, gc=False):
    """Why an item stands in a list: one piece of evidence. An association, never a cause."""

    kind: str
    """buy_again, bought_together, cluster, segment, popular, trending, similar or rule."""
    method: str
    """The method that proposed the item."""
    rank: int
    """The item's place in that method's own list, 1 and up; 0 where it has none (a rule)."""
    share: float
    """Part of the item's score, 0 to 1; the shares of one item sum to 1."""
    item_id: str | None
    """The customer's own purchase that it follows from, if any."""
    text: str
    """The reason in words."""


class Recommendation(Result, frozen=True, gc=False):
    """One item of a list."""

    rank: int
    item_id: str
    item_name: str
    category: str
    score: float
    """Comparable within one list only."""
    source: str
    """The method with the largest share in the score."""
    reasons: tuple[Reason, ...] = ()


class RecommendationList(Result, frozen=True):
    """An answer: a ranked list, or for the method ``all`` one list per method."""

    customer_id: str | None
    """None where nobody was named (a basket, similar or popular items)."""
    known: bool
    """Whether the customer has purchases in the history."""
    fallback: bool
    """Whether any item was filled in from popularity."""
    method: str
    model_version: str
    rules: str
    """Digest of the business rules in force; empty without rules."""
    items: tuple[Recommendation, ...]
    lists: dict[str, RecommendationList] = {}


class RFM(Result, frozen=True):
    """Recency, frequency, monetary, and what follows from them."""

    recency: int
    """Days from the last kept order to the analysis date."""
    frequency: int
    """Distinct kept orders."""
    monetary: float
    """Net amount."""
    r: int
    f: int
    m: int
    """Scores, 1 to 5, 5 the best."""
    code: str
    """The three scores side by side, such as ``534``."""
    segment: str
    value_tier: str


class ClusterRef(Result, frozen=True):
    id: int
    name: str


class Purchase(Result, frozen=True):
    """All of a customer's purchases of one item."""

    item_id: str
    item_name: str
    category: str
    orders: int
    quantity: float
    amount: float
    first_day: str
    last_day: str


class CategoryShare(Result, frozen=True):
    category: str
    share: float
    """Of the customer's net amount."""


class CustomerProfile(Result, frozen=True):
    """Who a customer is. Unknown customers have ``known=False`` and nothing else."""

    customer_id: str
    known: bool
    customer_name: str
    country: str
    rfm: RFM | None
    cluster: ClusterRef | None
    orders: int
    first_order: str | None
    last_order: str | None
    returned_share: float
    """Part of the customer's lines that came back, 0 to 1."""
    top_categories: tuple[CategoryShare, ...]
    purchases: tuple[Purchase, ...]
    """Newest first."""


class CustomerMatch(Result, frozen=True):
    customer_id: str
    customer_name: str
    segment: str


class Item(Result, frozen=True):
    item_id: str
    item_name: str
    category: str
    subcategory: str
    unit_price: float | None
    orders: int
    customers: int


class Segment(Result, frozen=True):
    """An RFM segment as a whole."""

    name: str
    meaning: str
    action: str
    customers: int
    share: float
    revenue: float
    revenue_share: float
    mean_recency: float
    mean_frequency: float
    mean_monetary: float
    top_items: tuple[Item, ...]


class Cluster(Result, frozen=True):
    """An autoencoder cluster as a whole. Ids are ordered by value: 0 spends the most."""

    id: int
    name: str
    customers: int
    share: float
    revenue: float
    revenue_share: float
    mean_recency: float
    mean_frequency: float
    mean_monetary: float
    x: float
    y: float
    """Centroid in the two plotted dimensions of the latent space."""
    top_items: tuple[Item, ...]


class GridCell(Result, frozen=True):
    """One cell of the 5 x 5 grid of recency and frequency scores."""

    r: int
    f: int
    segment: str
    customers: int
    revenue: float


class ClusterPoint(Result, frozen=True):
    """A customer in the two plotted dimensions of the latent space."""

    customer_id: str
    cluster: int
    x: float
    y: float


class RejectedRows(Result, frozen=True):
    """Rows that were not accepted, for one reason."""

    reason: str
    rows: int
    examples: tuple[str, ...]
    """A few of the offending values, shortened."""


class Returns(Result, frozen=True):
    """Returned goods, by the form in which the source tells of them."""

    form: str
    """table, cancellation, flag, or unmatched (a cancellation without its purchase)."""
    lines: int
    amount: float
    """What went back, as a positive number."""


class CleaningReport(Result, frozen=True):
    """Where every row of the source went: ``rows_in = rows_accepted + sum of rejected``."""

    rows_in: int
    rows_accepted: int
    rejected: tuple[RejectedRows, ...]
    returns: tuple[Returns, ...]
    returns_policy: str
    customers: int
    items: int
    orders: int
    first: str
    last: str
    amount: float
    """Sum over accepted purchase lines, before returns are netted."""
    net_amount: float
    """What is left of it after returns, by the policy."""
    notes: tuple[str, ...]
    """Choices that were made (preset, date order, ...) and warnings about thin data."""


class WeekSales(Result, frozen=True):
    week: str
    """Monday of the week."""
    amount: float
    orders: int


class ClusterChoice(Result, frozen=True):
    """One number of clusters that was tried."""

    k: int
    silhouette: float
    stability: float
    """Mean adjusted Rand index between fits on resamples, at most 1."""
    chosen: bool


class ModelInfo(Result, frozen=True):
    """What the active bundle was made of and how good it is."""

    version: str
    fitted_at: str
    engine_version: str
    first: str
    last: str
    analysis_date: str
    currency: str
    customers: int
    items: int
    orders: int
    cleaning: CleaningReport
    settings: dict[str, Any]
    scorecard: dict[str, Any]
    cluster_choice: tuple[ClusterChoice, ...]
    weekly_sales: tuple[WeekSales, ...]
    show_purchased: bool
    """Whether a screen should start with purchased items shown (repeat share above 25 %)."""
    rules: str
    statistics: dict[str, Any] = {}
    """Of the lines, as plain data: ``months``, ``categories``, ``discounts``, ``shipping``, ``sales_categories``
    and ``numbers`` (moments and rank correlations of the numeric columns); empty in older bundles."""


class FitReport(Result, frozen=True):
    """What a fit did."""

    version: str
    published: bool
    cleaning: CleaningReport
    segments: tuple[Segment, ...]
    clusters: tuple[Cluster, ...]
    scorecard: dict[str, Any]
    seconds: dict[str, float]
    """Wall time by stage."""
    notes: tuple[str, ...]
