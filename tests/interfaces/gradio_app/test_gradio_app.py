"""The Gradio app over the small shop: screens, named endpoints, limits, and no external resources."""

from __future__ import annotations

import gc
import html
import re
import socket
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import structs
from tests.fitted_shop import MakeEngine

pytest.importorskip("gradio", reason="the extra gradio is not installed")

from tests import shop

from smart_retail.errors import RemoteError
from smart_retail.presentation.sales_texts import describe_sales, last_days
from smart_retail.protocol import METHODS
from smart_retail.serving.engine import Engine
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail.serving.web_app import WebAppOptions
from smart_retail_gradio import app, theme
from smart_retail_gradio import html as render

pytestmark = [  # Gradio and its client leave event loops open; the garbage collector closes their sockets
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

IDS = re.compile(r'<span class="sr-name">(.*?)</span>(?:<span class="sr-id">(.*?)</span>)?')


@pytest.fixture(scope="module", autouse=True)
def _collect_event_loops() -> Iterator[None]:
    """Collect open event loops here, not in the middle of another test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="module")
def demo(engine: Engine) -> Any:
    return app.build_demo(engine)


@pytest.fixture(scope="module")
def client(engine: Engine) -> Iterator[Any]:
    """A client of the named endpoints of a running app."""
    from gradio_client import Client

    from smart_retail_gradio.server import start

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        running: Any = start(engine, WebAppOptions(port=port), block=False)
        client = Client(running.local_url, verbose=False, analytics_enabled=False)
        yield client
        client.close()
        running.close()


def test_a_request_under_a_foreign_host_name_is_rejected(client: Any) -> None:
    def status(host: str) -> int:
        return httpx.get(client.src, headers={"Host": host}, trust_env=False).status_code

    port = httpx.URL(client.src).port
    assert {status(f"{name}:{port}") for name in ("127.0.0.1", "localhost", "[::1]")} == {200}
    assert {
        status(name) for name in ("attacker.example", f"attacker.example:{port}", "127.0.0.1.attacker.example")
    } == {400}


SECRET = "secret-4711"


def hostile_calls(url: str) -> list[httpx.Response]:
    """Send values of wrong types and choices to every function, to unknown routes and as malformed JSON."""
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as http:
        config = http.get("/config").json()
        responses = []
        for function in config["dependencies"]:
            for data in ([], [SECRET], [[SECRET], {SECRET: 1}] * 3, [SECRET] * len(function["inputs"])):
                body = {"data": data, "fn_index": function["id"], "session_hash": "s"}
                responses.append(http.post("/gradio_api/queue/join", json=body))
                responses.append(http.post(f"/gradio_api/run/{function['api_name'] or 'x'}", json=body))
                responses.append(http.post("/gradio_api/run/predict", json=body))
        for path in ("queue/join", "run/recommend", "call/similar", "component_server", f"run/{SECRET}", "cancel"):
            responses.append(http.post(f"/gradio_api/{path}", json={"data": SECRET, "fn_name": SECRET}))
            responses.append(http.post(f"/gradio_api/{path}", content=f"{{{SECRET}"))
        responses += [
            http.get(f"/gradio_api/file={SECRET}"),
            http.get(f"/{SECRET}"),
            http.get("/gradio_api/queue/data"),
        ]
        try:
            with http.stream("GET", "/gradio_api/queue/data", params={"session_hash": "s"}, timeout=5) as events:
                for _ in events.iter_lines():
                    pass
        except httpx.HTTPError:  # the app waits for events, or the one that failed ends the stream
            pass
        return responses


def test_no_value_of_a_request_reaches_the_log(
    client: Any, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    statuses = [response.status_code for response in hostile_calls(client.src)]
    assert max(statuses) >= 500, "some of these requests fail inside Gradio"
    printed = capfd.readouterr()
    for text in (printed.out, printed.err, caplog.text):
        assert SECRET not in text
        assert "Traceback" not in text
    assert "A request failed: " in printed.err + caplog.text


@pytest.mark.parametrize("path", ["upload", "process_recording", "component_server"])
def test_files_of_visitors_are_not_stored(
    client: Any, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for content in (b"", b"x" * 1000):
        files = {"files": ("orders.csv", content)}
        response = httpx.post(f"{client.src}/gradio_api/{path}", files=files, trust_env=False)
        assert response.status_code == 403
    assert list(tmp_path.iterdir()) == []


def test_the_app_uses_a_new_version_as_soon_as_it_is_published(engine: Engine, make_engine: MakeEngine) -> None:
    active = ["v1"]
    holder = ReloadingEngine(lambda: make_engine(version=active[0]), lambda: active[0])
    demo = app.build_demo(holder)
    calls = {getattr(f.fn, "__name__", ""): f.fn for f in demo.fns.values()}
    assert "v1" in calls["refresh_page"]()[-1]
    active[0] = "v2"
    holder.refresh()
    *parts, footer = calls["refresh_page"]()
    assert "model v2" in footer
    assert parts[0].choices == [(c, c) for c in engine.categories()]
    assert calls["recommend"]("c0003")["model_version"] == "v2"
    assert calls["similar"]("G-001")["model_version"] == "v2"
    assert calls["basket"](["G-001"])["model_version"] == "v2"


def test_an_error_on_opening_the_page_is_shown_in_the_footer(make_engine: MakeEngine) -> None:
    class Failing(Engine):
        available = True

        def model(self) -> Any:
            if self.available:
                return super().model()
            raise RemoteError("The API does not respond.", "Is it up?")

    engine = make_engine(Failing)
    demo = app.build_demo(engine)
    engine.available = False
    (refresh_page,) = (f.fn for f in demo.fns.values() if getattr(f.fn, "__name__", "") == "refresh_page")
    *parts, footer = refresh_page()
    assert "The API does not respond." in footer
    assert parts[-1] == "", "no list of an engine that failed"


def shown(body: str) -> list[str]:
    return [html.unescape(identity or name) for name, identity in IDS.findall(body)]


@pytest.mark.parametrize("method", METHODS)
def test_a_list_shows_the_engines_items_and_reasons(method: str, engine: Engine) -> None:
    result = engine.recommend("c0003", method, 7)
    body = render.recommendations(result)
    assert shown(body) == [item.item_id for item in result.items]
    for item in result.items:
        assert item.reasons[0].text in html.unescape(body)


def test_shared_items_are_marked_in_the_comparison_of_methods(engine: Engine) -> None:
    result = engine.recommend("c0003", "all")
    body = render.recommendations(result)
    assert body.count("<section>") == len(METHODS)
    lists = {i.item_id for each in result.lists.values() for i in each.items}
    assert set(shown(body)) == lists
    assert "in 5 lists" in body


def test_an_unknown_customer_gets_a_note(engine: Engine) -> None:
    assert "This customer has no purchases in the data" in render.recommendations(engine.recommend("unknown"))
    assert "unknown customer" in render.customer_profile(engine.customer("unknown"), "EUR")


def test_names_with_markup_are_escaped(engine: Engine) -> None:
    result = engine.recommend("c0003")
    bad = "<img src=x onerror='alert(1)'>"
    reasons = tuple(structs.replace(r, text=bad) for r in result.items[0].reasons)
    item = structs.replace(result.items[0], item_name=bad, item_id=bad, category=bad, reasons=reasons)
    body = render.recommendations(structs.replace(result, items=(item,)))
    assert "<img" not in body
    person = structs.replace(engine.customer("c0003"), customer_name=bad, customer_id=bad)
    assert "<img" not in render.customer_profile(person, bad)


def test_an_empty_list_shows_what_to_do(engine: Engine) -> None:
    empty = structs.replace(engine.recommend("c0003"), items=())
    assert "another category" in render.recommendations(empty)


def test_the_examples_are_a_champion_one_order_and_an_unknown_customer(engine: Engine) -> None:
    found = app.examples(engine)
    assert engine.customer(found["Champion"]).rfm.segment == "Champions"  # type: ignore[union-attr]
    assert engine.customer(found["One order"]).orders == 1
    assert not engine.customer(found["Unknown customer"]).known


def test_search_matches_are_pairs_of_label_and_id(engine: Engine) -> None:
    assert app.find_customers(engine, "c0001")[0] == ("Name of c0001 · c0001", "c0001")
    assert ('Garden thing 4, "big" <& co> · G-004', "G-004") in app.find_items(engine, "garden")


def test_only_the_named_endpoints_are_public(demo: Any) -> None:
    public = set(demo.get_api_info()["named_endpoints"])
    assert public == {"/recommend", "/similar", "/basket", "/value", "/segments", "/clusters", "/sales"}


def test_the_queue_is_bounded_and_analytics_are_off(demo: Any) -> None:
    assert demo._queue.max_size == app.MAX_QUEUED_REQUESTS
    assert demo._queue.default_concurrency_limit == app.MAX_CONCURRENT_REQUESTS
    assert demo.analytics_enabled is False


def test_theme_and_style_load_nothing_external() -> None:
    built = theme.theme()
    assert built._stylesheets == []
    styles = built._get_theme_css().replace("http://www.w3.org/2000/svg", "") + theme.CSS
    assert not re.search(r"https?://|//fonts", styles)


@pytest.mark.parametrize("customer", ["c0003", *shop.ODD_CUSTOMERS[:8], "unknown"])
def test_the_recommend_endpoint_returns_the_result_of_the_engine(client: Any, customer: str, engine: Engine) -> None:
    returned = client.predict(customer_id=customer, method="hybrid", n=5, exclude_purchased=True, api_name="/recommend")
    assert returned == engine.recommend(customer, n=5).as_dict()


def test_the_other_endpoints_return_the_results_of_the_engine(client: Any, engine: Engine) -> None:
    assert client.predict(item_id="A/B", n=4, api_name="/similar") == engine.similar_items("A/B", 4).as_dict()
    basket = ["G-001", "no such item"]
    returned = client.predict(item_ids=basket, n=4, method="cf", api_name="/basket")
    assert returned == engine.recommend_for_basket(basket, 4, method="cf").as_dict()
    returned = client.predict(customer_id="c0003", categories=["Kitchen"], api_name="/recommend")
    assert returned == engine.recommend("c0003", categories=["Kitchen"]).as_dict()
    returned = client.predict(first="2025-01-06", last="2025-02-09", category="garden", api_name="/sales")
    assert returned == engine.sales("2025-01-06", "2025-02-09", "garden").as_dict()


def test_the_shop_is_shown_for_a_period_and_a_category(demo: Any, engine: Engine) -> None:
    show_shop = next(f.fn for f in demo.fns.values() if getattr(f.fn, "__name__", "") == "show_shop")
    model, page = engine.model(), html.unescape(show_shop(91, "Garden"))
    found = engine.sales(*last_days(91, model.first, model.last), "Garden")
    assert describe_sales(found, model.currency) in page
    assert all(segment.action in page for segment in engine.segments())
    assert all(cluster.name in page for cluster in engine.clusters())


def test_an_error_has_its_code_and_no_traceback(client: Any) -> None:
    with pytest.raises(Exception, match=r"unknown_item: No item has the id 'G-0004'. Did you mean G-004") as caught:
        client.predict(item_id="G-0004", api_name="/similar")
    assert "Traceback" not in str(caught.value)
    with pytest.raises(Exception, match=r"usage: n is 5000"):
        client.predict(customer_id="c0001", n=5000, api_name="/recommend")
