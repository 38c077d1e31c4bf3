"""Comparison of one front end with the engine. In: a question; out: what was shown, counted, or a failed test."""

from __future__ import annotations

from collections import Counter
from typing import Any

from smart_retail.protocol import RetailEngine

from .drivers.base import Driver, Filters, Row, Shown, person_of

TALLY: Counter[str] = Counter()
"""Front end -> facts compared with the engine's."""


class Check:
    """Asks a front end and the engine the same, and compares fact by fact."""

    def __init__(self, front_end: Driver, engine: RetailEngine) -> None:
        self.front_end = front_end
        self.engine = engine

    def list(self, customer_id: str, method: str, n: int = 10, filters: Filters = Filters()) -> Shown:  # noqa: B008
        """C1, C2, C5, C6: the lists of one answer."""
        categories = None if filters.category is None else [filters.category]
        answer = self.engine.recommend(
            customer_id, method, n, exclude_purchased=filters.exclude_purchased, categories=categories
        )
        found = self.front_end.recommend(customer_id, method, n, filters)
        asked = f"{customer_id!r} by {method}, n = {n}, {filters}"
        expected = self.front_end.shown(answer)
        assert set(found.lists) == set(expected), f"{self.front_end.name}: methods of {asked}"
        for part, rows in expected.items():
            self.rows(found.lists[part], rows, f"{asked}: {part}")
        self.equal(found.known, answer.known, f"{asked}: known")
        return found

    def similar(self, item_id: str, n: int = 5) -> None:
        """C8."""
        expected = self.front_end.shown(self.engine.similar_items(item_id, n))["similar"]
        self.rows(self.front_end.similar(item_id, n), expected, f"similar to {item_id!r}")

    def person(self, customer_id: str) -> None:
        """C7."""
        expected = person_of(self.engine.customer(customer_id))
        self.equal(self.front_end.person(customer_id), expected, f"profile of {customer_id!r}", facts=4)

    def rows(self, found: tuple[Row, ...], expected: tuple[Row, ...], asked: str) -> None:
        assert expected or not found, f"{self.front_end.name}: {asked}: rows where the engine has none"
        self.equal([r.item_id for r in found], [r.item_id for r in expected], f"{asked}: items", facts=len(expected))
        for shown, row in zip(found, expected, strict=True):
            facts = 3 + len(row.reasons)
            self.equal(shown, row, f"{asked}: rank {row.rank}", facts)

    def equal(self, found: Any, expected: Any, asked: str, facts: int = 1) -> None:
        assert found == expected, f"{self.front_end.name} differs from the engine: {asked}"
        TALLY[self.front_end.name + (" over the API" if self.front_end.api_url else "")] += facts
