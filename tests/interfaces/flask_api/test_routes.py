"""What the routes answer: the engine's results, unchanged, whatever the id."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fake_engine import CUSTOMER_IDS, ITEM_IDS, FakeEngine

from smart_retail.protocol import ALL, METHODS
from smart_retail_flask.json_responses import to_json

CARRIED = [c for c in CUSTOMER_IDS if c not in (".", "..")]


def plain(value: Any) -> Any:
    return json.loads(json.dumps(value.as_dict()))


@pytest.mark.parametrize("method", [*METHODS, ALL])
def test_a_list_is_the_engines_own(client: Any, engine: FakeEngine, method: str) -> None:
    for query, options in (
        ("", {}),
        ("&n=3&offset=2", {"n": 3, "offset": 2}),
        ("&exclude_purchased=false", {"exclude_purchased": False}),
        ("&explain=false", {"explain": False}),
        ("&category=Technology&category=Home%20%26%20Garden", {"categories": ["Technology", "Home & Garden"]}),
    ):
        answer = client.get(f"/v1/customers/C-002/recommendations?method={method}{query}")
        assert answer.json == plain(engine.recommend("C-002", method, **options))
        assert answer.headers["X-Model-Version"] == engine.version


def test_the_fast_writer_writes_what_as_dict_says(engine: FakeEngine) -> None:
    for method in (*METHODS, ALL):
        found = engine.recommend("C-003", method)
        assert json.loads(to_json(found)) == found.as_dict()
        assert list(json.loads(to_json(found))) == list(found.as_dict())


@pytest.mark.parametrize("customer", CARRIED)
def test_any_id_goes_through_a_path_under_every_server(server: str, engine: FakeEngine, customer: str) -> None:
    path = f"{server}/v1/customers/{quote(customer, safe='')}"
    assert httpx.get(f"{path}/recommendations?n=2").json() == plain(engine.recommend(customer, n=2))
    assert httpx.get(path).json() == plain(engine.customer(customer))


@pytest.mark.parametrize("item", [i for i in ITEM_IDS[-10:] if i not in (".", "..")])
def test_any_item_goes_through_a_path(live: str, engine: FakeEngine, item: str) -> None:
    answer = httpx.get(f"{live}/v1/items/{quote(item, safe='')}/similar")
    assert answer.json() == plain(engine.similar_items(item))


def test_any_id_goes_through_the_test_client(client: Any, engine: FakeEngine) -> None:
    for customer in CARRIED:
        answer = client.get(f"/v1/customers/{quote(customer, safe='')}/recommendations")
        assert answer.json == plain(engine.recommend(customer))


def test_an_id_that_ends_like_a_route_is_an_id(client: Any) -> None:
    assert client.get("/v1/customers/x%2Frecommendations").json["customer_id"] == "x/recommendations"
    assert client.get("/v1/customers/x/recommendations").json["customer_id"] == "x"
    assert client.get("/v1/customers/recommendations").json["customer_id"] == "recommendations"


def test_ids_that_no_path_carries_go_through_post_routes(client: Any, engine: FakeEngine) -> None:
    ids = [".", "..", "", "C-001"]
    answer = client.post("/v1/recommendations:batch", json={"customer_ids": ids, "n": 4})
    assert answer.json["lists"] == [plain(r) for r in engine.recommend_many(ids, n=4)]
    answer = client.post("/v1/recommendations:batch", json={"customer_ids": ["."], "n": 4, "offset": 2})
    assert answer.json["lists"] == [plain(engine.recommend(".", n=4, offset=2))]
    answer = client.post("/v1/customers:batch", json={"customer_ids": ids})
    assert answer.json["customers"] == [plain(engine.customer(c)) for c in ids]
    answer = client.post("/v1/items:similar", json={"item_id": ".."})
    assert answer.json == plain(engine.similar_items(".."))


def test_an_empty_id_in_a_path_is_no_other_id(client: Any) -> None:
    for path in ("/v1/customers//recommendations", "/v1/customers/", "/v1/items//similar"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.json["code"] == "not_found"


def test_an_unknown_customer_is_an_answer_unless_strict(client: Any) -> None:
    answer = client.get("/v1/customers/nobody/recommendations")
    assert answer.status_code == 200
    assert answer.json["known"] is False
    assert answer.json["fallback"] is True
    assert client.get("/v1/customers/nobody").json["known"] is False
    for path in ("/v1/customers/nobody", "/v1/customers/nobody/recommendations"):
        answer = client.get(f"{path}?strict=true")
        assert (answer.status_code, answer.json["code"]) == (404, "unknown_customer")
    assert client.get("/v1/customers/C-001?strict=true").status_code == 200


def test_look_ups_give_what_the_engine_gives(client: Any, engine: FakeEngine) -> None:
    def get(path: str) -> Any:
        return client.get(path).json

    assert get("/v1/customers?q=c-00&n=3")["customers"] == [plain(m) for m in engine.search_customers("c-00", 3)]
    assert get("/v1/items?q=paper")["items"] == [plain(i) for i in engine.search_items("paper")]
    assert get("/v1/popular?n=5") == plain(engine.popular(5))
    assert get("/v1/popular?category=Technology") == plain(engine.popular(category="Technology"))
    assert get("/v1/categories")["categories"] == engine.categories()
    assert get("/v1/segments")["segments"] == [plain(s) for s in engine.segments()]
    assert get("/v1/rfm-grid")["cells"] == [plain(c) for c in engine.rfm_grid()]
    assert get("/v1/clusters")["clusters"] == [plain(c) for c in engine.clusters()]
    assert get("/v1/clusters/points?limit=7")["points"] == [plain(p) for p in engine.cluster_points(7)]
    assert get("/v1/model") == plain(engine.model())
    assert get("/livez") == {"status": "alive"}
    assert get("/readyz") == {"status": "ready", "model_version": engine.version, "refused": None}
    basket = client.post("/v1/basket/recommendations", json={"item_ids": ["A/B", "no such"], "n": 5})
    assert basket.json == plain(engine.recommend_for_basket(["A/B", "no such"], 5))


def test_an_escaped_route_is_the_route(client: Any) -> None:
    assert client.post("/v1/recommendations%3Abatch", json={"customer_ids": ["C-001"]}).status_code == 200


def test_a_prefix_in_front_of_the_application_is_taken_off(app: Any) -> None:
    answer = app.test_client().get("/shop/v1/customers/A%2FB", base_url="http://localhost/", environ_overrides={
        "SCRIPT_NAME": "/shop", "PATH_INFO": "/v1/customers/A/B", "RAW_URI": "/shop/v1/customers/A%2FB",
    })  # fmt: skip
    assert answer.json["customer_id"] == "A/B"
