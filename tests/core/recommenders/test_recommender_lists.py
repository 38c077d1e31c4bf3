"""Lists of synthetic shops whose right result is provable, and histories too short for training."""

from __future__ import annotations

import json

import numpy as np
import pytest

from smart_retail.recommenders.base import CONTENT, Shoppers
from smart_retail.recommenders.model import METHODS
from smart_retail.recommenders.popularity import ALL_TIME, compute_popularity, count_demand
from smart_retail.recommenders.rounding import significant
from smart_retail.recommenders.shopper_items import build_user_item_matrix


@pytest.fixture(scope="session")
def rank(assign_groups):
    """Rank items for some customers of a shop."""

    def rank(model, shop, customers, method, *, exclude_purchased=True, length=5):
        codes = np.array(customers, np.int32)
        segment, cluster = assign_groups(shop.rfm())
        shoppers = Shoppers(shop.history_between().select(codes), segment[codes], cluster[codes])
        return model.rank(method, shoppers, exclude_purchased=exclude_purchased, length=length)

    return rank


def test_the_missing_item_of_a_checkerboard_is_found(make_shop, fit, rank):
    # Even customers buy even items, odd ones odd items; each leaves one out, which is the only right result.
    n = 24
    rows = [(c, c + i % 3, i) for c in range(n) for i in range(n) if i % 2 == c % 2 and i != (c + 2) % n]
    shop = make_shop(rows, n, n)
    model, _ = fit(shop)
    for method in ("cf", "hybrid"):
        ranked = rank(model, shop, range(n), method, length=1)
        assert ranked.item.tolist() == [(c + 2) % n for c in range(n)], method


def test_an_item_bought_every_week_is_ranked_first(make_shop, fit, rank):
    rows = [(0, d, 3) for d in range(0, 200, 7)] + [(0, 5, i) for i in (7, 8)]
    rows += [(c, d, (c + d) % 10) for c in range(1, 30) for d in range(0, 200, 20)]
    shop = make_shop(rows, 30, 10)
    model, _ = fit(shop, "blend")
    assert rank(model, shop, [0], "hybrid", exclude_purchased=False).item[0] == 3


def test_an_item_without_purchases_has_similar_items_by_name(make_shop, fit):
    shop = make_shop([(c, c + i, i) for c in range(10) for i in range(8)], 10, 9)
    model, _ = fit(shop)
    first = model.similar(8)
    assert first.share[0, CONTENT] == 1.0
    # "blue thing 1" shares its rarest word with item 1, its colour and category with 2 and 5.
    assert first.item[0] in (1, 2, 5)
    assert first.explaining_item[0] == 8


def test_recent_popularity_ignores_older_orders(make_shop):
    rows = [(c, d, 0) for c in range(20) for d in range(50)] + [(c, 90, 1) for c in range(5)]
    history = make_shop(rows, 20, 3).history_between()
    demand = count_demand(history, build_user_item_matrix(history))
    assert compute_popularity(demand, ALL_TIME).order.tolist() == [0, 1, 2]
    assert compute_popularity(demand, 7).order.tolist() == [1, 0, 2]


@pytest.mark.parametrize("merge", ["auto", "blend", "ranker"])
@pytest.mark.parametrize(
    ("rows", "customers", "items"),
    [
        ([(0, 0, 0)], 1, 1),
        ([(0, 0, 0)], 2, 3),
        ([(0, 0, 0), (0, 1, 0)], 1, 1),
        ([(c, 0, 0) for c in range(5)], 5, 1),
        ([(0, 0, i) for i in range(5)], 1, 5),
        ([(c, 10 * c, c) for c in range(30)], 30, 30),
        ([(0, d, d % 2) for d in range(60)], 1, 2),
    ],
)
def test_short_histories_are_fitted_with_a_note(make_shop, fit, rank, rows, customers, items, merge):
    shop = make_shop(rows, customers, items)
    model, card = fit(shop, merge)
    for method in METHODS:
        for exclude in (True, False):
            ranked = rank(model, shop, range(customers), method, exclude_purchased=exclude, length=None)
            assert (ranked.score > 0).all()
    assert card["notes"]
    json.dumps(card, allow_nan=False)


@pytest.mark.slow
def test_the_same_data_and_seed_give_the_same_arrays(repeat_shop, fit):
    fits = [fit(repeat_shop, "ranker", threads=threads) for threads in (1, 1, 2)]
    for model, card in fits[1:]:
        for name, array in fits[0][0].arrays().items():
            np.testing.assert_array_equal(model.arrays()[name], array, err_msg=name)
        assert card == fits[0][1]


def test_scores_are_rounded_to_six_significant_digits():
    values = np.array([1.0, 0.1, 123456.4, 1.2345678e-9, 9.9999996, 3e250])
    assert significant(values[:-1]).tolist() == [1.0, 0.1, 123456.0, 1.23457e-9, 10.0]
    assert significant(values)[-1] == pytest.approx(3e250, rel=1e-14)
