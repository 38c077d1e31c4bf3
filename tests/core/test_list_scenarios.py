"""Scenarios of the rules file, and the filters of a request by price and product."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests import shop

from smart_retail.analysis.campaign import CampaignSettings, build_campaign
from smart_retail.analysis.rules_check import check_rules
from smart_retail.errors import SettingsError, UsageError
from smart_retail.protocol import ListQuery
from smart_retail.recommenders.diversity import POOL_ENTRIES
from smart_retail.results import ListScenario
from smart_retail.serving.business_rules import parse_rules
from smart_retail.serving.engine import Engine
from smart_retail.serving.rule_set import RuleTargets, build_rule_set

PIN, OTHER = shop.item_ids()[20], shop.item_ids()[40]
SCENARIOS = f"""
ban = ["{OTHER}"]
[scenario.home]
method = "popular"
n = 4
pin = ["{PIN}"]
[scenario.email]
diversity = 0.8
ban = ["{PIN}"]
"""
CUSTOMER = "c0001"


@pytest.fixture
def ruled(engine: Engine, tmp_path: Path) -> Engine:
    file = tmp_path / "scenarios.toml"
    file.write_text(SCENARIOS, encoding="utf-8")
    return Engine.load(engine.artifacts, rules=file)


def ids(found: Any) -> list[str]:
    return [item.item_id for item in found.items]


def test_a_scenario_chooses_method_number_and_rules(ruled: Engine) -> None:
    found = ruled.recommend(CUSTOMER, scenario="home")
    assert (found.method, len(found.items), ids(found)[0]) == ("popular", 4, PIN)
    assert ruled.recommend_many([CUSTOMER, "unknown"], scenario="home")[0] == found
    plain = ruled.recommend(CUSTOMER)
    assert (plain.method, len(plain.items)) == ("hybrid", 10)
    assert ids(plain)[0] != PIN
    assert found.rules == plain.rules == ruled.rules.digest


def test_an_explicit_option_overrides_the_scenario(ruled: Engine) -> None:
    found = ruled.recommend(CUSTOMER, "cf", 6, scenario="home")
    assert (found.method, len(found.items), ids(found)[0]) == ("cf", 6, PIN)
    email = ruled.recommend(CUSTOMER, n=POOL_ENTRIES, scenario="email")
    flat = ruled.recommend(CUSTOMER, n=POOL_ENTRIES, scenario="email", diversity=0.0)
    assert ids(email) != ids(flat)
    assert ids(flat) == ids(ruled.recommend(CUSTOMER, n=POOL_ENTRIES, exclude=[PIN]))


def test_a_scenario_keeps_the_bans_of_all_lists(ruled: Engine) -> None:
    for name in ("home", "email"):
        assert OTHER not in ids(ruled.recommend(CUSTOMER, "popular", 1000, scenario=name, exclude_purchased=False))
    assert PIN not in ids(ruled.recommend(CUSTOMER, n=1000, scenario="email", exclude_purchased=False))


def test_a_basket_takes_a_scenario(ruled: Engine) -> None:
    found = ruled.recommend_for_basket([shop.item_ids()[25]], scenario="home")
    assert (found.method, len(found.items), ids(found)[0]) == ("popular", 4, PIN)
    assert len(ruled.recommend_for_basket([shop.item_ids()[25]], n=7, scenario="home").items) == 7


def test_a_campaign_takes_a_scenario(ruled: Engine) -> None:
    found = build_campaign(ruled, [CUSTOMER], CampaignSettings(scenario="home", holdout=0.0))
    (row,) = found.rows
    assert [row[f"item_{k}"] for k in range(1, 5)] == ids(ruled.recommend(CUSTOMER, scenario="home"))
    assert found.settings.n == 4
    assert "item_4" in found.headings
    assert "item_5" not in found.headings
    longer = build_campaign(ruled, [CUSTOMER], CampaignSettings(scenario="home", holdout=0.0, n=6))
    assert [longer.rows[0][f"item_{k}"] for k in (1, 6)] == [
        PIN,
        ids(ruled.recommend(CUSTOMER, n=6, scenario="home"))[5],
    ]
    with pytest.raises(UsageError, match="no scenario 'cart'"):
        build_campaign(ruled, [CUSTOMER], CampaignSettings(scenario="cart"))


def test_an_unknown_scenario_is_an_error_that_names_the_known_ones(ruled: Engine, engine: Engine) -> None:
    for request in (ruled.recommend, ruled.recommend_for_basket):
        with pytest.raises(UsageError, match="no scenario 'cart'") as raised:
            request(CUSTOMER, scenario="cart")
        assert raised.value.hint == "Scenarios: home, email."
    with pytest.raises(UsageError, match="no scenario 'cart'"):
        engine.recommend_many([], scenario="cart")


def test_the_scenarios_are_listed_with_the_model(ruled: Engine, engine: Engine) -> None:
    assert ruled.model().scenarios == (
        ListScenario("home", "popular", 4, None, ("pin",)),
        ListScenario("email", "hybrid", 10, 0.8, ("ban",)),
    )
    assert engine.model().scenarios == ()


def test_sections_apply_to_scenarios_before_their_own_rules(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "both.toml"
    segment = engine.segments()[0].name
    text = f'[[when]]\nsegments = ["{segment}"]\npin = ["{PIN}"]\nmax_per_category = 1\n'
    file.write_text(text + "[scenario.home]\nmax_per_category = 2\n", encoding="utf-8")
    ruled = Engine.load(engine.artifacts, rules=file)
    customer = next(c for c in engine.customer_ids() if (r := engine.customer(c).rfm) and r.segment == segment)
    options = {"n": 8, "exclude_purchased": False}
    one, two = ruled.recommend(customer, **options), ruled.recommend(customer, scenario="home", **options)
    assert ids(one)[0] == ids(two)[0] == PIN
    largest = [
        max(sum(i.category == item.category for i in found.items) for item in found.items) for found in (one, two)
    ]
    assert largest == [1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[scenario.home]\nmethod = "magic"', "Scenario home: 'magic' is not a valid method"),
        ("[scenario.home]\nn = 0", "Scenario home: n is 0"),
        ("[scenario.home]\nn = 2.5", "n is not a whole number"),
        ("[scenario.home]\nfrom = 2026-12-01", "no option 'from'"),
        ("[scenario.home]\ndiversity = 2", "diversity"),
        ('[scenario."home page"]\nn = 3', "not a valid name of a scenario"),
        ("scenario = 3", "not a table of scenarios"),
    ],
)
def test_a_scenario_that_is_not_valid_is_refused(engine: Engine, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        build_rule_set(parse_rules(text.encode(), "rules.toml"), RuleTargets.of(engine.tables))


def test_a_check_shows_what_a_scenario_does(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "new.toml"
    file.write_text(SCENARIOS.replace("n = 4", f'n = 4\nban = ["{PIN}"]'), encoding="utf-8")
    found = check_rules(engine, file)
    assert [(e.section, e.effect) for e in found.effects][1:4] == [
        ("Scenario home", "lists by the method popular"),
        ("Scenario home", "lists 4 items"),
        ("Scenario home", "excludes 1 item"),
    ]
    assert found.warnings == (f"Scenario home: Pinned but excluded by another rule, so never shown: {PIN}.",)


@pytest.mark.parametrize("method", ["hybrid", "popular", "all"])
def test_prices_and_excluded_products_filter_every_list(engine: Engine, method: str) -> None:
    price = {item.item_id: engine.item(item.item_id).unit_price for item in engine.popular(1000).items}
    left_out = engine.popular(5).items[2].item_id
    found = engine.recommend(CUSTOMER, method, 1000, price_min=4.5, price_max=9, exclude=[left_out, "no such item"])
    for part in found.lists.values() if found.lists else (found,):
        assert part.items
        assert all(4.5 <= price[i] <= 9 for i in ids(part))
        assert left_out not in ids(part)


def test_popular_and_related_items_and_baskets_take_the_filters(engine: Engine) -> None:
    first = engine.popular(3).items[0].item_id
    assert ids(engine.popular(3, exclude=[first])) == ids(engine.popular(4))[1:]
    related = ids(engine.similar_items("G-005", 3))
    assert ids(engine.similar_items("G-005", 2, exclude=related[:1])) == related[1:]
    basket = ids(engine.recommend_for_basket(["G-005"], 3))
    assert ids(engine.recommend_for_basket(["G-005"], 2, exclude=basket[:1])) == basket[1:]
    assert engine.popular(3, price_min=1e9).items == ()


def test_a_request_lifts_no_ban_by_its_filters(ruled: Engine) -> None:
    assert OTHER not in ids(ruled.popular(1000, price_min=0))


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [(-1, None, "not a valid price"), (None, float("nan"), "not a valid price"), (5, 4, "above the highest")],
)
def test_prices_that_are_not_valid_are_refused(low: float | None, high: float | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ListQuery(price_min=low, price_max=high)
