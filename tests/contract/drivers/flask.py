"""Driver of the API: JSON over HTTP, as another program uses it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import pytest

from smart_retail.analysis.rules_check import RulesCheck
from smart_retail.analysis.sales_forecast import SalesForecast
from smart_retail.analysis.segment_migration import Migration
from smart_retail.analysis.tasks import Versions
from smart_retail.analysis.what_if import WhatIfResult
from smart_retail.errors import RetailError, by_code
from smart_retail.protocol import CustomerFilter
from smart_retail.results import (
    Audience,
    CustomerPage,
    CustomerValue,
    ItemDetails,
    ProductBundles,
    SalesComparison,
    Substitutes,
)
from tests.served_api import run_jobs_in_threads

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
    needs,
    sales_of,
    substitute_rows,
    versions_of,
    what_if_sentence,
)

IDS_NOT_IN_URLS = ("", ".", "..")


class FrontEnd(Driver):
    name = "flask"

    def start(self) -> None:
        needs("smart_retail_flask.app", "flask")
        from smart_retail_flask.app import create_app
        from smart_retail_flask.server import bundle_loader

        patch = self.stack.enter_context(pytest.MonkeyPatch.context())
        run_jobs_in_threads(patch)
        folder = self.stack.enter_context(TemporaryDirectory())  # jobs write to it
        artifacts = shutil.copytree(self.artifacts, Path(folder) / "artifacts") if self.artifacts.is_dir() else folder
        self.client = create_app(bundle_loader(artifacts)()).test_client()

    def recommend(self, customer_id: str, method: str, n: int, filters: Filters) -> Shown:
        options: dict[str, Any] = {} if filters.scenario else {"method": method, "n": n}
        options |= {"exclude_purchased": filters.exclude_purchased, **filters.options()}
        options |= {} if filters.on is None else {"on": filters.on}
        if customer_id in IDS_NOT_IN_URLS:
            category = {} if filters.category is None else {"categories": [filters.category]}
            body = {"customer_ids": [customer_id], **options, **category}
            result = self.request("post", "/v1/recommendations:batch", json=body)["lists"][0]
        else:
            category = {} if filters.category is None else {"category": filters.category}
            query = options | category | {"exclude_purchased": str(filters.exclude_purchased).lower()}
            path = f"/v1/customers/{quote(customer_id, safe='')}/recommendations"
            result = self.request("get", path, query_string=query)
        parts = result["lists"] or {result["method"]: result}
        return Shown({m: rows(part["items"]) for m, part in parts.items()}, result["known"])

    def profile(self, customer_id: str) -> ShownProfile:
        if customer_id in IDS_NOT_IN_URLS:
            profile = self.request("post", "/v1/customers:batch", json={"customer_ids": [customer_id]})["customers"][0]
        else:
            profile = self.request("get", f"/v1/customers/{quote(customer_id, safe='')}")
        rfm, cluster = profile["rfm"] or {}, profile["cluster"] or {}
        return ShownProfile(profile["known"], rfm.get("segment"), rfm.get("code"), cluster.get("name"))

    def value(self, customer_id: str) -> Forecast:
        if customer_id in IDS_NOT_IN_URLS:
            body = {"customer_ids": [customer_id]}
            found = self.request("post", "/v1/customers:value", json=body)["customers"][0]
        else:
            found = self.request("get", f"/v1/customers/{quote(customer_id, safe='')}/value")
        return forecast_of(CustomerValue.from_dict(found))

    def due(self, days: int) -> tuple[DueRow, ...]:
        found = self.request("get", "/v1/replenishment", query_string={"days": days, "n": 20})
        return tuple((e["customer_id"], e["item_id"], e["due_date"]) for e in found["entries"])

    def bundles(self, item_id: str | None, sort: str) -> tuple[BundleRow, ...]:
        query = {"sort": sort, "n": 10} | ({} if item_id is None else {"item_id": item_id})
        return bundle_rows(ProductBundles.from_dict(self.request("get", "/v1/bundles", query_string=query)))

    def item(self, item_id: str) -> ItemFacts:
        if item_id in IDS_NOT_IN_URLS:
            found = self.request("post", "/v1/items:details", json={"item_id": item_id})
        else:
            found = self.request("get", f"/v1/items/{quote(item_id, safe='')}")
        return item_facts(ItemDetails.from_dict(found))

    def substitutes(self, item_id: str) -> tuple[tuple[str, str], ...]:
        if item_id in IDS_NOT_IN_URLS:
            found = self.request("post", "/v1/items:substitutes", json={"item_id": item_id})
        else:
            found = self.request("get", f"/v1/items/{quote(item_id, safe='')}/substitutes")
        return substitute_rows(Substitutes.from_dict(found))

    def audience(self, item_id: str) -> tuple[tuple[str, str], ...]:
        if item_id in IDS_NOT_IN_URLS:
            found = self.request("post", "/v1/items:audience", json={"item_id": item_id, "n": 10})
        else:
            found = self.request("get", f"/v1/items/{quote(item_id, safe='')}/audience", query_string={"n": 10})
        return audience_rows(Audience.from_dict(found))

    def customers(self, segment: str, sort: str) -> tuple[CustomerRow, ...]:
        query = {"segment": segment, "sort": sort, "n": 10}
        return customer_rows(CustomerPage.from_dict(self.request("get", "/v1/customers:list", query_string=query)))

    def migration(self, day: str) -> Moves:
        return moves_of(Migration.from_dict(self.request("get", "/v1/migration", query_string={"from_date": day})))

    def forecast(self, days: int) -> str:
        found = self.request("get", "/v1/forecast", query_string={"days": days})
        return forecast_sentence(SalesForecast.from_dict(found))

    def campaign(self, segment: str) -> tuple[CampaignRow, ...]:
        settings = {"segments": [segment], **CAMPAIGN_OPTIONS}
        return campaign_rows(self.job("campaign", {"settings": settings})["rows"])

    def campaign_of_table(self, selected: CustomerFilter) -> tuple[int, tuple[CampaignRow, ...]]:
        query = {name: str(value) for name, value in selected.conditions.items()}
        found = CustomerPage.from_dict(self.request("get", "/v1/customers:list", query_string=query))
        settings = {"customers": selected.conditions, **CAMPAIGN_OPTIONS}
        return found.with_orders, campaign_rows(self.job("campaign", {"settings": settings})["rows"])

    def what_if(self, banned: str) -> str:
        options = {"scenario": {"rules": {"ban": [banned]}}, **WHAT_IF_OPTIONS}
        return what_if_sentence(WhatIfResult.from_dict(self.job("what-if", options)))

    def check_rules(self, banned: str, sections: str = "") -> tuple[tuple[str, str], ...]:
        found = self.request("post", "/v1/rules:check", json={"content": f"ban = ['{banned}']\n{sections}"})
        return effects_of(RulesCheck.from_dict(found))

    def versions(self) -> tuple[tuple[str, bool], ...]:
        return versions_of(Versions.from_dict(self.request("get", "/v1/versions")))

    def job(self, task: str, options: dict[str, Any]) -> Any:
        """Run a job and return its result."""
        path = f"/v1/jobs/{self.request('post', '/v1/jobs', json={'task': task, 'options': options})['id']}"
        end = time.monotonic() + 120
        while (state := self.request("get", path)["state"]) in ("queued", "running"):
            assert time.monotonic() < end, state
            time.sleep(0.05)
        found = self.request("get", f"{path}/result")
        self.request("delete", path)
        return found

    def similar(self, item_id: str, n: int, relation: str = "same_customers") -> tuple[Row, ...]:
        if item_id in IDS_NOT_IN_URLS:
            return rows(
                self.request("post", "/v1/items:similar", json={"item_id": item_id, "n": n, "relation": relation})[
                    "items"
                ]
            )
        return rows(
            self.request(
                "get", f"/v1/items/{quote(item_id, safe='')}/similar", query_string={"n": n, "relation": relation}
            )["items"]
        )

    def basket(self, item_ids: tuple[str, ...], customer_id: str | None, n: int) -> tuple[Row, ...]:
        body = {"item_ids": list(item_ids), "customer_id": customer_id, "n": n}
        return rows(self.request("post", "/v1/basket/recommendations", json=body)["items"])

    def segments(self) -> dict[str, int]:
        return {s["name"]: s["customers"] for s in self.request("get", "/v1/segments")["segments"]}

    def clusters(self) -> dict[str, int]:
        return {c["name"]: c["customers"] for c in self.request("get", "/v1/clusters")["clusters"]}

    def sales(self) -> SalesRows:
        return sales_of(SalesComparison.from_dict(self.request("get", "/v1/sales")))

    def version(self) -> str:
        return str(self.client.get("/v1/popular").headers["X-Model-Version"])

    def failure(self, artifacts: Path) -> tuple[str, str]:
        try:
            with type(self)(artifacts) as other:
                other.recommend("c0001", "hybrid", 3, Filters())
        except RetailError as error:
            return error.code, f"{error.message} {error.hint}"
        return "", ""

    def request(self, verb: str, path: str, **options: Any) -> Any:
        response = self.client.open(path, method=verb.upper(), **options)
        body = response.json
        if response.status_code != 200:
            raise by_code(body["code"])(body["detail"], body["hint"])
        return body


def rows(items: list[dict[str, Any]]) -> tuple[Row, ...]:
    return tuple(
        Row(i["rank"], i["item_id"], tuple(r["text"] for r in i["reasons"]), i["score"], i["source"]) for i in items
    )
