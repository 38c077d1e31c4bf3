"""From a file of orders to a list on the screen, with the real engine and a real fit."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests import shop

from smart_retail.serving.engine import Engine
from smart_retail.training.stage_timer import STAGES
from smart_retail_tkinter import core_services

from .test_tk_responsive import Heartbeat


@pytest.mark.slow
def test_a_fitted_file_shows_the_lists_of_the_engine(
    make_window: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMART_RETAIL_CLUSTERS__K", "3")
    monkeypatch.setenv("SMART_RETAIL_CLUSTERS__EPOCHS", "5")
    monkeypatch.setenv("SMART_RETAIL_RECOMMEND__MERGE", "blend")
    loaded = {"tensorflow", "sklearn"} & set(sys.modules)
    orders = shop.write(tmp_path / "orders.csv")
    window = make_window(None, load=core_services.load_bundle)
    window.dialogs.chosen_sources = (str(orders),)
    heartbeat = Heartbeat(window.root)
    window.key("<Control-O>", window.root)
    dialog = window.app.fit_window
    window.until(lambda: dialog.start.instate(["!disabled"]), "the preview")
    fields = [dialog.fields.tree.set(i, "field") for i in dialog.fields.tree.get_children()]
    assert {"customer_id", "item_id", "timestamp"} <= set(fields)
    dialog.artifacts.set(str(tmp_path / "artifacts"))
    dialog.start.invoke()
    stages = set()
    window.until(lambda: stages.add(s.stage if (s := window.app.fits.state()) else "") or not window.app.fits.running)
    assert heartbeat.beats > len(stages)
    heartbeat.stop()
    texts = {name.partition(": ")[2] for name in stages}
    assert {STAGES[name].text for name in ("clusters", "recommendations")} <= texts, stages
    window.until(lambda: window.customers(), "the customers of the new bundle")
    engine = Engine.load(tmp_path / "artifacts")
    assert window.app.presenter.model.version == engine.version
    assert window.dialogs.errors == []
    dialog.close()
    for customer in window.customers()[:3]:
        window.choose(customer)
        hide = window.app.presenter.exclude_purchased
        expected = engine.recommend(customer, exclude_purchased=hide)
        assert window.ids(window.list_tree) == [item.item_id for item in expected.items]
    assert {"tensorflow", "sklearn"} & set(sys.modules) == loaded
