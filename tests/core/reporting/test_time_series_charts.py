"""Charts of segment movement and sales forecast, and charts as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.core.reporting.test_html_report import Reader

from smart_retail.analysis.sales_forecast import Forecast, ForecastDay, ForecastErrors, forecast_rows
from smart_retail.analysis.segment_migration import DroppedCustomer, Migration, SegmentMove, matrix_rows
from smart_retail.errors import DataError, UsageError
from smart_retail.reporting import chart_style, time_series_charts
from smart_retail.reporting.chart_export import ChartSection, write_charts

MOVED = Migration(
    "2024-01-01",
    "2024-06-01",
    (
        SegmentMove("Champions", "Champions", 6, 600.0),
        SegmentMove("Champions", "At Risk", 2, 90.0), SegmentMove("Lost", "Lost", 2, 1.0),
        SegmentMove("New since then", "New", 5, 50.0),
    ),
    (DroppedCustomer("a", "Ann", "Champions", "At Risk", 90.0, "2024-02-01", "Pen"),),
)  # fmt: skip
DAYS = tuple(ForecastDay(f"2024-01-{d:02}", 10.0, 8.0, 12.0) for d in range(1, 15))
AHEAD = Forecast(
    "all", "prophet", 14, (ForecastErrors("seasonal naive", 3, 4, 0.3), ForecastErrors("prophet", 2, 3, None)), DAYS, ""
)
HISTORY = (19_523, np.arange(200.0))


@pytest.mark.parametrize("theme", [chart_style.LIGHT, chart_style.DARK], ids=["light", "dark"])
def test_titles_state_the_finding(theme: chart_style.Theme) -> None:
    moved = time_series_charts.segment_movement(MOVED, theme)
    assert moved.get_suptitle() == "20.0 % moved between segments; 1 customer dropped from Champions or Loyal"
    ahead = time_series_charts.sales_forecast(AHEAD, HISTORY, "EUR", theme)
    assert ahead.get_suptitle() == "all: 140.00 EUR in the next 14 days, by prophet"
    assert "14 held-out days: seasonal naive 3, prophet 2" in ahead.axes[0].get_title(loc="left")
    for figure in (moved, ahead):
        assert chart_style.to_svg(figure).startswith("<svg")


def test_cells_of_the_heat_map_have_the_number_of_customers() -> None:
    texts = {t.get_text() for t in time_series_charts.segment_movement(MOVED).axes[0].texts}
    assert texts == {"6", "2", "5"}, "empty cells stay empty"


def test_too_little_data_raises_an_error_with_the_reason() -> None:
    with pytest.raises(DataError, match="no customers"):
        time_series_charts.segment_movement(Migration("a", "b", (), ()))
    with pytest.raises(DataError, match="too few"):
        time_series_charts.sales_forecast(Forecast("all", "", 0, (), (), "3 days are too few."), HISTORY)


def sections() -> list[ChartSection]:
    short = Forecast("<b>&\"' é", "", 0, (), (), "too few")
    return [
        ChartSection(
            "Movement",
            lambda: time_series_charts.segment_movement(MOVED),
            matrix_rows(MOVED),
            (("Fallen", [{"name": "<i>"}]),),
        ),
        ChartSection(short.series, lambda: time_series_charts.sales_forecast(short, HISTORY), []),
        ChartSection("all", lambda: time_series_charts.sales_forecast(AHEAD, HISTORY), forecast_rows([AHEAD])),
    ]


def test_a_page_contains_every_chart_or_the_reason_why_it_is_missing(tmp_path: Path) -> None:
    path = write_charts(tmp_path / "out.html", "Title", "lead", sections(), "foot")
    text = path.read_text(encoding="utf-8")
    reader = Reader(text)
    assert reader.tags.count("svg") == 2
    assert all(address.startswith(("#", "data:")) for address in reader.addresses)
    assert [i for i in reader.ids if i.startswith("figure-")] == ["figure-Movement", "figure-all"]
    assert "No forecast of &lt;b&gt;&amp;" in text
    assert "&lt;i&gt;" in text


@pytest.mark.parametrize(("name", "begins"), [("a.svg", b"<svg"), ("a.PNG", b"\x89PNG")])
def test_the_first_chart_is_written_as_an_image(tmp_path: Path, name: str, begins: bytes) -> None:
    assert write_charts(tmp_path / name, "", "", sections(), "").read_bytes().startswith(begins)


def test_another_suffix_raises_an_error_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.pdf"):
        write_charts(tmp_path / "a.pdf", "", "", sections(), "")
    assert not list(tmp_path.iterdir())
