"""Models of query strings, path parameters and JSON bodies: documentation and parser in one.

Query integers and booleans are parsed strictly (``10``, ``true``). An unknown name is an error, so that a misspelt
parameter is noticed.
"""

from __future__ import annotations

import difflib
import functools
import re
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin
from urllib.parse import parse_qsl

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from smart_retail.errors import UsageError
from smart_retail.events import MAX_TEXT_LENGTH, MAX_VALUE
from smart_retail.events.item_changes import MAX_ATTRIBUTES, MAX_NUMBER, MAX_TEXT_CHARACTERS
from smart_retail.protocol import (
    ALL,
    BUNDLE_SORTS,
    CHURN_RISKS,
    CUSTOMER_SORTS,
    DEFAULT_AUDIENCE_N,
    DEFAULT_CALENDAR_DAYS,
    DEFAULT_HORIZON_DAYS,
    DEFAULT_N,
    MAX_HORIZON_DAYS,
    MAX_LIST_DAYS,
    MAX_N,
    METHODS,
    RELATIONS,
    REVENUE_HORIZONS_DAYS,
    CustomerQuery,
    ListQuery,
)
from smart_retail.serving.jobs import MAX_UPLOAD_BYTES
from smart_retail.utils.dates import parse_day
from smart_retail_flask.job_tasks import JOB_TASKS
from smart_retail_flask.problems import printable_name, validation_error

MAX_BATCH_IDS = 256
"""Customers or events of one batch."""
MAX_ITEM_CHANGES = 1_000
"""Items of one request that adds or changes items."""
MAX_BATCH_LISTS = 256
"""Lists of one batch: customers times methods. The time of a request depends on lists more than on items."""
MAX_BATCH_ITEMS = 5_000
"""Recommendations of one batch: customers times n times methods."""
MAX_LIST_LENGTH = 256
"""Categories of a filter, items of a basket."""
MAX_HORIZONS = 20
"""Horizons of one request."""
MAX_OFFSET = 1_000_000_000
MAX_PRICE = 1_000_000_000_000
MAX_POINTS = 100_000
MAX_CACHED_QUERY_BYTES = 200
"""Longest query string whose parsed form is cached."""

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?([0-9]{1,15}([.][0-9]{1,30})?|[.][0-9]{1,30})([eE][+-]?[0-9]{1,3})?")
_BOOLEANS = {"true": True, "false": False}


def parse_integer(value: Any, info: ValidationInfo) -> Any:
    """Return an integer of a query string or of JSON; raises `ValueError` for another text."""
    if isinstance(value, str) and info.mode == "python":  # a query string; JSON has its own numbers
        if not _INTEGER.fullmatch(value):
            raise ValueError("must be an integer")
        return int(value)
    if isinstance(value, float) and value.is_integer():  # in JSON, 10.0 is an integer
        return int(value)
    return value


def _check_date(value: str | None) -> str | None:
    if value is not None:
        try:
            parse_day(value)
        except UsageError as error:
            raise ValueError("must be a valid date such as 2026-01-31") from error
    return value


def _parse_boolean(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str) and info.mode == "python":
        if value not in _BOOLEANS:
            raise ValueError("must be true or false")
        return _BOOLEANS[value]
    return value


Boolean = Annotated[bool, BeforeValidator(_parse_boolean)]
Method = Literal["personalized", "rfm", "cf", "popular", "hybrid", "all"]
assert set(get_args(Method)) == {*METHODS, ALL}
Relation = Literal["same_customers", "bought_together"]
assert set(get_args(Relation)) == {*RELATIONS}


def _parse_number(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str) and info.mode == "python":
        if not _NUMBER.fullmatch(value):
            raise ValueError("must be a number")
        return float(value)
    return value


