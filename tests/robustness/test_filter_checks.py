"""No list of any method contains an excluded, banned or out-of-stock item."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from smart_retail.recommenders.model import RecommenderModel
from smart_retail.results import FitReport
from smart_retail.serving import list_ranking
from smart_retail.serving.engine import Engine

from .filter_checks import calls, customers, find_faults, find_faults_of, rules, write_rules
from .tampered_bundles import add_live_purchase

OPTIONS = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@pytest.fixture
def root(fitted: tuple[Path, FitReport], tmp_path: Path) -> Path:
    root = Path(shutil.copytree(fitted[0], tmp_path / "artifacts"))
    add_live_purchase(root)
    return root


def filter_property(examples: int) -> Callable[[Path], None]:
    """Return a Hypothesis test over `examples` combinations of rules, call and customer."""

    @settings(max_examples=examples, **OPTIONS)  # type: ignore[arg-type]
    @given(applied=rules, call=calls, customer=customers)
    def check(root: Path, applied: dict[str, Any], call: dict[str, Any], customer: str) -> None:
        assert find_faults(root, applied, call, customer) == []

    return check


@pytest.mark.slow
def test_no_list_contains_an_excluded_item(root: Path) -> None:
    filter_property(60)(root)


def test_engine_that_ignores_the_rules_is_detected(root: Path) -> None:
    call = {"method": "all", "n": 60, "offset": 0, "exclude_purchased": False, "categories": None}
    without_rules = Engine.load(root)
    for applied in ({"ban": ["G-007"]}, {"stock": ["G-007"]}, {"max_per_category": 1}, {"price": {"max": 5.0}}):
        assert find_faults_of(without_rules, applied, call, "c0021"), applied
        (root / "rules.toml").unlink(missing_ok=True)
    for applied in ({"ban": ["G-007"]}, {"stock": ["G-007"]}, {"max_per_category": 1}, {"price": {"max": 5.0}}):
        assert find_faults(root, applied, call, "c0021") == []


@pytest.mark.slow
def test_lists_do_not_depend_on_the_number_of_items_ranked_first(root: Path) -> None:
    """Filtered lists rank a prefix of the catalogue first, and more only if too few items remain."""

    @settings(max_examples=60, **OPTIONS)  # type: ignore[arg-type]
    @given(applied=rules, call=calls, customer=customers)
    def check(applied: dict[str, Any], call: dict[str, Any], customer: str) -> None:
        write_rules(root, applied)
        results = []
        for entries in (1, 10**9):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(list_ranking, "FILTERED_ENTRIES", entries)
                engine = Engine.load(root)
                results.append((engine.recommend(customer, **call), engine.recommend_for_basket(["G-007"], **call)))
        assert results[0] == results[1]

    check()


def test_filtered_lists_rank_a_part_of_a_large_catalogue(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_ranking, "FILTERED_ENTRIES", 10)
    lengths: list[int | None] = []
    rank = RecommenderModel.rank

    def recording_rank(self: RecommenderModel, *arguments: Any, **options: Any) -> Any:
        lengths.append(options["length"])
        return rank(self, *arguments, **options)

    monkeypatch.setattr(RecommenderModel, "rank", recording_rank)
    engine = Engine.load(root)
    engine.recommend("c0021", "popular", 3, categories=["Garden", "Books"])
    assert lengths
    assert None not in lengths
