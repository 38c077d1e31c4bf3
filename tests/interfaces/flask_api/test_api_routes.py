"""Routes return the results of the engine unchanged, for any id."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from tests import shop

from smart_retail.protocol import ALL, METHODS
from smart_retail.results import to_json
from smart_retail.serving.engine import Engine
from smart_retail_flask.app import create_app

URL_IDS = [c for c in shop.customers() if c not in (".", "..")]


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value.as_dict()))


@pytest.mark.parametrize("method", [*METHODS, ALL])
def test_list_is_the_result_of_the_engine(client: Any, engine: Engine, method: str) -> None:
    for query, options in (
        ("", {}),
        ("&n=3&offset=2", {"n": 3, "offset": 2}),
        ("&exclude_purchased=false", {"exclude_purchased": False}),
        ("&explain=false", {"explain": False}),
        ("&category=Kitchen&category=Office%20%26%20Home", {"categories": ["Kitchen", "Office & Home"]}),
    ):
        response = client.get(f"/v1/customers/c0002/recommendations?method={method}{query}")
        assert response.json == as_json(engine.recommend("c0002", method, **options))
        assert response.headers["X-Model-Version"] == engine.version


def test_json_encoder_matches_as_dict(engine: Engine) -> None:
    for method in (*METHODS, ALL):
        result = engine.recommend("c0003", method)
        assert json.loads(to_json(result)) == result.as_dict()
        assert list(json.loads(to_json(result))) == list(result.as_dict())


@pytest.mark.slow
def test_any_customer_id_works_in_a_path_under_every_server(server: str, engine: Engine) -> None:
    with httpx.Client(base_url=server) as http:
        for customer in URL_IDS:
            path = f"/v1/customers/{quote(customer, safe='')}"
            assert http.get(f"{path}/recommendations?n=2").json() == as_json(engine.recommend(customer, n=2))
            assert http.get(path).json() == as_json(engine.customer(customer))


@pytest.mark.parametrize("item", [i for i in shop.ODD_ITEMS if i not in (".", "..")])
def test_any_item_id_works_in_a_path(live: str, engine: Engine, item: str) -> None:
    response = httpx.get(f"{live}/v1/items/{quote(item, safe='')}/similar")
    assert response.json() == as_json(engine.similar_items(item))


def test_any_customer_id_works_with_the_test_client(client: Any, engine: Engine) -> None:
    for customer in URL_IDS:
        response = client.get(f"/v1/customers/{quote(customer, safe='')}/recommendations")
        assert response.json == as_json(engine.recommend(customer))


def test_escaped_slash_does_not_select_another_route(client: Any) -> None:
    assert client.get("/v1/customers/x%2Frecommendations").json["customer_id"] == "x/recommendations"
    assert client.get("/v1/customers/x/recommendations").json["customer_id"] == "x"
    assert client.get("/v1/customers/recommendations").json["customer_id"] == "recommendations"


def test_ids_that_cannot_be_in_a_url_work_in_post_routes(client: Any, engine: Engine) -> None:
    ids = [".", "..", "", "c0001"]
    response = client.post("/v1/recommendations:batch", json={"customer_ids": ids, "n": 4})
    assert response.json["lists"] == [as_json(r) for r in engine.recommend_many(ids, n=4)]
    response = client.post("/v1/recommendations:batch", json={"customer_ids": ["."], "n": 4, "offset": 2})
    assert response.json["lists"] == [as_json(engine.recommend(".", n=4, offset=2))]
    response = client.post("/v1/customers:batch", json={"customer_ids": ids})
    assert response.json["customers"] == [as_json(engine.customer(c)) for c in ids]
    response = client.post("/v1/items:similar", json={"item_id": ".."})
    assert response.json == as_json(engine.similar_items(".."))
    response = client.post("/v1/items:details", json={"item_id": ".."})
    assert response.json == as_json(engine.item(".."))


def test_empty_id_in_a_path_is_not_found(client: Any) -> None:
    for path in ("/v1/customers//recommendations", "/v1/customers/", "/v1/items//similar"):
        response = client.get(path)
        assert response.status_code == 404
        assert response.json["code"] == "not_found"


def test_unknown_customer_is_an_error_only_with_strict(client: Any) -> None:
    response = client.get("/v1/customers/unknown/recommendations")
    assert response.status_code == 200
    assert response.json["known"] is False
    assert response.json["fallback"] is True
    assert client.get("/v1/customers/unknown").json["known"] is False
    for path in ("/v1/customers/unknown", "/v1/customers/unknown/recommendations"):
        response = client.get(f"{path}?strict=true")
        assert (response.status_code, response.json["code"]) == (404, "unknown_customer")
    assert client.get("/v1/customers/c0001?strict=true").status_code == 200


def test_lookups_return_the_results_of_the_engine(client: Any, engine: Engine) -> None:
    def get(path: str) -> Any:
        return client.get(path).json

    assert get("/v1/customers?q=c000&n=3")["customers"] == [as_json(m) for m in engine.search_customers("c000", 3)]
    assert get("/v1/items?q=garden")["items"] == [as_json(i) for i in engine.search_items("garden")]
    assert get("/v1/items/G-004") == as_json(engine.item("G-004"))
    assert client.get("/v1/items/G-0004").status_code == 404
    assert get("/v1/popular?n=5") == as_json(engine.popular(5))
    assert get("/v1/popular?category=Kitchen") == as_json(engine.popular(category="Kitchen"))
    assert get("/v1/categories")["categories"] == engine.categories()
    assert get("/v1/segments")["segments"] == [as_json(s) for s in engine.segments()]
    assert get("/v1/rfm-grid")["cells"] == [as_json(c) for c in engine.rfm_grid()]
    assert get("/v1/clusters")["clusters"] == [as_json(c) for c in engine.clusters()]
    assert get("/v1/clusters/points?limit=7")["points"] == [as_json(p) for p in engine.cluster_points(7)]
    assert get("/v1/model") == as_json(engine.model())
    assert get("/livez") == {"status": "alive"}
    problems = {"refused": None, "rules_error": None, "store_error": None}
    assert get("/readyz") == {"status": "ready", "model_version": engine.version, **problems}
    basket = client.post("/v1/basket/recommendations", json={"item_ids": ["A/B", "no such"], "n": 5})
    assert basket.json == as_json(engine.recommend_for_basket(["A/B", "no such"], 5))


def test_escaped_colon_selects_the_route(client: Any) -> None:
    assert client.post("/v1/recommendations%3Abatch", json={"customer_ids": ["c0001"]}).status_code == 200


def test_path_prefix_of_a_proxy_is_removed(app: Any) -> None:
    response = app.test_client().get("/shop/v1/customers/A%2FB", base_url="http://localhost/", environ_overrides={
        "SCRIPT_NAME": "/shop", "PATH_INFO": "/v1/customers/A/B", "RAW_URI": "/shop/v1/customers/A%2FB",
    })  # fmt: skip
    assert response.json["customer_id"] == "A/B"


def test_readiness_reports_a_changed_rules_file_that_is_not_valid(local_engine: Engine) -> None:
    rules = local_engine.artifacts / "rules.toml"
    rules.write_text("ban = []\n", encoding="utf-8")
    client = create_app(Engine.load(local_engine.artifacts)).test_client()
    rules.write_text("ban = [\n\n", encoding="utf-8")
    response = client.get("/readyz")
    assert (response.status_code, response.json["rules_error"]) == (200, "settings")
    assert str(rules) not in response.text


def test_api_is_not_ready_while_the_events_cannot_be_read(local_engine: Engine) -> None:
    client = create_app(local_engine).test_client()
    events = local_engine.artifacts / "events.sqlite"
    events.write_bytes(b"not a database" * 100)
    response = client.get("/readyz")
    assert (response.status_code, response.json["code"]) == (503, "unavailable")
    assert "events" in response.json["detail"]
    assert client.get("/v1/customers/c0001").status_code == 503
    assert client.get("/livez").status_code == client.get("/v1/popular").status_code == 200
    events.unlink()
    assert client.get("/readyz").status_code == 200
