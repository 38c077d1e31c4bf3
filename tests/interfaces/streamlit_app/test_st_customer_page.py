"""The customer page shows the results of the engine and keeps its choices in the address."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from msgspec import structs
from tests import shop

from smart_retail.errors import DamagedBundleError, MissingBundleError, RemoteError
from smart_retail.presentation import labels
from smart_retail.protocol import METHODS
from smart_retail.results import CustomerProfile, ModelInfo
from smart_retail.serving.engine import Engine

from .conftest import Open, html_of

ROW = re.compile(r'<td class="sr-num sr-rank">([\d,]+)</td>\s*<td class="sr-product">(.*?)</td>', re.DOTALL)
MARK = re.compile(r'<b class="sr-mark" style="color:(#\w+)" aria-label="in (\d) lists">(.)</b>.*?sr-id">(.*?)<')
ERRORS = (DamagedBundleError("A file was changed.", "Run verify."), RemoteError("No answer.", "Is it up?"))
ID = re.compile(r'<span class="sr-id">(.*?)</span>', re.DOTALL)


def shown(page: Any) -> list[str]:
    return [html.unescape(ID.search(cell)[1]) for _, cell in ROW.findall(html_of(page))]  # type: ignore[index]


@pytest.mark.parametrize("method", METHODS)
def test_a_link_shows_the_list_of_its_method(open_page: Open, method: str, engine: Engine) -> None:
    page = open_page("customer", customer="c0003", method=method, n="7")
    answer = engine.recommend("c0003", method, 7, exclude_purchased=False)
    assert shown(page) == [item.item_id for item in answer.items]
    for item in answer.items:
        assert item.reasons[0].text in html.unescape(html_of(page))


@pytest.mark.parametrize("customer", [*shop.ODD_CUSTOMERS, "<script>alert(1)</script>", "unknown * _x_ :red[y] $z$"])
def test_ids_are_shown_unchanged(open_page: Open, customer: str, engine: Engine) -> None:
    page = open_page("customer", customer=customer)
    assert customer in html.unescape(html_of(page))
    assert "<script" not in html_of(page)
    assert shown(page) == [item.item_id for item in engine.recommend(customer, exclude_purchased=False).items]


def test_invalid_values_in_the_address_fall_back_to_the_defaults(open_page: Open, engine: Engine) -> None:
    page = open_page("customer", customer="c0003", method="psychic", n="0", category="No such", hide="maybe")
    assert shown(page) == [i.item_id for i in engine.recommend("c0003", exclude_purchased=False).items]


def test_choices_are_kept_in_the_address(open_page: Open) -> None:
    page = open_page("customer", customer="c0003")
    page.button_group(key="method").set_value("cf").run()
    page.number_input(key="n").set_value(5).run()
    page.checkbox(key="hide").check().run()
    kept = {name: page.query_params[name] for name in page.query_params}
    assert {name: value[0] if isinstance(value, list) else value for name, value in kept.items()} == {
        "customer": "c0003", "method": "cf", "n": "5", "hide": "true",
    }  # fmt: skip
    assert len(shown(page)) == 5


def test_shared_items_have_the_same_mark_in_all_lists(open_page: Open, engine: Engine) -> None:
    body = html_of(open_page("customer", customer="c0003", method="all"))
    answer = engine.recommend("c0003", "all", exclude_purchased=False)
    assert body.count("<section>") == len(METHODS)
    marks = MARK.findall(body)
    by_item: dict[str, set[tuple[str, str, str]]] = {}
    for colour, lists, sign, item in marks:
        by_item.setdefault(html.unescape(item), set()).add((colour, lists, sign))
    assert by_item
    for item, seen in by_item.items():
        lists = sum(any(i.item_id == item for i in each.items) for each in answer.lists.values())
        assert {int(number) for _, number, _ in seen} == {lists}
        assert lists > 1
    looks = [(colour, sign) for seen in by_item.values() for colour, _, sign in seen]
    assert len(looks) == len(set(looks)) == len(by_item)


def test_an_unknown_customer_gets_popular_items_and_a_note(open_page: Open) -> None:
    body = html_of(open_page("customer", customer="unknown"))
    assert "Unknown customer" in body
    assert "This customer has no purchases in the data" in body


def test_a_customer_who_returned_everything_has_no_scores(open_page: Open) -> None:
    assert "This customer returned everything" in html_of(open_page("customer", customer=shop.RETURNED_ALL))


def test_purchased_products_are_hidden_by_default_as_the_model_decides(open_page: Open) -> None:
    class NewProductsShop(Engine):
        def model(self) -> ModelInfo:
            return structs.replace(super().model(), show_purchased=False)

    assert open_page("customer", customer="c0003").checkbox(key="hide").value is False
    assert open_page("customer", NewProductsShop, customer="c0003").checkbox(key="hide").value is True


def test_the_search_box_finds_customers_by_id_and_name(open_page: Open, engine: Engine) -> None:
    page = open_page("customer")
    assert "Choose a customer" in html_of(page)
    page.text_input(key="search-customer").set_value("c001").run()
    found = [b for b in page.button if b.key and b.key.startswith("hit-customer-")]
    assert [b.key.removeprefix("hit-customer-") for b in found][:8] == [
        m.customer_id for m in engine.search_customers("c001", 8)
    ]
    name = next(m.customer_name for m in engine.search_customers("c001", 8)[2:])
    found[2].click().run()
    assert name in html_of(page)
    assert page.text_input(key="search-customer").value == ""


def test_an_unknown_text_can_be_used_as_the_id_of_a_new_customer(open_page: Open) -> None:
    page = open_page("customer")
    page.text_input(key="search-customer").set_value("fresh-1").run()
    page.button(key="hit-customer-fresh-1").click().run()
    assert "Unknown customer" in html_of(page)


def test_the_random_button_selects_a_known_customer(open_page: Open) -> None:
    page = open_page("customer")
    next(b for b in page.button if b.label == "Random").click().run()
    assert page.session_state["last-customer"] in shop.customers()


def broken(error: Exception) -> type[Engine]:
    """Return a class of engines whose profiles fail with this error."""

    class Broken(Engine):
        def customer(self, customer_id: str) -> CustomerProfile:
            raise error

    return Broken


@pytest.mark.parametrize(
    "error", [DamagedBundleError("A file was changed.", "Run verify."), RemoteError("No answer.", "Is it up?")]
)
def test_an_error_is_a_banner_with_message_and_hint(open_page: Open, error: Any) -> None:
    page = open_page("customer", broken(error), customer="c0001")
    assert "changed" in page.error[0].value or "No answer" in page.error[0].value
    assert error.hint.rstrip("?.") in page.error[0].value.replace("\\", "")


def test_without_a_bundle_the_first_steps_are_shown(open_page: Open) -> None:
    page = open_page("customer", broken(MissingBundleError("There is no bundle in artifacts.", "")), customer="c0001")
    assert [code.value for code in page.code] == ["smart-retail fit orders.xlsx", "smart-retail demo"]
    assert not page.error


@pytest.mark.parametrize("method", ["hybrid", "all"])
def test_the_reasons_table_has_score_source_and_every_reason(open_page: Open, method: str, engine: Engine) -> None:
    records = open_page("customer", customer="c0003", method=method).dataframe[0].value.to_dict("records")
    answer = engine.recommend("c0003", method, exclude_purchased=False)
    expected = [
        (
            labels.method_label(part.method) if answer.lists else None,
            i.rank,
            i.score,
            labels.method_label(i.source),
            r.text,
        )
        for part in ([answer.lists[m] for m in labels.METHODS if m in answer.lists] or [answer])
        for i in part.items
        for r in i.reasons
    ]
    assert [(t.get("List"), t["#"], float(t["Score"]), t["From"], t["Why"]) for t in records] == expected
