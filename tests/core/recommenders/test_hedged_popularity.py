"""Popularity takes positions from a recent window and from the whole history, in shares chosen on many past windows."""

from __future__ import annotations

import numpy as np
import pytest
from tests import synthetic_shops
from tests.benchmarks.popularity import compare

from smart_retail.recommenders.popularity import ALL_TIME, Demand, compute_popularity, rank_items, take_turns
from smart_retail.training.hybrid.popularity_selection import overlapping_windows, select_popularity
from smart_retail.training.models.components import ComponentVariants


def demand(ever, recent):
    ever = np.array(ever, float)
    nothing = np.zeros(len(ever))
    return Demand(
        ever=ever,
        buyers=ever,
        recent=np.tile(np.array(recent, float), (5, 1)),
        first_day=nothing.astype(np.int64),
        season=nothing,
        interval=nothing,
    )


def test_lists_of_equal_shares_alternate_and_skip_what_is_placed():
    assert take_turns([[0, 1, 2, 3, 4], [3, 0, 1, 4, 2]], (0.5, 0.5), 5).tolist() == [0, 3, 1, 4, 2]


def test_an_eighth_of_the_positions_is_the_eighth():
    recent, ever = list(range(20)), list(range(19, -1, -1))
    assert take_turns([recent, ever], (7 / 8, 1 / 8), 10).tolist() == [0, 1, 2, 3, 4, 5, 6, 19, 7, 8]


def test_the_hedged_list_holds_the_leaders_of_both_parts_with_falling_scores():
    popular = compute_popularity(demand([90, 80, 70, 1, 2, 3], [0, 0, 0, 9, 8, 7]), 7, 0.5)
    assert popular.order.tolist() == [3, 0, 4, 1, 5, 2]
    assert (np.diff(popular.score[popular.order]) < 0).all()
    assert popular.rank[popular.order].tolist() == [1, 2, 3, 4, 5, 6]


def test_the_whole_history_alone_needs_no_turns():
    table = demand([5, 1, 3, 3], [9, 9, 0, 0])
    assert compute_popularity(table, ALL_TIME, 0.5).order.tolist() == rank_items(table.ever).order.tolist()


def test_the_windows_overlap_and_leave_the_last_tenth_out():
    windows = overlapping_windows(0, 999)
    assert len(windows) == 12
    assert {window.days for window in windows} == {99}
    assert windows[-1].end == 1000 - 99
    assert windows[-1].cut - windows[-2].cut == 49


@pytest.mark.parametrize(
    ("shop", "least", "most"), [("turnover", 0.1, 0.25), ("sold_out", 0.1, 0.5), ("returning_promotion", 0.75, 0.9)]
)
def test_the_share_of_the_whole_history_follows_from_what_held_in_past_windows(shop, least, most, make_shop):
    rows = synthetic_shops.rows(shop)
    data = make_shop([tuple(row) for row in rows.tolist()], synthetic_shops.N_CUSTOMERS, synthetic_shops.N_ITEMS)
    windows = overlapping_windows(data.first_day, data.last_day)
    variants, note = select_popularity(data.history_between(), windows, ComponentVariants(), seed=0)
    assert least <= variants.all_time_share <= most
    assert "12 past periods" in note.text


@pytest.mark.slow
@pytest.mark.parametrize("shop", synthetic_shops.SHOPS)
def test_the_hedged_list_is_near_the_best_single_window_in_every_shop(shop):
    ratios = [compare(shop, seed, 0).ratio for seed in (0, 1)]
    assert min(ratios) > 0.9
    assert np.mean(ratios) > 0.94


def test_a_short_history_keeps_both_parts(make_shop):
    data = make_shop([(0, day, day % 3) for day in range(10)], 1, 3)
    variants, note = select_popularity(data.history_between(), [], ComponentVariants(), seed=0)
    assert variants == ComponentVariants()
    assert "too short" in note.text


@pytest.mark.parametrize("shop", synthetic_shops.SHOPS)
def test_a_synthetic_shop_is_the_same_for_a_seed(shop):
    first, again, other = (synthetic_shops.rows(shop, seed, 50) for seed in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()
    assert set(synthetic_shops.frame(shop, 1, 50)) >= {"customer_id", "order_id", "item_id", "timestamp", "amount"}
