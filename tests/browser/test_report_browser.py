"""The report in a browser without a network: nothing is asked for, every section is seen, tables open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smart_retail.reporting.html_report import write_report
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from tests.browser.reports import opened

pytestmark = pytest.mark.browser


def test_every_section_is_seen_without_a_network(browser: Any, fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    path = write_report(Engine.load(fitted[0]), tmp_path / "report.html")
    page, asked, said = opened(browser, path)
    assert (asked, said) == ([], [])
    sections = page.locator("main section")
    assert sections.count() == 13
    for section in sections.all():
        assert section.is_visible()
        assert section.bounding_box()["height"] > 40
        shown = section.locator("figure svg, p.note, table, details").count()
        assert shown > 0, section.locator("h2").inner_text()
    for picture in page.locator("figure svg").all():
        box = picture.bounding_box()
        assert box["width"] > 400
        assert box["height"] > 60
    page.locator("figure details summary").first.click()
    assert page.locator("figure details table").first.is_visible()


def test_the_page_prints(browser: Any, fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    path = write_report(Engine.load(fitted[0]), tmp_path / "report.html")
    page, _, _ = opened(browser, path)
    assert page.pdf(format="A4").startswith(b"%PDF")
