"""Rules for some dates and segments: which lists they change, what overrides what, and which files are refused."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import shop

from smart_retail.analysis.rules_check import check_rules, describe_check
from smart_retail.analysis.rules_history import save_rules
from smart_retail.analysis.what_if import Scenario, what_if
from smart_retail.errors import SettingsError
from smart_retail.protocol import METHODS, LocalEngine
from smart_retail.recommenders.base import UNKNOWN_GROUP, Catalogue
from smart_retail.results import RecommendationList
from smart_retail.serving.business_rules import merge_rules, parse_rules
from smart_retail.serving.engine import Engine
from smart_retail.serving.rule_set import RuleTargets, build_rule_set
from smart_retail.utils.dates import parse_day
from smart_retail.utils.id_map import IdMap

TARGETS = RuleTargets(
    IdMap.of(["a", "b", "c"]),
    ["Art", "Books"],
    ["Champions", "Loyal", "At Risk"],
    Catalogue(np.array([0, 1, 1], np.int32), np.full(3, -1, np.int32), np.array([1.0, 2.0, 3.0])),
)
PIN, OTHER = shop.item_ids()[20], shop.item_ids()[40]


def rule_set(text: str) -> Any:
    return build_rule_set(parse_rules(text.encode(), "rules.toml"), TARGETS)


def active(text: str, day: str, segment: str = "") -> tuple[int, ...]:
    code = list(TARGETS.segments).index(segment) if segment else UNKNOWN_GROUP
    found: tuple[int, ...] = rule_set(text).active(parse_day(day), code)
    return found


@pytest.fixture
def with_rules(engine: Engine, tmp_path: Path) -> Any:
    """Return a function that opens the bundle with the text of a rules file."""

    def opened(text: str) -> Engine:
        file = tmp_path / "sections.toml"
        file.write_text(text, encoding="utf-8")
        return Engine.load(engine.artifacts, rules=file)

    return opened


def first_items(result: RecommendationList) -> list[str]:
    parts = result.lists.values() if result.lists else (result,)
    return [part.items[0].item_id for part in parts]


def customer_of(engine: LocalEngine, segment: str) -> str:
    """Return a customer of a segment who has bought neither of the pinned items."""
    return next(
        c
        for c in engine.customer_ids()
        if (rfm := engine.customer(c).rfm)
        and rfm.segment == segment
        and not {PIN, OTHER} & {p.item_id for p in engine.customer(c).purchases}
    )


def day_after(engine: Engine, days: int) -> str:
    return (date.fromisoformat(engine.model().last) + timedelta(days=days)).isoformat()


def test_both_dates_of_a_section_are_included() -> None:
    text = '[[when]]\nfrom = 2026-12-01\nto = 2026-12-24\npin = ["a"]'
    days = ("2026-11-30", "2026-12-01", "2026-12-24", "2026-12-25")
    assert [active(text, day) for day in days] == [(), (0,), (0,), ()]


def test_a_section_can_have_one_date_or_a_segment_only() -> None:
    text = """
[[when]]
from = "2026-12-01"
pin = ["a"]
[[when]]
to = 2026-12-24
pin = ["b"]
[[when]]
segments = ["loyal", "At Risk"]
pin = ["c"]
"""
    assert active(text, "2026-11-01") == (1,)
    assert active(text, "2026-12-10", "Champions") == (0, 1)
    assert active(text, "2027-01-01", "At Risk") == (0, 2)
    labels = [section.label for section in rule_set(text).sections]
    assert labels == ["From 2026-12-01", "Until 2026-12-24", "For Loyal and At Risk"]


def test_later_sections_override_values_and_extend_lists() -> None:
    rules = rule_set("""
ban = ["a"]
max_per_category = 3
price = { min = 0.5, max = 2.5 }
boost = { b = 2.0, c = 3.0 }
[[when]]
segments = ["Loyal"]
ban = ["b"]
max_per_category = 2
[[when]]
from = 2026-01-01
max_per_category = 1
price = { max = 9.0 }
boost = { b = 4.0 }
""")
    both, loyal = rules.select((0, 1)), rules.select((0,))
    assert both.allowed is not None
    assert both.allowed.tolist() == [False, False, True]
    assert (loyal.max_per_category, both.max_per_category, rules.general.max_per_category) == (2, 1, 3)
    assert both.boosts == {1: 4.0, 2: 3.0}
    assert loyal.allowed.tolist() == [False, False, False]
    assert both.digest == loyal.digest == rules.digest
    assert rules.select((0, 1)) is both, "built once"


def test_merged_lists_have_each_entry_once() -> None:
    assert merge_rules([{"pin": ["a", "b"]}, {"pin": ["b", "c"]}, {"diversity": 0.5}]) == {
        "pin": ["a", "b", "c"],
        "diversity": 0.5,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[when]]\nsegments = ["Champion"]\nban = ["a"]', "no segment 'Champion'"),
        ('[[when]]\nfrom = 2026-12-24\nto = 2026-12-01\nban = ["a"]', "ends on 2026-12-01, before it begins"),
        ('[[when]]\nban = ["a"]', "no date and no segment"),
        ("[[when]]\nfrom = 2026-12-01", "no rules"),
        ('[[when]]\nfrom = "1.12."\nban = ["a"]', "not a valid date"),
        ('[[when]]\nfrom = 2026-12-01T10:00:00\nban = ["a"]', "from is not a date"),
        ("[[when]]\nfrom = 2026-12-01\nbann = []", "no business rule 'bann'"),
        ('[[when]]\nfrom = 2026-12-01\ncategories = ["Cars"]', "category 'Cars'"),
        ("[[when]]\nsegments = []\nban = []", "not a list of names"),
        ("when = 3", "not a list of sections"),
        ("[when]\nban = []", "not a list of sections"),
    ],
)
def test_a_section_that_is_not_valid_is_refused(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as raised:
        rule_set(text)
    assert raised.value.hint
    if text.startswith("[[when]]"):
        assert raised.value.message.startswith("Section 1 of [[when]]")


def test_a_pin_for_a_segment_is_in_the_lists_of_its_customers_only(engine: Engine, with_rules: Any) -> None:
    first, second = (segment.name for segment in engine.segments()[:2])
    changed = with_rules(f'[[when]]\nsegments = ["{first}"]\npin = ["{PIN}"]')
    ours, others = customer_of(engine, first), customer_of(engine, second)
    for method in (*METHODS, "all"):
        assert set(first_items(changed.recommend(ours, method))) == {PIN}
        before = engine.recommend(others, method)
        after = changed.recommend(others, method)
        assert [r.item_id for r in after.items] == [r.item_id for r in before.items]
    unknown = changed.recommend("unknown")
    assert unknown.items[0].item_id != PIN
    assert changed.recommend_for_basket([OTHER], customer_id=ours).items[0].item_id == PIN
    assert changed.recommend_for_basket([OTHER]).items[0].item_id != PIN
    assert changed.popular().items[0].item_id != PIN


def test_many_lists_at_once_equal_single_ones(engine: Engine, with_rules: Any) -> None:
    first, second = (segment.name for segment in engine.segments()[:2])
    changed = with_rules(f"""
