"""Items that are added after a fit are matched with the purchased items of the most similar texts and categories."""

from __future__ import annotations

import numpy as np
import pytest

from smart_retail.recommenders.content_matching import (
    NEIGHBOURS,
    PER_PRODUCT,
    MatchedItems,
    Matches,
    extend_with_added,
    match_contents,
)
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.new_items import NewItemModel

NAMES = ("red garden chair", "garden table", "kitchen bowl", "kitchen knife", "garden hose")


def items(names: tuple[str, ...], category: tuple[int, ...] = (), described: str = "") -> MatchedItems:
    codes = np.array(category or (-1,) * len(names), np.int32)
    none = np.full(len(names), -1, np.int32)
    return MatchedItems([(name, described) for name in names], codes, none, np.arange(len(names), dtype=np.int32))


def matched(name: str, bought: MatchedItems, category: int = -1) -> list[int]:
    found = match_contents(items((name,), (category,)), bought)[0]
    for weight in (found.weight, found.varied_weight):
        assert (np.diff(weight) <= 0).all()
        assert ((weight > 0) & (weight <= 1)).all()
    return found.varied.tolist()


def test_the_most_similar_names_come_first_and_unlike_ones_are_left_out() -> None:
    assert matched("garden chairs", items(NAMES))[0] == 0
    assert set(matched("kitchen scales", items(NAMES))) == {2, 3}
    assert matched("telescope", items(NAMES)) == []
    assert matched("", items(NAMES)) == []


def test_measures_in_names_are_not_compared() -> None:
    found = match_contents(items(("red garden chair 4-pack",)), items(NAMES))[0]
    assert found.positions[0] == 0
    assert found.weight[0] == pytest.approx(1)
    assert matched("telescope 4-pack", items(("bowl 4-pack", "cup 4-pack"))) == []


def test_a_common_category_counts_also_without_a_common_word() -> None:
    bought = items(NAMES, (0, 0, 1, 1, 0))
    assert set(matched("telescope", bought, category=1)) == {2, 3}
    assert matched("garden knife", bought, category=1)[0] == 3


def test_only_some_variants_of_a_product_are_shown() -> None:
    names = tuple(f"garden chair {k} cm" for k in range(300))
    many = MatchedItems([(n, "") for n in names], *(np.full(300, -1, np.int32),) * 2, np.zeros(300, np.int32))
    assert matched("garden chair", many) == list(range(PER_PRODUCT))  # of equally similar ones, the first
    assert len(match_contents(items(("garden chair",)), many)[0].positions) == NEIGHBOURS
    assert len(matched("garden chair", items(names))) == NEIGHBOURS


def empty(n: int) -> Similarity:
    return Similarity(np.zeros(n + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))


def test_an_added_item_takes_taste_and_demand_of_what_it_matches() -> None:
    factors = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0, 0]], np.float32)
    none = np.zeros((0, 2), np.float32)
    fitted = NewItemModel(np.empty(0, np.int32), none, np.empty(0, np.float32), factors)
    closest, weight, nothing = np.array([0, 1]), np.array([0.6, 0.2]), (np.empty(0, np.int64), np.empty(0))
    matches = [Matches(closest, weight, closest, weight), Matches(*nothing, *nothing)]
    bought = np.arange(4)
    added = extend_with_added(fitted, empty(5), matches, bought, np.array([7, 0, 0, 0, 0]))
    assert added.model.item.tolist() == [5, 6]
    assert added.model.factors.tolist() == [[1, 0], [0, 0]]
    assert added.model.demand.tolist() == pytest.approx([0.75, 0])  # 0.6 of 0.8 of the most demanded item
    ranked = added.model.rank(np.array([1]), added.content_back)
    assert (ranked.item.tolist(), ranked.explaining_item.tolist()) == ([5], [1])
    assert added.model.rank(np.array([2]), added.content_back).item.tolist() == []
    assert added.similar.neighbours(5)[0].tolist() == [0, 1]
    without = extend_with_added(None, empty(5), matches, bought, np.zeros(5, np.int64))
    assert without.model.rank(np.array([0]), without.content_back).item.tolist() == [5]
