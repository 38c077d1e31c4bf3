"""The engine of the small shop."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine


@pytest.fixture
def engine(fitted: tuple[Path, FitReport]) -> Engine:
    return Engine.load(fitted[0])
