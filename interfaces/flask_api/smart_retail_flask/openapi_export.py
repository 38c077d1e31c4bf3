"""The OpenAPI document without a running API, as a dict or a file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, cast

from smart_retail.protocol import RetailEngine
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail.utils.atomic_file import write_atomically
from smart_retail_flask import openapi as document
from smart_retail_flask.app import create_app


def export(path: str | os.PathLike[str]) -> None:
    """Write the OpenAPI document as JSON."""
    write_atomically(Path(path), f"{json.dumps(openapi(), indent=2, ensure_ascii=False)}\n".encode())


def openapi() -> dict[str, Any]:
    """Return the OpenAPI document."""
    no_engine = cast(RetailEngine, None)  # the document does not depend on the engine
    return document.openapi(create_app(ReloadingEngine.fixed(no_engine)))
