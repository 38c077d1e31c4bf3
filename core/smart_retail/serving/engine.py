"""The engine of a published bundle: `protocol.RetailEngine` in this process.

Opening a bundle maps its files and checks the manifest. No training library (TensorFlow, scikit-learn, LightGBM) and
no pandas is imported, and nothing is unpickled.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smart_retail.bundle.local_copy import open_bundle
from smart_retail.bundle.reader import Bundle
from smart_retail.errors import RetailError, UsageError
from smart_retail.events import RecentEvents, open_events
from smart_retail.events.item_changes import ItemChange, ItemChanges
from smart_retail.protocol import (
    ALL,
    ALL_CUSTOMERS,
    BOUGHT_TOGETHER,
    DEFAULT_AUDIENCE_N,
    DEFAULT_CALENDAR_DAYS,
    DEFAULT_HORIZON_DAYS,
    DEFAULT_METHOD,
    DEFAULT_N,
    DEFAULT_PERIOD,
    DEFAULT_SEARCH_N,
    MAX_LIST_DAYS,
    METHODS,
    REVENUE_HORIZONS_DAYS,
    CustomerFilter,
    CustomerQuery,
    ListQuery,
    LocalEngine,
    check_page,
    check_period,
)
from smart_retail.recommenders.base import CONTENT, UNKNOWN_GROUP, LaterDate, Ranked, Shoppers
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
    SalesComparison,
    Segment,
    Substitutes,
    ValueSummary,
)
from smart_retail.serving.bundle_tables import BundleTables
from smart_retail.serving.business_rules import RULES_NAME, Rules, category_codes, in_price_range
from smart_retail.serving.customers import NO_ITEMS, CustomerLookup, CustomerState, to_shoppers, with_basket
from smart_retail.serving.list_ranking import ListRanker, RankingRequest, RankingResult, open_ranker
from smart_retail.serving.profiles import build_profile
from smart_retail.serving.responses import build_response, combine_methods
from smart_retail.serving.rule_set import FixedRules, RuleSet, RulesFile, RuleTargets
from smart_retail.utils.dates import iso, parse_day

if TYPE_CHECKING:
    from smart_retail.serving.customer_table import CustomerTable
    from smart_retail.serving.customer_values import CustomerValues
    from smart_retail.serving.product_relations import ProductRelations
    from smart_retail.serving.replenishment import Replenishment
    from smart_retail.serving.sales import Sales

CHUNK_CUSTOMERS = 256
ADDED_ITEMS_SHARE = 0.1
"""Share of the positions of a list for items that were added after a fit without a catalogue, which selects none."""
MIN_PROXY_WEIGHT = 1 / 3
"""Weight of an item that stands for one without purchases, as a share of the largest: 0.7 times its similarity."""
PROXIES_OF_NEW_ITEM = 3
"""Purchased items that stand for an item without purchases in a basket: of the similar ones, the most bought."""


class Engine(LocalEngine):
    """Engine of one bundle, opened by `Engine.load`.

    It serves the same bundle and the same added items as long as it lives: a new version, or items that are added
    later, are served by a new engine. Thread-safe.
    """

    def __init__(
        self,
        bundle: Bundle,
        rules: Path | Rules | RuleSet | None = None,
        *,
        changes: Mapping[str, ItemChange] | None = None,
        recent_events: RecentEvents | None = None,
        rules_file: Path | None = None,
    ) -> None:
        self.bundle = bundle
        self._opened = object()
        self._rules = rules
        self._items_state = ItemChanges(self.artifacts).state()
        found = ItemChanges(self.artifacts).read() if changes is None else changes
        self.tables = BundleTables(bundle, found)
        through, fitted_store = bundle.manifest["events_through"], bundle.manifest.get("events_store", "")
        self._recent_events = recent_events or RecentEvents(open_events(self.artifacts), through, fitted_store)
        self.customer_lookup = CustomerLookup(self.tables, self._recent_events)
        default = self.artifacts / RULES_NAME
        self._rules_source: FixedRules | RulesFile
        if isinstance(rules, Rules | RuleSet):
            self._rules_file = rules_file or default
            self._rules_source = FixedRules(RuleSet(rules) if isinstance(rules, Rules) else rules)
        else:
            self._rules_file = rules or default
            self._rules_source = RulesFile(self._rules_file, RuleTargets.of(self.tables), optional=rules is None)

    @classmethod
    def load(
        cls,
        artifacts: str | os.PathLike[str] = "artifacts",
        *,
        rules: str | os.PathLike[str] | None = None,
        version: str | None = None,
    ) -> Engine:
        """Open the active bundle of an artifacts folder.

        Parameters
        ----------
        artifacts : path
            The folder that `fit` publishes to, or the URL of a remote store, such as ``s3://bucket/shop``.
        rules : path, optional
            The rules file; by default ``rules.toml`` in the folder, if it exists.
        version : str, optional
            Id of the version; by default the active one.

        Returns
        -------
        Engine

        Raises
        ------
        ArtifactError
            The bundle is missing, damaged or of another format.
        SettingsError
            The rules cannot be read.
        """
        return cls(open_bundle(artifacts, version), None if rules is None else Path(rules))

    def with_current_items(self, *, prepare: bool = False) -> Engine:
        """Return an engine of the same bundle with the items that are added by now; itself if nothing has changed.

        Parameters
        ----------
        prepare : bool
            Whether the added items are matched with the purchased ones now, not when they are first needed.

        Raises
        ------
        ArtifactError
            The file of added items is damaged.
        """
        if ItemChanges(self.artifacts).state() == self._items_state:
            return self
        engine = type(self)(self.bundle, self._rules, recent_events=self._recent_events, rules_file=self._rules_file)
        if prepare:
            engine.open_all()
        return engine

    @property
    def rules(self) -> RuleSet:
        """The business rules in force; a rules file is read again after it changed."""
        return self._rules_source.current()

    @property
    def rules_file(self) -> Path:
        """The rules file, which need not exist."""
        return self._rules_file

    @property
    def rules_error(self) -> RetailError | None:
        """Error of a rules file that changed after the start; the rules read before it stay in force."""
        self._rules_source.current()
        return self._rules_source.error

    def check_events(self) -> None:
        """Read new events since the fit; raise `ArtifactError` if the event store cannot be read."""
        self.customer_lookup.customers_with_events()

    @property
    def version(self) -> str:
        return self.bundle.version

    def state_of(self, customer_id: str | None = None) -> tuple[object, str, int]:
        """Return what a result depends on, for one customer or without one; equal states give equal results."""
        newest = 0 if customer_id is None else self.customer_lookup.last_sequence(customer_id)
        return self._opened, self.rules.digest, newest

    def query_customers(self, customer_ids: Sequence[str], query: ListQuery) -> list[RecommendationList]:
        """Return one list per customer, in their order; unknown customers get popular items and ``known=False``."""
        rule_set, day = self.rules, self._later_day(query)
        query = query.with_scenario(rule_set.scenarios)
        rules_of = self._rules_by_segment(rule_set, query, day)
        return [
            result
            for start in range(0, len(customer_ids), CHUNK_CUSTOMERS)
            for result in self._query_chunk(customer_ids[start : start + CHUNK_CUSTOMERS], query, day, rules_of)
        ]

    def query_basket(
        self, item_ids: Sequence[str], query: ListQuery, customer_id: str | None = None
    ) -> RecommendationList:
        """Return a list that completes a basket, of a customer or of a visitor; unknown items are ignored."""
        rule_set, day = self.rules, self._later_day(query)
        query = query.with_scenario(rule_set.scenarios)
        codes = self.tables.items.codes(item_ids)
        basket, proxies = self.tables.basket(codes, None if day is None else day - 1), self._proxies(codes)
        own_items = np.union1d(basket.item, codes[codes >= 0]).astype(np.int32)
        visitor = self.customer_lookup.visitor(basket)
        customer = visitor if customer_id is None else self.customer_lookup.resolve(customer_id)
        rules = self._rules_by_segment(rule_set, query, day)(customer.segment)

        def list_by(method: str) -> RecommendationList:
            if method == DEFAULT_METHOD and len(own_items):
                owner = customer if customer_id is not None else self.customer_lookup.visitor(self.tables.empty_history)
                request = _ranking_request(method, query, rules, basket.item, proxies)
                own = [np.concatenate((own_items, owner.history.item))]
                ranking = next(self._ranker.live(request, self._shoppers([owner], day), [own_items], own))
                return self._response(customer_id, owner, request, ranking, query)
            shopper = visitor if customer_id is None else with_basket(customer, basket)
            request = _ranking_request(method, query, rules)
            hidden = np.union1d(shopper.purchased_or_returned(), own_items)
            ranking = next(self._ranker.live(request, self._shoppers([shopper], day), [hidden]))
            return self._response(customer_id, shopper, request, ranking, query)

        return combine_methods(query.method or DEFAULT_METHOD, list_by)

    def _proxies(self, codes: NDArray[np.int32]) -> dict[int, int]:
        """Return the purchased items that stand for the items of a basket without purchases, each with that item."""
        orders = self.tables.item_orders
        new = sorted({code for code in codes[codes >= 0].tolist() if orders[code] == 0})
        proxies: dict[int, int] = {}
        for code in new:
            items, weight = self._items_of_similar_content(code)
            # A rarely bought item says little of what goes with it.
            close = items[weight >= MIN_PROXY_WEIGHT * weight.max(initial=0.0)]
            best = close[np.argsort(-orders[close].astype(np.int64), kind="stable")][:PROXIES_OF_NEW_ITEM]
            proxies |= {item: code for item in best.tolist() if item not in codes}
        return proxies

    def query_similar(self, item_id: str, query: ListQuery) -> RecommendationList:
        """Return items related to an item, by `ListQuery.relation`; the list is not filled with popular items."""
        code, query = self.tables.item_code(item_id), self.resolve(query)
        found, relation = self._related_items(code, query.relation)
        rules = replace(self._visitor_rules(query), diversity=0.0)  # a shop's rule is not meant for similar items
        request = _ranking_request(relation, query, rules, exclude_purchased=False)
        item = np.array([code], dtype=np.int32)  # hidden: a pinned item would otherwise be in its own list
        ranking = self._ranker.rank_unpersonalized(found, request, item)
        return self._response(None, self._basket_state(item), request, ranking, query)

    def query_popular(self, query: ListQuery) -> RecommendationList:
        """Return the most popular items, overall or of the given categories."""
        query = self.resolve(query)
        request = _ranking_request("popular", query, self._visitor_rules(query), exclude_purchased=False)
        codes = category_codes(query.categories, self.tables.names["categories"])
        popular = self._ranker.model.popular(codes[0] if len(codes) == 1 else None)
        ranking = self._ranker.rank_unpersonalized(popular, request)
        visitor = self.customer_lookup.visitor(self.tables.empty_history)
        return self._response(None, visitor, request, ranking, query)

    def customer(self, customer_id: str) -> CustomerProfile:
        """Return a customer's profile; ``known=False`` for an unknown id."""
        customer = self.customer_lookup.resolve(customer_id)
        rfm, interval = self.customer_lookup.rfm(customer), self.customer_lookup.usual_interval(customer)
        return build_profile(self.tables, customer_id, customer, rfm, interval)

    def customers(self, query: CustomerQuery = CustomerQuery()) -> CustomerPage:  # noqa: B008  # frozen
        """Return a page of a table of customers, filtered and sorted, as of the fit."""
        return self._customer_table.page(query)

    @property
    def artifacts(self) -> Path:
        """The folder of the bundle, which also contains live purchases and erasures."""
        return self.bundle.folder.parents[1]

    def customer_ids(self, selected: CustomerFilter = ALL_CUSTOMERS) -> Iterator[str]:
        """Iterate over the ids of the customers of the bundle that pass a filter, in id order."""
        if not selected.conditions:
            return iter(self.tables.customers.ids)
        return self._customer_table.ids(selected)

    def customer_value(self, customer_id: str, horizon_days: int = DEFAULT_HORIZON_DAYS) -> CustomerValue:
        """Return expected orders, spend, return and lifetime value of a customer; a new customer gets the prior."""
        return self.values.of(customer_id, horizon_days)

    def customer_values(
        self, customer_ids: Sequence[str], horizon_days: int = DEFAULT_HORIZON_DAYS
    ) -> list[CustomerValue]:
        """Return `customer_value` of several customers, in their order."""
        return [self.values.of(customer_id, horizon_days) for customer_id in customer_ids]

    def value_summary(self, horizon_days: int = DEFAULT_HORIZON_DAYS) -> ValueSummary:
        """Return expected orders and spend of the shop with intervals, by segment and cluster, with the backtests."""
        return self.values.summary(horizon_days)

    def expected_revenue(self, horizons_days: Sequence[int] = REVENUE_HORIZONS_DAYS) -> list[ExpectedRevenue]:
        """Return the expected revenue of the shop for several horizons, with 80 % intervals."""
        return [self.values.expected_revenue(days) for days in horizons_days]

    def sales(self, first: str | None = None, last: str | None = None, category: str | None = None) -> SalesComparison:
        """Return the key figures of a period with those of the period before and of the year before."""
        return self._sales.compare(first, last, category)

    def cohorts(self, period: str = DEFAULT_PERIOD) -> CohortTable:
        """Return customers by the week, month or quarter of their first order, with retention and cumulative value."""
        return self.values.cohorts(check_period(period))

    def replenishment(
        self, days: int = DEFAULT_CALENDAR_DAYS, customer_id: str | None = None, *, n: int = 100, offset: int = 0
    ) -> ReplenishmentCalendar:
        """Return what customers, or one customer, are due to buy again, by date."""
        return self._replenishment.calendar(days, customer_id, n, offset)

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
        return self._product_relations.bundles(item_id, sort, size, min_support, n, offset)

    def substitutes(self, item_id: str, n: int = DEFAULT_N) -> Substitutes:
        """Return at most `n` items that replace an item: of its category, bought by the same customers."""
        return self._product_relations.substitutes(item_id, n)

    def audience(
        self, item_id: str, n: int = DEFAULT_AUDIENCE_N, *, exclude_purchased: bool = True, offset: int = 0
    ) -> Audience:
        """Return the customers who would most likely want an item."""
        from smart_retail.serving.audience import AudienceFinder  # not needed for recommendations

        code, rules = self.tables.item_code(item_id), self._visitor_rules(ListQuery())
        is_allowed = rules.allowed is None or bool(rules.allowed[code])
        lists = self._ranker.cached_lists(DEFAULT_METHOD, exclude_purchased)
        finder = AudienceFinder(self.tables, self.customer_lookup, self._items_of_similar_content)
        return finder.find(code, lists, exclude_purchased, n, offset, is_allowed)

    def search_customers(self, text: str, n: int = 20) -> list[CustomerMatch]:
        """Return at most `n` customers that match every word of `text`, most orders first."""
        check_page(n)
        matches = self.tables.search_customers(text, n)
        return [*matches, *self.customer_lookup.search_new_customers(text)][:n] if text.strip() else matches

    def search_items(self, text: str, n: int = 20) -> list[Item]:
        """Return at most `n` items that match every word of `text`, most orders first."""
        check_page(n)
        return self.tables.search_items(text, n)

    def item(self, item_id: str) -> ItemDetails:
        """Return an item with what the catalogue says of it; `UnknownItemError` lists close matches."""
        return self.tables.item_details(self.tables.item_code(item_id))

    def categories(self) -> list[str]:
        """Return the names of the categories, sorted; empty if the source has none."""
        return sorted(self.tables.names["categories"])

    def segments(self) -> list[Segment]:
        """Return the RFM segments that have customers, best first."""
        return self.bundle.decode_json("segments", lambda found: [Segment.from_dict(d) for d in found])

    def clusters(self) -> list[Cluster]:
        """Return the clusters, by id."""
        return self.bundle.decode_json("clusters", lambda found: [Cluster.from_dict(d) for d in found])

    def rfm_grid(self) -> list[GridCell]:
        """Return all 25 cells, r then f descending."""
        return self.bundle.decode_json("grid", lambda found: [GridCell.from_dict(d) for d in found])

    def cluster_points(self, limit: int = 5000) -> list[ClusterPoint]:
        """Return an evenly spread sample of at most `limit` customers in the latent space; `UsageError` below 1."""
        if limit < 1:
            raise UsageError(f"limit is {limit}, but must be at least 1.", "Request one customer or more.")
        return self.tables.cluster_points(limit)

    def model(self) -> ModelInfo:
        """Return version, data period, cleaning report, scorecard and settings of the bundle."""
        manifest = self.bundle.manifest
        names = ("fitted_at", "engine_version", "cleaning", "settings", "scorecard")
        facts = {name: manifest[name] for name in names}
        error = self.rules_error
        facts |= {
            "version": self.version,
            "rules": self.rules.digest,
            "scenarios": [scenario.as_dict() for scenario in self.rules.scenarios],
            "rules_error": f"{error.message} {error.hint}" if error else "",
        }
        return self.bundle.decode_json("model", lambda found: ModelInfo.from_dict(found | facts))

    def resolve(self, query: ListQuery) -> ListQuery:
        """Return a query with the method and the length of its scenario; `UsageError` for an unknown scenario."""
        return query if query.scenario is None else query.with_scenario(self.rules.scenarios)

    def open_all(self) -> None:
        """Open what lists need, which is otherwise opened on demand, so that the first requests are not slower."""
        self.tables.open_all()
        self._ranker.open_all()

    @cached_property
    def values(self) -> CustomerValues:
        """Value forecasts of the bundle."""
        from smart_retail.serving.customer_values import CustomerValues  # not needed for recommendations

        return CustomerValues(self.tables, self.customer_lookup)

    @cached_property
    def _replenishment(self) -> Replenishment:
        from smart_retail.serving.replenishment import Replenishment  # not needed for recommendations

        return Replenishment(self.tables, self.customer_lookup)

    @cached_property
    def _sales(self) -> Sales:
        from smart_retail.serving.sales import Sales  # not needed for recommendations

        return Sales(self.tables)

    @cached_property
    def _customer_table(self) -> CustomerTable:
        from smart_retail.serving.customer_table import CustomerTable  # not needed for recommendations

        return CustomerTable(self.tables, lambda days: self._replenishment.due_customers(days))

    @cached_property
    def _product_relations(self) -> ProductRelations:
        from smart_retail.serving.product_relations import ProductRelations  # not needed for recommendations

        return ProductRelations(self.tables)

    @cached_property
    def _new_items_share(self) -> float:
        """Share of the positions for items without purchases: what the fit selected, else a default for added items."""
        learned = self.bundle.manifest["scorecard"].get("new_item", {}).get("share", {}).get("share")
        return float(learned if learned is not None else ADDED_ITEMS_SHARE if self.tables.added_items else 0.0)

    @cached_property
    def _ranker(self) -> ListRanker:
        return open_ranker(self.tables)

    def _query_chunk(
        self, customer_ids: Sequence[str], query: ListQuery, day: int | None, rules_of: Callable[[int], Rules]
    ) -> Iterator[RecommendationList]:
        customers = [self.customer_lookup.resolve(customer_id) for customer_id in customer_ids]
        rules = [rules_of(customer.segment) for customer in customers]
        distinct = {id(each): each for each in rules}

        def lists_by(method: str) -> list[RecommendationList]:
            by_rules = {key: _ranking_request(method, query, each) for key, each in distinct.items()}
            requests = [by_rules[id(each)] for each in rules]
            rankings = self._rank(requests, customers, day)
            return [
                self._response(customer_id, customer, request, ranking, query)
                for customer_id, customer, request, ranking in zip(
                    customer_ids, customers, requests, rankings, strict=True
                )
            ]

        if query.method != ALL:
            yield from lists_by(query.method or DEFAULT_METHOD)
            return
        columns = {method: lists_by(method) for method in METHODS}
        for i in range(len(customer_ids)):
            yield combine_methods(ALL, {method: column[i] for method, column in columns.items()}.__getitem__)

    def _rank(
        self, requests: Sequence[RankingRequest], customers: Sequence[CustomerState], day: int | None
    ) -> list[RankingResult]:
        """Rank from the cached lists where possible, and the rest live.

        Customers with one request, whose purchases end on one day, are ranked together. `day` is the date of the lists,
        None for the default date, for which the cached lists are.
        """
        results: dict[int, RankingResult] = {}
        rest: dict[tuple[int, int], list[int]] = {}
        for i, (request, customer) in enumerate(zip(requests, customers, strict=True)):
            cached = None
            if day is None and customer.code >= 0 and not customer.has_recent_events:
                cached = self._ranker.cached(request, customer.code, customer.purchased_or_returned)
            if cached is None:
                rest.setdefault((id(request), customer.history.last_day), []).append(i)
            else:
                results[i] = cached
        for positions in rest.values():
            hidden = [customers[i].purchased_or_returned() for i in positions]
            shoppers = self._shoppers([customers[i] for i in positions], day)
            live = self._ranker.live(requests[positions[0]], shoppers, hidden)
            results.update(zip(positions, live, strict=True))
        return [results[i] for i in range(len(customers))]

    def _shoppers(self, customers: Sequence[CustomerState], day: int | None) -> Shoppers:
        """Return customers whose purchases end on one day, for lists on `day`, or on the day after these purchases."""
        shoppers = to_shoppers(customers)
        ahead = 0 if day is None else day - 1 - shoppers.history.last_day
        if day is None or ahead <= 0:
            return shoppers
        history = replace(shoppers.history, last_day=day - 1)
        return replace(shoppers, history=history, later=LaterDate(ahead, self.tables.season_orders(day - 1)))

    def _later_day(self, query: ListQuery) -> int | None:
        """Return the day that a list is for, None for the day after the history; `UsageError` out of range."""
        if query.on is None:
            return None
        day, first, last = parse_day(query.on), self.tables.last_day + 1, self.tables.last_day + MAX_LIST_DAYS
        if not first <= day <= last:
            raise UsageError(
                f"A list cannot be made for {iso(day)}: the purchases end on {iso(first - 1)}.",
                f"Give a date from {iso(first)} to {iso(last)}, or none for the first of them.",
            )
        return None if day == first else day

    def _response(
        self,
        customer_id: str | None,
        customer: CustomerState,
        request: RankingRequest,
        ranking: RankingResult,
        query: ListQuery,
    ) -> RecommendationList:
        return build_response(
            self.tables, customer_id, customer, request, ranking.entries(query.offset, query.end), query
        )

    def _basket_state(self, items: NDArray[np.int32]) -> CustomerState:
        return self.customer_lookup.visitor(self.tables.basket(items))

    def _related_items(self, code: int, relation: str) -> tuple[Ranked, str]:
        """Return the ranked items with a relation to an item, and the relation, or ``similar`` for similar content."""
        from smart_retail.recommenders.ranked_lists import filter_lists, rank_related_items  # not for cached lists

        if relation == BOUGHT_TOGETHER:
            pairs = self.tables.pairs.together(code) if self.tables.is_fitted(code) else (NO_ITEMS, np.empty(0))
            return rank_related_items(*pairs), relation
        if not self.tables.is_fitted(code):
            ranked = rank_related_items(*self._items_of_similar_content(code), component=CONTENT)
            ranked.explaining_item[:] = code
            return ranked, "similar"
        ranked = self._ranker.model.similar(code)
        ranked = filter_lists(ranked, ~ranked.fallback)
        if len(ranked.item) and ranked.share[0, CONTENT] > 0:
            return ranked, "similar"
        shared = self.tables.pairs.shared_customers(code, self.tables.item_knn)[ranked.item]
        supported = shared >= self.tables.min_support
        return (filter_lists(ranked, supported) if supported.any() else ranked), relation

    def _items_of_similar_content(self, code: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return the purchased items whose content is similar to that of an item without purchases, and the weights."""
        added = self._ranker.added
        table = self._ranker.model.components.content if added is None or self.tables.is_fitted(code) else added.similar
        items, weight = table.neighbours(code)
        return items, weight.astype(np.float64)

    def _rules_by_segment(self, rule_set: RuleSet, query: ListQuery, day: int | None) -> Callable[[int], Rules]:
        """Return the function that returns the rules of a list by the customer's segment.

        All lists of a request use one state of the rules file. Customers with equal rules get one object.
        """
        date = self.tables.last_day + 1 if day is None else day
        found: dict[tuple[int, ...], Rules] = {}

        def rules_of(segment: int) -> Rules:
            active = rule_set.active(date, segment)
            if active not in found:
                found[active] = self._with_filters(rule_set.select(active, query.scenario), query)
            return found[active]

        rules_of(UNKNOWN_GROUP)  # filters that are not valid are an error for no customers, too
        return rules_of

    def _visitor_rules(self, query: ListQuery) -> Rules:
        """Return the rules of a list without a customer, on the day after the history."""
        return self._rules_by_segment(self.rules, query, None)(UNKNOWN_GROUP)

    def _with_filters(self, rules: Rules, query: ListQuery) -> Rules:
        if rules.new_items_share is None and self._new_items_share:
            rules = replace(rules, new_items_share=self._new_items_share)
        catalogue = self.tables.catalogue
        rules = rules.with_categories(query.categories, self.tables.names["categories"], catalogue)
        if query.price_min is not None or query.price_max is not None:
            rules = rules.only(in_price_range(catalogue, query.price_min, query.price_max))
        if query.exclude:
            others = np.ones(len(self.tables.items), np.bool_)
            codes = self.tables.items.codes(query.exclude)
            others[codes[codes >= 0]] = False
            rules = rules.only(others)
        return rules


def _ranking_request(
    method: str,
    query: ListQuery,
    rules: Rules,
    basket: NDArray[np.int32] | None = None,
    proxies: Mapping[int, int] | None = None,
    *,
    exclude_purchased: bool | None = None,
) -> RankingRequest:
    return RankingRequest(
        method,
        query.exclude_purchased if exclude_purchased is None else exclude_purchased,
        query.end,
        rules,
        basket,
        query.variants,
        proxies or {},
        rules.diversity if query.diversity is None else query.diversity,
    )
