"""Make the screenshots of both web apps.

From the root of the checkout: ``python -m tests.browser.screenshots [ARTIFACTS]``, light and dark at 1400 x 900, into
``docs/screenshots``. Without a folder of bundles the small shop of the tests is fitted and shown.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from smart_retail.protocol import RetailEngine
from smart_retail.serving.engine import Engine
from tests.browser.apps import ROOT, Visit, browsing, serving
from tests.core.data.shop_exports import make_orders, write_rows, write_shopify
from tests.fitted_shop import fit_shop

TARGET = ROOT / "docs" / "screenshots"
SCHEMES = ("light", "dark")
PHONE = (390, 844)
"""Width and height of a phone's page in pixels."""
STREAMLIT_PORT, GRADIO_PORT = 8716, 8717


def main(artifacts: str = "") -> None:
    with TemporaryDirectory() as folder:
        if not artifacts:
            fit_shop(Path(folder))
        take(Path(artifacts or f"{folder}/artifacts"))


def take(artifacts: Path, target: Path = TARGET) -> None:
    """Take the screenshots of both apps over a bundle."""
    engine = Engine.load(artifacts)
    target.mkdir(parents=True, exist_ok=True)
    customer = _active_customer(engine)
    item = engine.popular(1).items[0].item_id
    with browsing() as browser:
        with serving("streamlit", STREAMLIT_PORT, artifacts) as address:
            for scheme in SCHEMES:
                streamlit(Visit(browser, scheme), address, customer, item, target, scheme)
                phone(Visit(browser, scheme, *PHONE), address, item, target, scheme)
        with serving("gradio", GRADIO_PORT, artifacts) as address:
            for scheme in SCHEMES:
                gradio(Visit(browser, scheme), address, item, target, scheme)


def _active_customer(engine: RetailEngine) -> str:
    """Return an active customer with many orders."""
    known = [engine.customer(p.customer_id) for p in engine.cluster_points(limit=60)]
    return max((p for p in known if p.rfm), key=lambda p: (p.rfm.r >= 4, p.orders)).customer_id  # type: ignore[union-attr]


def streamlit(visit: Visit, address: str, customer: str, item: str, target: Path, scheme: str) -> None:
    """Take one screenshot per page."""
    from urllib.parse import quote

    views = {
        "overview": "",
        "customer": f"customer?customer={quote(customer, safe='')}",
        "customer-all": f"customer?customer={quote(customer, safe='')}&method=all",
        "customers": "customers",
        "products": f"products?item={quote(item, safe='')}",
        "segments": "segments",
        "clusters": "clusters",
        "value": "value",
        "value-due": "value?view=due",
        "value-cohorts": "value?view=cohorts",
        "value-accuracy": "value?view=accuracy",
        "methods": "methods",
        "fit": "fit",
        "versions": "versions",
    }
    for name, path in views.items():
        visit.page.goto(f"{address}/{path}")
        visit.page.wait_for_selector(".sr-footer")
        settle(visit.page)
        visit.page.screenshot(path=target / f"streamlit-{name}-{scheme}.png")
    campaign(visit, address, target, scheme)
    forecast(visit, address, target, scheme)
    import_report(visit, address, target, scheme)
    if scheme == "light":
        what_if(visit, address, target)
    finish(visit)


def campaign(visit: Visit, address: str, target: Path, scheme: str) -> None:
    """Make a campaign for all customers, and take a screenshot wide and on a phone."""
    page = visit.page
    page.goto(f"{address}/campaign")
    page.wait_for_selector(".sr-footer")
    page.get_by_role("button", name="Make the campaign").click()
    page.wait_for_selector("text=do not contact these", timeout=120_000)
    for name, width, height in (("campaign", 1400, 1300), ("campaign-phone", 390, 2600)):
        page.set_viewport_size({"width": width, "height": height})
        settle(page)
        page.screenshot(path=target / f"streamlit-{name}-{scheme}.png")
    page.set_viewport_size({"width": 1400, "height": 900})


def forecast(visit: Visit, address: str, target: Path, scheme: str) -> None:
    """Forecast sales and take a screenshot."""
    page = visit.page
    page.goto(f"{address}/reports")
    page.wait_for_selector(".sr-footer")
    page.get_by_role("button", name="Forecast", exact=True).click()
    page.wait_for_selector("text=Typically off", timeout=120_000)
    settle(page)
    page.screenshot(path=target / f"streamlit-reports-{scheme}.png")


