"""The Streamlit app in a browser: no console errors, no external requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smart_retail.serving.engine import Engine

from .apps import Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = (
    "Overview",
    "Customer",
    "Customers",
    "Products",
    "Segments",
    "Clusters",
    "Value",
    "Campaign",
    "Reports",
    "Methods",
    "Fit",
    "What-if",
    "Versions",
)


def ready(page: Any) -> None:
    """Wait for the footer of a finished run."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_selector(".sr-footer")


def test_every_page_opens_from_the_navigation(visit: Visit, streamlit_app: str) -> None:
    page = visit.page
    page.goto(streamlit_app)
    ready(page)
    for name in PAGES:
        page.get_by_role("link", name=name, exact=True).click()
        page.wait_for_selector(f".sr-heading h1:text-is('{name}')")
        ready(page)
        assert page.locator("[data-testid=stException]").count() == 0
        assert page.locator("[data-testid=stAlert]").count() == 0


@pytest.mark.parametrize("path", ["customer?customer=c0003&method=all", "segments", "clusters"])
def test_a_deep_link_opens_its_view(visit: Visit, streamlit_app: str, path: str) -> None:
    visit.page.goto(f"{streamlit_app}/{path}")
    ready(visit.page)
    visit.page.wait_for_timeout(500)


def test_a_customer_is_found_and_kept_in_the_address(visit: Visit, streamlit_app: str, engine: Engine) -> None:
    page = visit.page
    page.goto(f"{streamlit_app}/customer")
    ready(page)
    page.get_by_placeholder("Search id or name").type("c000", delay=30)
    page.get_by_role("button", name="Name of c0003").click()
    page.wait_for_selector(".sr-card h2:has-text('Name of c0003')")
    page.get_by_role("radio", name="CF", exact=True).click()
    page.wait_for_url("**method=cf*")
    ready(page)
    assert "customer=c0003" in page.url
    first = page.locator(".sr-list tbody tr .sr-id").first.inner_text()
    assert first == engine.recommend("c0003", "cf", exclude_purchased=False).items[0].item_id


def test_the_list_is_downloaded_as_csv(visit: Visit, streamlit_app: str, tmp_path: Path) -> None:
    page = visit.page
    page.goto(f"{streamlit_app}/customer?customer=00012")
    ready(page)
    with page.expect_download() as started:
        page.get_by_role("button", name="Download CSV").click()
    path = tmp_path / "list.csv"
    started.value.save_as(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("customer_id,method,rank,item_id")
    assert lines[1].startswith("00012,hybrid,1,")
    assert len(lines) == 11


def test_a_chart_can_be_downloaded_as_csv_and_svg(visit: Visit, streamlit_app: str, tmp_path: Path) -> None:
    page = visit.page
    page.goto(f"{streamlit_app}/segments")
    ready(page)
    page.locator(".st-key-figure-rfm-grid").get_by_role("button", name="Table").click()
    for label, name, start in (
        ("CSV", "rfm-grid.csv", "r,f,segment,customers,revenue"),
        ("SVG", "rfm-grid.svg", "<svg"),
    ):
        with page.expect_download() as started:
            page.get_by_role("button", name=label, exact=True).click()
        assert started.value.suggested_filename == name
        started.value.save_as(tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(start)


def test_names_with_markup_are_escaped(visit: Visit, streamlit_app: str) -> None:
    page = visit.page
    page.goto(f"{streamlit_app}/customer?customer=%3Cb%3Ebold%3C%2Fb%3E")
    ready(page)
    assert "<b>bold</b>" in page.locator(".sr-card h2").inner_text()


def test_a_click_on_the_grid_shows_the_segment(visit: Visit, streamlit_app: str) -> None:
    page = visit.page
    page.goto(f"{streamlit_app}/segments")
    ready(page)
    grid = page.locator(".st-key-figure-rfm-grid [data-testid=stVegaLiteChart]")
    grid.wait_for()
    page.wait_for_timeout(800)
    box = grid.bounding_box()
    assert box
    # The cell at the lower left: R 1, F 1.
    page.mouse.click(box["x"] + box["width"] * 0.17, box["y"] + box["height"] * 0.75)
    page.wait_for_selector(".st-key-segment-card h2:has-text('Lost')")
    assert "segment=Lost" in page.url


def test_the_dark_theme_follows_the_visitor(browser: Any, streamlit_app: str) -> None:
    visit = Visit(browser, "dark")
    visit.page.goto(streamlit_app)
    ready(visit.page)
    colour = visit.page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
    visit.close()
    assert colour == "rgb(18, 23, 29)"
    assert visit.console_errors == []


@pytest.mark.parametrize("width", [1400, 900, 420])
def test_no_page_scrolls_sideways(browser: Any, streamlit_app: str, width: int) -> None:
    visit = Visit(browser, width=width)
    for path in ("", "customer?customer=c0003", "customer?customer=c0003&method=all", "segments", "methods"):
        visit.page.goto(f"{streamlit_app}/{path}")
        ready(visit.page)
        wide = visit.page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
        assert wide <= width, path
    visit.close()


def test_one_click_tries_a_scenario_while_a_list_of_products_has_the_focus(visit: Visit, streamlit_app: str) -> None:
    page = visit.page
    page.goto(f"{streamlit_app}/what-if")
    ready(page)
    page.get_by_label("Never recommend").click()
    page.get_by_role("option").nth(1).click()
    page.keyboard.press("Escape")
    page.wait_for_selector("text=Changes: business rules")
    page.get_by_role("button", name="Try", exact=True).click()
    page.wait_for_selector("text=The list changes for")
