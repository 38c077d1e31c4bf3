"""A bundle of the small shop, fitted once for all tests of the core."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import shop

from smart_retail.engine import Engine
from smart_retail.results import FitReport
from smart_retail.settings import Settings
from smart_retail.training import fit


@pytest.fixture(scope="session")
def shop_settings() -> Settings:
    return Settings.from_dict({"clusters": {"k": 3, "epochs": 20}, "recommend": {"merge": "blend", "list_length": 20}})


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory, shop_settings: Settings) -> tuple[Path, FitReport]:
    """The artifacts folder of the shop and the report of its fit. Read only."""
    folder = tmp_path_factory.mktemp("shop")
    report = fit(shop.write(folder / "orders.csv"), artifacts=folder / "artifacts", settings=shop_settings)
    return folder / "artifacts", report


@pytest.fixture
def engine(fitted: tuple[Path, FitReport]) -> Engine:
    return Engine.load(fitted[0])
