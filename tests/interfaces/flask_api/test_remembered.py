"""An answer is given again only where it is the one that would be given anew."""

from __future__ import annotations

from typing import Any

import pytest
from fake_engine import FakeEngine

pytest.importorskip("flask_openapi3")

from smart_retail.results import RecommendationList
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail_flask import response_cache
from smart_retail_flask.app import create_app
from smart_retail_flask.response_cache import Remembered

PATH = "/v1/customers/C-001/recommendations"


class Counting(FakeEngine):
    """Counts what it is asked, and says what its answers rest on."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.opened = object()
        self.newest: dict[str | None, int] = {}

    def recommend(self, *arguments: Any, **options: Any) -> RecommendationList:
        self.asked += 1
        return super().recommend(*arguments, **options)

    def state_of(self, customer_id: str | None) -> tuple[object, ...]:
        return self.opened, self.newest.get(customer_id, 0)


@pytest.fixture
def counting() -> Counting:
    return Counting()


def test_a_question_asked_again_is_answered_with_the_same_bytes(counting: Counting) -> None:
    client = create_app(counting).test_client()
    first, second = client.get(f"{PATH}?n=3"), client.get(f"{PATH}?n=3")
    assert counting.asked == 1
    assert first.data == second.data == create_app(FakeEngine()).test_client().get(f"{PATH}?n=3").data
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    assert first.content_type == second.content_type == "application/json"


@pytest.mark.parametrize("other", [f"{PATH}?n=4", "/v1/customers/C-002/recommendations?n=3", f"{PATH}?n=3&offset=1"])
def test_another_question_is_another(counting: Counting, other: str) -> None:
    client = create_app(counting).test_client()
    client.get(f"{PATH}?n=3")
    assert client.get(other).data == create_app(FakeEngine()).test_client().get(other).data


def test_a_purchase_of_the_customer_makes_the_answer_old(counting: Counting) -> None:
    client = create_app(counting).test_client()
    client.get(PATH)
    counting.newest["C-002"] = 7
    client.get(PATH)
    assert counting.asked == 1, "somebody else's purchase changes nothing"
    counting.newest["C-001"] = 8
    client.get(PATH)
    assert counting.asked == 2


def test_an_answer_during_which_a_purchase_came_is_not_kept(counting: Counting) -> None:
    """It tells of the purchase; were it kept as of before, it would be told again after the customer was erased."""
    client = create_app(counting).test_client()
    whole = counting.recommend

    def bought_meanwhile(*arguments: Any, **options: Any) -> RecommendationList:
        counting.newest["C-001"] = 7
        return whole(*arguments, **options)

    counting.recommend = bought_meanwhile  # type: ignore[method-assign]
    client.get(PATH)
    counting.newest["C-001"] = 0
    counting.recommend = whole  # type: ignore[method-assign]
    client.get(PATH)
    assert counting.asked == 2


def test_another_bundle_answers_for_itself(counting: Counting) -> None:
    engines: list[FakeEngine] = [counting]
    holder = ReloadingEngine(lambda: engines[-1], lambda: len(engines))
    client = create_app(holder).test_client()
    client.get(PATH)
    newer = Counting()
    engines.append(newer)
    holder.refresh()
    client.get(PATH)
    assert (counting.asked, newer.asked) == (1, 1)


def test_errors_are_no_answers(counting: Counting) -> None:
    client = create_app(counting).test_client()
    path = "/v1/customers/nobody/recommendations?strict=true"
    assert [client.get(path).status_code for _ in range(2)] == [404, 404]
    assert [client.get(f"{PATH}?n=0").status_code for _ in range(2)] == [400, 400]
    assert counting.asked == 2


def test_an_engine_that_says_nothing_of_its_state_is_asked_each_time() -> None:
    class Silent(Counting):
        state_of = None  # type: ignore[assignment]

    silent = Silent()
    client = create_app(silent).test_client()
    assert client.get(PATH).data == client.get(PATH).data
    assert silent.asked == 2


def test_what_is_kept_is_bounded_and_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_cache, "MOST_BYTES", 100)
    kept, state = Remembered(), (object(),)
    for question in range(10):
        kept.put(question, state, bytes(20))
        kept.get(0, state)
    assert [q for q in range(10) if kept.get(q, state)] == [0, 6, 7, 8, 9]
    kept.put("long", state, bytes(response_cache.LONGEST_ANSWER + 1))
    assert kept.get("long", state) is None


def test_nothing_stays_of_the_bundle_before() -> None:
    kept, before, now = Remembered(), (object(),), (object(),)
    kept.put("a", before, b"1")
    kept.put("b", now, b"2")
    assert kept.get("a", before) is None
    assert kept.get("b", now) == b"2"
