"""Scenarios, prices and excluded products as options of requests."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from smart_retail_flask.app import create_app

RULES = """
[scenario.cart]
method = "popular"
n = 4
[scenario.long]
method = "all"
n = 1000
"""
PATH = "/v1/customers/c0001/recommendations"


@pytest.fixture
def engine(fitted: tuple[Path, FitReport], tmp_path: Path) -> Engine:
    folder = shutil.copytree(fitted[0], tmp_path / "artifacts")
    (folder / "rules.toml").write_text(RULES, encoding="utf-8")
    return Engine.load(folder)


@pytest.fixture
def client(engine: Engine) -> Any:
    return create_app(engine).test_client()


def ids(result: Any) -> list[str]:
    return [item["item_id"] for item in result["items"]]


def test_a_scenario_is_a_parameter_of_lists(client: Any, engine: Engine) -> None:
    expected = [item.item_id for item in engine.recommend("c0001", scenario="cart").items]
    assert len(expected) == 4
    assert ids(client.get(f"{PATH}?scenario=cart").json) == expected
    assert len(ids(client.get(f"{PATH}?scenario=cart&n=7").json)) == 7
    body = {"customer_ids": ["c0001"], "scenario": "cart"}
    assert ids(client.post("/v1/recommendations:batch", json=body).json["lists"][0]) == expected
    basket = client.post("/v1/basket/recommendations", json={"item_ids": ["G-005"], "scenario": "cart"}).json
    assert (basket["method"], len(basket["items"])) == ("popular", 4)


def test_an_unknown_scenario_is_an_error_with_the_known_names(client: Any) -> None:
    response = client.get(f"{PATH}?scenario=kart")
    assert (response.status_code, response.json["code"]) == (400, "usage")
    assert response.json["hint"] == "Scenarios: cart, long."


def test_a_scenario_does_not_exceed_the_limits_of_a_batch(client: Any) -> None:
    body = {"customer_ids": ["c0001", "c0002"], "scenario": "long"}
    response = client.post("/v1/recommendations:batch", json=body)
    assert (response.status_code, response.json["code"]) == (400, "usage")
    assert "at most 5,000 items" in response.json["detail"]
    assert client.post("/v1/recommendations:batch", json=body | {"n": 5}).status_code == 200


def test_the_model_lists_the_scenarios_of_the_rules_in_force(client: Any, engine: Engine) -> None:
    assert [s["name"] for s in client.get("/v1/model").json["scenarios"]] == ["cart", "long"]
    engine.rules_file.write_text(RULES.replace("cart", "basket"), encoding="utf-8")
    assert [s["name"] for s in client.get("/v1/model").json["scenarios"]] == ["basket", "long"]
    assert client.get(f"{PATH}?scenario=cart").status_code == 400


def test_prices_and_excluded_products_are_parameters_of_every_list(client: Any, engine: Engine) -> None:
    first = engine.popular(1).items[0].item_id
    options = {"price_min": 4.5, "price_max": 900000.5, "exclude": [first, "no such item"]}
    expected = [i.item_id for i in engine.popular(5, **options).items]  # type: ignore[arg-type]
    assert first not in expected
    assert ids(client.get("/v1/popular", query_string=options | {"n": 5}).json) == expected
    for path in (PATH, "/v1/items/G-005/similar"):
        got = ids(client.get(path, query_string=options | {"n": 5}).json)
        assert got
        assert all((engine.item(i).unit_price or 5) >= 4.5 for i in got)
        assert first not in got
    body = options | {"item_id": "G-005", "n": 5}
    similar = engine.similar_items("G-005", 5, **options)  # type: ignore[arg-type]
    assert ids(client.post("/v1/items:similar", json=body).json) == [i.item_id for i in similar.items]


@pytest.mark.parametrize(
    "query", ["price_min=-1", "price_max=nan", "price_min=5&price_max=4", "price_min=1,5", "price_min=1e400"]
)
def test_prices_that_are_not_valid_are_refused(client: Any, query: str) -> None:
    for path in (PATH, "/v1/popular"):
        response = client.get(f"{path}?{query}")
        assert (response.status_code, response.json["code"]) == (400, "usage")
