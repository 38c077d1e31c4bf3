"""Open reports in a browser that has no network, and make their screenshots.

From the root of the checkout: ``python -m tests.browser.reports superstore=ARTIFACTS online-retail=ARTIFACTS
demo=ARTIFACTS`` writes ``docs/screenshots/report-NAME.png``, the forecast of the first and movement in the second.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from smart_retail.analysis import sales_forecast
from smart_retail.analysis.customer_snapshots import migration_between_dates
from smart_retail.reporting import time_series_charts
from smart_retail.reporting.chart_style import to_png
from smart_retail.reporting.html_report import write_report
from smart_retail.serving.engine import Engine
from smart_retail.utils.dates import iso
from tests.browser.apps import ROOT, browsing

TARGET = ROOT / "docs" / "screenshots"
WIDTH, HEIGHT = 1100, 2300
FIRST_SECTION = {"demo": "categories"}
"""Report -> section at the top of its screenshot; the first section by default."""
HALF_A_YEAR = 183


def open_offline(browser: Any, path: Path) -> tuple[Any, list[str], list[str]]:
    """Return a page without a network, all other addresses that it requested, and its console messages."""
    context = browser.new_context(viewport={"width": WIDTH, "height": 900}, offline=True)
    page = context.new_page()
    requested: list[str] = []
    messages: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.goto(path.as_uri())
    page.wait_for_timeout(300)
    return page, [url for url in requested if not url.startswith("data:") and url != path.as_uri()], messages


def main(*named: str) -> None:
    with tempfile.TemporaryDirectory() as folder, browsing() as browser:
        for argument in named:
            name, _, artifacts = argument.partition("=")
            path = write_report(Engine.load(artifacts), Path(folder) / f"{name}.html")
            page, requested, messages = open_offline(browser, path)
            if requested or messages:
                raise SystemExit(f"{name}: requested {requested}, console {messages}")
            section = FIRST_SECTION.get(name)
            top = page.locator(f"#{section}").bounding_box()["y"] - 20 if section else 0
            clip = {"x": 0, "y": top, "width": WIDTH, "height": HEIGHT}
            page.screenshot(path=TARGET / f"report-{name}.png", full_page=True, clip=clip)
    for argument, draw in zip(named, (sales_ahead, movement), strict=False):
        name, _, artifacts = argument.partition("=")
        figure = draw(Engine.load(artifacts))
        (TARGET / f"{draw.__name__.replace('_', '-')}-{name}.png").write_bytes(to_png(figure, 100))


def sales_ahead(engine: Engine) -> Any:
    series = sales_forecast.daily_sales(engine.tables, by_category=False)
    (found,) = sales_forecast.forecast(series)
    return time_series_charts.sales_forecast(found, series[found.series], engine.model().currency)


def movement(engine: Engine) -> Any:
    day = iso(engine.bundle.manifest["analysis_day"] - HALF_A_YEAR)
    return time_series_charts.segment_movement(migration_between_dates(engine, day))


if __name__ == "__main__":
    main(*sys.argv[1:])
