"""The Gradio app over the small engine: screens, named endpoints, limits, and nothing from elsewhere."""

from __future__ import annotations

import gc
import html
import re
import socket
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import structs

pytest.importorskip("gradio", reason="the extra gradio is not installed")

from tests.fake_engine import ODD_IDS, FakeEngine

from smart_retail.errors import RemoteError
from smart_retail.protocol import METHODS
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail_gradio import app
from smart_retail_gradio import html as render
from smart_retail_gradio import theme as look

pytestmark = [  # Gradio and its client leave event loops open; nobody but the collector closes their sockets
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

IDS = re.compile(r"<b>(.*?)</b>(?:<span class='sr-id sr-line'>(.*?)</span>)?")


@pytest.fixture(scope="module", autouse=True)
def _swept() -> Iterator[None]:
    """Open loops are swept up here, not in the middle of somebody else's test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="module")
def demo() -> Any:
    return app.build_demo(FakeEngine())


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A program that uses the named endpoints of a running app."""
    from gradio_client import Client

    from smart_retail_gradio.server import start

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        running: Any = start(FakeEngine(), "127.0.0.1", port, block=False)
        client = Client(running.local_url, verbose=False, analytics_enabled=False)
        yield client
        client.close()
        running.close()


def test_an_open_app_answers_with_the_version_published_since() -> None:
    active = ["v1"]
    holder = ReloadingEngine(lambda: FakeEngine(active[0]), lambda: active[0])
    demo = app.build_demo(holder)
    calls = {getattr(f.fn, "__name__", ""): f.fn for f in demo.fns.values()}
    assert "v1" in calls["again"]()[-1]
    active[0] = "v2"
    holder.refresh()
    *parts, footer = calls["again"]()
    assert "model v2" in footer
    assert parts[0].choices == [(c, c) for c in FakeEngine().categories()]
    assert calls["recommend"]("C-003")["model_version"] == "v2"
    assert calls["similar"]("P-001")["model_version"] == "v2"
    assert calls["basket"](["P-001"])["model_version"] == "v2"


def test_an_engine_that_fails_on_opening_is_told_of_in_the_footer() -> None:
    class Gone(FakeEngine):
        alive = True

        def model(self) -> Any:
            if self.alive:
                return super().model()
            raise RemoteError("The API does not answer.", "Is it up?")

    engine = Gone()
    demo = app.build_demo(engine)
    engine.alive = False
    (opened,) = (f.fn for f in demo.fns.values() if getattr(f.fn, "__name__", "") == "again")
    *parts, told = opened()
    assert "The API does not answer." in told
    assert parts[-1] == "", "no list of an engine that is gone"


def shown(body: str) -> list[str]:
    return [html.unescape(identity or name) for name, identity in IDS.findall(body)]


@pytest.mark.parametrize("method", METHODS)
def test_a_list_shows_the_engines_items_and_reasons(method: str) -> None:
    answer = FakeEngine().recommend("C-003", method, 7)
    body = render.answer(answer)
    assert shown(body) == [item.item_id for item in answer.items]
    for item in answer.items:
        assert html.escape(item.reasons[0].text) in body


def test_all_lists_stand_side_by_side_with_marks() -> None:
    answer = FakeEngine().recommend("C-003", "all")
    body = render.answer(answer)
    assert body.count("<section>") == len(METHODS)
    lists = {i.item_id for each in answer.lists.values() for i in each.items}
    assert set(shown(body)) == lists
    assert "in 5 lists" in body


def test_an_unknown_customer_is_told_so() -> None:
    assert "Nothing is known of this customer" in render.answer(FakeEngine().recommend("nobody"))
    assert "unknown customer" in render.person(FakeEngine().customer("nobody"), "EUR")


def test_names_are_text_never_markup() -> None:
    answer = FakeEngine().recommend("C-003")
    bad = "<img src=x onerror='alert(1)'>"
    reasons = tuple(structs.replace(r, text=bad) for r in answer.items[0].reasons)
    item = structs.replace(answer.items[0], item_name=bad, item_id=bad, category=bad, reasons=reasons)
    body = render.answer(structs.replace(answer, items=(item,)))
    assert "<img" not in body
    person = structs.replace(FakeEngine().customer("C-003"), customer_name=bad, customer_id=bad)
    assert "<img" not in render.person(person, bad)


def test_an_empty_list_says_what_to_do() -> None:
    nothing = structs.replace(FakeEngine().recommend("C-003"), items=())
    assert "another category" in render.answer(nothing)


def test_the_examples_are_a_champion_one_order_and_an_unknown_id() -> None:
    engine = FakeEngine()
    found = app.examples(engine)
    assert engine.customer(found["A champion"]).rfm.segment == "Champions"  # type: ignore[union-attr]
    assert engine.customer(found["One order"]).orders == 1
    assert not engine.customer(found["An unknown id"]).known


def test_search_boxes_show_names_and_mean_ids() -> None:
    engine = FakeEngine()
    assert app.customers(engine, "c-00")[0] == ("Name of C-001 · C-001", "C-001")
    assert ('Lamp A, 10" <& co> · P-003', "P-003") in app.items(engine, "lamp")


def test_only_the_three_named_endpoints_are_public(demo: Any) -> None:
    public = set(demo.get_api_info()["named_endpoints"])
    assert public == {"/recommend", "/similar", "/basket"}


def test_the_queue_is_bounded_and_nothing_is_reported(demo: Any) -> None:
    assert demo._queue.max_size == app.MAX_QUEUED_REQUESTS
    assert demo._queue.default_concurrency_limit == app.MAX_CONCURRENT_REQUESTS
    assert demo.analytics_enabled is False


def test_theme_and_style_name_no_other_host() -> None:
    theme = look.theme()
    assert theme._stylesheets == []
    names_no_host = theme._get_theme_css().replace("http://www.w3.org/2000/svg", "") + look.CSS
    assert not re.search(r"https?://|//fonts", names_no_host)


@pytest.mark.parametrize("customer", ["C-003", *ODD_IDS[:8], "nobody"])
def test_the_recommend_endpoint_gives_the_engines_answer(client: Any, customer: str) -> None:
    given = client.predict(customer_id=customer, method="hybrid", n=5, exclude_purchased=True, api_name="/recommend")
    assert given == FakeEngine().recommend(customer, n=5).as_dict()


def test_the_other_endpoints_give_the_engines_answers(client: Any) -> None:
    engine = FakeEngine()
    assert client.predict(item_id="A/B", n=4, api_name="/similar") == engine.similar_items("A/B", 4).as_dict()
    basket = ["P-001", "no such item"]
    given = client.predict(item_ids=basket, n=4, method="cf", api_name="/basket")
    assert given == engine.recommend_for_basket(basket, 4, method="cf").as_dict()
    given = client.predict(customer_id="C-003", categories=["Technology"], api_name="/recommend")
    assert given == engine.recommend("C-003", categories=["Technology"]).as_dict()


def test_an_error_has_its_code_and_no_trace(client: Any) -> None:
    with pytest.raises(Exception, match=r"unknown_item: There is no item 'P-0004'. Did you mean P-004") as caught:
        client.predict(item_id="P-0004", api_name="/similar")
    assert "Traceback" not in str(caught.value)
    with pytest.raises(Exception, match=r"usage: n is 5000"):
        client.predict(customer_id="C-001", n=5000, api_name="/recommend")
