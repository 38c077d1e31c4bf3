"""The Gradio app behind its own server, through its named endpoints and the HTML of its page."""

from __future__ import annotations

import gc
import html
import os
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smart_retail.errors import RetailError, by_code
from smart_retail.results import CustomerValue, SalesComparison
from smart_retail.serving.web_app import WebAppOptions

from .base import (
    Driver,
    Filters,
    Forecast,
    Row,
    SalesRows,
    Shown,
    ShownProfile,
    UnsupportedError,
    figures_in,
    forecast_of,
    groups_in,
    needs,
    sales_of,
    source_of,
)
from .flask import rows


class FrontEnd(Driver):
    name = "gradio"

    def start(self) -> None:
        needs("gradio", "gradio")
        self.stack.callback(self.sweep)
        patch = pytest.MonkeyPatch()
        self.stack.callback(patch.undo)
        patch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
        from gradio_client import Client

        from smart_retail.serving.factory import watch_engine
        from smart_retail_gradio.server import start

        with pytest.MonkeyPatch.context() as loopback:
            loopback.setenv("NO_PROXY", "127.0.0.1,localhost")
            self.demo: Any = start(
                watch_engine(self.artifacts, self.api_url), WebAppOptions(port=free_port()), block=False
            )
            self.stack.callback(self.demo.close)
            self.client = Client(self.demo.local_url, verbose=False, analytics_enabled=False)
        self.stack.callback(self.client.close)

    def sweep(self) -> None:
        """Collect sockets and event loops that Gradio leaves open, without their warnings."""
        self.demo = self.client = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()

    def recommend(self, customer_id: str, method: str, n: int, filters: Filters) -> Shown:
        categories = [] if filters.category is None else [filters.category]
        found = self.call_endpoint(
            "/recommend",
            customer_id=customer_id,
            **({} if filters.scenario else {"method": method, "n": n}),
            exclude_purchased=filters.exclude_purchased,
            categories=categories,
            on=filters.on,
            **filters.options(),
        )
        parts = found["lists"] or {found["method"]: found}
        if method != "all" and customer_id and filters.on is None:
            more = (filters.scenario or "", filters.price_min, filters.price_max, list(filters.exclude))
            self.agree(customer_id, [method, n, categories, filters.exclude_purchased, *more], found["items"])
        return Shown({m: rows(part["items"]) for m, part in parts.items()}, found["known"])

    def agree(self, customer_id: str, choices: list[Any], items: list[dict[str, Any]]) -> None:
        """Check that the page shows rank, id, score, source and every reason of the endpoint."""
        _, page = self.screen(customer_id, *choices)
        assert [cells(line) for line in re.findall(r"<tr (title=.*?)</tr>", page, re.DOTALL)] == [
            Row(row.rank, row.item_id, tuple(sorted(row.reasons)), row.score, row.source) for row in rows(items)
        ]

    def screen(self, customer_id: str, *choices: Any) -> tuple[str, str]:
        """Return the HTML of the first tab: profile and list."""
        shown = next(f.fn for f in self.demo.fns.values() if getattr(f.fn, "__name__", "") == "show_recommendations")
        profile, page = shown(customer_id, *choices)
        return profile, page

    def profile(self, customer_id: str) -> ShownProfile:
        card, _ = self.screen(customer_id, "hybrid", 1, [], True)
        found = re.search(r'<p class="sr-profile"[^>]*>(.*?)</p>', card)
        assert found
        line = html.unescape(found[1])
        if line.startswith("unknown customer"):
            return ShownProfile(False)
        scores = re.search(r"R (\d) F (\d) M (\d)", line)
        cluster = re.search(r"cluster ([^·]*?)(?: ·|$)", line)
        return ShownProfile(
            True,
            line.split(" · ")[0] if scores else None,
            "".join(scores.groups()) if scores else None,
            cluster[1] if cluster else None,
        )

    def value(self, customer_id: str) -> Forecast:
        found = forecast_of(
            CustomerValue.from_dict(self.call_endpoint("/value", customer_id=customer_id, horizon_days=90))
        )
        if not customer_id:
            return found
        card, _ = self.screen(customer_id, "hybrid", 1, [], True)
        pairs = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", card)
        facts = {html.unescape(label): html.unescape(text) for label, text in pairs}
        notes = re.findall(r'<p class="sr-note">(.*?)</p>', card)
        return replace(found, facts=facts, notes=tuple(map(html.unescape, notes)))

    def similar(self, item_id: str, n: int, relation: str = "same_customers") -> tuple[Row, ...]:
        return rows(self.call_endpoint("/similar", item_id=item_id, n=n, categories=[], relation=relation)["items"])

    def basket(self, item_ids: tuple[str, ...], customer_id: str | None, n: int) -> tuple[Row, ...]:
        if customer_id == "":
            raise UnsupportedError
        return rows(self.call_endpoint("/basket", item_ids=list(item_ids), n=n, customer_id=customer_id)["items"])

    def segments(self) -> dict[str, int]:
        found = {s["name"]: s["customers"] for s in self.call_endpoint("/segments")}
        assert self.shop_table(1) == found
        return found

    def clusters(self) -> dict[str, int]:
        found = {c["name"]: c["customers"] for c in self.call_endpoint("/clusters")}
        assert self.shop_table(2) == found
        return found

    def sales(self) -> SalesRows:
        found = sales_of(SalesComparison.from_dict(self.call_endpoint("/sales")))
        assert figures_in(self.shop_page()) == found
        return found

    def shop_page(self) -> str:
        """Return the HTML of the tab Shop."""
        shown = next(f.fn for f in self.demo.fns.values() if getattr(f.fn, "__name__", "") == "show_shop")
        return str(shown(28, ""))

    def shop_table(self, part: int) -> dict[str, int]:
        return groups_in(self.shop_page().split("<section")[1 + part])

    def version(self) -> str:
        for part in self.demo.blocks.values():
            text = str(getattr(part, "value", "") or "")
            if found := re.search(r"sr-footer\">model (\S+)", text):
                return found[1]
        raise AssertionError("the footer does not name the version")

    def failure(self, artifacts: Path) -> tuple[str, str]:
        from smart_retail.serving.factory import watch_engine
        from smart_retail_gradio.app import build_demo

        os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
        try:
            held = watch_engine(artifacts)
            build_demo(held)
            held.get().recommend("c0001")
        except RetailError as error:
            return error.code, f"{error.message} {error.hint}"
        return "", ""

    def call_endpoint(self, endpoint: str, **values: Any) -> Any:
        from gradio_client.exceptions import AppError

        try:
            return self.client.predict(**values, api_name=endpoint)
        except AppError as error:
            code, _, message = str(error).partition(": ")
            assert "Traceback" not in message
            raise by_code(code)(message) from error


def cells(line: str) -> Row:
    """Return a row of the table on the page; reasons are sorted, since the main one is first there."""
    rank = re.search(r'<td class="sr-num sr-rank">(\d+)</td>', line)
    named = re.search(r'<span class="sr-name">(.*?)</span>(?:<span class="sr-id">(.*?)</span>)?</td>', line, re.DOTALL)
    scored = re.search(r'title="Score (\S+) from ([^"]+)"', line)
    assert rank
    assert named
    assert scored
    reasons = re.findall(r'<span class="sr-reason[^>]*>(.*?)</span>', line, re.DOTALL)
    return Row(
        int(rank[1]),
        html.unescape(named[2] or named[1]),
        tuple(sorted(map(html.unescape, reasons))),
        float(scored[1]),
        source_of(html.unescape(scored[2])),
    )


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
