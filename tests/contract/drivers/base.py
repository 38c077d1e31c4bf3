"""Interface of a driver: one front end over one bundle, used and read as by its users."""

from __future__ import annotations

import html
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest

from smart_retail.analysis.rules_check import ALL_LISTS, RulesCheck
from smart_retail.analysis.sales_forecast import SalesForecast, describe_forecast
from smart_retail.analysis.segment_migration import Migration
from smart_retail.analysis.tasks import Versions
from smart_retail.analysis.what_if import WhatIfResult
from smart_retail.presentation import labels as words
from smart_retail.presentation.formatting import format_amount, format_integer, format_percent, pluralize, value_facts
from smart_retail.presentation.sales_texts import key_figures
from smart_retail.protocol import CustomerFilter
from smart_retail.results import (
    Audience,
    CustomerPage,
    CustomerProfile,
    CustomerValue,
    ItemDetails,
    ProductBundles,
    Recommendation,
    RecommendationList,
    SalesComparison,
    Substitutes,
)


@dataclass(frozen=True)
class Row:
    """One line of a list; without reasons where the front end does not show them."""

    rank: int
    item_id: str
    reasons: tuple[str, ...]
    score: float
    source: str


Lists = Mapping[str, tuple[Row, ...]]
"""Method -> the rows of its list. One entry, or one for each method of ``all``."""


@dataclass(frozen=True)
class Shown:
    """A result as it is shown."""

    lists: Lists
    known: bool


@dataclass(frozen=True)
class ShownProfile:
    """A profile as it is shown."""

    known: bool
    segment: str | None = None
    code: str | None = None
    """Scores of recency, frequency and monetary side by side."""
    cluster: str | None = None


@dataclass(frozen=True)
class Forecast:
    """A customer's value as it is shown: the texts of a screen, or every field where a program reads it."""

    facts: Mapping[str, str]
    notes: tuple[str, ...]
    fields: Mapping[str, object] | None = None


DueRow = tuple[str, str, str]
"""Customer, item and date of an entry of the replenishment calendar."""


SalesRows = dict[str, tuple[str, ...]]
"""Label of a key figure -> its value, then its changes against the period before and a year ago."""
BundleRow = tuple[tuple[str, ...], int, str]
"""Items of a product bundle, its orders, and its confidence in per cent."""


Moves = dict[tuple[str, str], int]
"""Segment before and after -> number of customers, above 0."""
CampaignRow = tuple[str, str, str]
"""Customer, group and first product of a campaign."""


CustomerRow = tuple[str, str, str]
"""Id, orders and amount of a customer in a table, as texts."""


@dataclass(frozen=True)
class Filters:
    exclude_purchased: bool = True
    category: str | None = None
    on: str | None = None
    """Date that the list is for; None for the day after the history."""
    scenario: str | None = None
    """Scenario in place of method and length."""
    price_min: float | None = None
    price_max: float | None = None
    exclude: tuple[str, ...] = ()

    def options(self) -> dict[str, Any]:
        """Return scenario, prices and excluded products that are given, as options of a list."""
        names = ("scenario", "price_min", "price_max", "exclude")
        return {name: list(v) if name == "exclude" else v for name in names if (v := getattr(self, name))}


class UnsupportedError(Exception):
    """The front end only offers right choices, so that this question cannot be put."""


ItemFacts = tuple[str, str, str, str, str]
"""Name, category, orders, price and stock of a product, as the screens write them; empty where there is none."""


