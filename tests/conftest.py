"""Fixtures shared by all tests."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:  # the core is imported by the tests that need it
    from smart_retail.results import FitReport
    from smart_retail.serving.engine import Engine
    from tests.fitted_shop import MakeEngine

# No generated example may fail since the machine is busy.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


def pytest_collection_finish() -> None:
    freeze_objects()


def pytest_sessionfinish() -> None:
    gc.unfreeze()  # libraries report objects that are never collected as leaks


def freeze_objects() -> None:
    """Exempt the objects of imported modules from garbage collection; a pass over them takes a third of a second."""
    gc.collect()
    gc.freeze()


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
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FitReport]:
    """Artifacts folder of the small shop, fitted once per test run, and the report of the fit; do not write to it."""
    from tests.fitted_shop import fit_shop_once

    base = tmp_path_factory.getbasetemp()
    result = fit_shop_once(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)
    freeze_objects()  # of the training libraries
    return result


@pytest.fixture(scope="session")
def demo_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts folder of the demo data with lists of every method, for long trials; do not write to it."""
    from smart_retail.data.demo import load_demo
    from smart_retail.training.fit import fit

    folder = tmp_path_factory.mktemp("demo")
    fit(load_demo(), artifacts=folder / "artifacts")
    return folder / "artifacts"


@pytest.fixture(scope="session")
def make_engine(fitted: tuple[Path, FitReport]) -> MakeEngine:
    """``make_engine(Failing, version="v2")``: an engine over the small shop; see `tests.fitted_shop.open_engine`."""
    from tests.fitted_shop import open_engine

    return partial(open_engine, fitted[0])


@pytest.fixture(scope="session")
def engine(make_engine: MakeEngine) -> Engine:
    """The engine of the small shop."""
    found: Engine = make_engine()
    return found
