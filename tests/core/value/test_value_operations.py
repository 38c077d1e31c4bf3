"""What follows from customer value on a fitted bundle: calendar, cohorts, expected revenue; what serving imports."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests import shop

from smart_retail.errors import UsageError
from smart_retail.events import Event, SqliteEventStore
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine


@pytest.fixture(scope="module")
def engine(fitted: tuple[Path, FitReport]) -> Engine:
    return Engine.load(fitted[0])


def test_the_calendar_of_a_customer_is_its_part_of_the_whole(engine: Engine) -> None:
    whole = engine.replenishment(30, n=1000)
    assert whole.total == len(whole.entries) > 20
    assert [e.due_date for e in whole.entries] == sorted(e.due_date for e in whole.entries)
    customer = whole.entries[0].customer_id
    assert engine.replenishment(30, customer).entries == tuple(e for e in whole.entries if e.customer_id == customer)


def test_the_calendar_starts_after_the_last_order_and_has_the_requested_length(engine: Engine) -> None:
    found = engine.replenishment(14, n=1000)
    start = date.fromisoformat(found.start)
    assert start == date.fromisoformat(engine.model().last) + timedelta(days=1)
    assert all(start <= date.fromisoformat(e.due_date) < start + timedelta(days=14) for e in found.entries)
    for entry in found.entries:
        purchase = next(p for p in engine.customer(entry.customer_id).purchases if p.item_id == entry.item_id)
        assert purchase.last_day == entry.last_date
        due = date.fromisoformat(entry.last_date) + timedelta(days=round(entry.interval_days))
        assert abs((due - date.fromisoformat(entry.due_date)).days) <= 1


def test_pages_of_the_calendar_join_to_the_whole(engine: Engine) -> None:
    whole = engine.replenishment(30, n=1000).entries
    pages = [engine.replenishment(30, n=7, offset=k).entries for k in range(0, len(whole), 7)]
    assert tuple(e for page in pages for e in page) == whole


def test_an_unknown_customer_has_an_empty_calendar(engine: Engine) -> None:
    assert engine.replenishment(30, "no such customer").total == 0


def test_cohorts_hold_every_customer_once(engine: Engine) -> None:
    customers = sum(1 for c in shop.customers() if engine.customer(c).rfm)
    for period in ("week", "month", "quarter"):
        found = engine.cohorts(period)
        assert sum(c.customers for c in found.cohorts) == customers
        assert all(c.retention[0] == 1.0 for c in found.cohorts)
        assert all(list(c.cumulative_value) == sorted(c.cumulative_value) for c in found.cohorts)
    value = sum(c.customers * c.cumulative_value[-1] for c in engine.cohorts().cohorts)
    spent = sum(profile.rfm.monetary for c in shop.customers() if (profile := engine.customer(c)).rfm)
    assert value == pytest.approx(spent, rel=1e-3)


def test_an_unknown_period_is_refused(engine: Engine) -> None:
    with pytest.raises(UsageError, match="no period"):
        engine.cohorts("decade")


def test_expected_revenue_agrees_with_the_summary(engine: Engine) -> None:
    for revenue in engine.expected_revenue():
        summary = engine.value_summary(revenue.horizon_days)
        assert revenue.known_customers == summary.expected_spend
        assert (revenue.known_low, revenue.known_high) == (summary.spend_low, summary.spend_high)
        assert revenue.low < revenue.expected < revenue.high
        assert revenue.expected == pytest.approx(revenue.known_customers + (revenue.new_customers or 0.0), abs=0.02)
        assert revenue.last_window > 0


def test_a_purchase_since_the_fit_changes_value_and_calendar_at_once(
    fitted: tuple[Path, FitReport], tmp_path: Path
) -> None:
    own = Path(shutil.copytree(fitted[0], tmp_path / "own"))
    engine = Engine.load(own)
    due = engine.replenishment(30, n=1000).entries
    first, before = due[0], engine.customer_value(due[0].customer_id)
    last = engine.model().last
    what = {"customer_id": first.customer_id, "item_id": first.item_id, "quantity": 1, "amount": 25.0}
    event = Event.from_dict({"event_id": "e1", "timestamp": f"{last}T09:00:00", **what})
    SqliteEventStore(own).add([event])
    engine = Engine.load(own)
    after = engine.customer_value(first.customer_id)
    assert after.orders == before.orders + 1
    assert after.spend == pytest.approx(before.spend + 25.0)
    assert after.expected_orders != before.expected_orders
    found = engine.replenishment(30, n=1000).entries
    keys = {(e.customer_id, e.item_id): e.due_date for e in found}
    assert keys.get((first.customer_id, first.item_id), "9999") > first.due_date
    others = [e for e in due if e.customer_id != first.customer_id]
    assert [e for e in found if e.customer_id != first.customer_id] == others
    assert [e.due_date for e in found] == sorted(e.due_date for e in found)


def test_serving_value_imports_no_optimiser_and_no_training_library(fitted: tuple[Path, FitReport]) -> None:
    program = """
import json, sys
from smart_retail.serving.engine import Engine
engine = Engine.load(sys.argv[1])
engine.customer_value("c0001")
for call in (engine.value_summary, engine.expected_revenue, engine.cohorts, engine.replenishment):
    call()
print(json.dumps(sorted(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(fitted[0])], capture_output=True, text=True, check=True, timeout=120
    )
    loaded = set(json.loads(done.stdout))
    banned = {"scipy.optimize", "scipy.stats", "lightgbm", "pandas", "sklearn", "numba", "keras", "tensorflow"}
    assert not loaded & banned
