"""What the routes take, described once: each model is the documentation and the parser.

In: a query string or a JSON body; out: a checked model, or `UsageError`. Text numbers and booleans
are read strictly (``10``, ``true``), an unknown name is an error, so a misspelt one is found.
"""

from __future__ import annotations

import functools
import re
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin
from urllib.parse import parse_qsl

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, model_validator

from smart_retail.errors import UsageError
from smart_retail.events import LARGEST, MAX_TEXT
from smart_retail.protocol import ALL, MAX_N, METHODS
from smart_retail_flask.problems import usage

MAX_BATCH_IDS = 256
MAX_BATCH_ITEMS = 5_000
MAX_LIST = 256
"""Categories of a filter, items of a basket."""
MAX_OFFSET = 1_000_000_000
SHORT = 200
"""Bytes of a query that is remembered."""

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_FLAGS = {"true": True, "false": False}


def _whole(text: Any, info: ValidationInfo) -> Any:
    if isinstance(text, str) and info.mode == "python":  # a query; JSON has numbers of its own
        if not _WHOLE.fullmatch(text):
            raise ValueError("this must be a whole number")
        return int(text)
    if isinstance(text, float) and text.is_integer():  # to JSON 10.0 is a whole number
        return int(text)
    return text


def _flag(text: Any, info: ValidationInfo) -> Any:
    if isinstance(text, str) and info.mode == "python":
        if text not in _FLAGS:
            raise ValueError("this must be true or false")
        return _FLAGS[text]
    return text


Flag = Annotated[bool, BeforeValidator(_flag)]
Method = Literal["personalized", "rfm", "cf", "popular", "hybrid", "all"]
assert set(get_args(Method)) == {*METHODS, ALL}
# The bounds stand before the reader, or pydantic leaves them out of the schema.
N = Annotated[int, Field(ge=1, le=MAX_N, description="How many items."), BeforeValidator(_whole)]
Offset = Annotated[
    int,
    Field(ge=0, le=MAX_OFFSET, description="How many of the best to leave out, to page on."),
    BeforeValidator(_whole),
]
Categories = Annotated[
    list[str], Field(max_length=MAX_LIST, description="Only items of these categories; may be given several times.")
]
AnyMethod = Annotated[Method, Field(description="Which recommender; `all` gives one list for each.")]
HidePurchased = Annotated[Flag, Field(description="Leave out what the customer has bought, returned items too.")]
Explain = Annotated[Flag, Field(description="Give the reasons of each item.")]
Strict = Annotated[Flag, Field(description="Answer 404 for an unknown customer instead of what is popular.")]
Text = Annotated[str, Field(max_length=200, description="Part of an id or a name; case is ignored.")]


