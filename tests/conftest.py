"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets; tests that need it are skipped where it is absent."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SMART_RETAIL_DATA", beside))
    if not (folder / "global_superstore.xlsx").is_file():
        pytest.skip("the real data sets are not here (set SMART_RETAIL_DATA to their folder)")
    return folder
