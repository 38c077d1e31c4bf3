"""Table: every route, asked with no key, a wrong one, a key that reads and an admin's, and what the docs say of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smart_retail_flask.route_table import OPERATIONS

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
WHO = ("nobody", "wrong", "read", "admin")


@dataclass(frozen=True)
class Door:
    """One route and who stands before it."""

    method: str
    path: str
    """An example."""
    body: dict[str, Any] | None
    role: str
    """Whose key the code says may ask; empty where there is no such route in its table."""
    who: str
    told: int
    """The status that the docs tell."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}-{self.who}"


def doors() -> Iterator[Door]:
    """Every cell of the table in the docs."""
    known = {f"{o.method.upper()} {_documented(o.rule)}": o for o in OPERATIONS}
    for route, statuses in table().items():
        method, _, path = route.partition(" ")
        operation = known.get(route)
        if operation is not None:
            path = operation.path or operation.rule
        for who, status in zip(WHO, statuses, strict=True):
            body, role = (operation.body, operation.role) if operation else (None, "")
            yield Door(method, path, body, role, who, int(status))


def table() -> dict[str, list[str]]:
    """Route -> its statuses, as the page tells them."""
    page = PAGE.read_text(encoding="utf-8")
    section = re.search(r"<!-- begin (route_permissions) -->(.*?)<!-- end \1 -->", page, re.S)
    assert section
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in section[2].strip().splitlines()[2:]]
    return {row[0].split("`")[1]: row[1:] for row in rows}


def routed(app: Any) -> set[str]:
    """Every route that the application answers."""
    return {
        f"{method} {_documented(rule.rule)}"
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }


def _documented(rule: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)
