"""The Gradio app in a browser: no console errors, no external requests."""

from __future__ import annotations

import pytest

from smart_retail.protocol import RELATIONS
from smart_retail.serving.engine import Engine

from .apps import Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_an_example_shows_the_list_and_the_comparison_of_methods(visit: Visit, gradio_app: str) -> None:
    page = visit.page
    page.goto(gradio_app)
    page.get_by_role("button", name="Champion").click()
    page.wait_for_selector(".sr-table tbody tr")
    assert "Champions" in page.locator(".sr-card").inner_text()
    assert page.locator(".sr-table:visible tbody tr").count() == 10
    page.get_by_role("radio", name="All").first.click()
    page.wait_for_selector(".sr-side")
    assert page.locator(".sr-side section").count() == 5


def test_an_unknown_id_gets_popular_items(visit: Visit, gradio_app: str, engine: Engine) -> None:
    page = visit.page
    page.goto(gradio_app)
    page.get_by_role("button", name="Unknown customer").click()
    page.wait_for_selector("text=This customer has no purchases in the data")
    first = page.locator(".sr-table:visible .sr-id").first.inner_text()
    assert first == engine.recommend("new-customer").items[0].item_id


def test_a_product_is_searched_as_it_is_typed(visit: Visit, gradio_app: str, engine: Engine) -> None:
    page = visit.page
    page.goto(gradio_app)
    page.get_by_role("tab", name="Products").click()
    page.locator("textarea:visible").last.press_sequentially("garden thing 12", delay=40)
    page.locator(".sr-matches:visible label:has-text('G-012')").click()
    page.wait_for_selector(".sr-table:visible tbody tr")
    first = page.locator(".sr-table:visible .sr-id").first.inner_text()
    related = [engine.similar_items("G-012", relation=relation) for relation in RELATIONS[::-1]]
    assert first == next(result for result in related if result.items).items[0].item_id
    assert page.locator(".sr-matches:visible").count() == 0


def test_a_complete_id_hides_the_matches(visit: Visit, gradio_app: str) -> None:
    page = visit.page
    page.goto(gradio_app)
    page.get_by_role("tab", name="Products").click()
    page.locator("textarea:visible").last.fill("G-012")
    page.locator("textarea:visible").last.press("Enter")
    page.wait_for_selector(".sr-table:visible tbody tr")
    page.wait_for_timeout(500)
    assert page.locator(".sr-matches:visible").count() == 0


def test_an_unknown_product_shows_an_error_with_near_matches(visit: Visit, gradio_app: str) -> None:
    page = visit.page
    page.goto(gradio_app)
    page.get_by_role("tab", name="Products").click()
    page.locator("textarea:visible").last.fill("G-0004")
    page.locator("textarea:visible").last.press("Enter")
    page.wait_for_selector(".sr-error:visible")
    assert "Did you mean G-004" in page.locator(".sr-error").inner_text()


def test_matches_are_added_to_the_basket(visit: Visit, gradio_app: str, engine: Engine) -> None:
    page = visit.page
    page.goto(gradio_app)
    page.get_by_role("tab", name="Basket").click()
    for item in ("G-009", "A/B"):
        page.get_by_label("Add a product").press_sequentially(item, delay=40)
        page.locator(f".sr-matches:visible label:has-text('{item}')").click()
        page.wait_for_selector(f".token:has-text('{item}')")
    expected = engine.recommend_for_basket(["G-009", "A/B"]).items[0].item_id
    page.wait_for_selector(f".sr-table:visible tbody tr:first-child .sr-id:text-is('{expected}')")


def test_a_new_visitor_starts_with_popular_products(visit: Visit, gradio_app: str, engine: Engine) -> None:
    page = visit.page
    page.goto(gradio_app)
    page.get_by_role("tab", name="Basket").click()
    page.wait_for_selector(".sr-table:visible tbody tr")
    assert engine.version in page.locator(".sr-footer").inner_text()


def test_enter_takes_the_first_match_of_a_name(visit: Visit, gradio_app: str) -> None:
    page = visit.page
    page.goto(gradio_app)
    page.get_by_role("tab", name="Products").click()
    page.locator("textarea:visible").last.fill("garden thing 12")
    page.locator("textarea:visible").last.press("Enter")
    page.wait_for_selector(".sr-table:visible tbody tr")
    assert page.locator(".sr-error:visible").count() == 0
