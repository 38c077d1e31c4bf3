"""Search by words: accents, order of words, categories, typing errors, order of the results."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_retail.serving.text_search import TextSearch, fold, is_one_edit_away
from smart_retail.utils.id_map import StringArray

NAMES = {
    "a-1": "Red Pen",
    "a-2": "Café Crème",
    "b-3": "Pen, red and blue",
    "b-4": "Whole Milk",
    "c-5": "Milk, dark",
}
ORDERS = np.array([5, 1, 9, 2, 7])


@pytest.fixture
def items() -> TextSearch:
    texts = StringArray.of(f"{item}\n{name}".casefold() for item, name in NAMES.items())
    return TextSearch(texts, ORDERS, ["Office", "Drinks"], np.array([0, 1, 0, 1, -1]))


def ids(codes: list[int]) -> list[str]:
    return [list(NAMES)[code] for code in codes]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pen", ["b-3", "a-1"]),
        ("red pen", ["a-1", "b-3"]),
        ("pen red", ["b-3", "a-1"]),
        ("cafe CREME", ["a-2"]),
        ("Crème Café", ["a-2"]),
        ("milk", ["c-5", "b-4"]),
        ("mikl", ["c-5", "b-4"]),
        ("darc", ["c-5"]),
        ("daark milk", ["c-5"]),
        ("drinks", ["b-4", "a-2"]),
        ("drinks milk", ["b-4"]),
        ("b-", ["b-3", "b-4"]),
        ("B-4", ["b-4"]),
        ("pne", []),
        ("1 red pen", ["a-1"]),
        ("nothing", []),
        ("red\npen", ["b-3", "a-1"]),
    ],
)
def test_words_match_in_any_order_and_results_are_sorted_by_orders(
    items: TextSearch, text: str, expected: list[str]
) -> None:
    assert ids(items.search(text, 10)) == expected


def test_without_text_the_first_rows_are_returned(items: TextSearch) -> None:
    assert items.search(" ", 2) == [0, 1]


def test_an_equal_id_or_name_is_first(items: TextSearch) -> None:
    assert ids(items.search("whole milk", 10))[0] == "b-4"
    assert ids(items.search("a-1", 10)) == ["a-1"]


def test_an_empty_bundle_has_no_results() -> None:
    assert TextSearch(StringArray.of([]), np.zeros(0, np.int64)).search("milk", 5) == []


@given(st.text(min_size=1, max_size=8), st.integers(0, 7), st.characters())
def test_every_single_edit_is_recognised(word: str, position: int, character: str) -> None:
    i = position % len(word)
    edits = {
        word[:i] + word[i + 1 :],
        word[:i] + character + word[i:],
        word[:i] + character + word[i + 1 :],
        word[:i] + word[i + 1 : i + 2] + word[i] + word[i + 2 :],
    }
    for edited in edits - {word}:
        assert is_one_edit_away(word, edited)
        assert is_one_edit_away(edited, word)
    assert not is_one_edit_away(word, word)
    assert not is_one_edit_away(word, word + "ab")


def test_folding_removes_case_and_accents() -> None:
    assert fold("Élan Straße") == "elan strasse"


def test_texts_that_contain_a_part_are_bounded(items: TextSearch) -> None:
    assert items.containing("-", 3) == [0, 1, 2]
    assert items.containing("CAF\u00c9", 3) == [1]
    assert items.containing("zz", 3) == []