def import_report(visit: Visit, address: str, target: Path, scheme: str) -> None:
    """Upload a Shopify export and one with unknown headers: the import report, and the lists of columns."""
    page = visit.page
    with TemporaryDirectory() as folder:
        shopify = write_shopify(Path(folder) / "orders_export.csv", make_orders())
        unknown = write_rows(
            Path(folder) / "verkauf.csv",
            ("Wer", "Datum", "Artikel", "Menge", "Wert netto"),
            [
                {"Wer": f"K{n % 40:03}", "Datum": f"{n % 28 + 1:02}.03.2024", "Artikel": f"A-{n % 30}",
                 "Menge": n % 3 + 1, "Wert netto": f"{n % 90 + 1},50"}
                for n in range(300)
            ],
            ";",
        )  # fmt: skip
        for name, file, text in (
            ("import", shopify, "/of [0-9,]+ rows can be used/"),
            ("columns", unknown, "Not recognised"),
        ):
            page.goto(f"{address}/fit")
            page.wait_for_selector(".sr-footer")
            page.locator("input[type=file]").first.set_input_files(file)
            page.wait_for_selector(f"text={text}", timeout=120_000)
            page.set_viewport_size({"width": 1400, "height": 1700})
            settle(page)
            page.screenshot(path=target / f"streamlit-{name}-{scheme}.png")
            page.set_viewport_size({"width": 390, "height": 2600})
            settle(page)
            page.screenshot(path=target / f"streamlit-{name}-phone-{scheme}.png")
            page.set_viewport_size({"width": 1400, "height": 900})


def phone(visit: Visit, address: str, item: str, target: Path, scheme: str) -> None:
    """Take screenshots of some pages on a phone."""
    from urllib.parse import quote

    views = {
        "overview": "",
        "customers": "customers",
        "products": f"products?item={quote(item, safe='')}",
        "value": "value",
        "reports": "reports?view=migration",
    }
    for name, path in views.items():
        visit.page.goto(f"{address}/{path}")
        visit.page.wait_for_selector(".sr-footer")
        settle(visit.page)
        visit.page.screenshot(path=target / f"streamlit-{name}-phone-{scheme}.png")
    finish(visit)


def what_if(visit: Visit, address: str, target: Path) -> None:
    """Ban the most popular product and take a screenshot of the result."""
    page = visit.page
    page.goto(f"{address}/what-if")
    page.wait_for_selector(".sr-footer")
    settle(page)
    page.get_by_label("Never recommend").click()
    page.get_by_role("option").nth(1).click()
    page.keyboard.press("Escape")
    settle(page)
    page.get_by_role("button", name="Try", exact=True).click()
    page.wait_for_selector("text=The list changes for", timeout=120_000)
    page.set_viewport_size({"width": 1400, "height": 1900})
    settle(page)
    page.screenshot(path=target / "streamlit-what-if-light.png")


def gradio(visit: Visit, address: str, item: str, target: Path, scheme: str) -> None:
    """Take one screenshot per tab, and one of the comparison of methods."""
    page = visit.page
    page.goto(address)
    page.get_by_role("button", name="Champion").click()
    page.wait_for_selector(".sr-table:visible tbody tr")
    settle(page)
    page.screenshot(path=target / f"gradio-recommend-{scheme}.png")
    page.get_by_role("radio", name="All").first.click()
    page.wait_for_selector(".sr-side")
    settle(page)
    page.screenshot(path=target / f"gradio-all-{scheme}.png")
    page.get_by_role("tab", name="Products").click()
    box = page.locator("textarea:visible").last
    box.fill(item)
    box.press("Enter")
    page.wait_for_selector(".sr-table:visible tbody tr")
    settle(page)
    page.screenshot(path=target / f"gradio-similar-{scheme}.png")
    page.get_by_role("tab", name="Basket").click()
    page.get_by_label("Add a product").press_sequentially(item, delay=40)
    page.locator(".sr-matches:visible label").first.click()
    page.wait_for_selector(f".token:has-text('{item}')")
    settle(page)
    page.screenshot(path=target / f"gradio-basket-{scheme}.png")
    page.get_by_role("tab", name="Shop").click()
    page.wait_for_selector(".sr-figures:visible")
    settle(page)
    page.screenshot(path=target / f"gradio-shop-{scheme}.png")
    finish(visit)


def settle(page: Any) -> None:
    """Wait until charts are drawn and animations have ended."""
    page.wait_for_timeout(1800)


def finish(visit: Visit) -> None:
    visit.close()
    if visit.console_errors or visit.external_requests:
        raise SystemExit(f"console errors or external requests: {visit.console_errors} {visit.external_requests}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