ChurnRisk = Literal["", "low", "medium", "high"]
assert set(get_args(ChurnRisk)) == {"", *CHURN_RISKS}
BundleSort = Literal["support", "confidence", "lift", "revenue"]
assert set(get_args(BundleSort)) == {*BUNDLE_SORTS}
CustomerSort = Literal[
    "amount", "orders", "last_order", "expected_spend", "return_probability", "lifetime_value", "customer_id"
]
assert set(get_args(CustomerSort)) == {*CUSTOMER_SORTS}
RelationName = Annotated[
    Relation,
    Field(
        description="How the items are related: `same_customers` buy them too, or they were `bought_together` in one "
        "order more often than by chance."
    ),
]
# Field comes before BeforeValidator, since pydantic omits the bounds from the schema otherwise.
N = Annotated[
    int, Field(ge=1, le=MAX_N, description=f"Number of items, 1 to {MAX_N:,}."), BeforeValidator(parse_integer)
]
Offset = Annotated[
    int,
    Field(ge=0, le=MAX_OFFSET, description="Number of items to skip at the beginning of the list, 0 or more."),
    BeforeValidator(parse_integer),
]
Categories = Annotated[
    list[str],
    Field(
        max_length=MAX_LIST_LENGTH,
        description=f"Return only items of this category; may be repeated, up to {MAX_LIST_LENGTH} times.",
    ),
]
CategoryList = Annotated[
    list[str] | None,
    Field(
        max_length=MAX_LIST_LENGTH,
        description=f"Return only items of these categories, up to {MAX_LIST_LENGTH}; null for all.",
    ),
]
HidePurchased = Annotated[Boolean, Field(description="Leave out items that the customer has bought or returned.")]
ExcludeBuyers = Annotated[Boolean, Field(description="Leave out customers who have bought or returned the item.")]
CustomersN = Annotated[
    int, Field(ge=1, le=MAX_N, description=f"Number of customers, 1 to {MAX_N:,}."), BeforeValidator(parse_integer)
]
Explain = Annotated[Boolean, Field(description="Include the reasons of each item.")]
Variants = Annotated[
    Boolean,
    Field(
        description="Whether several variants of one product (of one name but for size and colour) can be in the list. "
        "What the customer bought can always be in it."
    ),
]

ListDate = Annotated[
    str | None,
    Field(
        pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        description="Date that the list is for, by default the day after the history, up to "
        f"{MAX_LIST_DAYS} days after it.",
        json_schema_extra={"format": "date"},
    ),
    AfterValidator(_check_date),
]


Diversity = Annotated[
    float | None,
    Field(
        ge=0,
        le=1,
        description="How much the items of the list should differ, 0 to 1: 0 lists by score alone. By default that of "
        "the business rules, else 0.",
    ),
    BeforeValidator(_parse_number),
]
ListMethod = Annotated[
    Method | None,
    Field(
        description="Recommendation method; `all` returns one list per method. By default that of the scenario, else "
        "`hybrid`."
    ),
]
ListN = Annotated[
    int | None,
    Field(ge=1, le=MAX_N, description=f"Number of items, 1 to {MAX_N:,}; by default that of the scenario, else 10."),
    BeforeValidator(parse_integer),
]
ScenarioName = Annotated[
    str | None,
    Field(
        max_length=200,
        description="Scenario of the business rules: method, number, diversity and rules by one name. Other parameters "
        "override it. `GET /v1/model` lists the scenarios.",
    ),
]
PriceMin = Annotated[
    float | None,
    Field(
        ge=0, le=MAX_PRICE, description="Lowest price, in the shop's currency; items without a price are returned too."
    ),
    BeforeValidator(_parse_number),
]
PriceMax = Annotated[
    float | None,
    Field(ge=0, le=MAX_PRICE, description="Highest price, in the shop's currency."),
    BeforeValidator(_parse_number),
]
ExcludedItems = Annotated[
    list[str],
    Field(
        max_length=MAX_LIST_LENGTH,
        description=f"Leave out this item; may be repeated, up to {MAX_LIST_LENGTH} times. Unknown items are ignored.",
    ),
]
ExcludedItemList = Annotated[
    list[str] | None,
    Field(
        max_length=MAX_LIST_LENGTH,
        description=f"Items that are left out, up to {MAX_LIST_LENGTH}; unknown ones are ignored.",
    ),
]
Strict = Annotated[
    Boolean, Field(description="Return 404 for an unknown customer instead of popular items or an empty profile.")
]
SearchText = Annotated[
    str, Field(max_length=200, description="Part of an id or a name, up to 200 characters; case is ignored.")
]


