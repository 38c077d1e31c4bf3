"""Migration between segments."""

from __future__ import annotations

import pytest

from smart_retail.analysis.segment_migration import (
    GONE,
    NEW,
    CustomerSnapshot,
    compute_migration,
    count_matrix,
    default_comparison_date,
    describe_migration,
)
from smart_retail.errors import UsageError


def snapshot(segment: str, monetary: float = 1.0) -> CustomerSnapshot:
    return CustomerSnapshot("", segment, monetary, "2026-01-01", "Pen")


def test_every_customer_is_counted_once() -> None:
    before = {"a": snapshot("Champions"), "b": snapshot("Champions"), "c": snapshot("Lost"), "d": snapshot("Loyal")}
    after = {"a": snapshot("Champions"), "b": snapshot("At Risk", 9.0), "c": snapshot("Loyal"), "e": snapshot("New")}
    found = compute_migration(before, after)
    cells = {(m.before, m.after): m.customers for m in found.moves}
    assert cells == {
        ("Champions", "Champions"): 1,
        ("Champions", "At Risk"): 1,
        ("Loyal", GONE): 1,
        ("Lost", "Loyal"): 1,
        (NEW, "New"): 1,
    }
    assert [f.customer_id for f in found.dropped] == ["b", "d"]
    rows, columns, counts = count_matrix(found)
    assert rows == ["Champions", "Loyal", "Lost", NEW]
    assert columns == ["Champions", "Loyal", "New", "At Risk", GONE]
    assert sum(map(sum, counts)) == 5


def test_two_shops_cannot_be_compared() -> None:
    with pytest.raises(UsageError, match="no customers in common"):
        compute_migration({"a": snapshot("Loyal")}, {"b": snapshot("Loyal")})


def test_a_migration_is_described_by_the_share_that_moved_and_those_who_dropped() -> None:
    before = {"a": snapshot("Champions"), "b": snapshot("Loyal"), "c": snapshot("Lost"), "d": snapshot("Lost")}
    after = before | {"a": snapshot("At Risk"), "e": snapshot("New")}
    found = compute_migration(before, after)
    assert describe_migration(found) == "25.0 % moved to another segment; 1 customer dropped from the best"


def test_the_default_comparison_begins_ninety_days_before_the_end_but_after_the_first_day() -> None:
    assert str(default_comparison_date("2024-01-01", "2024-12-31")) == "2024-10-02"
    assert str(default_comparison_date("2024-12-01", "2024-12-31")) == "2024-12-02"
