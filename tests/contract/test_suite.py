"""C15: no front end escapes the suite, and the suite detects faults."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from smart_retail.results import Recommendation, RecommendationList
from smart_retail.serving.engine import Engine

from . import drivers, test_contract
from .check import COMPARED_FACTS, Check
from .drivers.base import (
    Driver,
    Filters,
    Forecast,
    Row,
    SalesRows,
    Shown,
    ShownProfile,
    forecast_of,
    missing,
    profile_of,
    row_of,
    sales_of,
    shown_of,
)

ROOT = Path(__file__).parents[2]


def test_every_front_end_has_a_driver() -> None:
    folders = {p.name for p in (ROOT / "interfaces").iterdir() if p.is_dir() and any(p.glob("smart_retail_*"))}
    assert folders == {folder for folder in drivers.FRONT_ENDS.values() if folder}


def test_every_driver_is_registered() -> None:
    files = {p.stem for p in (ROOT / "tests/contract/drivers").glob("*.py")} - {"__init__", "base"}
    assert files == set(drivers.FRONT_ENDS)


@pytest.mark.parametrize("name", drivers.FRONT_ENDS)
def test_no_driver_changes_the_comparison(name: str) -> None:
    found = drivers.driver(name)
    assert found.name == name
    assert found.shown is Driver.shown
    source = inspect.getsource(importlib.import_module(found.__module__))
    assert "pytest.skip" not in source, "skip by `needs` or `missing`, which SMART_RETAIL_REQUIRE can forbid"


def test_every_clause_has_a_test_and_every_test_a_clause() -> None:
    clauses = set(re.findall(r"^\*\*(C\d+) ", (ROOT / "tests/contract/contract.md").read_text("utf-8"), re.MULTILINE))
    names = [name for name, _ in inspect.getmembers(test_contract, inspect.isfunction) if name.startswith("test_")]
    tested = {number.upper() for name in names for number in re.findall(r"c\d+(?=_)", name)}
    assert tested | {"C15"} == clauses
    assert all(re.match(r"test_c\d+_", name) for name in names)


def test_a_required_screen_is_not_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMART_RETAIL_REQUIRE", "tk,browser")
    with pytest.raises(pytest.fail.Exception):
        missing("tk", "no display")
    monkeypatch.delenv("SMART_RETAIL_REQUIRE")
    with pytest.raises(pytest.skip.Exception):
        missing("tk", "no display")


class Adapter(Driver):
    """A front end over the small shop, with one fault."""

    name = "with a fault"

    def __init__(
        self, engine: Engine, fault: Callable[[Recommendation], Recommendation], *, swap: bool = False
    ) -> None:
        super().__init__(engine.artifacts)
        self.engine = engine
        self.fault = fault
        self.swap = swap

    def start(self) -> None: ...

    def recommend(self, customer_id: str, method: str, n: int, filters: Filters) -> Shown:
        categories = None if filters.category is None else [filters.category]
        result = self.engine.recommend(
            customer_id, method, n, exclude_purchased=filters.exclude_purchased, categories=categories
        )
        return shown_of(self._changed(result))

    def _changed(self, result: RecommendationList) -> RecommendationList:
        items = tuple(map(self.fault, result.items))
        if self.swap and len(items) > 1:
            items = (items[1], items[0], *items[2:])
        lists = {method: self._changed(part) for method, part in result.lists.items()}
        return structs.replace(result, items=items, lists=lists)

    def profile(self, customer_id: str) -> ShownProfile:
        return profile_of(self.engine.customer(customer_id))

    def value(self, customer_id: str) -> Forecast:
        return forecast_of(self.engine.customer_value(customer_id))

    def similar(self, item_id: str, n: int, relation: str = "same_customers") -> tuple[Row, ...]:
        return tuple(
            row_of(self.fault(item)) for item in self.engine.similar_items(item_id, n, relation=relation).items
        )

    def basket(self, item_ids: tuple[str, ...], customer_id: str | None, n: int) -> tuple[Row, ...]:
        found = self.engine.recommend_for_basket(item_ids, n, customer_id=customer_id)
        return tuple(row_of(self.fault(item)) for item in found.items)

    def segments(self) -> dict[str, int]:
        return {s.name: s.customers for s in self.engine.segments()}

    def clusters(self) -> dict[str, int]:
        return {c.name: c.customers for c in self.engine.clusters()}

    def sales(self) -> SalesRows:
        return sales_of(self.engine.sales())

    def version(self) -> str:
        return self.engine.version

    def failure(self, artifacts: Path) -> tuple[str, str]:
        return "", ""


def right(item: Recommendation) -> Recommendation:
    return item


FAULTS: dict[str, Callable[[Recommendation], Recommendation]] = {
    "another rounding": lambda i: structs.replace(i, score=round(i.score, 4)),
    "a lost zero": lambda i: structs.replace(i, item_id=i.item_id.lstrip("0")),
    "a lost reason": lambda i: structs.replace(i, reasons=i.reasons[:-1]),
    "other words": lambda i: structs.replace(
        i, reasons=tuple(structs.replace(r, text=r.text.title()) for r in i.reasons)
    ),
    "ranks from zero": lambda i: structs.replace(i, rank=i.rank - 1),
    "another source": lambda i: structs.replace(i, source="hybrid"),
}


def compare(adapter: Adapter, engine: Engine) -> None:
    check = Check(adapter, engine)
    for customer in ("c0001", "c0002", "00012"):
        check.list(customer, "hybrid", 40, Filters(exclude_purchased=False))
        check.list(customer, "all")
    check.similar("007")


def test_a_faithful_adapter_passes(engine: Engine) -> None:
    compare(Adapter(engine, right), engine)
    assert COMPARED_FACTS.pop(Adapter.name) > 500


@pytest.mark.parametrize("fault", FAULTS)
def test_an_adapter_with_a_fault_fails(fault: str, engine: Engine) -> None:
    with pytest.raises(AssertionError, match="differs from the engine"):
        compare(Adapter(engine, FAULTS[fault]), engine)
    COMPARED_FACTS.pop(Adapter.name, None)


def test_an_adapter_that_swaps_two_items_fails(engine: Engine) -> None:
    with pytest.raises(AssertionError, match="differs from the engine"):
        compare(Adapter(engine, right, swap=True), engine)
    COMPARED_FACTS.pop(Adapter.name, None)
