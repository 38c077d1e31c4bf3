"""Smart Retail Engine: raw order lines in, customer segments and recommendations out.

from smart_retail import Engine, fit

fit("orders.xlsx", artifacts="artifacts")
Engine.load("artifacts").recommend("AA-10315")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from smart_retail.errors import (
    ArtifactError,
    DataError,
    FitError,
    LockError,
    QualityGateError,
    RemoteError,
    RetailError,
    UsageError,
)
from smart_retail.version import __version__

if TYPE_CHECKING:
    from smart_retail.client.remote_engine import RemoteEngine
    from smart_retail.serving.engine import Engine
    from smart_retail.serving.item_updates import add_items
    from smart_retail.settings import Settings
    from smart_retail.training.fit import evaluate, fit

_LAZY = {
    "Engine": "smart_retail.serving.engine",
    "RemoteEngine": "smart_retail.client.remote_engine",
    "Settings": "smart_retail.settings",
    "add_items": "smart_retail.serving.item_updates",
    "evaluate": "smart_retail.training.fit",
    "fit": "smart_retail.training.fit",
}

__all__ = [
    "ArtifactError",
    "DataError",
    "Engine",
    "FitError",
    "LockError",
    "QualityGateError",
    "RemoteEngine",
    "RemoteError",
    "RetailError",
    "Settings",
    "UsageError",
    "__version__",
    "add_items",
    "evaluate",
    "fit",
]


def __getattr__(name: str) -> Any:
    """Import a name on its first use, since its module is slow to import."""
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
