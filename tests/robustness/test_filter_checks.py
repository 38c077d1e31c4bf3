"""No excluded, banned or out-of-stock item is in any list of any method."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from smart_retail.results import FitReport

from .filter_checks import calls, customers, faults, rules
from .tampered_bundles import with_live_purchase

PLAIN = {"deadline": None, "database": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@pytest.fixture
def root(fitted: tuple[Path, FitReport], tmp_path: Path) -> Path:
    root = Path(shutil.copytree(fitted[0], tmp_path / "artifacts"))
    with_live_purchase(root)
    return root


def lists_hold(examples: int) -> Callable[[Path], None]:
    """The trial over so many examples."""

    @settings(max_examples=examples, **PLAIN)  # type: ignore[arg-type]
    @given(given=rules, call=calls, customer=customers)
    def hold(root: Path, given: dict[str, Any], call: dict[str, Any], customer: str) -> None:
        assert faults(root, given, call, customer) == []

    return hold


def test_no_list_holds_what_it_must_not(root: Path) -> None:
    lists_hold(60)(root)


def test_a_fault_would_be_found(root: Path) -> None:
    call = {"method": "all", "n": 60, "offset": 0, "exclude_purchased": False, "categories": None}
    for broken in ({"ban": ["G-007"]}, {"stock": ["G-007"]}, {"max_per_category": 1}, {"price": {"max": 5.0}}):
        assert faults(root, broken, call, "c0021") == []
        assert found_without(root, broken, call), broken


def found_without(root: Path, given: dict[str, Any], call: dict[str, Any]) -> list[str]:
    """The faults of an engine that does not know the rules."""
    from unittest.mock import patch

    with patch("tests.robustness.filter_checks.write"):
        (root / "rules.toml").unlink()
        return faults(root, given, call, "c0021")
