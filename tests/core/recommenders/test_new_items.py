"""Items without purchases: content vectors, taste space, evaluation, and reserved positions of a list."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.errors import SettingsError
from smart_retail.evaluation.temporal_split import Window, extract_ground_truth
from smart_retail.recommenders.base import CONTENT, POPULAR, Catalogue, Ranked, Shoppers
from smart_retail.recommenders.ranked_lists import build_lists
from smart_retail.serving.business_rules import Rules, apply_rules, build_rules, insert_new_items
from smart_retail.training.hybrid.backtest_windows import GroupedWindow
from smart_retail.training.models.content_vectors import fit_content_vectors, fit_vector_similarity
from smart_retail.training.new_items.evaluate_new_items import CONTENT as BY_CONTENT
from smart_retail.training.new_items.evaluate_new_items import RANDOM, evaluate_new_items
from smart_retail.training.new_items.fit_new_items import fit_new_items
from smart_retail.training.new_items.share_selection import select_new_items_share
from smart_retail.utils.id_map import IdMap

N_GROUPS, N_BOUGHT, N_NEW = 4, 20, 5
WORDS = ("garden tools", "kitchen bowls", "office paper", "winter clothes")
NONE = np.empty(0, np.int32)


def texts() -> list[str]:
    """Texts of the items: each group has its own words; the last `N_NEW` of a group are new."""
    return [f"{WORDS[g]} number {k}" for g in range(N_GROUPS) for k in range(N_BOUGHT + N_NEW)]


def is_new() -> NDArray[np.bool_]:
    return np.tile(np.arange(N_BOUGHT + N_NEW) >= N_BOUGHT, N_GROUPS)


def history(new_items: bool, days: tuple[int, int], seed: int = 0) -> PurchaseHistory:
    """Purchases of 80 customers, each of one group; only old or only new items."""
    rng, per_group = np.random.default_rng(seed), N_BOUGHT + N_NEW
    rows = []
    for customer in range(80):
        first, last = (N_BOUGHT, per_group) if new_items else (0, N_BOUGHT)
        chosen = rng.choice(np.arange(first, last), 3 if new_items else 8, replace=False)
        day = int(rng.integers(*days))
        rows += [(customer, customer, customer % N_GROUPS * per_group + int(k), day) for k in np.sort(chosen)]
    customer, order, item, day = (np.array(column, np.int32) for column in zip(*rows, strict=True))
    ones = np.full(len(rows), 1_000_000, np.int64)
    return PurchaseHistory(customer, order, item, day, ones, ones, 80, len(texts()), days[1] - 1)


def test_vectors_of_similar_texts_are_close() -> None:
    vectors = fit_content_vectors(["red garden chair", "garden chairs, red", "blue kitchen bowl", "kitchen bowls"])
    cosine = vectors @ vectors.T
    assert np.allclose(np.diag(cosine), 1, atol=1e-5)
    assert cosine[0, 1] > 0.5 > abs(cosine[0, 2])
    assert cosine[2, 3] > 0.5


@pytest.mark.parametrize("lone", [[], ["one"], ["", ""], ["alpha", "bcdef"]])
def test_texts_without_a_common_word_have_vectors_of_zeros(lone: list[str]) -> None:
    vectors = fit_content_vectors(lone)
    assert len(vectors) == len(lone)
    assert not vectors.any()


def test_similar_items_of_a_new_item_are_purchased_ones_of_its_group() -> None:
    new = np.flatnonzero(is_new())
    vectors = fit_content_vectors(texts())
    forth, back = fit_vector_similarity(vectors, new, np.flatnonzero(~is_new()), neighbours=6)
    for item in new.tolist():
        neighbours, value = forth.neighbours(item)
        assert len(neighbours) == 6
        assert (neighbours // (N_BOUGHT + N_NEW) == item // (N_BOUGHT + N_NEW)).all()
        assert (np.diff(value) <= 0).all()
    assert back.indptr[-1] == forth.indptr[-1]


def test_a_shopper_gets_the_new_items_of_the_group_that_the_shopper_buys() -> None:
    new, vectors = np.flatnonzero(is_new()), fit_content_vectors(texts())
    back = fit_vector_similarity(vectors, new, np.flatnonzero(~is_new()), neighbours=6)[1]
    model = fit_new_items(history(False, (0, 100)), vectors, new)
    for group in range(N_GROUPS):
        start = group * (N_BOUGHT + N_NEW)
        purchased = np.arange(start, start + 8)
        ranked = model.rank(purchased, back)
        top = ranked.item[:N_NEW]
        assert sorted(top.tolist()) == list(range(start + N_BOUGHT, start + N_BOUGHT + N_NEW))
        explaining = ranked.explaining_item[:N_NEW]
        assert set(explaining.tolist()) <= {-1, *purchased.tolist()}
        assert (explaining >= 0).any()
    visitor = model.rank(np.empty(0, np.int64), back)
    assert set(visitor.item.tolist()) <= set(new.tolist())


def test_items_first_sold_in_the_window_are_ranked_above_chance_by_their_texts() -> None:
    before, after = history(False, (0, 100)), history(True, (100, 120), seed=1)
    group = np.repeat(np.arange(N_GROUPS), N_BOUGHT + N_NEW).astype(np.int32)
    card = evaluate_new_items(before, after, fit_content_vectors(texts()), group, neighbours=6)
    assert (card["items"], card["customers"]) == (N_GROUPS * N_NEW, 80)
    methods = card["methods"]
    assert methods[BY_CONTENT]["hit_rate@10"] == 1.0
    assert methods[RANDOM]["lead_low"] > 0.2
    assert methods["customer's categories"]["ndcg@10"] > methods[RANDOM]["ndcg@10"]


def test_a_window_without_new_items_has_no_figures() -> None:
    before = history(False, (0, 100))
    card = evaluate_new_items(before, before, fit_content_vectors(texts()), np.zeros(len(texts()), np.int32))
    assert card == {"items": 0, "customers": 0, "methods": {}}


def lists(items: list[int], component: int) -> Ranked:
    n = len(items)
    score = np.linspace(1, 0.5, n)
    return build_lists(np.array([n]), np.array(items, np.int32), score, np.arange(1, n + 1), component)


CATALOGUE = Catalogue(np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1], np.int32), np.full(10, -1, np.int32), np.full(10, 5.0))


def merge(base: list[int], new: list[int], rules: Rules, hidden: NDArray[np.int32] = NONE) -> tuple[list[int], Ranked]:
    ranked = lists(base, POPULAR)
    listed = apply_rules(ranked, 0, rules, CATALOGUE, hidden)
    both, merged = insert_new_items(ranked, listed, lists(new, CONTENT), rules, CATALOGUE, hidden)
    stated = merged.position >= 0
    assert both.item[merged.position[stated]].tolist() == merged.item[stated].tolist()
    assert (np.diff(merged.score) <= 0).all()
    return merged.item.tolist(), both


def test_new_items_have_their_share_of_the_positions() -> None:
    assert merge([0, 1, 2, 3, 4, 5], [6, 7, 8, 9], Rules(new_items_share=0.25))[0] == [0, 1, 2, 6, 3, 4, 5, 7][:7]
    assert merge([0, 1, 2, 3], [6, 7, 8, 9], Rules(new_items_share=0.5))[0] == [0, 6, 1, 7, 2, 8, 3]
    assert merge([0, 1, 2, 3], [6], Rules(new_items_share=0.5))[0] == [0, 6, 1, 2, 3]
    assert merge([0, 1, 6, 2], [6, 7], Rules(new_items_share=0.5))[0] == [0, 6, 1, 7, 2]  # no item twice
    assert merge([0, 1], [], Rules(new_items_share=0.5))[0] == [0, 1]


def test_a_longer_list_begins_with_the_shorter_one() -> None:
    rules = Rules(new_items_share=0.3)
    longest = merge([0, 1, 2, 3, 4, 5], [6, 7, 8, 9], rules)[0]
    for n in range(1, 6):
        shorter = merge([0, 1, 2, 3, 4, 5][:n], [6, 7, 8, 9], rules)[0]
        assert longest[: len(shorter)] == shorter


def test_new_items_obey_the_other_rules() -> None:
    allowed = np.ones(10, bool)
    allowed[6] = False
    rules = Rules(allowed, pins=(5,), max_per_category=2, new_items_share=0.5)
    hidden = np.array([8], np.int32)
    assert merge([0, 1, 2], [6, 8, 7, 9], rules, hidden)[0] == [5, 7, 0]


@pytest.mark.parametrize("share", [-0.1, 0.6, "a", True])
def test_a_share_that_is_not_valid_is_an_error(share: object) -> None:
    with pytest.raises(SettingsError, match="new_items_share"):
        build_rules({"new_items_share": share}, IdMap.of(["a"]), [], CATALOGUE)


class PopularLists:
    """Stands for a fitted model whose lists are the same ten purchased items for every shopper."""

    def __init__(self, ever: NDArray[np.int64]) -> None:
        self.components = SimpleNamespace(demand=SimpleNamespace(ever=ever))

    def rank(self, method: str, shoppers: Shoppers, **_: object) -> Ranked:
        items = np.tile(np.arange(10, dtype=np.int32), len(shoppers))
        return build_lists(np.full(len(shoppers), 10), items, np.ones(len(items)), np.ones(len(items)), POPULAR)


@pytest.mark.parametrize(("sells", "expected"), [(True, 0.3), (False, 0.0)])
def test_the_share_is_above_0_only_where_customers_bought_new_items(sells: bool, expected: float) -> None:
    before = history(False, (0, 100))
    after = history(sells, (100, 120), seed=3)
    groups = np.zeros(80, np.int16), np.zeros(80, np.int16)
    window = GroupedWindow(Window(100, 120), before, after, extract_ground_truth(before, after), groups)
    model: Any = PopularLists(np.bincount(before.item, minlength=before.n_items))
    card = select_new_items_share(model, window, fit_content_vectors(texts()), neighbours=6)
    assert card["share"] == expected
    assert card["candidates"] >= N_GROUPS * N_NEW
    assert card["shares"]["0"]["gain_low"] == card["shares"]["0"]["gain_high"] == 0.0
    assert (card["shares"]["0.3"]["gain_low"] > 0) == sells
