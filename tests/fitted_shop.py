"""The small shop of `tests.shop`, fitted: one bundle for all tests of a run, and engines over it.

A test that needs an engine which fails, waits or counts its calls overrides one method in a subclass of `Engine` and
opens it over the same bundle with the fixture `make_engine`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock

from smart_retail.bundle.reader import Bundle, read_pointer
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail.settings import Settings
from tests import shop

SETTINGS = Settings.from_dict({"clusters": {"k": 3, "epochs": 20}, "recommend": {"merge": "blend", "list_length": 20}})
"""Settings with which the small shop is fitted in seconds."""

MakeEngine = Callable[..., Any]
"""Type of the fixture `make_engine`: `open_engine` over the bundle of all tests."""


class RemoteLikeEngine(Engine):
    """An engine that front ends treat as one behind an API: its bundle is not open in their process."""

    is_local = False


def fit_shop(folder: Path) -> FitReport:
    """Fit the small shop into ``folder/artifacts`` and return the report of the fit."""
    from smart_retail.training.fit import fit

    return fit(shop.write(folder / "orders.csv"), artifacts=folder / "artifacts", settings=SETTINGS)


def fit_shop_once(base: Path) -> tuple[Path, FitReport]:
    """Return artifacts folder and report of the small shop below `base`, fitted by the first process that calls this.

    Parameters
    ----------
    base : Path
        A folder that the processes of one test run share.
    """
    folder = base / "fitted-shop"
    stored = folder / "report.msgpack"
    with FileLock(base / "fitted-shop.lock"):
        if not stored.is_file():
            folder.mkdir(exist_ok=True)
            encoded = msgspec.msgpack.encode(fit_shop(folder))
            partial = stored.with_suffix(".partial")
            partial.write_bytes(encoded)
            partial.replace(stored)
    return folder / "artifacts", msgspec.msgpack.decode(stored.read_bytes(), type=FitReport)


def open_engine(artifacts: Path, kind: type[Engine] = Engine, version: str = "") -> Any:
    """Return an engine over a bundle.

    Parameters
    ----------
    artifacts : Path
        The folder that holds the bundle.
    kind : type
        `Engine` or a subclass that overrides a method.
    version : str
        Version id that the engine reports; empty for that of the bundle.
    """
    bundle = Bundle.open(artifacts)
    return kind(replace(bundle, version=version) if version else bundle)


def reloading_engine(kind: type[Engine], artifacts: Path) -> ReloadingEngine:
    """Return an engine of this class that follows the bundle, as a server needs it after an erasure."""
    return ReloadingEngine(lambda: kind.load(artifacts), lambda: read_pointer(artifacts))
