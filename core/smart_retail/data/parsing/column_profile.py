"""Profile the columns of a sample of rows: what share of the values are dates, numbers, codes, names or statuses.

In: the first rows of a source as text. Out: one `ColumnProfile` per column, from which `plausibility` computes how well
the column fits a field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from smart_retail.data import columns as c
from smart_retail.data.parsing.number_parsing import number_pattern
from smart_retail.data.parsing.order_status import KNOWN_STATUSES

SAMPLE_ROWS: Final = 1_000
"""Rows from which columns are profiled."""
SAMPLE_VALUES: Final = 3
"""Sample values shown for a column."""
MAX_SHOWN_CHARACTERS: Final = 40
NEUTRAL: Final = 0.5
"""Plausibility of a column without values."""

_NUMBER: Final = tuple(re.compile(number_pattern(decimal)) for decimal in ".,")
_CURRENCY: Final = re.compile(r"[$£€¥₹₽₩₺]|\b(?:USD|EUR|GBP|CHF|SEK|NOK|DKK|PLN|CZK)\b|\bkr\b|zł")
_DATE: Final = re.compile(
    r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?!\d)"
    r"|(?P<a>\d{1,2})(?P<s>[-/. ])(?P<b>\d{1,2})(?P=s)\d{2}(?:\d{2})?(?!\d)"
    r"|(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{6})?$"
)
_MONTH: Final = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_NAMED_DATE: Final = re.compile(rf"\d{{1,2}}[ /-]{_MONTH}[ /-]\d{{2,4}}|{_MONTH} \d{{1,2}},? \d{{4}}")
_DECIMALS: Final = re.compile(r"[.,]\d{1,2}(?!\d)\D*$|[.,]\d{4,}\D*$")


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """What a sample of a column holds; shares are of the filled values, 0 to 1."""

    header: str
    samples: tuple[str, ...]
    """First distinct values, shortened."""
    values: tuple[str, ...]
    """All distinct values if there are at most 12, else none."""
    rows: int
    filled: float
    """Share of the rows with a value."""
    distinct: float
    """Number of distinct values by filled values."""
    dates: float
    numbers: float
    decimals: float
    currency: float
    emails: float
    spaced: float
    """Share of texts of several words with more letters than digits, as names have."""
    statuses: float
    """Share of the values that are known statuses of orders or payments."""
    large: float
    """Share of the numbers above 10,000."""
    mean_length: float
    """Mean number of characters."""


def profile_columns(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[ColumnProfile, ...]:
    """Return the profile of each column.

    Parameters
    ----------
    headers : sequence of str
    rows : sequence of rows
        Texts by column; short rows are filled with blanks.
    """
    rows = rows[:SAMPLE_ROWS]
    return tuple(
        _profile(header, [row[i].strip() if i < len(row) and row[i] else "" for row in rows])
        for i, header in enumerate(headers)
    )


def _profile(header: str, column: Sequence[str]) -> ColumnProfile:
    filled = [value for value in column if value]
    distinct = list(dict.fromkeys(filled))
    n = max(len(filled), 1)
    counts = dict.fromkeys(distinct, 0)
    for value in filled:
        counts[value] += 1

    def share(test: Callable[[str], bool]) -> float:
        return sum(counts[value] for value in distinct if test(value)) / n

    numbers = {value for value in distinct if is_number(value)}
    return ColumnProfile(
        header=header,
        samples=tuple(shorten(value) for value in distinct[:SAMPLE_VALUES]),
        values=tuple(shorten(value) for value in distinct) if len(distinct) <= 12 else (),
        rows=len(column),
        filled=len(filled) / max(len(column), 1),
        distinct=len(distinct) / n,
        dates=share(is_date),
        numbers=share(numbers.__contains__),
        decimals=share(lambda v: v in numbers and _DECIMALS.search(v) is not None),
        currency=share(lambda v: _CURRENCY.search(v) is not None),
        emails=share(lambda v: "@" in v and "." in v.partition("@")[2]),
        spaced=share(_has_words),
        statuses=share(lambda v: v.lower() in KNOWN_STATUSES),
        large=share(lambda v: v in numbers and len(re.sub(r"[.,]\d{1,2}$|\D", "", v)) > 4),
        mean_length=sum(len(v) * counts[v] for v in distinct) / n,
    )


def shorten(value: str) -> str:
    """Return a value in one line of at most 40 characters."""
    text = " ".join(value.split())
    return text if len(text) <= MAX_SHOWN_CHARACTERS else text[: MAX_SHOWN_CHARACTERS - 1] + "…"


def _has_words(value: str) -> bool:
    return " " in value and sum(s.isalpha() for s in value) > 2 * sum(s.isdigit() for s in value)


def is_number(value: str) -> bool:
    """Whether a text is a number in some notation."""
    return any(s.isdigit() for s in value) and any(p.match(value) for p in _NUMBER)


def is_date(value: str) -> bool:
    """Whether a text begins with a date in some notation."""
    found = _DATE.match(value)
    if found is None:
        return _NAMED_DATE.match(value.lower()) is not None
    if found["y"]:
        return 1900 <= int(found["y"]) <= 2200 and 1 <= int(found["m"]) <= 12 and 1 <= int(found["d"]) <= 31
    if found["a"]:
        low, high = sorted((int(found["a"]), int(found["b"])))
        return 1 <= low <= 12 and high <= 31
    return True


def plausibility(field: str, profile: ColumnProfile) -> float:
    """Return how plausible a column is for a field by its content, 0 (excluded) to 1."""
    if not profile.rows:
        return NEUTRAL
    if not profile.filled:
        return 0.0
    rule = _RULES.get(field)
    return min(max(rule(profile), 0.0), 1.0) if rule else NEUTRAL


def _date(p: ColumnProfile) -> float:
    return 1.0 if p.dates >= 0.9 else 0.7 if p.dates >= 0.6 else 0.0


def _id(p: ColumnProfile) -> float:
    if (p.dates >= 0.6 and p.numbers < 0.5) or p.decimals > 0.5 or p.currency > 0.5 or p.mean_length > 60:
        return 0.0
    score = 1.0
    if p.statuses >= 0.6:
        score -= 0.9
    if p.spaced > 0.5:
        score -= 0.5
    if p.rows >= 20 and p.distinct * p.filled * p.rows < 2:
        score -= 0.6
    elif p.rows >= 200 and p.distinct * p.filled * p.rows <= 5:
        score -= 0.4
    return score - 0.4 * (1 - p.filled)


def _customer(p: ColumnProfile) -> float:
    return min(1.0, _id(p) + 0.1 * p.emails) - (0.3 if p.rows >= 50 and p.distinct > 0.999 and not p.emails else 0.0)


def _item(p: ColumnProfile) -> float:
    return _id(p) - 0.7 * p.emails


def _amount(p: ColumnProfile) -> float:
    if p.numbers < 0.8 or (p.dates > 0.8 and not p.decimals) or not p.filled:
        return 0.0
    score = 0.55 + 0.35 * (p.decimals > 0.3) + 0.2 * (p.currency > 0.3)
    if p.rows >= 50 and p.distinct > 0.999 and not p.decimals:
        score -= 0.4
    return score


def _quantity(p: ColumnProfile) -> float:
    if p.numbers < 0.8 or p.currency > 0.3 or (p.dates > 0.8 and not p.decimals):
        return 0.0
    score = 1.0 - 0.6 * (p.decimals > 0.5) - 0.7 * (p.large > 0.5)
    if p.rows >= 50 and p.distinct > 0.5:
        score -= 0.6
    return max(score, 0.1)


def _stock(p: ColumnProfile) -> float:
    return 1.0 if p.numbers >= 0.8 else 0.0


def _name(p: ColumnProfile) -> float:
    return 0.1 if p.numbers > 0.9 or p.dates > 0.9 else 0.6 + 0.4 * (p.spaced > 0.3)


def _status(p: ColumnProfile) -> float:
    return 1.0 if p.statuses >= 0.5 else 0.2


_RULES: Final[Mapping[str, Callable[[ColumnProfile], float]]] = {
    c.CUSTOMER_ID: _customer,
    c.ITEM_ID: _item,
    c.ORDER_ID: _id,
    c.TIMESTAMP: _date,
    c.SHIP_TIMESTAMP: _date,
    c.QUANTITY: _quantity,
    c.AMOUNT: _amount,
    c.UNIT_PRICE: _amount,
    c.PROFIT: _amount,
    c.LINE_DISCOUNT: _amount,
    c.ITEM_NAME: _name,
    c.CUSTOMER_NAME: _name,
    c.ORDER_STATUS: _status,
    c.PAYMENT_STATUS: _status,
    c.COST: _amount,
    c.STOCK: _stock,
    c.LAUNCH_DATE: _date,
}
