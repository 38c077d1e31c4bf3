"""The engine itself: what the others are compared with, through the same eyes."""

from __future__ import annotations

from pathlib import Path

from smart_retail.analysis.campaign import CampaignSettings
from smart_retail.analysis.long_tasks import CampaignTask, WhatIfTask
from smart_retail.analysis.tasks import CheckRulesTask, ForecastTask, MigrationTask, VersionsTask
from smart_retail.analysis.what_if_engine import Scenario
from smart_retail.errors import RetailError
from smart_retail.protocol import CustomerFilter, CustomerQuery, RetailEngine
from smart_retail.serving.engine import Engine

from .base import (
    CAMPAIGN_OPTIONS,
    WHAT_IF_OPTIONS,
    BundleRow,
    CampaignRow,
    CustomerRow,
    Driver,
    DueRow,
    Filters,
    Forecast,
    ItemFacts,
    Moves,
    Row,
    SalesRows,
    Shown,
    ShownProfile,
    audience_rows,
    bundle_rows,
    campaign_rows,
    customer_rows,
    effects_of,
    forecast_of,
    forecast_sentence,
    item_facts,
    moves_of,
    profile_of,
    row_of,
    sales_of,
    shown_of,
    substitute_rows,
    versions_of,
    what_if_sentence,
)


class FrontEnd(Driver):
    name = "engine"
    engine: RetailEngine

    def start(self) -> None:
        self.engine = Engine.load(self.artifacts)

    def recommend(self, customer_id: str, method: str, n: int, filters: Filters) -> Shown:
        categories = None if filters.category is None else [filters.category]
        return shown_of(
            self.engine.recommend(
                customer_id,
                *((None, None) if filters.scenario else (method, n)),
                exclude_purchased=filters.exclude_purchased,
                categories=categories,
                on=filters.on,
                **filters.options(),
            )
        )

    def profile(self, customer_id: str) -> ShownProfile:
        return profile_of(self.engine.customer(customer_id))

    def value(self, customer_id: str) -> Forecast:
        return forecast_of(self.engine.customer_value(customer_id))

    def due(self, days: int) -> tuple[DueRow, ...]:
        found = self.engine.replenishment(days, n=20)
        return tuple((e.customer_id, e.item_id, e.due_date) for e in found.entries)

    def bundles(self, item_id: str | None, sort: str) -> tuple[BundleRow, ...]:
        return bundle_rows(self.engine.bundles(item_id, sort=sort, n=10))

    def item(self, item_id: str) -> ItemFacts:
        return item_facts(self.engine.item(item_id))

    def substitutes(self, item_id: str) -> tuple[tuple[str, str], ...]:
        return substitute_rows(self.engine.substitutes(item_id))

    def audience(self, item_id: str) -> tuple[tuple[str, str], ...]:
        return audience_rows(self.engine.audience(item_id, 10))

    def customers(self, segment: str, sort: str) -> tuple[CustomerRow, ...]:
        return customer_rows(self.engine.customers(CustomerQuery(segment=segment, sort=sort, n=10)))

    def migration(self, day: str) -> Moves:
        return moves_of(self.engine.run(MigrationTask(day)))

    def forecast(self, days: int) -> str:
        return forecast_sentence(self.engine.run(ForecastTask(days)))

    def campaign(self, segment: str) -> tuple[CampaignRow, ...]:
        settings = CampaignSettings(segments=(segment,), **CAMPAIGN_OPTIONS)
        return campaign_rows(self.engine.run(CampaignTask(settings)).rows)

    def campaign_of_table(self, selected: CustomerFilter) -> tuple[int, tuple[CampaignRow, ...]]:
        settings = CampaignSettings(customers=selected, **CAMPAIGN_OPTIONS)
        found = self.engine.customers(CustomerQuery(**selected.conditions, n=1))
        return found.with_orders, campaign_rows(self.engine.run(CampaignTask(settings)).rows)

    def what_if(self, banned: str) -> str:
        return what_if_sentence(self.engine.run(WhatIfTask(Scenario({"ban": [banned]}), **WHAT_IF_OPTIONS)))

    def check_rules(self, banned: str, sections: str = "") -> tuple[tuple[str, str], ...]:
        return effects_of(self.engine.run(CheckRulesTask(f"ban = ['{banned}']\n{sections}")))

    def versions(self) -> tuple[tuple[str, bool], ...]:
        return versions_of(self.engine.run(VersionsTask()))

    def similar(self, item_id: str, n: int, relation: str = "same_customers") -> tuple[Row, ...]:
        return tuple(map(row_of, self.engine.similar_items(item_id, n, relation=relation).items))

    def basket(self, item_ids: tuple[str, ...], customer_id: str | None, n: int) -> tuple[Row, ...]:
        return tuple(map(row_of, self.engine.recommend_for_basket(item_ids, n, customer_id=customer_id).items))

    def segments(self) -> dict[str, int]:
        return {s.name: s.customers for s in self.engine.segments()}

    def clusters(self) -> dict[str, int]:
        return {c.name: c.customers for c in self.engine.clusters()}

    def sales(self) -> SalesRows:
        return sales_of(self.engine.sales())

    def version(self) -> str:
        return self.engine.version

    def failure(self, artifacts: Path) -> tuple[str, str]:
        try:
            with type(self)(artifacts) as other:
                other.recommend("c0001", "hybrid", 3, Filters())
        except RetailError as error:
            return error.code, f"{error.message} {error.hint}"
        return "", ""
