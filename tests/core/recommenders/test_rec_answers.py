"""Shops whose right answers are known, and histories too thin to learn from."""

from __future__ import annotations

import json

import numpy as np
import pytest

from smart_retail.progress import SILENT
from smart_retail.recommenders.base import CONTENT, Shoppers
from smart_retail.recommenders.model import METHODS
from smart_retail.recommenders.popularity import ALL_TIME, demand_of, popularity_of
from smart_retail.recommenders.rounding import significant
from smart_retail.recommenders.shopper_items import user_item_matrix
from smart_retail.settings import RecommendSettings
from smart_retail.training.recommenders import fit_recommenders


def _fit(shop, groups_of, catalogue, merge="auto", seed=0, threads=1):
    settings = RecommendSettings(merge=merge, neighbours=20)
    return fit_recommenders(
        shop, groups_of, catalogue(shop.n_items), settings, seed=seed, threads=threads, progress=SILENT
    )


def _ask(model, shop, groups_of, who, method, exclude=True, length=5):
    at = np.array(who, np.int32)
    segment, cluster = groups_of(shop.rfm())
    shoppers = Shoppers(shop.history_between().select(at), segment[at], cluster[at])
    return model.rank(method, shoppers, exclude_purchased=exclude, length=length)


def test_neighbours_find_the_other_half_of_a_checkerboard(shop_of, groups_of, catalogue):
    # Even customers buy even items, odd ones odd items; each leaves one out, which is the only right answer.
    n = 24
    rows = [(c, c + i % 3, i) for c in range(n) for i in range(n) if i % 2 == c % 2 and i != (c + 2) % n]
    shop = shop_of(rows, n, n)
    model, _ = _fit(shop, groups_of, catalogue)
    for method in ("cf", "hybrid"):
        ranked = _ask(model, shop, groups_of, range(n), method, length=1)
        assert ranked.item.tolist() == [(c + 2) % n for c in range(n)], method


def test_what_is_bought_every_week_is_bought_again(shop_of, groups_of, catalogue):
    rows = [(0, d, 3) for d in range(0, 200, 7)] + [(0, 5, i) for i in (7, 8)]
    rows += [(c, d, (c + d) % 10) for c in range(1, 30) for d in range(0, 200, 20)]
    shop = shop_of(rows, 30, 10)
    model, _ = _fit(shop, groups_of, catalogue, merge="blend")
    assert _ask(model, shop, groups_of, [0], "hybrid", exclude=False).item[0] == 3


def test_an_item_nobody_bought_is_reached_by_its_name(shop_of, groups_of, catalogue):
    shop = shop_of([(c, c + i, i) for c in range(10) for i in range(8)], 10, 9)
    model, _ = _fit(shop, groups_of, catalogue)
    first = model.similar(8)
    assert first.share[0, CONTENT] == 1.0
    # "blue thing 1" shares its rarest word with item 1, its colour and category with 2 and 5.
    assert first.item[0] in (1, 2, 5)
    assert first.because[0] == 8


def test_recent_popularity_leaves_the_past_behind(shop_of):
    rows = [(c, d, 0) for c in range(20) for d in range(50)] + [(c, 90, 1) for c in range(5)]
    history = shop_of(rows, 20, 3).history_between()
    demand = demand_of(history, user_item_matrix(history))
    assert popularity_of(demand, ALL_TIME).order.tolist() == [0, 1, 2]
    assert popularity_of(demand, 7).order.tolist() == [1, 0, 2]


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
def test_thin_histories_are_fitted_and_say_so(shop_of, groups_of, catalogue, rows, customers, items, merge):
    shop = shop_of(rows, customers, items)
    model, card = _fit(shop, groups_of, catalogue, merge)
    for method in METHODS:
        for exclude in (True, False):
            ranked = _ask(model, shop, groups_of, range(customers), method, exclude, None)
            assert (ranked.score > 0).all()
    assert card["notes"]
    json.dumps(card, allow_nan=False)


def test_the_same_data_and_seed_give_the_same_arrays(habits, groups_of, catalogue):
    fits = [_fit(habits, groups_of, catalogue, "ranker", threads=threads) for threads in (1, 1, 2)]
    for model, card in fits[1:]:
        for name, array in fits[0][0].arrays().items():
            np.testing.assert_array_equal(model.arrays()[name], array, err_msg=name)
        assert card == fits[0][1]


def test_scores_are_rounded_to_six_significant_digits():
    values = np.array([1.0, 0.1, 123456.4, 1.2345678e-9, 9.9999996, 3e250])
    assert significant(values[:-1]).tolist() == [1.0, 0.1, 123456.0, 1.23457e-9, 10.0]
    assert significant(values)[-1] == pytest.approx(3e250, rel=1e-14)
