"""The most expensive requests that a key of the role read may send, and what each of them costs the server."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from smart_retail_flask.route_table import OPERATIONS
from smart_retail_flask.settings import new_key

from .server import Server, running_server

METHODS = ("hybrid", "personalized", "rfm", "cf", "popular", "all")
Request = tuple[str, str, dict[str, Any] | None]
"""Method, path and body."""


@dataclass(frozen=True)
class Cost:
    """What one request costs."""

    name: str
    status: int
    seconds: float
    """Processor time of all processes of the server."""
    growth_mb: float
    """Peak memory while the request is processed, above the memory before it."""


@contextmanager
def running_with_keys(artifacts: Path, folder: Path) -> Iterator[tuple[Server, str]]:
    """Run the API with one worker and a key file; yield the server and a key of the role read."""
    key, line = new_key("read")
    (folder / "keys.txt").write_text(line + "\n", encoding="utf-8")
    with running_server(artifacts, "--keys", str(folder / "keys.txt")) as server:
        yield server, key


def largest_requests(server: Server, key: str) -> list[Request]:
    """Return every route with the options that make it largest, and ids that are not known."""
    with server.client() as client:
        client.headers["Authorization"] = f"Bearer {key}"
        customers = [c["customer_id"] for c in client.get("/v1/customers", params={"n": 1000}).json()["customers"]]
        items = [item["item_id"] for item in client.get("/v1/items", params={"n": 1000}).json()["items"]]
        categories = client.get("/v1/categories").json()["categories"]
    requests: list[Request] = [(o.method.upper(), o.path or o.rule, o.body) for o in OPERATIONS if o.role != "admin"]
    one, some = categories[:1], categories[: min(len(categories), 100)]
    for method in METHODS:
        count = 51 if method == "all" else 256
        choices: tuple[list[str], ...] = ([], one)
        for chosen in choices:
            body: dict[str, Any] = {
                "method": method,
                "categories": chosen,
                "n": 5_000 // (count * (5 if method == "all" else 1)),
            }
            requests.append(("POST", "/v1/recommendations:batch", body | {"customer_ids": customers[:count]}))
            unknown = [f"unknown {n}" for n in range(count)]
            requests.append(("POST", "/v1/recommendations:batch", body | {"customer_ids": unknown}))
            basket = {"method": method, "categories": chosen, "n": 1000, "item_ids": items[:100]}
            requests.append(("POST", "/v1/basket/recommendations", basket))
        path = f"/v1/customers/{quote(customers[0], safe='')}/recommendations?method={method}&n=1000"
        requests += [("GET", path, None), ("GET", path + "&offset=100000", None)]
    for item in (items[0], items[0][:-1], "x" * 1000, items[0] * 20, "\u00e9" * 300):
        requests.append(("POST", "/v1/items:similar", {"item_id": item, "n": 1000, "categories": some}))
    for text in ("", "a", "e a i o u", "x" * 200, " ".join("abcdefghij" * 5)):
        requests += [("GET", f"/v1/{kind}?n=1000&q={text}", None) for kind in ("customers", "items")]
    requests += [
        ("POST", "/v1/customers:batch", {"customer_ids": customers[:256]}),
        ("POST", "/v1/customers:value", {"customer_ids": customers[:256], "horizon_days": 3650}),
        ("GET", "/v1/clusters/points?limit=100000", None),
        ("GET", "/v1/value?horizon_days=3650", None),
        ("GET", "/v1/value/revenue?" + "&".join(f"horizon_days={d}" for d in range(3641, 3651)), None),
        ("GET", "/v1/replenishment?days=3650&n=1000", None),
        ("GET", "/v1/cohorts?period=week", None),
        ("GET", "/v1/model", None),
        ("GET", "/v1/popular?n=1000", None),
    ]
    return requests


def measure_requests(server: Server, key: str, requests: list[Request]) -> list[Cost]:
    """Send each request twice, and measure the second one, for which libraries and tables are loaded."""
    worker = server.processes()[-1]
    costs = []
    with server.client() as client:
        client.headers["Authorization"] = f"Bearer {key}"
        for method, path, body in requests:
            client.request(method, path, json=body)
            # Another spelling of the same request, which is not in the cache of responses.
            path = f"{path}&explain=true" if "recommendations?" in path else path
            Path(f"/proc/{worker}/clear_refs").write_text("5", encoding="ascii")
            memory, seconds = _memory_mb(worker, "VmRSS"), _processor_seconds(worker)
            response: httpx.Response = client.request(method, path, json=body)
            time.sleep(0.02)
            growth = _memory_mb(worker, "VmHWM") - memory
            name = f"{method} {path[:60]} {(body or {}).get('method', '')}".strip()
            costs.append(Cost(name, response.status_code, _processor_seconds(worker) - seconds, growth))
    return costs


def _memory_mb(process: int, field: str) -> float:
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.partition(f"{field}:")[2].split()[0]) / 1024


def _processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
