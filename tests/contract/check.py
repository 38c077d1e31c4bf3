"""Comparison of one front end with the engine: each method makes one request to both and counts the equal facts."""

from __future__ import annotations

from collections import Counter
from typing import Any

from smart_retail.presentation.formatting import value_facts
from smart_retail.protocol import RELATIONS, RetailEngine

from .drivers.base import Driver, Filters, Row, Shown, profile_of

COMPARED_FACTS: Counter[str] = Counter()
"""Number of facts compared with the engine, by front end."""


class Check:
    """Sends the same requests to a front end and to the engine, and compares the results fact by fact."""

    def __init__(self, front_end: Driver, engine: RetailEngine) -> None:
        self.front_end = front_end
        self.engine = engine

    def list(self, customer_id: str, method: str, n: int = 10, filters: Filters = Filters()) -> Shown:  # noqa: B008
        """C1, C2, C5, C6: the lists of one request."""
        categories = None if filters.category is None else [filters.category]
        expected_list = self.engine.recommend(
            customer_id,
            *((None, None) if filters.scenario else (method, n)),
            exclude_purchased=filters.exclude_purchased,
            categories=categories,
            on=filters.on,
            **filters.options(),
        )
        found = self.front_end.recommend(customer_id, method, n, filters)
        request = f"{customer_id!r} by {method}, n = {n}, {filters}"
        expected = self.front_end.shown(expected_list)
        assert set(found.lists) == set(expected), f"{self.front_end.name}: methods of {request}"
        for part, rows in expected.items():
            self.rows(found.lists[part], rows, f"{request}: {part}")
        self.equal(found.known, expected_list.known, f"{request}: known")
        return found

    def similar(self, item_id: str, n: int = 5) -> None:
        """C8."""
        for relation in RELATIONS:
            (expected,) = self.front_end.shown(self.engine.similar_items(item_id, n, relation=relation)).values()
            self.rows(self.front_end.similar(item_id, n, relation), expected, f"{relation} as {item_id!r}")

    def basket(self, item_ids: tuple[str, ...], customer_id: str | None, n: int = 5) -> None:
        """C18."""
        result = self.engine.recommend_for_basket(item_ids, n, customer_id=customer_id)
        (expected,) = self.front_end.shown(result).values()
        found = self.front_end.basket(item_ids, customer_id, n)
        self.rows(found, expected, f"basket {item_ids} of {customer_id!r}")

    def profile(self, customer_id: str) -> None:
        """C7."""
        expected = profile_of(self.engine.customer(customer_id))
        self.equal(self.front_end.profile(customer_id), expected, f"profile of {customer_id!r}", facts=4)

    def value(self, customer_id: str) -> None:
        """C16."""
        expected = self.engine.customer_value(customer_id)
        found = self.front_end.value(customer_id)
        facts = value_facts(expected)
        self.equal(dict(found.facts), facts, f"value of {customer_id!r}", facts=len(facts))
        self.equal(found.notes, expected.notes, f"notes on the value of {customer_id!r}")
        if found.fields is not None:
            fields = expected.as_dict()
            self.equal(dict(found.fields), fields, f"fields of the value of {customer_id!r}", facts=len(fields))

    def rows(self, found: tuple[Row, ...], expected: tuple[Row, ...], request: str) -> None:
        assert expected or not found, f"{self.front_end.name}: {request}: rows where the engine has none"
        self.equal([r.item_id for r in found], [r.item_id for r in expected], f"{request}: items", facts=len(expected))
        for shown, row in zip(found, expected, strict=True):
            facts = 3 + len(row.reasons)
            self.equal(shown, row, f"{request}: rank {row.rank}", facts)

    def equal(self, found: Any, expected: Any, request: str, facts: int = 1) -> None:
        assert found == expected, f"{self.front_end.name} differs from the engine: {request}"
        COMPARED_FACTS[self.front_end.name + (" over the API" if self.front_end.api_url else "")] += facts
