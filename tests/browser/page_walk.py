"""A walk over every page of both web apps: console errors, requests to other machines, clipped text, time.

``python -m tests.browser.page_walk [ARTIFACTS]`` from the root of the checkout prints a line for each page, at the
width of a desktop and of a phone, light and dark. Without a folder of bundles the small shop of the tests is fitted.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from smart_retail.serving.engine import Engine
from tests.browser.apps import Visit, browsing, serving
from tests.fitted_shop import fit_shop

SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
"""Width and height in pixels."""
SCHEMES = ("light", "dark")
GRADIO_TABS = ("Recommend", "Products", "Basket", "Shop")
STREAMLIT_PORT, GRADIO_PORT = 8718, 8719

CLIPPED_TEXT = """
() => {
  const clipped = [];
  const isVisible = element => element.checkVisibility({checkOpacity: true, checkVisibilityCSS: true});
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.textContent.trim(), parent = node.parentElement;
    if (!text || !parent || !isVisible(parent)) continue;
    if (parent.closest('script, style, noscript, svg, [aria-hidden=true]')) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) continue;
    let reach = true, cut = '';
    for (let element = parent; element && reach; element = element.parentElement) {
      const style = getComputedStyle(element), outer = element.getBoundingClientRect();
      if (outer.width <= 1 || outer.height <= 1) { reach = false; break; }  // for screen readers only
      if (['auto', 'scroll'].includes(style.overflowX) && element.scrollWidth > element.clientWidth + 1) reach = false;
      else if (style.overflowX !== 'visible' && (box.right > outer.right + 2 || box.left < outer.left - 2)) {
        cut = element.className || element.tagName;
        break;
      }
    }
    if (reach && !cut && (box.right > innerWidth + 1 || box.left < -1)) cut = 'the window';
    if (cut) clipped.push(`${text.slice(0, 50)} (by ${String(cut).slice(0, 40)})`);
  }
  const main = document.querySelector('[data-testid=stMain]') || document.scrollingElement;
  if (main.scrollWidth > main.clientWidth + 1) clipped.push(`the page scrolls sideways: ${main.scrollWidth} px`);
  return [...new Set(clipped)];
}
"""
"""Returns the texts that the window or a box cuts off, without those in a box that scrolls."""


@dataclass(frozen=True)
class PageVisit:
    """What was seen on one page."""

    page: str
    seconds: float
    """From the request to the last element of the page."""
    clipped: list[str]
    """Texts that cannot be read in full."""


def streamlit_paths(engine: Engine) -> dict[str, str]:
    """Return name and path of every page and view, with the most popular product and a customer with many orders."""
    customer = engine.search_customers("", 1)[0].customer_id
    item = engine.popular(1).items[0].item_id
    chosen, product = quote(customer, safe=""), quote(item, safe="")
    return {
        "Overview": "",
        "Customer": "customer",
        "Customer, one": f"customer?customer={chosen}",
        "Customer, all methods": f"customer?customer={chosen}&method=all",
        "Customers": "customers",
        "Products": "products",
        "Products, one": f"products?item={product}",
        "Segments": "segments",
        "Clusters": "clusters",
        "Value": "value",
        "Value, due": "value?view=due",
        "Value, cohorts": "value?view=cohorts",
        "Value, accuracy": "value?view=accuracy",
        "Campaign": "campaign",
        "Reports": "reports",
        "Reports, moves": "reports?view=migration",
        "Methods": "methods",
        "Fit": "fit",
        "What-if": "what-if",
        "Versions": "versions",
    }


def walk_streamlit(visit: Visit, address: str, engine: Engine) -> Iterator[PageVisit]:
    """Open every page of the Streamlit app."""
    for name, path in streamlit_paths(engine).items():
        yield _measure(visit, name, lambda path=path: _open_streamlit(visit.page, f"{address}/{path}"))  # type: ignore[misc]


def walk_gradio(visit: Visit, address: str) -> Iterator[PageVisit]:
    """Open every tab of the Gradio app."""
    visit.page.goto(address)
    visit.page.get_by_role("button", name="Champion").wait_for()
    for tab in GRADIO_TABS:
        yield _measure(visit, tab, lambda tab=tab: _open_gradio(visit.page, tab))  # type: ignore[misc]


def _measure(visit: Visit, name: str, open_page: Callable[[], None]) -> PageVisit:
    start = time.perf_counter()
    open_page()
    seconds = time.perf_counter() - start
    visit.page.wait_for_timeout(700)  # charts are drawn and animations end
    return PageVisit(name, seconds, visit.page.evaluate(CLIPPED_TEXT))


def _open_streamlit(page: Any, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(".sr-footer")
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    assert page.locator("[data-testid=stException]").count() == 0, address


def _open_gradio(page: Any, name: str) -> None:
    tab = page.get_by_role("tab", name=name, exact=True)
    if not tab.is_visible():  # on a phone, the last tabs are behind a button
        page.get_by_label("More tabs").click()
        tab = page.locator(".overflow-dropdown button", has_text=name)
    tab.click()
    page.wait_for_timeout(300)


def main(artifacts: str = "") -> None:
    """Walk over both apps and print what was seen."""
    with TemporaryDirectory() as folder:
        if not artifacts:
            fit_shop(Path(folder))
        root = Path(artifacts or f"{folder}/artifacts")
        engine = Engine.load(root)
        with (
            browsing() as browser,
            serving("streamlit", STREAMLIT_PORT, root) as streamlit,
            serving("gradio", GRADIO_PORT, root) as gradio,
        ):
            for size, (width, height) in SIZES.items():
                for scheme in SCHEMES:
                    visit = Visit(browser, scheme, width, height)
                    for app, pages in (
                        ("Streamlit", walk_streamlit(visit, streamlit, engine)),
                        ("Gradio", walk_gradio(visit, gradio)),
                    ):
                        for seen in pages:
                            where = f"{app} | {size}, {scheme} | {seen.page}"
                            sys.stdout.write(f"{where} | {seen.seconds:.2f} s | {seen.clipped}" + "\n")
                    visit.close()
                    errors = f"console errors {visit.console_errors}, external requests {visit.external_requests}"
                    sys.stdout.write(f"{size}, {scheme} | {errors}\n")


if __name__ == "__main__":
    main(*sys.argv[1:2])
