"""Every route with each kind of key, and the status that the API documentation states for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smart_retail_flask.route_table import OPERATIONS

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
KEYS = ("none", "invalid", "read", "admin")
"""Columns of the table in the documentation."""


@dataclass(frozen=True)
class PermissionCase:
    """A request to one route with one kind of key."""

    method: str
    path: str
    """Example path."""
    body: dict[str, Any] | None
    key: str
    """One of `KEYS`."""
    status: int
    """Documented status."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}-{self.key}"


def permission_cases() -> Iterator[PermissionCase]:
    """Yield one case for each cell of the table in the documentation."""
    operations = {f"{o.method.upper()} {_openapi_path(o.rule)}": o for o in OPERATIONS}
    for route, statuses in documented_statuses().items():
        method, _, path = route.partition(" ")
        operation = operations.get(route)
        if operation is not None:
            path = operation.path or operation.rule
        body = operation.body if operation else None
        for key, status in zip(KEYS, statuses, strict=True):
            yield PermissionCase(method, path, body, key, int(status))


def documented_statuses() -> dict[str, list[str]]:
    """Return the documented statuses of each route, in the order of `KEYS`."""
    page = PAGE.read_text(encoding="utf-8")
    section = re.search(r"<!-- begin (route_permissions) -->(.*?)<!-- end \1 -->", page, re.S)
    assert section
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in section[2].strip().splitlines()[2:]]
    return {row[0].split("`")[1]: row[1:] for row in rows}


def registered_routes(app: Any) -> set[str]:
    """Return every route of the application."""
    return {
        f"{method} {_openapi_path(rule.rule)}"
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }


def _openapi_path(rule: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)
