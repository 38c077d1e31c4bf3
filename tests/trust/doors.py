"""Table: every route, asked with no key, a key that reads, an admin's key and a wrong one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from smart_retail_flask.guard import OPEN_PATHS
from smart_retail_flask.operations import OPERATIONS, Operation

WHO = ("nobody", "read", "admin", "wrong")


@dataclass(frozen=True)
class Door:
    """One route and who stands before it."""

    operation: Operation
    who: str

    def __str__(self) -> str:
        return f"{self.operation.name}-{self.who}"

    @property
    def expected(self) -> int:
        """The status that is due."""
        if self.operation.rule.startswith(OPEN_PATHS):
            return 200
        if self.who in ("nobody", "wrong"):
            return 401
        return 403 if self.operation.role == "admin" and self.who == "read" else 200


def doors() -> Iterator[Door]:
    for operation in OPERATIONS:
        for who in WHO:
            yield Door(operation, who)
