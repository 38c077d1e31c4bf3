"""Customer snapshots and revenue: the inputs of migration and uplift."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_retail.analysis.customer_snapshots import (
    current_snapshots,
    migration_between_dates,
    revenue_since,
    snapshots_at,
)
from smart_retail.analysis.segment_migration import GONE, compute_migration
from smart_retail.errors import UsageError
from smart_retail.serving.engine import Engine
from smart_retail.utils.dates import iso


def test_revenue_counts_from_the_given_day(tmp_path: Path) -> None:
    lines = (
        "00012,1,x,2024-01-31,1,5",
        "00012,2,x,2024-02-01,1,7.25",
        "00012,3,y,2024-03-01,1,1",
        "é,4,x,2024-01-01,1,9",
    )
    (tmp_path / "o.csv").write_text(
        "customer_id,order_id,item_id,timestamp,quantity,amount\n" + "\n".join(lines) + "\n", encoding="utf-8"
    )
    assert revenue_since([tmp_path / "o.csv"], "2024-02-01") == {"00012": 8.25}
    assert revenue_since([tmp_path / "o.csv"], "2020-01-01") == {"00012": 13.25, "é": 9.0}
    with pytest.raises(UsageError):
        revenue_since([tmp_path / "o.csv"], "yesterday")


@pytest.mark.slow
def test_snapshots_equal_the_profiles_and_a_bundle_compared_with_itself_has_no_moves(engine: Engine) -> None:
    found = current_snapshots(engine)
    for customer, snapshot in found.items():
        profile = engine.customer(customer)
        assert profile.rfm is not None
        assert (snapshot.segment, snapshot.last_order) == (profile.rfm.segment, profile.last_order)
    assert len(found) == sum(segment.customers for segment in engine.segments())
    migration = compute_migration(found, found)
    assert all(move.before == move.after for move in migration.moves)
    assert migration.dropped == ()


def test_snapshots_at_the_analysis_date_equal_those_of_the_version(engine: Engine) -> None:
    today = iso(engine.bundle.manifest["analysis_day"])
    recomputed, current = snapshots_at(engine, today), current_snapshots(engine)
    assert recomputed.keys() == current.keys()
    for customer, snapshot in recomputed.items():
        other = current[customer]
        assert (snapshot.segment, snapshot.last_order) == (other.segment, other.last_order)
        assert snapshot.monetary == pytest.approx(other.monetary)


def test_every_customer_is_counted_once_between_two_dates(engine: Engine) -> None:
    day = iso(engine.bundle.manifest["last_day"] - 150)
    before = snapshots_at(engine, day)
    assert all(snapshot.last_order < day for snapshot in before.values())
    migration = migration_between_dates(engine, day)
    assert (migration.before, migration.after) == (day, iso(engine.bundle.manifest["analysis_day"]))
    assert sum(move.customers for move in migration.moves) == len(current_snapshots(engine))
    assert not [move for move in migration.moves if move.after == GONE]
    after = snapshots_at(engine, migration.after)
    for dropped in migration.dropped:
        assert before[dropped.customer_id].segment == dropped.before
        assert dropped.before in ("Champions", "Loyal")
        assert dropped.after not in ("Champions", "Loyal")
        assert (after[dropped.customer_id].last_order, after[dropped.customer_id].last_item) == (
            dropped.last_order, dropped.last_item,
        )  # fmt: skip
    assert migration.dropped


@pytest.mark.parametrize(
    ("before", "after"), [("1999-01-01", ""), ("soon", ""), ("2024-06-01", "2024-06-01"), ("2024-06-01", "2024-01-01")]
)
def test_dates_that_cannot_be_compared_are_rejected(engine: Engine, before: str, after: str) -> None:
    with pytest.raises(UsageError):
        migration_between_dates(engine, before, after)
