"""A list for a date: what is due to buy again, and the season, are counted to that date."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.errors import UsageError
from smart_retail.events import Event, open_events
from smart_retail.recommenders.popularity import count_season
from smart_retail.recommenders.repurchase import compute_due_factors
from smart_retail.recommenders.shopper_items import build_user_item_matrix
from smart_retail.results import RecommendationList
from smart_retail.serving.engine import Engine
from smart_retail.utils.fixed_point import MILLION

WEEKLY, MONTHLY = "B-005", "G-005"
SHOPPER = "two-rhythms"


def day_after(engine: Engine, days: int) -> str:
    """Return the date some days after the end of the history; 1 is the default date."""
    return (date.fromisoformat(engine.model().last) + timedelta(days=days)).isoformat()


def purchases(engine: Engine, item: str, days: list[int], customer: str = SHOPPER) -> list[Event]:
    """Return purchases of an item, each so many days after the end of the history (0 and below: within it)."""
    return [
        Event.from_dict(
            {
                "event_id": f"{customer}-{item}-{day}",
                "customer_id": customer,
                "item_id": item,
                "timestamp": day_after(engine, day),
                "order_id": f"{customer}-{day}",
                "amount": 5.0,
            }
        )
        for day in days
    ]


@pytest.fixture
def engine(fitted: tuple[Path, object], tmp_path: Path) -> Engine:
    """The small shop with one more customer, who buys one item every week and another every 35 days."""
    artifacts = tmp_path / "artifacts"
    shutil.copytree(fitted[0], artifacts)
    found = Engine.load(artifacts)
    weekly, monthly = [-6 - 7 * k for k in range(4)], [-5 - 35 * k for k in range(4)]
    # The weekly item was last bought 6 days before the end and is due at +1, the monthly one at +30.
    open_events(artifacts).add([*purchases(found, WEEKLY, weekly), *purchases(found, MONTHLY, monthly)])
    return Engine.load(artifacts)


def order(engine: Engine, on: str | None) -> list[str]:
    """Return the two items in the order of the list."""
    items = engine.recommend(SHOPPER, n=20, exclude_purchased=False, on=on).items
    return [item.item_id for item in items if item.item_id in (WEEKLY, MONTHLY)]


def test_what_is_due_on_the_date_comes_first(engine: Engine) -> None:
    assert order(engine, None) == [WEEKLY, MONTHLY]
    assert order(engine, day_after(engine, 1)) == [WEEKLY, MONTHLY]
    assert order(engine, day_after(engine, 29)) == [MONTHLY, WEEKLY]


def test_the_default_date_gives_the_cached_list(engine: Engine) -> None:
    for exclude in (False, True):
        for customer in ("c0001", "c0002", SHOPPER, "unknown"):
            default = engine.recommend(customer, n=20, exclude_purchased=exclude)
            assert engine.recommend(customer, n=20, exclude_purchased=exclude, on=day_after(engine, 1)) == default


def test_a_later_list_does_not_depend_on_the_other_customers(engine: Engine) -> None:
    ids = ["c0001", SHOPPER, "c0007", "unknown"]
    together = engine.recommend_many(ids, exclude_purchased=False, on=day_after(engine, 40))
    assert together == [engine.recommend(c, exclude_purchased=False, on=day_after(engine, 40)) for c in ids]


def test_purchases_after_the_history_count_for_their_customer_only(engine: Engine) -> None:
    events = purchases(engine, WEEKLY, [1, 8, 15]) + purchases(engine, MONTHLY, [2], "c0001")
    open_events(engine.artifacts).add(events)
    ids = ["c0001", SHOPPER, "c0007"]
    for on in (None, day_after(engine, 10), day_after(engine, 60)):
        together = engine.recommend_many(ids, exclude_purchased=False, on=on)
        assert together == [engine.recommend(customer, exclude_purchased=False, on=on) for customer in ids]
    # A date before the last purchase of the customer gives the list for the day after it.
    assert order(engine, day_after(engine, 10)) == order(engine, None)


def test_a_date_out_of_range_is_refused_with_the_valid_dates(engine: Engine) -> None:
    for days in (0, -1, 367):
        with pytest.raises(UsageError, match="A list cannot be made for") as raised:
            engine.recommend("c0001", on=day_after(engine, days))
        assert day_after(engine, 1) in raised.value.hint
        assert day_after(engine, 366) in raised.value.hint
        with pytest.raises(UsageError):
            engine.recommend_for_basket([WEEKLY], on=day_after(engine, days))
    engine.recommend("c0001", on=day_after(engine, 366))
    with pytest.raises(UsageError, match="not a valid date"):
        engine.recommend("c0001", on="soon")


def test_a_basket_of_a_customer_follows_the_date(engine: Engine) -> None:
    def score(on: str | None) -> float:
        found: RecommendationList = engine.recommend_for_basket(["K-005"], n=20, customer_id=SHOPPER, on=on)
        return next((item.score for item in found.items if item.item_id == MONTHLY), 0.0)

    assert score(day_after(engine, 1)) == score(None)
    assert score(day_after(engine, 29)) != score(None)


def history(days: dict[int, list[int]], last_day: int) -> PurchaseHistory:
    """Return the history of one customer from the purchase days of each item."""
    rows = sorted((day, item) for item, found in days.items() for day in found)
    day, item = (np.array(column, np.int32) for column in zip(*rows, strict=True))
    ones = np.full(len(day), MILLION)
    return PurchaseHistory(np.zeros(len(day), np.int32), day, item, day, ones, ones, 1, 3, last_day)


def test_the_rate_of_repurchase_is_that_of_the_modified_poisson_gamma_model() -> None:
    # Item 0: interval 7, span 21, 1 day since the last purchase, then 8. Item 1: interval 10, span 20, 5 days, then 12.
    # Item 2: bought once.
    found = history({0: [79, 86, 93, 100], 1: [76, 86, 96], 2: [90]}, last_day=107)
    factors = compute_due_factors(build_user_item_matrix(found), 107, 7)
    np.testing.assert_allclose(factors, [(21 + 2 * 6) / (21 + 2 * 1), (20 + 2 * 5) / (20 + 2 * 2), 1.0])
    # 21 days later item 0 is overdue: 22 days are more than two intervals.
    assert compute_due_factors(build_user_item_matrix(found), 121, 21)[0] == (21 + 2 * 6) / (21 + 22)


def test_season_counts_the_eight_weeks_after_the_date_a_year_before() -> None:
    day = np.array([0, 1, 56, 57], np.int32)
    counts = count_season(np.array([0, 1, 1, 2], np.int32), day, 364, 3)
    assert counts.tolist() == [0.0, 2.0, 0.0]
