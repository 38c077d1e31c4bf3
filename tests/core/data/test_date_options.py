"""The order of day and month is reported as assumed where no date decides it; offsets follow the shop's time zone."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_retail.data.pipeline import prepare
from smart_retail.settings import DataSettings

HEADER = "Customer,SKU,Total,Date\n"


def write(path: Path, dates: list[str], header: str = HEADER) -> Path:
    path.write_text(header + "".join(f"c{n},s1,5,{date}\n" for n, date in enumerate(dates)))
    return path


def read(path: Path, order: str = "", zone: str = "") -> tuple[str, str, str]:
    with prepare([path], settings=DataSettings(date_order=order, timezone=zone)) as dataset:
        return dataset.report.first, dataset.report.last, " ".join(dataset.report.notes)


def test_dates_that_fit_both_orders_are_reported_as_assumed(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.csv", ["01/02/2024", "03/04/2024"])
    first, last, notes = read(path)
    assert (first, last) == ("2024-01-02", "2024-03-04")
    assert "all dates of Date can be read as day first and as month first. Assumed: month first" in notes
    assert "read as month first" not in notes


@pytest.mark.parametrize(("order", "expected"), [("dmy", "2024-02-01"), ("mdy", "2024-01-02")])
def test_a_given_order_is_used_and_not_assumed(tmp_path: Path, order: str, expected: str) -> None:
    first, _, notes = read(write(tmp_path / "orders.csv", ["01/02/2024", "03/04/2024"]), order)
    assert first == expected
    assert "Assumed" not in notes


def test_years_of_two_digits_come_first_where_the_order_says_so(tmp_path: Path) -> None:
    assert read(write(tmp_path / "orders.csv", ["04-03-05", "04-03-06"]), "ymd")[:2] == ("2004-03-05", "2004-03-06")


def test_one_day_above_twelve_decides_even_far_below(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.csv", ["01/02/2024"] * 2500 + ["01/13/2024"])
    assert "Assumed" not in read(path)[2]


def test_a_second_date_column_decides_too(tmp_path: Path) -> None:
    header = "Customer,SKU,Total,Date,Ship Date\n"
    path = write(tmp_path / "orders.csv", ["01/02/2024,01/13/2024", "03/04/2024,03/05/2024"], header)
    assert "Assumed" not in read(path)[2]


@pytest.mark.slow
@pytest.mark.parametrize("time", ["2024-03-01 00:30:00 +0200", "2024-02-29T22:30:00Z", "2024-03-01T04:00:00+05:30"])
def test_times_with_an_offset_are_converted_to_the_time_zone_of_the_shop(tmp_path: Path, time: str) -> None:
    path = write(tmp_path / "orders.csv", [time, "2024-03-01 12:00"])
    assert read(path, zone="UTC")[0] == "2024-02-29"
    assert read(path, zone="Europe/Berlin")[0] == "2024-02-29"
    assert read(path, zone="Asia/Tokyo")[0] == "2024-03-01"
    assert read(path)[0] == time[:10], "without a setting the local day of the file counts"