class Query(BaseModel):
    """Base class of query strings."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
    repeatable: ClassVar[frozenset[str]] = frozenset()
    """Parameters that may be given several times."""

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        super().__pydantic_init_subclass__(**options)
        cls.repeatable = frozenset(name for name, f in cls.model_fields.items() if get_origin(f.annotation) is list)

    @classmethod
    def parse(cls, query_string: bytes) -> Self:
        """Parse and validate a query string; the result is shared, so do not modify it.

        Raises
        ------
        UsageError
            An unknown or repeated parameter, or a value that is not valid.
        """
        # Most clients send the same query for every customer: short ones are parsed once.
        return (
            cls._parse_cached(query_string) if len(query_string) <= MAX_CACHED_QUERY_BYTES else cls._parse(query_string)
        )

    @classmethod
    @functools.lru_cache(maxsize=1024)
    def _parse_cached(cls, query_string: bytes) -> Self:
        return cls._parse(query_string)

    @classmethod
    def _parse(cls, query_string: bytes) -> Self:
        values: dict[str, Any] = {}
        if query_string:
            try:
                pairs = _split_query(query_string.decode("ascii"))
            except UnicodeDecodeError:
                raise UsageError(
                    "The query string is not percent-encoded UTF-8.", "Percent-encode all non-ASCII characters."
                ) from None
            for name, text in pairs:
                if name in cls.repeatable:
                    values.setdefault(name, []).append(text)
                elif name not in cls.model_fields:
                    raise cls._unknown_parameter(name)
                elif name in values:
                    raise UsageError(f"Parameter '{name}' is given more than once.", "Give it once.")
                else:
                    values[name] = text
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise validation_error(error) from None

    @classmethod
    def _unknown_parameter(cls, name: str) -> UsageError:
        similar = difflib.get_close_matches(name[:40], cls.model_fields, n=1)
        suggestion = f"Did you mean '{similar[0]}'? " if similar else ""
        return UsageError(
            f"Unknown query parameter '{printable_name(name)}'.",
            f"{suggestion}Valid parameters: {', '.join(cls.model_fields)}.",
        )


def _split_query(query: str) -> list[tuple[str, str]]:
    """Split a query into names and values; four times faster than `parse_qsl` if nothing is escaped."""
    if "%" in query or "+" in query:
        return parse_qsl(query, keep_blank_values=True, errors="strict")
    return [(name, value) for name, _, value in (part.partition("=") for part in query.split("&")) if name or value]


Horizon = Annotated[
    int,
    Field(ge=1, le=MAX_HORIZON_DAYS, description="Days to forecast, from the day after the last order of the history."),
    BeforeValidator(parse_integer),
]

DueDays = Annotated[
    int | None,
    Field(
        ge=1,
        le=MAX_HORIZON_DAYS,
        description="Only customers who are due to buy an item again within so many days after the last order of the "
        "history.",
    ),
    BeforeValidator(parse_integer),
]
Amount = Annotated[float | None, Field(ge=-MAX_NUMBER, le=MAX_NUMBER), BeforeValidator(_parse_number)]
IsoDate = Annotated[str | None, AfterValidator(_check_date)]


class RecommendQuery(Query):
    method: ListMethod = None
    n: ListN = None
    scenario: ScenarioName = None
    offset: Offset = 0
    category: Categories = []
    price_min: PriceMin = None
    price_max: PriceMax = None
    exclude: ExcludedItems = []
    exclude_purchased: HidePurchased = True
    explain: Explain = True
    variants: Variants = False
    on: ListDate = None
    diversity: Diversity = None
    strict: Strict = False

    def list_query(self) -> ListQuery:
        """Return the options as the engine takes them."""
        options = self.model_dump(exclude={"category", "exclude", "strict"})
        return ListQuery(**options, categories=tuple(self.category), exclude=tuple(self.exclude))


class SimilarQuery(Query):
    n: N = 10
    offset: Offset = 0
    category: Categories = []
    price_min: PriceMin = None
    price_max: PriceMax = None
    exclude: ExcludedItems = []
    relation: RelationName = "same_customers"

    def list_query(self) -> ListQuery:
        """Return the options as the engine takes them."""
        options = self.model_dump(exclude={"category", "exclude"})
        return ListQuery(**options, categories=tuple(self.category), exclude=tuple(self.exclude))


class BundlesQuery(Query):
    item_id: Annotated[str | None, Field(description="Only bundles with this item.")] = None
    sort: Annotated[
        BundleSort, Field(description="Figure to sort by, largest first: support, confidence, lift or revenue.")
    ] = "support"
    size: Annotated[
        int | None,
        Field(ge=2, le=3, description="Only bundles of 2 or of 3 items; by default both."),
        BeforeValidator(parse_integer),
    ] = None
    min_support: Annotated[
        int | None,
        Field(ge=1, le=MAX_OFFSET, description="Orders that a bundle has at least; can raise the limit of the fit."),
        BeforeValidator(parse_integer),
    ] = None
    n: Annotated[
        int, Field(ge=1, le=MAX_N, description=f"Number of bundles, 1 to {MAX_N:,}."), BeforeValidator(parse_integer)
    ] = 20
    offset: Offset = 0


class SubstitutesQuery(Query):
    n: N = 10


class AudienceQuery(Query):
    n: CustomersN = DEFAULT_AUDIENCE_N
    offset: Offset = 0
    exclude_purchased: ExcludeBuyers = True


class PopularQuery(Query):
    n: N = 10
    offset: Offset = 0
    category: Annotated[str | None, Field(description="Return only items of this category.")] = None
    price_min: PriceMin = None
    price_max: PriceMax = None
    exclude: ExcludedItems = []

    def list_query(self) -> ListQuery:
        """Return the options as the engine takes them."""
        categories = () if self.category is None else (self.category,)
        options = self.model_dump(exclude={"category", "exclude"})
        return ListQuery(**options, categories=categories, exclude=tuple(self.exclude))


class StrictQuery(Query):
    strict: Strict = False


class ValueQuery(Query):
    horizon_days: Horizon = DEFAULT_HORIZON_DAYS


class CustomerValueQuery(ValueQuery):
    strict: Strict = False


class RevenueQuery(Query):
    horizon_days: Annotated[
        list[Horizon],
        Field(min_length=1, max_length=MAX_HORIZONS, description="Days to forecast; may be given several times."),
    ] = list(REVENUE_HORIZONS_DAYS)


class SalesQuery(Query):
    first: Annotated[
        str | None,
        Field(description="First day; by default 28 days up to the last one.", json_schema_extra={"format": "date"}),
    ] = None
    last: Annotated[
        str | None,
        Field(description="Last day, included; by default that of the history.", json_schema_extra={"format": "date"}),
    ] = None
    category: Annotated[str | None, Field(description="Only items of this category.")] = None


class CohortsQuery(Query):
    period: Annotated[
        Literal["week", "month", "quarter"], Field(description="Period of the first order: week, month or quarter.")
    ] = "month"


class ReplenishmentQuery(Query):
    days: Annotated[
        int,
        Field(ge=1, le=MAX_HORIZON_DAYS, description="Length of the calendar, from the day after the last order."),
        BeforeValidator(parse_integer),
    ] = DEFAULT_CALENDAR_DAYS
    customer_id: Annotated[str | None, Field(description="Only this customer.")] = None
    n: Annotated[
        int, Field(ge=1, le=MAX_N, description=f"Number of entries, 1 to {MAX_N:,}."), BeforeValidator(parse_integer)
    ] = 100
    offset: Offset = 0


class SearchQuery(Query):
    q: SearchText = ""
    n: Annotated[
        int, Field(ge=1, le=MAX_N, description=f"Number of matches, 1 to {MAX_N:,}."), BeforeValidator(parse_integer)
    ] = 20


class CustomersQuery(Query):
    text: Annotated[str, Field(max_length=200, description="Part of an id or a name, as in a search.")] = ""
    segment: Annotated[str, Field(description="Only customers of this RFM segment.")] = ""
    cluster: Annotated[str, Field(description="Only customers of the cluster of this name.")] = ""
    country: Annotated[str, Field(description="Only customers of this country.")] = ""
    category: Annotated[str, Field(description="Only customers who bought an item of this category.")] = ""
    churn_risk: Annotated[ChurnRisk, Field(description="Only customers with this churn risk.")] = ""
    due_days: DueDays = None
    min_amount: Annotated[Amount, Field(description="Only customers whose orders amount to at least this.")] = None
    max_amount: Annotated[Amount, Field(description="Only customers whose orders amount to at most this.")] = None
    last_order_from: Annotated[
        IsoDate, Field(description="Only customers whose last order was on this date or later.")
    ] = None
    last_order_to: Annotated[
        IsoDate, Field(description="Only customers whose last order was on this date or earlier.")
    ] = None
    sort: Annotated[CustomerSort, Field(description="Column to sort by.")] = "amount"
    ascending: Annotated[Boolean, Field(description="Smallest value first; customers without a value are last.")] = (
        False
    )
    n: CustomersN = DEFAULT_AUDIENCE_N
    offset: Offset = 0

    def customer_query(self) -> CustomerQuery:
        """Return the options as the engine takes them."""
        return CustomerQuery(**self.model_dump())


class PointsQuery(Query):
    limit: Annotated[
        int,
        Field(ge=1, le=MAX_POINTS, description=f"Maximum number of customers, 1 to {MAX_POINTS:,}."),
        BeforeValidator(parse_integer),
    ] = 5000


_PATH_ID = "Any text, percent-encoded; use the POST route for `.` and `..`."


class CustomerPath(BaseModel):
    customer_id: str = Field(min_length=1, description=_PATH_ID)


class ItemPath(BaseModel):
    item_id: str = Field(min_length=1, description=_PATH_ID)


class Body(BaseModel):
    """Base class of JSON bodies."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Parse and validate a body.

        Raises
        ------
        UsageError
            Not valid JSON, an unknown field, or a value that is not valid.
        """
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            raise validation_error(error) from None


class _ListBody(Body):
    method: ListMethod = None
    n: ListN = None
    scenario: ScenarioName = None
    offset: Offset = 0
    categories: CategoryList = None
    price_min: PriceMin = None
    price_max: PriceMax = None
    exclude: ExcludedItemList = None
    exclude_purchased: HidePurchased = True
    explain: Explain = True
    variants: Variants = False
    on: ListDate = None
    diversity: Diversity = None

    def list_query(self) -> ListQuery:
        """Return the options as the engine takes them."""
        options = {
            name: getattr(self, name) for name in _ListBody.model_fields if name not in ("categories", "exclude")
        }
        return ListQuery(**options, categories=tuple(self.categories or ()), exclude=tuple(self.exclude or ()))


class BasketBody(_ListBody):
    item_ids: list[str] = Field(
        max_length=MAX_LIST_LENGTH,
        description=f"Items in the basket, up to {MAX_LIST_LENGTH}; unknown items are ignored.",
    )
    customer_id: str | None = Field(None, description="The customer of the basket; null for a visitor.")


CustomerIds = Annotated[
    list[str],
    Field(min_length=1, max_length=MAX_BATCH_IDS, description=f"1 to {MAX_BATCH_IDS} ids: any text, empty included."),
]


class BatchBody(_ListBody):
    customer_ids: CustomerIds

    @model_validator(mode="after")
    def _limit_items(self) -> Self:
        if problem := batch_problem(len(self.customer_ids), self.method, self.n):
            raise ValueError(problem)
        return self


def batch_problem(customers: int, method: str | None, n: int | None) -> str:
    """Return why a batch is too large, empty if it is not; method and number are None for the defaults."""
    lists = customers * (len(METHODS) if method == ALL else 1)
    if lists > MAX_BATCH_LISTS:
        return f"one batch may request at most {MAX_BATCH_LISTS} lists (customers times methods)"
    if lists * (n or DEFAULT_N) > MAX_BATCH_ITEMS:
        return f"one batch may request at most {MAX_BATCH_ITEMS:,} items (customers times n times methods)"
    return ""


class CustomersBody(Body):
    customer_ids: CustomerIds


class ValuesBody(CustomersBody):
    horizon_days: Horizon = DEFAULT_HORIZON_DAYS


_TIMESTAMP = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?$"
)
EventText = Annotated[str, Field(min_length=1, max_length=MAX_TEXT_LENGTH, pattern=r"^[^\x00]+$")]
_TEXT_RANGE = f"1 to {MAX_TEXT_LENGTH:,} characters"


class EventBody(Body):
    """A purchase (quantity above 0) or a return (below 0) of one item."""

    event_id: Annotated[
        EventText,
        Field(description=f"Unique id from the shop, {_TEXT_RANGE}; an event is counted once, also if sent again."),
    ]
    customer_id: Annotated[EventText, Field(description=f"Customer, {_TEXT_RANGE}.")]
    item_id: Annotated[EventText, Field(description=f"Item, {_TEXT_RANGE}.")]
    timestamp: str = Field(
        max_length=40,
        pattern=_TIMESTAMP,
        description="ISO 8601 in the shop's time zone, such as 2026-01-31T14:05:00 or 2026-01-31; a UTC offset is "
        "accepted but not applied.",
    )
    order_id: Annotated[
        EventText | None,
        Field(description=f"Order that the line belongs to, {_TEXT_RANGE}; by default each event is its own order."),
    ] = None
    quantity: float = Field(
        1.0,
        ge=-MAX_VALUE,
        le=MAX_VALUE,
        description=f"Units, -{MAX_VALUE:,.0f} to {MAX_VALUE:,.0f}, not 0; negative for a return.",
    )
    amount: float = Field(
        0.0,
        ge=-MAX_VALUE,
        le=MAX_VALUE,
        description=f"Net revenue of the line in the shop's currency, -{MAX_VALUE:,.0f} to {MAX_VALUE:,.0f}; "
        "the sign is ignored, since that of quantity applies.",
    )


class EventsBody(Body):
    events: list[EventBody] = Field(
        min_length=1, max_length=MAX_BATCH_IDS, description=f"1 to {MAX_BATCH_IDS} events, stored all or none."
    )


ItemText = Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS, pattern=r"^[^\x00]*$")]


class ItemChangeBody(Body):
    """A new item, or new values of a known one; what is missing or null is not changed."""

    item_id: Annotated[EventText, Field(description=f"Item, {_TEXT_RANGE}.")]
    item_name: ItemText | None = Field(None, description="Name; required for a new item.")
    category: ItemText | None = Field(None, description="Category.")
    subcategory: ItemText | None = Field(None, description="Subcategory.")
    brand: ItemText | None = Field(None, description="Brand.")
    description: ItemText | None = Field(None, description="Description.")
    image_url: ItemText | None = Field(None, description="Address of a picture.")
    list_price: float | None = Field(None, ge=0, le=MAX_NUMBER, description="Price in the shop's currency, 0 or more.")
    cost: float | None = Field(
        None, ge=0, le=MAX_NUMBER, description="Cost of one unit in the shop's currency, 0 or more."
    )
    stock: float | None = Field(
        None, ge=-MAX_NUMBER, le=MAX_NUMBER, description="Units in stock; an item with 0 or less is in no list."
    )
    launch_date: str | None = Field(None, pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$", description="ISO date.")
    attributes: dict[Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)], ItemText] | None = Field(
        None, max_length=MAX_ATTRIBUTES, description="Other properties by name."
    )


class ItemsBody(Body):
    items: list[ItemChangeBody] = Field(
        min_length=1, max_length=MAX_ITEM_CHANGES, description=f"1 to {MAX_ITEM_CHANGES:,} items, stored all or none."
    )


class EraseBody(Body):
    customer_id: str = Field(min_length=1, description="Any text.")


class ItemBody(Body):
    item_id: str = Field(description="Any text, empty included.")


class SimilarBody(Body):
    item_id: str = Field(description="Any text, empty included.")
    n: N = 10
    offset: Offset = 0
    categories: CategoryList = None
    price_min: PriceMin = None
    price_max: PriceMax = None
    exclude: ExcludedItemList = None
    relation: RelationName = "same_customers"

    def list_query(self) -> ListQuery:
        """Return the options as the engine takes them."""
        options = self.model_dump(exclude={"item_id", "categories", "exclude"})
        return ListQuery(**options, categories=tuple(self.categories or ()), exclude=tuple(self.exclude or ()))


class SubstitutesBody(Body):
    item_id: str = Field(description="Any text, empty included.")
    n: N = 10


class AudienceBody(Body):
    item_id: str = Field(description="Any text, empty included.")
    n: CustomersN = DEFAULT_AUDIENCE_N
    offset: Offset = 0
    exclude_purchased: ExcludeBuyers = True


class JobPath(BaseModel):
    job_id: str = Field(description="Id of a job, 32 hexadecimal digits.")


class JobBody(Body):
    task: str = Field(max_length=40, description=f"One of {', '.join(JOB_TASKS)}.")
    options: dict[str, Any] = Field(
        default={}, description="Options of the task, as listed below Jobs in the documentation; files as upload ids."
    )


class UploadBody(Body):
    upload: str | None = Field(None, description="Id of the upload; null for the first part.")
    name: str = Field("upload", max_length=200, description="Name of the file, whose ending states its type.")
    offset: Annotated[
        int,
        Field(ge=0, le=MAX_UPLOAD_BYTES, description="Position of the part in the file, bytes."),
        BeforeValidator(parse_integer),
    ] = 0
    data: str = Field(description="The part, encoded as base64.", json_schema_extra={"contentEncoding": "base64"})
