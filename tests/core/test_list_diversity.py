"""The diversity of a list: off by default, by query or by rule, and the same beginning for every length."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_retail.errors import SettingsError, UsageError
from smart_retail.protocol import ListQuery
from smart_retail.results import RecommendationList
from smart_retail.serving.engine import Engine

CUSTOMER = "c0001"


def ids(result: RecommendationList) -> list[str]:
    return [item.item_id for item in result.items]


def categories(result: RecommendationList) -> list[str]:
    return [item.category for item in result.items]


def with_rules(engine: Engine, folder: Path, rules: str) -> Engine:
    (folder / "rules.toml").write_text(rules)
    return Engine.load(engine.artifacts, rules=folder / "rules.toml")


@pytest.mark.parametrize("method", ["hybrid", "cf", "popular", "rfm"])
def test_no_diversity_leaves_lists_as_they_are(engine: Engine, method: str) -> None:
    assert engine.recommend(CUSTOMER, method, diversity=0) == engine.recommend(CUSTOMER, method)


def test_diversity_brings_other_categories_forward_and_loses_no_item(engine: Engine) -> None:
    plain, diverse = engine.recommend(CUSTOMER, n=60), engine.recommend(CUSTOMER, n=60, diversity=0.9)
    assert ids(diverse)[0] == ids(plain)[0]
    assert sorted(ids(diverse)) == sorted(ids(plain))
    scores = {item.item_id: item.score for item in plain.items}
    assert {item.item_id: item.score for item in diverse.items} == scores
    popular = engine.popular(10), engine.query_popular(ListQuery(diversity=0.9))
    assert len(set(categories(popular[1])[:4])) > len(set(categories(popular[0])[:2]))
    assert categories(popular[1])[0] != categories(popular[1])[1]


def test_a_short_list_is_the_beginning_of_a_longer_one(engine: Engine) -> None:
    whole = ids(engine.recommend(CUSTOMER, n=60, diversity=0.5))
    for n in (1, 5, 20):
        assert ids(engine.recommend(CUSTOMER, n=n, diversity=0.5)) == whole[:n]
    assert ids(engine.recommend(CUSTOMER, n=5, offset=5, diversity=0.5)) == whole[5:10]
    assert ids(engine.recommend_many([CUSTOMER, "c0002"], n=10, diversity=0.5)[0]) == whole[:10]


def test_the_rule_applies_unless_a_query_says_otherwise(engine: Engine, tmp_path: Path) -> None:
    ruled = with_rules(engine, tmp_path, "diversity = 0.5")
    assert ids(ruled.recommend(CUSTOMER, n=20)) == ids(engine.recommend(CUSTOMER, n=20, diversity=0.5))
    assert ids(ruled.recommend(CUSTOMER, n=20, diversity=0)) == ids(engine.recommend(CUSTOMER, n=20))
    assert ids(ruled.similar_items("G-005")) == ids(engine.similar_items("G-005"))
    assert ids(ruled.recommend_for_basket(["G-005"])) == ids(engine.recommend_for_basket(["G-005"], diversity=0.5))


def test_pins_stay_first_and_filters_apply(engine: Engine, tmp_path: Path) -> None:
    ruled = with_rules(engine, tmp_path, 'diversity = 0.9\npin = ["B-005", "K-006"]\nban = ["G-005"]')
    listed = ids(ruled.recommend(CUSTOMER, n=30))
    assert listed[:2] == ["B-005", "K-006"]
    assert "G-005" not in listed


def test_a_value_out_of_range_is_an_error(engine: Engine, tmp_path: Path) -> None:
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(UsageError, match="diversity"):
            engine.recommend(CUSTOMER, diversity=wrong)
    with pytest.raises(SettingsError, match="diversity"):
        with_rules(engine, tmp_path, "diversity = 2")
