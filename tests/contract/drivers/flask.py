"""The API as a program without this package sees it: JSON by HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from smart_retail.errors import RetailError, by_code

from .base import Driver, Filters, Person, Row, Shown, needs

CARRIED_BY_NO_PATH = ("", ".", "..")


class FrontEnd(Driver):
    name = "flask"

    def start(self) -> None:
        needs("smart_retail_flask.app", "flask")
        from smart_retail_flask.app import create_app
        from smart_retail_flask.server import bundle_loader

        self.client = create_app(bundle_loader(self.artifacts)()).test_client()

    def recommend(self, customer_id: str, method: str, n: int, filters: Filters) -> Shown:
        options = {"method": method, "n": n, "exclude_purchased": filters.exclude_purchased}
        if customer_id in CARRIED_BY_NO_PATH:
            only = {} if filters.category is None else {"categories": [filters.category]}
            body = {"customer_ids": [customer_id], **options, **only}
            found = self.ask("post", "/v1/recommendations:batch", json=body)["lists"][0]
        else:
            only = {} if filters.category is None else {"category": filters.category}
            query = options | only | {"exclude_purchased": str(filters.exclude_purchased).lower()}
            path = f"/v1/customers/{quote(customer_id, safe='')}/recommendations"
            found = self.ask("get", path, query_string=query)
        parts = found["lists"] or {found["method"]: found}
        return Shown({m: rows(part["items"]) for m, part in parts.items()}, found["known"])

    def person(self, customer_id: str) -> Person:
        if customer_id in CARRIED_BY_NO_PATH:
            found = self.ask("post", "/v1/customers:batch", json={"customer_ids": [customer_id]})["customers"][0]
        else:
            found = self.ask("get", f"/v1/customers/{quote(customer_id, safe='')}")
        rfm, cluster = found["rfm"] or {}, found["cluster"] or {}
        return Person(found["known"], rfm.get("segment"), rfm.get("code"), cluster.get("name"))

    def similar(self, item_id: str, n: int) -> tuple[Row, ...]:
        if item_id in CARRIED_BY_NO_PATH:
            return rows(self.ask("post", "/v1/items:similar", json={"item_id": item_id, "n": n})["items"])
        return rows(self.ask("get", f"/v1/items/{quote(item_id, safe='')}/similar", query_string={"n": n})["items"])

    def segments(self) -> dict[str, int]:
        return {s["name"]: s["customers"] for s in self.ask("get", "/v1/segments")["segments"]}

    def version(self) -> str:
        return str(self.client.get("/v1/popular").headers["X-Model-Version"])

    def failure(self, artifacts: Path) -> tuple[str, str]:
        try:
            with type(self)(artifacts) as other:
                other.recommend("c0001", "hybrid", 3, Filters())
        except RetailError as error:
            return error.code, f"{error.message} {error.hint}"
        return "", ""

    def ask(self, verb: str, path: str, **options: Any) -> Any:
        answer = self.client.open(path, method=verb.upper(), **options)
        found = answer.json
        if answer.status_code != 200:
            raise by_code(found["code"])(found["detail"], found["hint"])
        return found


def rows(items: list[dict[str, Any]]) -> tuple[Row, ...]:
    return tuple(
        Row(i["rank"], i["item_id"], tuple(r["text"] for r in i["reasons"]), i["score"], i["source"]) for i in items
    )
