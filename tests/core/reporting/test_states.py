"""What movement and lift are measured on."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_retail.analysis.customer_snapshots import (
    current_snapshots,
    migration_between_dates,
    revenue_since,
    snapshots_at,
)
from smart_retail.analysis.segment_migration import compute_migration
from smart_retail.errors import UsageError
from smart_retail.serving.engine import Engine
from smart_retail.utils.dates import iso


def test_revenue_counts_from_the_day_on(tmp_path: Path) -> None:
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
def test_standings_are_the_profiles_and_nobody_moves_within_one_bundle(engine: Engine) -> None:
    found = current_snapshots(engine)
    for customer, standing in found.items():
        profile = engine.customer(customer)
        assert profile.rfm is not None
        assert (standing.segment, standing.last_order) == (profile.rfm.segment, profile.last_order)
    assert len(found) == sum(segment.customers for segment in engine.segments())
    moved = compute_migration(found, found)
    assert all(move.before == move.after for move in moved.moves)
    assert moved.dropped == ()


def test_at_the_analysis_date_the_standings_are_those_of_the_version(engine: Engine) -> None:
    today = iso(engine.bundle.manifest["analysis_day"])
    found, told = snapshots_at(engine, today), current_snapshots(engine)
    assert found.keys() == told.keys()
    for customer, standing in found.items():
        other = told[customer]
        assert (standing.segment, standing.last_order) == (other.segment, other.last_order)
        assert standing.monetary == pytest.approx(other.monetary)


def test_between_two_dates_everybody_is_counted_once(engine: Engine) -> None:
    day = iso(engine.bundle.manifest["last_day"] - 150)
    before = snapshots_at(engine, day)
    assert all(standing.last_order < day for standing in before.values())
    moved = migration_between_dates(engine, day)
    assert (moved.before, moved.after) == (day, iso(engine.bundle.manifest["analysis_day"]))
    assert sum(move.customers for move in moved.moves) == len(current_snapshots(engine))
    assert not [move for move in moved.moves if move.after == "no longer there"]
    after = snapshots_at(engine, moved.after)
    for fallen in moved.dropped:
        assert before[fallen.customer_id].segment == fallen.before
        assert fallen.before in ("Champions", "Loyal")
        assert fallen.after not in ("Champions", "Loyal")
        assert (after[fallen.customer_id].last_order, after[fallen.customer_id].last_item) == (
            fallen.last_order, fallen.last_item,
        )  # fmt: skip
    assert moved.dropped


@pytest.mark.parametrize(
    ("before", "after"), [("1999-01-01", ""), ("soon", ""), ("2024-06-01", "2024-06-01"), ("2024-06-01", "2024-01-01")]
)
def test_dates_that_cannot_be_compared_are_refused(engine: Engine, before: str, after: str) -> None:
    with pytest.raises(UsageError):
        migration_between_dates(engine, before, after)
