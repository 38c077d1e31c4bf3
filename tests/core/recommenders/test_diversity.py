"""Maximal marginal relevance: exact orders of small lists."""

from __future__ import annotations

import numpy as np
import pytest

from smart_retail.recommenders.diversity import ItemLikeness, diversify
from smart_retail.recommenders.item_similarity import Similarity

SCORE = np.array([1.0, 0.9, 0.8, 0.5])
LIKENESS = np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]], np.float64)
"""Entries 0 and 1 are alike, and 2 and 3."""


def test_no_strength_keeps_the_order_and_full_strength_ignores_the_scores() -> None:
    assert diversify(SCORE, LIKENESS, 0.0, 4).tolist() == [0, 1, 2, 3]
    assert diversify(SCORE, LIKENESS, 1.0, 4).tolist() == [0, 2, 1, 3]


def test_an_entry_like_an_earlier_one_comes_later() -> None:
    # Second position: 0.7 * 0.9 - 0.3 = 0.33 against 0.7 * 0.8 = 0.56; third: 0.33 against 0.7 * 0.5 - 0.3 = 0.05.
    assert diversify(SCORE, LIKENESS, 0.3, 4).tolist() == [0, 2, 1, 3]
    # 0.95 * 0.9 - 0.05 = 0.805 against 0.95 * 0.8 = 0.76: the scores outweigh a weak penalty.
    assert diversify(SCORE, LIKENESS, 0.05, 4).tolist() == [0, 1, 2, 3]


def test_first_entries_keep_their_positions_and_the_rest_follows_them() -> None:
    assert diversify(SCORE, LIKENESS, 0.3, 4, first=2).tolist() == [0, 1, 2, 3]
    assert diversify(SCORE, LIKENESS, 0.9, 4, first=1).tolist() == [0, 2, 1, 3]
    assert diversify(np.empty(0), np.zeros((0, 0)), 0.5, 5).tolist() == []


@pytest.mark.parametrize("strength", [0.1, 0.5, 0.9])
def test_the_beginning_does_not_depend_on_the_number_of_positions(strength: float) -> None:
    rng = np.random.default_rng(3)
    score, likeness = np.sort(rng.random(50))[::-1], rng.random((50, 50))
    likeness = (likeness + likeness.T) / 2
    whole = diversify(score, likeness, strength, 50)
    assert sorted(whole.tolist()) == list(range(50))
    for picks in (1, 7, 49):
        assert diversify(score, likeness, strength, picks)[:picks].tolist() == whole[:picks].tolist()


def test_likeness_is_half_by_categories_and_half_by_customers() -> None:
    similar = Similarity(np.array([0, 1, 1, 1]), np.array([2], np.int32), np.array([0.4], np.float32))
    found = ItemLikeness(np.array([0, 0, 1, -1, -1]), np.array([5, 5, 5, -1, -1]), similar).matrix(
        np.array([2, 0, 1, 3, 4], np.int32)
    )
    assert np.allclose(found, found.T)
    assert not np.diag(found).any()
    assert found[0, 1] == pytest.approx((0.5 + 0.4) / 2)  # one subcategory name, other categories, and 0.4
    assert found[1, 2] == pytest.approx(0.5)  # category and subcategory, no customers
    assert found[3, 4] == 0  # without categories