class Query(BaseModel):
    """Base of all query strings."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
    lists: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        super().__pydantic_init_subclass__(**options)
        cls.lists = frozenset(name for name, f in cls.model_fields.items() if get_origin(f.annotation) is list)

    @classmethod
    def read(cls, query_string: bytes) -> Self:
        """The checked query, not to be changed. A parameter that is no list may be given once."""
        # Most callers ask the same of everybody: what was read once is not read again.
        return cls._known(query_string) if len(query_string) <= SHORT else cls._read(query_string)

    @classmethod
    @functools.lru_cache(maxsize=1024)
    def _known(cls, query_string: bytes) -> Self:
        return cls._read(query_string)

    @classmethod
    def _read(cls, query_string: bytes) -> Self:
        found: dict[str, Any] = {}
        if query_string:
            try:
                pairs = _pairs(query_string.decode("ascii"))
            except UnicodeDecodeError:
                raise UsageError("The query is not percent-encoded UTF-8.", "Encode what is not ASCII.") from None
            for name, text in pairs:
                if name in cls.lists:
                    found.setdefault(name, []).append(text)
                elif name in found:
                    raise UsageError(f"{name} is given more than once.", "Give it once.")
                elif name not in cls.model_fields:
                    raise UsageError("The query has an unknown parameter.", f"Known: {', '.join(cls.model_fields)}.")
                else:
                    found[name] = text
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            raise usage(error) from None


def _pairs(query: str) -> list[tuple[str, str]]:
    """Names and values. The usual query escapes nothing and is taken apart in a quarter of the time."""
    if "%" in query or "+" in query:
        return parse_qsl(query, keep_blank_values=True, errors="strict")
    return [(name, value) for name, _, value in (part.partition("=") for part in query.split("&")) if name or value]


class RecommendQuery(Query):
    method: AnyMethod = "hybrid"
    n: N = 10
    offset: Offset = 0
    category: Categories = []
    exclude_purchased: HidePurchased = True
    explain: Explain = True
    strict: Strict = False


class SimilarQuery(Query):
    n: N = 10
    offset: Offset = 0
    category: Categories = []


class PopularQuery(Query):
    n: N = 10
    offset: Offset = 0
    category: Annotated[str | None, Field(description="Only items of this category.")] = None


class StrictQuery(Query):
    strict: Strict = False


class SearchQuery(Query):
    q: Text = ""
    n: N = 20


class PointsQuery(Query):
    limit: Annotated[
        int, Field(ge=1, le=100_000, description="At most so many customers."), BeforeValidator(_whole)
    ] = 5000


class CustomerPath(BaseModel):
    customer_id: str = Field(
        min_length=1, description="Any text, percent-encoded; `.` and `..` go through a POST route."
    )


class ItemPath(BaseModel):
    item_id: str = Field(min_length=1, description="Any text, percent-encoded; `.` and `..` go through a POST route.")


class Body(BaseModel):
    """Base of all JSON bodies."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @classmethod
    def read(cls, body: bytes) -> Self:
        """The checked body."""
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            raise usage(error) from None


class _ListBody(Body):
    method: AnyMethod = "hybrid"
    n: N = 10
    offset: Offset = 0
    categories: Annotated[list[str] | None, Field(max_length=MAX_LIST, description="Only items of these.")] = None
    exclude_purchased: HidePurchased = True
    explain: Explain = True


class BasketBody(_ListBody):
    item_ids: list[str] = Field(
        max_length=MAX_LIST, description="What lies in the basket; unknown items count as none."
    )


class BatchBody(_ListBody):
    customer_ids: list[str] = Field(min_length=1, max_length=MAX_BATCH_IDS, description="Any texts, the empty one too.")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        lists = len(METHODS) if self.method == ALL else 1
        if len(self.customer_ids) * self.n * lists > MAX_BATCH_ITEMS:
            raise ValueError(f"one batch may ask for {MAX_BATCH_ITEMS:,} items in all: customers times n times methods")
        return self


class CustomersBody(Body):
    customer_ids: list[str] = Field(min_length=1, max_length=MAX_BATCH_IDS, description="Any texts, the empty one too.")


_MOMENT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?$"
)
EventText = Annotated[str, Field(min_length=1, max_length=MAX_TEXT, pattern=r"^[^\x00]+$")]


class EventBody(Body):
    """A purchase (quantity above 0) or a return (below 0) of one item."""

    event_id: Annotated[EventText, Field(description="The shop's own; an event is counted once, however often sent.")]
    customer_id: EventText
    item_id: EventText
    timestamp: str = Field(
        max_length=40,
        pattern=_MOMENT,
        description="ISO 8601 in the shop's own time, such as 2026-01-31T14:05:00; the date alone will do, and an "
        "offset is not applied.",
    )
    order_id: Annotated[
        EventText | None, Field(description="Lines of one order share it; by default the event is its own.")
    ] = None
    quantity: float = Field(1.0, ge=-LARGEST, le=LARGEST, description="Not 0; negative for a return.")
    amount: float = Field(0.0, ge=-LARGEST, le=LARGEST, description="Net revenue of the line, sign of no account.")


class EventsBody(Body):
    events: list[EventBody] = Field(min_length=1, max_length=MAX_BATCH_IDS)


class EraseBody(Body):
    customer_id: str = Field(min_length=1, description="Any text.")


class SimilarBody(Body):
    item_id: str = Field(description="Any text, the empty one too.")
    n: N = 10
    offset: Offset = 0
    categories: Annotated[list[str] | None, Field(max_length=MAX_LIST, description="Only items of these.")] = None
