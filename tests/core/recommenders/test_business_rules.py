"""The business rules apply to the lists of every method."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_retail.errors import SettingsError, UsageError
from smart_retail.recommenders.base import COMPONENTS, Catalogue, Ranked
from smart_retail.serving.business_rules import Rules, apply_rules, build_rules, read_rules
from smart_retail.utils.id_map import IdMap

N = 8
ITEMS = IdMap.of([f"i{k}" for k in range(N)])
CATEGORIES = ["Art", "Books"]
CATALOGUE = Catalogue(
    category=np.array([0, 0, 0, 0, 1, 1, 1, -1], dtype=np.int32),
    subcategory=np.full(N, -1, dtype=np.int32),
    price=np.array([1, 2, 3, 4, 5, 6, 7, np.nan]),
)
NOTHING = np.empty(0, dtype=np.int32)


def ranked(order: list[int], fallback_from: int = 99) -> Ranked:
    n = len(order)
    return Ranked(
        indptr=np.array([0, n], dtype=np.int64),
        item=np.array(order, dtype=np.int32),
        score=np.linspace(1.0, 0.5, n) if n else np.empty(0),
        share=np.tile(np.eye(1, len(COMPONENTS)), (n, 1)),
        rank=np.zeros((n, len(COMPONENTS)), dtype=np.int32),
        explaining_item=np.full(n, -1, dtype=np.int32),
        fallback=np.arange(n) >= fallback_from,
    )


def rules(tmp_path: Path, text: str) -> Rules:
    path = tmp_path / "rules.toml"
    path.write_text(text, encoding="utf-8")
    return build_rules(read_rules(path), ITEMS, CATEGORIES, CATALOGUE)


def applied(found: Rules, order: list[int], hidden: np.ndarray = NOTHING, fallback_from: int = 99) -> list[int]:
    return apply_rules(ranked(order, fallback_from), 0, found, CATALOGUE, hidden).item.tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [3, 1, 4, 5, 7]),
        ('ban = ["i1", "unknown"]', [3, 4, 5, 7]),
        ('stock = ["i4", "i1"]', [1, 4]),
        ('categories = ["Books"]', [4, 5]),
        ('exclude_categories = ["Art"]', [4, 5, 7]),
        ("price = { min = 4, max = 5 }", [3, 4, 7]),
        ("max_per_category = 1", [3, 4, 7]),
        ('categories = ["books"]', [4, 5]),
        ('pin = ["i7", "i2"]', [7, 2, 3, 1, 4, 5]),
        ('pin = ["i2"]\nban = ["i2"]', [3, 1, 4, 5, 7]),
        ('pin = ["i2"]\nmax_per_category = 1', [2, 4, 7]),
        ("[boost]\ni5 = 10", [5, 3, 1, 4, 7]),
        ("[boost]\ni3 = 0.1", [1, 4, 5, 7, 3]),
    ],
)
def test_each_rule_has_its_effect(tmp_path: Path, text: str, expected: list[int]) -> None:
    assert applied(rules(tmp_path, text), [3, 1, 4, 5, 7]) == expected


def test_a_boost_lifts_no_filled_in_item_over_the_methods_own(tmp_path: Path) -> None:
    found = rules(tmp_path, "[boost]\ni5 = 100")
    assert applied(found, [3, 1, 4, 5], fallback_from=2) == [3, 1, 5, 4]


def test_a_pin_brings_nothing_back_that_is_hidden(tmp_path: Path) -> None:
    found = rules(tmp_path, 'pin = ["i2"]')
    assert applied(found, [3, 1], hidden=np.array([2], dtype=np.int32)) == [3, 1]


def test_a_calls_filter_adds_to_the_rules_and_lifts_none(tmp_path: Path) -> None:
    found = rules(tmp_path, 'ban = ["i4"]').with_categories(["Books"], CATEGORIES, CATALOGUE)
    assert applied(found, [3, 1, 4, 5, 7]) == [5]


def test_an_unknown_category_names_the_known_ones() -> None:
    with pytest.raises(UsageError) as error:
        Rules().with_categories(["Cars"], CATEGORIES, CATALOGUE)
    assert "Art" in error.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "bann = []",
        "ban = 3",
        "max_per_category = 0",
        "price = 3",
        "price = { low = 1 }",
        "[boost]\ni1 = -1",
        "ban = [",
        "[boost]\ni1 = nan",
    ],
)
def test_rules_that_cannot_be_meant_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError) as error:
        rules(tmp_path, text)
    assert error.value.hint


def test_the_digest_depends_on_the_meaning_of_the_rules(tmp_path: Path) -> None:
    one, same, other = (rules(tmp_path, t).digest for t in ('ban = ["i1"]', 'ban=["i1"] # x', 'ban = ["i2"]'))
    assert one == same != other


@given(
    st.permutations(list(range(N))),
    st.sets(st.integers(0, N - 1)),
    st.lists(st.integers(0, N - 1), unique=True),
    st.dictionaries(st.integers(0, N - 1), st.floats(0.1, 10)),
    st.none() | st.integers(1, 3),
    st.sets(st.integers(0, N - 1)),
)
def test_no_list_has_items_that_the_rules_exclude(
    order: list[int], banned: set[int], pins: list[int], boosts: dict[int, float], cap: int | None, hidden: set[int]
) -> None:
    allowed = np.array([i not in banned for i in range(N)])
    found = Rules(allowed, tuple(pins), boosts, cap)
    items = applied(found, order, np.array(sorted(hidden), dtype=np.int32))
    assert not set(items) & (banned | hidden)
    assert len(items) == len(set(items))
    if cap is not None:
        categories = [c for c in CATALOGUE.category[items].tolist() if c >= 0]
        assert all(categories.count(c) <= cap for c in set(categories))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no FIFOs, and links need a privilege")
def test_rules_are_read_through_a_link_but_not_from_a_fifo(tmp_path: Path) -> None:
    rules(tmp_path, 'ban = ["i1"]')
    link, fifo = tmp_path / "link.toml", tmp_path / "fifo.toml"
    link.symlink_to(tmp_path / "rules.toml")
    os.mkfifo(fifo)
    through_link = read_rules(link)
    assert through_link == read_rules(tmp_path / "rules.toml")
    with pytest.raises(SettingsError, match="cannot be read"):
        read_rules(fifo)
