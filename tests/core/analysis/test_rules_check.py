"""Check of a rules file: effects, unknown ids and contradictions."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import shop

from smart_retail.analysis.rules_check import check_rules
from smart_retail.errors import SettingsError, UsageError
from smart_retail.serving.engine import Engine

ITEMS = shop.item_ids()
GARDEN = [item for item, _, category in shop.items() if category == "Garden"]


def write(folder: Path, text: str) -> Path:
    path = folder / "new-rules.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_rule_states_its_effect(engine: Engine, tmp_path: Path) -> None:
    text = f'''
ban = ["{GARDEN[0]}", "gone"]
pin = ["{GARDEN[1]}"]
exclude_categories = ["Books"]
max_per_category = 3
[boost]
"{GARDEN[2]}" = 2.0
"{GARDEN[3]}" = 1.5
'''
    found = check_rules(engine, write(tmp_path, text))
    assert {e.rule: (e.entries, e.known, e.effect) for e in found.effects} == {
        "ban": (2, 1, "excludes 1 item"),
        "pin": (1, 1, "puts 1 item first, in this order"),
        "exclude_categories": (1, 1, f"excludes {shop.ITEMS_PER_GROUP} items"),
        "max_per_category": (1, 1, "allows at most 3 of one category in a list"),
        "boost": (2, 2, "multiplies the scores of 2 items"),
    }
    assert (found.items, found.allowed_items) == (len(ITEMS), len(ITEMS) - 1 - shop.ITEMS_PER_GROUP)
    assert found.unknown_ids == ("gone",)
    assert found.warnings == ("1 entry names an item that the active version does not have, without effect.",)
    assert found.digest == Engine.load(engine.artifacts, rules=tmp_path / "new-rules.toml").rules.digest


def test_what_is_probably_not_meant_is_a_warning(engine: Engine, tmp_path: Path) -> None:
    found = check_rules(engine, write(tmp_path, f'ban = ["{GARDEN[0]}"]\npin = ["{GARDEN[0]}"]\n'))
    assert found.warnings == (f"Pinned but excluded by another rule, so never shown: {GARDEN[0]}.",)
    assert check_rules(engine, write(tmp_path, "stock = []")).warnings[0].startswith("No item is left")
    assert check_rules(engine, write(tmp_path, f'boost = {{ "{GARDEN[0]}" = 2 }}')).warnings == ()


@pytest.mark.parametrize("text", ["ban = 3", "bann = []", "ban = [", 'categories = ["Cars"]'])
def test_a_file_that_the_engine_would_refuse_is_refused(engine: Engine, tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError):
        check_rules(engine, write(tmp_path, text))


def test_without_a_file_its_path_is_named(engine: Engine) -> None:
    with pytest.raises(UsageError, match="no rules file") as raised:
        check_rules(engine)
    assert "rules.toml" in raised.value.hint
