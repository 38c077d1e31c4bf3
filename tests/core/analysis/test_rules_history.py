"""Saved business rules: checked before they replace the file, kept, and restored."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests import shop

from smart_retail.analysis import rules_history
from smart_retail.analysis.rules_history import list_saved_rules, restore_rules, save_rules, save_rules_file
from smart_retail.errors import SettingsError, UsageError
from smart_retail.results import FitReport
from smart_retail.serving.business_rules import read_rules
from smart_retail.serving.engine import Engine

FIRST, SECOND = shop.item_ids()[:2]


@pytest.fixture
def engine(fitted: tuple[Path, FitReport], tmp_path: Path) -> Engine:
    return Engine.load(shutil.copytree(fitted[0], tmp_path / "artifacts"))


def test_an_open_engine_follows_the_first_saved_rules_and_each_change(engine: Engine) -> None:
    listed = [r.item_id for r in engine.popular(3).items]
    save_rules(engine, {"ban": listed[:1]})
    assert listed[0] not in [r.item_id for r in engine.popular(100).items]
    check = save_rules(engine, {"pin": [listed[2]], "boost": {listed[1]: 1.5}})
    assert engine.popular(1).items[0].item_id == listed[2]
    assert (check.digest, check.allowed_items) == (engine.rules.digest, check.items)
    save_rules(engine, {})
    assert [r.item_id for r in engine.popular(3).items] == listed


@pytest.mark.parametrize("rules", [{"bann": []}, {"stock": []}, {"max_per_category": 0}])
def test_rules_that_are_not_valid_or_leave_no_item_change_nothing(engine: Engine, rules: dict[str, object]) -> None:
    save_rules(engine, {"ban": [FIRST]})
    with pytest.raises(SettingsError):
        save_rules(engine, rules)
    assert read_rules(Path(engine.artifacts) / "rules.toml") == {"ban": [FIRST]}
    assert len(list_saved_rules(engine.artifacts)) == 1


def test_every_state_is_listed_and_can_be_restored(engine: Engine, tmp_path: Path) -> None:
    file = Path(engine.artifacts) / "rules.toml"
    file.write_text(f'# by hand\nban = ["{FIRST}"]\n', encoding="utf-8")
    source = tmp_path / "new.toml"
    source.write_text(f'pin = ["{SECOND}"]  # the offer of the week\n', encoding="utf-8")
    save_rules_file(engine, source)
    assert file.read_text(encoding="utf-8") == source.read_text(encoding="utf-8")
    states = list_saved_rules(engine.artifacts)
    assert [(state.rules, state.current) for state in states] == [(("pin",), True), (("ban",), False)]
    restore_rules(engine, states[1].name)
    assert file.read_text(encoding="utf-8").startswith("# by hand")
    assert engine.rules.general.allowed is not None
    assert [(s.rules, s.current) for s in list_saved_rules(engine.artifacts)] == [
        (("ban",), True),
        (("pin",), False),
        (("ban",), False),
    ]
    with pytest.raises(UsageError, match="no saved rules"):
        restore_rules(engine, "../rules")


def test_rules_are_read_back_as_saved(engine: Engine) -> None:
    rules = {"ban": ['quote " and \\', "tab\t", "umlaut ü 😀", "\x7f"], "price": {"min": 0.5}, "boost": {"a.b": 2.0}}
    save_rules(engine, rules)
    assert read_rules(Path(engine.artifacts) / "rules.toml") == rules


def test_the_oldest_states_are_removed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules_history, "MAX_SAVED", 3)
    for cap in range(1, 6):
        save_rules(engine, {"max_per_category": cap})
    folder = Path(engine.artifacts) / rules_history.HISTORY
    assert [read_rules(file)["max_per_category"] for file in sorted(folder.glob("*.toml"))] == [3, 4, 5]


def test_a_given_rules_file_is_the_one_replaced(engine: Engine, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    save_rules(engine, {"ban": [FIRST]}, other)
    assert read_rules(other) == {"ban": [FIRST]}
    assert list_saved_rules(engine.artifacts, other)[0].current
    assert not (Path(engine.artifacts) / "rules.toml").exists()
