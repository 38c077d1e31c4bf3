"""Basket lists: what completes an order, by the items of the basket and by the customer's habits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smart_retail.evaluation.temporal_split import Window
from smart_retail.recommenders.baskets import BASKET_SOURCES, BasketModel
from smart_retail.recommenders.shopper_items import build_user_item_matrix
from smart_retail.training.baskets.basket_queries import MAX_HIDDEN_PER_ORDER, sample_queries
from smart_retail.training.baskets.evaluate_baskets import evaluate_baskets
from smart_retail.training.baskets.fit_baskets import CustomerContexts, fit_basket_sources, fit_baskets
from smart_retail.training.fit_context import FitContext
from smart_retail.training.hybrid.backtest_windows import BacktestWindow
from smart_retail.training.models.item_knn import fit_item_knn
from smart_retail.utils.parallel import one_algebra_thread

N_ITEMS, DAYS = 24, 100
WEIGHTS = np.ones((2, len(BASKET_SOURCES)))


@pytest.fixture
def pairs_shop(make_shop):
    """Orders of two or three items; item 2k is always with 2k + 1, customers pick their pairs by chance."""
    rng = np.random.default_rng(5)
    rows = []
    for customer in range(120):
        for day in rng.choice(DAYS, 6, replace=False).tolist():
            pair = int(rng.integers(N_ITEMS // 2))
            rows += [(customer, day, 2 * pair), (customer, day, 2 * pair + 1)]
            rows += [(customer, day, int(rng.integers(N_ITEMS)))] * int(rng.random() < 0.3)
    return make_shop(rows, 121, N_ITEMS)


def _windows(shop):
    windows = []
    for cut, end in ((80, 90), (90, 100)):
        before, after = shop.history_between(end=cut), shop.history_between(first=cut, end=end)
        windows.append(BacktestWindow(Window(cut, end), replace(before, last_day=cut - 1), after, {}))
    return windows


def test_the_partner_of_an_item_completes_the_basket(pairs_shop):
    history = pairs_shop.history_between()
    model = fit_basket_sources(history, WEIGHTS, max_items=N_ITEMS, threads=1)
    visitor = CustomerContexts(history).of(120)
    for item in range(N_ITEMS):
        ranked = model.rank(np.array([item]), visitor, length=5)
        assert ranked.item[0] == item ^ 1
        assert item not in ranked.item
        assert np.allclose(ranked.share.sum(axis=1), 1)


def test_the_beginning_of_a_long_list_is_the_short_one_and_is_read_back(pairs_shop):
    history = pairs_shop.history_between()
    model = fit_basket_sources(history, WEIGHTS, max_items=N_ITEMS, threads=1)
    again = BasketModel.from_arrays(model.arrays())
    context = CustomerContexts(history).of(3)
    long = model.rank(np.array([1, 4]), context, length=None)
    short = again.rank(np.array([1, 4]), context, length=3)
    assert short.item.tolist() == long.item[:3].tolist()
    assert short.score.tolist() == long.score[:3].tolist()


def test_habits_of_the_customer_count(make_shop):
    rows = [(0, day, 5) for day in range(60, 100, 5)] + [(c, 90, i) for c in range(1, 20) for i in (0, 1)]
    history = make_shop(rows, 21, 6).history_between()
    model = fit_basket_sources(history, WEIGHTS, max_items=6, threads=1)
    contexts = CustomerContexts(history)
    known, unknown = (model.rank(np.array([2]), contexts.of(c), length=None) for c in (0, 20))
    assert known.item[0] == 5
    assert unknown.item[0] != 5


def test_hidden_items_are_those_of_one_order_and_not_in_its_rest(pairs_shop):
    after = pairs_shop.history_between(first=90)
    queries = sample_queries(after, 10_000, 0)
    orders = {}
    for row in range(len(after)):
        orders.setdefault((int(after.customer[row]), int(after.order[row])), set()).add(int(after.item[row]))
    expected = sorted(
        (customer, tuple(sorted(items))) for (customer, _), items in orders.items() if len(items) > 1 for _ in items
    )
    found = [
        (int(queries.customer[q]), tuple(sorted([*queries.basket(q).tolist(), int(queries.hidden[q])])))
        for q in range(len(queries))
    ]
    assert sorted(found) == expected
    assert all(queries.hidden[q] not in queries.basket(q) for q in range(len(queries)))
    assert np.bincount(queries.order).max() <= MAX_HIDDEN_PER_ORDER
    again = sample_queries(after, 10_000, 0)
    assert again.hidden.tolist() == queries.hidden.tolist()


def test_the_evaluated_model_does_not_see_the_last_window_and_is_better_than_popularity(pairs_shop):
    windows = _windows(pairs_shop)
    fitted = fit_baskets(windows, pairs_shop.history_between(), max_items=N_ITEMS, context=FitContext(0, 1))
    before, after = windows[-1].before, windows[-1].after
    with one_algebra_thread():
        alone = fit_basket_sources(before, WEIGHTS, max_items=N_ITEMS, threads=1)
    np.testing.assert_array_equal(fitted.evaluated.order_ease.value, alone.order_ease.value)
    item_knn = fit_item_knn(build_user_item_matrix(before), N_ITEMS, "bm25", neighbours=10, threads=1)
    card = evaluate_baskets(fitted.evaluated, before, after, item_knn, item_knn, seed=0)
    methods = card["methods"]
    assert card["queries"] > 50
    assert methods["basket"]["ndcg@10"] > 0.6
    assert methods["popular recent"]["lead_low"] > 0
    assert set(methods) == {"basket", "pair lift", "pair confidence", "item-kNN", "EASE", "popular recent"}
    difference = methods["basket"]["ndcg@10"] - methods["EASE"]["ndcg@10"]
    assert methods["EASE"]["lead"] == pytest.approx(difference, abs=2e-6)


def test_a_history_without_windows_has_default_weights_and_no_figures(make_shop):
    history = make_shop([(0, 0, 0), (0, 0, 1)], 1, 2).history_between()
    fitted = fit_baskets([], history, max_items=2, context=FitContext(0, 1))
    assert fitted.evaluated is None
    assert evaluate_baskets(fitted.published, history, history.take(slice(0, 0)), None, None, seed=0)["queries"] == 0