class Driver(ABC):
    """One front end over the bundle of one folder, or over the API at `api_url`. Use as a context manager."""

    name: ClassVar[str]
    narrow_all: ClassVar[bool] = False
    """Whether the lists of ``all`` stand side by side without their reasons."""

    def __init__(self, artifacts: Path, api_url: str | None = None) -> None:
        self.artifacts = artifacts
        self.api_url = api_url
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as guard:
            guard.push(self.stack)
            self.start()
            guard.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self.stack.close()

    @abstractmethod
    def start(self) -> None:
        """Start the front end; what must be stopped again goes into `stack`."""

    @abstractmethod
    def recommend(self, customer_id: str, method: str, n: int, filters: Filters) -> Shown: ...

    @abstractmethod
    def profile(self, customer_id: str) -> ShownProfile: ...

    @abstractmethod
    def value(self, customer_id: str) -> Forecast: ...

    def due(self, days: int) -> tuple[DueRow, ...]:
        """The replenishment calendar, at most the first 20 entries."""
        raise UnsupportedError

    def bundles(self, item_id: str | None, sort: str) -> tuple[BundleRow, ...]:
        """The product bundles of the shop or with one product, at most the first 10."""
        raise UnsupportedError

    def item(self, item_id: str) -> ItemFacts:
        """The page of a product."""
        raise UnsupportedError

    def substitutes(self, item_id: str) -> tuple[tuple[str, str], ...]:
        """Id and counts in words of at most 10 substitutes of a product."""
        raise UnsupportedError

    def audience(self, item_id: str) -> tuple[tuple[str, str], ...]:
        """Id and reason of the first 10 customers who would want a product."""
        raise UnsupportedError

    def customers(self, segment: str, sort: str) -> tuple[CustomerRow, ...]:
        """The first 10 customers of a segment in the order of a column."""
        raise UnsupportedError

    def migration(self, day: str) -> Moves:
        """The matrix of segments on a day (rows) and now (columns)."""
        raise UnsupportedError

    def forecast(self, days: int) -> str:
        """The sales forecast as a sentence."""
        raise UnsupportedError

    def campaign(self, segment: str) -> tuple[CampaignRow, ...]:
        """A campaign over one segment with one product per customer, half of them held out."""
        raise UnsupportedError

    def campaign_of_table(self, selected: CustomerFilter) -> tuple[int, tuple[CampaignRow, ...]]:
        """The number of customers of a filtered table for a campaign, and the campaign, as by `campaign`."""
        raise UnsupportedError

    def what_if(self, banned: str) -> str:
        """What changes in the lists of 50 customers without one product, as a sentence."""
        raise UnsupportedError

    def check_rules(self, banned: str, sections: str = "") -> tuple[tuple[str, str], ...]:
        """Lists and effect of a rule that bans one product, and of the rules of the sections of a rules file."""
        raise UnsupportedError

    def versions(self) -> tuple[tuple[str, bool], ...]:
        """Id of each version, and whether it is in use."""
        raise UnsupportedError

    @abstractmethod
    def similar(self, item_id: str, n: int, relation: str = "same_customers") -> tuple[Row, ...]:
        """Return the products with a relation to an item."""

    @abstractmethod
    def basket(self, item_ids: tuple[str, ...], customer_id: str | None, n: int) -> tuple[Row, ...]:
        """Return the products that complete a basket; `customer_id` is None for a visitor."""

    @abstractmethod
    def segments(self) -> dict[str, int]:
        """Return the number of customers by segment."""

    @abstractmethod
    def clusters(self) -> dict[str, int]:
        """Return the number of customers by cluster."""

    @abstractmethod
    def sales(self) -> SalesRows:
        """Return the key figures of the last 28 days."""

    @abstractmethod
    def version(self) -> str: ...

    @abstractmethod
    def failure(self, artifacts: Path) -> tuple[str, str]:
        """Start over another folder, request a list, and return code and text of the error."""

    def shown(self, result: RecommendationList) -> Lists:
        """Return the part of a result that this front end shows: score and source always, reasons if it shows them."""
        if not result.lists:
            return {result.method: tuple(map(row_of, result.items))}
        lists = {method: tuple(map(row_of, part.items)) for method, part in result.lists.items()}
        if self.narrow_all:
            return {method: tuple(replace(row, reasons=()) for row in rows) for method, rows in lists.items()}
        return lists


def row_of(item: Recommendation) -> Row:
    return Row(item.rank, item.item_id, tuple(r.text for r in item.reasons), item.score, item.source)


def source_of(label: str) -> str:
    """Return the method or other source of the hybrid with this label."""
    labels = {method: words.method_label(method) for method in (*words.METHODS, *words.SOURCES)}
    (found,) = (method for method, each in labels.items() if each == label)
    return found


def shown_of(result: RecommendationList) -> Shown:
    """Return all of a result as shown."""
    parts = result.lists or {result.method: result}
    return Shown({m: tuple(map(row_of, part.items)) for m, part in parts.items()}, result.known)


def profile_of(profile: CustomerProfile) -> ShownProfile:
    rfm, cluster = profile.rfm, profile.cluster
    return ShownProfile(
        profile.known, rfm.segment if rfm else None, rfm.code if rfm else None, cluster.name if cluster else None
    )


