"""What movement and lift are measured on."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_retail.engine import Engine
from smart_retail.errors import UsageError
from smart_retail.reporting.migration import migration
from smart_retail.reporting.states import revenue_since, standings


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
    found = standings(engine)
    for customer, standing in found.items():
        profile = engine.customer(customer)
        assert profile.rfm is not None
        assert (standing.segment, standing.last_order) == (profile.rfm.segment, profile.last_order)
    assert len(found) == sum(segment.customers for segment in engine.segments())
    moved = migration(found, found)
    assert all(move.before == move.after for move in moved.moves)
    assert moved.fallen == ()
