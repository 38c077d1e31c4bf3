"""A fit in blocks of a few rows publishes the bundle of a fit in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.compare_bundles import arrays, version_folder
from tests.fitted_shop import fit_shop

from smart_retail.results import FitReport
from smart_retail.training.outputs import model_tables
from smart_retail.utils import memory_budget

pytestmark = pytest.mark.slow


def test_blocks_of_a_few_rows_change_no_array(
    fitted: tuple[Path, FitReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_budget, "_MIN_BLOCK_ROWS", 300)
    monkeypatch.setattr(memory_budget, "_MAX_BLOCK_ROWS", 300)
    monkeypatch.setattr(model_tables, "CHUNK_CUSTOMERS", 7)
    monkeypatch.setattr(model_tables, "BLOCK_CUSTOMERS", 21)
    report = fit_shop(tmp_path)
    one, other = (arrays(version_folder(root)) for root in (fitted[0], tmp_path / "artifacts"))
    assert one.keys() == other.keys()
    different = [
        name for name in one if not np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f")
    ]
    assert different == []
    assert _without_times(report) == _without_times(fitted[1])


def _without_times(report: FitReport) -> dict[str, Any]:
    return {key: value for key, value in report.as_dict().items() if key not in ("version", "seconds")}