def bundle_rows(found: ProductBundles) -> tuple[BundleRow, ...]:
    """Return the bundles of a result that is the engine's own."""
    return tuple(
        (tuple(i.item_id for i in entry.items), entry.support, format_percent(entry.confidence))
        for entry in found.entries
    )


def item_facts(found: ItemDetails) -> ItemFacts:
    """Return the facts of a result that is the engine's own."""
    price = "" if found.unit_price is None else format_amount(found.unit_price)
    stock = "" if found.stock is None else f"{found.stock:,g}"
    return found.item_name, found.category, format_integer(found.orders), price, stock


def substitute_rows(found: Substitutes) -> tuple[tuple[str, str], ...]:
    """Return the substitutes of a result that is the engine's own."""
    return tuple((entry.item.item_id, entry.text) for entry in found.entries)


def audience_rows(found: Audience) -> tuple[tuple[str, str], ...]:
    """Return the customers of a result that is the engine's own."""
    return tuple((member.customer_id, member.text) for member in found.entries)


def customer_rows(found: CustomerPage) -> tuple[CustomerRow, ...]:
    """Return the rows of a result that is the engine's own."""
    return tuple((c.customer_id, format_integer(c.orders), format_amount(c.amount)) for c in found.entries)


CAMPAIGN_OPTIONS: dict[str, Any] = {"n": 1, "holdout": 0.5, "name": "contract"}
WHAT_IF_OPTIONS: dict[str, Any] = {"n": 10, "sample": 50}


def moves_of(found: Migration) -> Moves:
    """Return the matrix of a result that is the engine's own."""
    return {(move.before, move.after): move.customers for move in found.moves}


def campaign_rows(rows: Iterable[Mapping[str, Any]]) -> tuple[CampaignRow, ...]:
    """Return the rows of a campaign that is the engine's own."""
    return tuple((row["customer_id"], row["group"], row.get("item_1", "")) for row in rows)


def what_if_sentence(found: WhatIfResult) -> str:
    """Return a result that is the engine's own as a sentence."""
    share = format_percent(found.changed_customers / max(found.customers, 1))
    return f"The list changes for {share} of {pluralize(found.customers, 'customer')}"


def effects_of(found: RulesCheck) -> tuple[tuple[str, str], ...]:
    """Return the lists and effects of a result that is the engine's own."""
    return tuple((effect.section or ALL_LISTS, effect.effect) for effect in found.effects)


def versions_of(found: Versions) -> tuple[tuple[str, bool], ...]:
    """Return the versions of a result that is the engine's own."""
    return tuple((version.version, version.active) for version in found.versions)


def forecast_sentence(found: SalesForecast) -> str:
    """Return a result that is the engine's own as a sentence."""
    return describe_forecast(found.total, found.history(found.total.series)[1])


def forecast_of(value: CustomerValue) -> Forecast:
    """An answer that is the engine's own result."""
    return Forecast(value_facts(value), value.notes, value.as_dict())


def groups_in(table: str) -> dict[str, int]:
    """Read name and number of customers from the first two cells of each row of an HTML table."""
    lines = re.findall(r'<tr><td class=""[^>]*>(.*?)</td><td class="sr-num"[^>]*>([\d,]+)</td>', table)
    return {html.unescape(re.sub("<[^>]+>", "", name)): int(number.replace(",", "")) for name, number in lines}


def figures_in(page: str) -> SalesRows:
    """Read the tiles of key figures of an HTML page."""
    tiles = re.findall(r"<div><small>([^<]*)</small><b>([^<]*)</b>(.*?)</div>", page)
    return {
        html.unescape(label): (value, *re.findall(r"<small>(.*?) against [^<]*</small>", changes))
        for label, value, changes in tiles
    }


def sales_of(sales: SalesComparison) -> SalesRows:
    """A result that a program reads, in the words of the screens."""
    return {f.label: (f.value, *f.changes.values()) for f in key_figures(sales, "")}


def missing(what: str, reason: str) -> None:
    """Skip with a reason, or fail where `SMART_RETAIL_REQUIRE` names what is missing."""
    if what in os.environ.get("SMART_RETAIL_REQUIRE", "").replace(",", " ").split():
        pytest.fail(reason)
    pytest.skip(reason)


def needs(module: str, extra: str) -> None:
    """Skip where a front end's own package is not installed."""
    try:
        __import__(module)
    except ImportError as error:
        missing(extra, f"the extra {extra} is not installed: {error}")
