"""What-if: a scenario changes the lists as described, an empty one changes nothing, and nothing is published."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import shop
from tests.fitted_shop import MakeEngine, RemoteLikeEngine

from smart_retail.analysis.bundle_history import read_history, read_returned_purchases
from smart_retail.analysis.what_if import Scenario, source_weights, what_if
from smart_retail.analysis.what_if_engine import WhatIfEngine, refit_tables
from smart_retail.errors import CancelledError, NeedsLocalEngineError, RetailError, SettingsError, UsageError
from smart_retail.progress import Silent
from smart_retail.results import FitReport
from smart_retail.segmentation.rfm import compute_rfm
from smart_retail.serving.engine import Engine
from smart_retail.utils.dates import iso


def digest(folder: Path) -> dict[str, str]:
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


def popular(engine: Engine) -> str:
    return engine.popular(1).items[0].item_id


def test_a_ban_removes_the_item_from_every_list_and_writes_nothing(
    engine: Engine, fitted: tuple[Path, FitReport]
) -> None:
    seen = digest(fitted[0])
    item = popular(engine)
    found = what_if(engine, Scenario(rules={"ban": [item]}), exclude_purchased=False)
    with_it = [c for c in engine.customer_ids() if item in ids(engine.recommend(c, exclude_purchased=False).items)]
    assert found.customers == len(list(engine.customer_ids()))
    assert found.changed_customers == len(with_it) > 0
    assert found.before.items == found.after.items + 1
    for pair in found.lists:
        assert item in ids(pair.before.items)
        assert item not in ids(pair.after.items)
        assert len(pair.after.items) == len(pair.before.items)
    assert digest(fitted[0]) == seen
    assert ids(engine.recommend(with_it[0], exclude_purchased=False).items).count(item) == 1


def ids(items: Any) -> list[str]:
    return [item.item_id for item in items]


def test_a_stock_list_bounds_coverage_and_mix(engine: Engine) -> None:
    books = [i.item_id for i in engine.search_items("Books", 100)]
    found = what_if(engine, Scenario(rules={"stock": books}), n=5)
    assert found.after.items <= len(books)
    assert found.after.coverage == pytest.approx(found.after.items / len(shop.items()))
    mix = {m.name: (m.before, m.after) for m in found.categories}
    assert mix["Books"][1] == 1
    assert all(after == 0 for name, (_, after) in mix.items() if name != "Books")
    assert sum(before for before, _ in mix.values()) == pytest.approx(1, abs=1e-4)
    assert [(m.name, m.after) for m in found.discounts] == [("unknown", 1.0)], "the shop has no discounts"
    assert found.after.mean_discount is None


def test_statistics_follow_from_the_lists(engine: Engine) -> None:
    customer = "00012"
    found = what_if(engine, Scenario(rules={}), customers=[customer], sample=1, n=4, exclude_purchased=True)
    assert (found.changed_customers, found.changed_share) == (0, 0.0)
    assert found.before == found.after
    first = next(iter(engine.customer_ids()))
    lists = [engine.recommend(c, n=4).items for c in dict.fromkeys([customer, first])]
    distinct = {i for items in lists for i in ids(items)}
    price = {i.item_id: i.unit_price or 0 for i in engine.search_items("", 100)}
    assert found.before.items == len(distinct)
    assert found.before.revenue == pytest.approx(sum(price[i] for each in lists for i in ids(each)) / len(lists))
    assert [p.customer_id for p in found.lists] == [customer]
    assert found.lists[0].before.items == tuple(lists[0])


def test_a_weight_on_popularity_alone_gives_the_popular_items(engine: Engine) -> None:
    names = source_weights(engine, exclude_purchased=False)
    only = Scenario(weights={name: float(name == "popular") for name in names})
    found = what_if(engine, only, n=3, exclude_purchased=False)
    wanted = ids(engine.popular(3).items)
    assert found.changed_customers > 0
    assert found.after.items == 3
    assert all(ids(pair.after.items) == wanted for pair in found.lists)
    same = what_if(engine, Scenario(weights={"popular": names["popular"]}), n=3, exclude_purchased=False, sample=20)
    assert same.customers == 20


def test_recomputing_under_the_same_policy_gives_the_published_tables(engine: Engine) -> None:
    arrays, facts = refit_tables(engine, Scenario(returns_policy="net"))
    assert facts["analysis_day"] == engine.bundle.manifest["analysis_day"]
    for name, values in arrays.items():
        # The linear model is solved by a library that may sum in another order.
        np.testing.assert_allclose(values, engine.bundle.array(name), rtol=1e-4, atol=1e-7, err_msg=name)
    found = what_if(engine, Scenario(returns_policy="net"))
    assert (found.changed_customers, found.before) == (0, found.after)


def test_ignoring_returns_restores_the_returned_purchases(engine: Engine) -> None:
    changed = WhatIfEngine.from_scenario(engine, Scenario(returns_policy="keep"))
    kept, returned = read_history(engine.bundle, len(engine.tables.items)), read_returned_purchases(engine.bundle)
    history = read_history(changed.bundle, len(engine.tables.items))
    assert int(history.amount.sum()) == int(kept.amount.sum()) + int(returned.amount.sum())
    assert len(changed.bundle.array("fully_returned/item")) == 0
    assert what_if(engine, Scenario(returns_policy="keep")).changed_customers > 0


def test_an_earlier_date_ignores_later_purchases(engine: Engine) -> None:
    day = engine.bundle.manifest["last_day"] - 100
    changed = WhatIfEngine.from_scenario(engine, Scenario(analysis_date=iso(day)))
    history = read_history(changed.bundle, len(engine.tables.items))
    assert int(history.day.max()) < day
    table = compute_rfm(history, day)
    bought = table.frequency > 0
    assert table.recency[bought].min() >= 1
    code = engine.tables.customers.code("00012")
    earlier = [p for p in engine.customer("00012").purchases if p.first_day < iso(day)]
    assert set(history.item[history.customer == code].tolist()) == {engine.tables.item_code(p.item_id) for p in earlier}
    profile = changed.customer("00012")
    assert profile.rfm is None or profile.rfm.recency == table.recency[code]
    found = what_if(engine, Scenario(analysis_date=iso(day)), sample=40)
    assert found.changed_customers > 0
    assert any("since the fit" in note for note in found.notes)


def test_a_remote_engine_is_rejected(make_engine: MakeEngine) -> None:
    with pytest.raises(NeedsLocalEngineError):
        what_if(make_engine(RemoteLikeEngine), Scenario(rules={}))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (Scenario(weights={"luck": 1.0}), UsageError),
        (Scenario(weights={"popular": -1.0}), UsageError),
        (Scenario(weights={"popular": float("nan")}), UsageError),
        (Scenario(rules={"forbid": ["x"]}), SettingsError),
        (Scenario(rules={"boost": {"x": -2}}), SettingsError),
        (Scenario(analysis_date="yesterday"), UsageError),
        (Scenario(analysis_date="1999-01-01"), UsageError),
        (Scenario(returns_policy="maybe"), UsageError),
    ],
)
def test_a_scenario_that_is_not_valid_is_rejected(engine: Engine, change: Scenario, error: type[RetailError]) -> None:
    with pytest.raises(error) as raised:
        what_if(engine, change)
    assert raised.value.hint


@pytest.mark.parametrize("facts", [{"n": 0}, {"sample": 0}, {"sample": 5001}, {"method": "all"}, {"method": "magic"}])
def test_numbers_out_of_range_are_rejected(engine: Engine, facts: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        what_if(engine, Scenario(rules={}), **facts)


def test_a_what_if_can_be_cancelled(engine: Engine) -> None:
    class Stop(Silent):
        def check(self) -> None:
            raise CancelledError("Stopped.")

    with pytest.raises(CancelledError):
        what_if(engine, Scenario(rules={}), progress=Stop())
