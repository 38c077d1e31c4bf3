"""The report in a browser without a network: no requests, every section is visible, tables open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smart_retail.reporting.html_report import write_report
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from tests.browser.reports import open_offline
from tests.core.reporting.test_html_report import SECTIONS

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_every_section_is_visible_offline(browser: Any, fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    path = write_report(Engine.load(fitted[0]), tmp_path / "report.html")
    page, requested, messages = open_offline(browser, path)
    assert (requested, messages) == ([], [])
    sections = page.locator("main section")
    assert sections.count() == len(SECTIONS)
    for section in sections.all():
        assert section.is_visible()
        assert section.bounding_box()["height"] > 30
        shown = section.locator("figure svg, p, table, details").count()
        assert shown > 0, section.locator("h2").inner_text()
    for picture in page.locator("figure svg").all():
        box = picture.bounding_box()
        assert box["width"] > 400
        assert box["height"] > 60
    page.locator("figure details summary").first.click()
    assert page.locator("figure details table").first.is_visible()


def test_the_page_prints(browser: Any, fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    path = write_report(Engine.load(fitted[0]), tmp_path / "report.html")
    page, _, _ = open_offline(browser, path)
    assert page.pdf(format="A4").startswith(b"%PDF")
