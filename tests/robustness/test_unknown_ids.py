"""Unknown customers with ids from all of Unicode get valid responses."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from tests import shop

from .unknown_ids import request_unknown_customers, unknown_ids

pytest.importorskip("flask_openapi3")


def test_unknown_ids_get_valid_responses(fitted: tuple[Path, FitReport]) -> None:
    from smart_retail_flask.app import create_app
    from smart_retail_flask.openapi import openapi

    app = create_app(Engine.load(fitted[0]))
    ids = unknown_ids(200, set(shop.customers()))
    assert request_unknown_customers(app.test_client(), openapi(app), ids) >= 190
