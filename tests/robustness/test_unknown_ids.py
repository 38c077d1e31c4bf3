"""Ids from all of Unicode that no shop has are answered in the right form."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from tests import shop

from .unknown_ids import ask_for_strangers, strange_ids

pytest.importorskip("flask_openapi3")


def test_strangers_are_no_error(fitted: tuple[Path, FitReport]) -> None:
    from smart_retail_flask.app import create_app
    from smart_retail_flask.openapi import openapi

    app = create_app(Engine.load(fitted[0]))
    ids = strange_ids(200, set(shop.customers()))
    assert ask_for_strangers(app.test_client(), openapi(app), ids) >= 190