[[when]]
segments = ["{first}"]
boost = {{ "{PIN}" = 50.0 }}
[[when]]
segments = ["{second}"]
ban = ["{PIN}"]
max_per_category = 2
""")
    ids = [*list(changed.customer_ids())[:60], "unknown"]
    for method in ("hybrid", "cf"):
        assert changed.recommend_many(ids, method) == [changed.recommend(c, method) for c in ids]


def test_a_list_without_a_date_follows_the_rules_of_the_day_after_the_history(engine: Engine, with_rules: Any) -> None:
    customer = customer_of(engine, engine.segments()[0].name)
    start, end = day_after(engine, 1), day_after(engine, 2)
    changed = with_rules(f'[[when]]\nfrom = {start}\nto = {end}\npin = ["{PIN}"]')
    assert changed.recommend(customer).items[0].item_id == PIN
    assert changed.popular().items[0].item_id == PIN
    assert changed.similar_items(OTHER).items[0].item_id == PIN
    assert changed.recommend(customer, on=end).items[0].item_id == PIN
    assert changed.recommend(customer, on=day_after(engine, 3)).items[0].item_id != PIN
    later = with_rules(f'[[when]]\nfrom = {end}\npin = ["{PIN}"]')
    assert later.recommend(customer).items[0].item_id != PIN
    assert later.recommend(customer, on=end).items[0].item_id == PIN


def test_what_if_changes_the_lists_of_the_segment_only(engine: Engine) -> None:
    segment = engine.segments()[0].name
    members = [c for c in engine.customer_ids() if (rfm := engine.customer(c).rfm) and rfm.segment == segment]
    lists = engine.recommend_many(members, n=1, exclude_purchased=False)
    rules = {"when": [{"segments": [segment], "pin": [PIN]}]}
    found = what_if(engine, Scenario(rules), n=3, exclude_purchased=False, sample=5000)
    assert found.changed_customers == sum(found.items[0].item_id != PIN for found in lists) > 1


def test_a_check_names_the_sections_and_their_contradictions(engine: Engine, tmp_path: Path) -> None:
    segment = engine.segments()[0].name
    file = tmp_path / "new.toml"
    file.write_text(
        f"""
ban = ["{PIN}"]
[[when]]
from = 2026-12-01
to = 2026-12-24
segments = ["{segment}"]
pin = ["{PIN}", "{OTHER}"]
[[when]]
segments = ["{segment}"]
ban = ["{OTHER}", "gone"]
[[when]]
to = 2020-01-31
stock = []
""",
        encoding="utf-8",
    )
    found = check_rules(engine, file)
    promotion, group = f"From 2026-12-01 to 2026-12-24, for {segment}", f"For {segment}"
    assert [(e.section, e.rule) for e in found.effects] == [
        ("", "ban"),
        (promotion, "pin"),
        (group, "ban"),
        ("Until 2020-01-31", "stock"),
    ]
    assert found.warnings == (
        "1 entry names an item that the active version does not have, without effect.",
        "Until 2020-01-31: No item is left: these lists would be empty.",
        f"{promotion}; {group}: Pinned but excluded by another rule, so never shown: {PIN}, {OTHER}.",
    )
    assert found.empty_lists == ("Until 2020-01-31",)
    assert found.allowed_items == len(shop.item_ids()) - 1
    assert found.day == day_after(engine, 1)
    assert found.day in describe_check(found)


def test_rules_that_leave_a_section_without_items_are_not_saved(engine: Engine, tmp_path: Path) -> None:
    target = tmp_path / "saved.toml"
    with pytest.raises(SettingsError, match="leave no item to recommend: From 2026-01-01"):
        save_rules(engine, {"when": [{"from": "2026-01-01", "stock": []}]}, target)
    assert not target.exists()
