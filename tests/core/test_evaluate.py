"""`evaluate` gives the scorecard of a fit and publishes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import shop
from tests.fitted_shop import SETTINGS

from smart_retail.results import FitReport
from smart_retail.training.fit import evaluate


@pytest.mark.slow
def test_the_scorecard_is_that_of_a_fit(fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    scorecard = evaluate(shop.write(tmp_path / "orders.csv"), settings=SETTINGS)
    assert scorecard == fitted[1].scorecard
    assert [path.name for path in tmp_path.iterdir()] == ["orders.csv"]
