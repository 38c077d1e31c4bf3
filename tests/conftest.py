"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests import shop

if TYPE_CHECKING:  # the core is imported by the tests that need it
    from smart_retail.results import FitReport
    from smart_retail.settings import Settings

# No generated example may fail since the machine is busy.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets; tests that need it are skipped where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SMART_RETAIL_DATA", default))
    if not (folder / "global_superstore.xlsx").is_file():
        pytest.skip("real data sets not found (set SMART_RETAIL_DATA to their folder)")
    return folder


@pytest.fixture
def postgres() -> Iterator[str]:
    """URL of a new PostgreSQL schema; without a server, tests that need it are skipped."""
    from tests.postgres import schema

    with schema() as url:
        yield url


@pytest.fixture(scope="session")
def shop_settings() -> Settings:
    """Settings with which the small shop is fitted in seconds."""
    from smart_retail.settings import Settings

    return Settings.from_dict({"clusters": {"k": 3, "epochs": 20}, "recommend": {"merge": "blend", "list_length": 20}})


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory, shop_settings: Settings) -> tuple[Path, FitReport]:
    """Artifacts folder of the small shop, fitted once per session, and the report of the fit; do not write to it."""
    from smart_retail.training.fit import fit

    folder = tmp_path_factory.mktemp("shop")
    report = fit(shop.write(folder / "orders.csv"), artifacts=folder / "artifacts", settings=shop_settings)
    return folder / "artifacts", report
