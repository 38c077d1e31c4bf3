"""Formats of dates and numbers are detected over the whole column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smart_retail.data.parsing.format_detection import (
    COMMA,
    ISO,
    PLAIN,
    POINT,
    choose_formats,
    sample_guess_failed,
    timestamp_formats,
)
from smart_retail.data.pipeline import prepare


def days(path: Path) -> list[str]:
    with prepare([path]) as dataset:
        return [str(np.datetime64(int(d), "D")) for d in sorted(dataset.history_between().day.tolist())]


def orders(folder: Path, dates: list[str], amounts: list[str] | None = None, separator: str = "\t") -> Path:
    path = folder / "orders.csv"
    amounts = amounts or ["1"] * len(dates)
    rows = [
        f"a{n}{separator}i{separator}{d}{separator}{a}" for n, (d, a) in enumerate(zip(dates, amounts, strict=True))
    ]
    path.write_text(separator.join(["customer", "sku", "date", "total"]) + "\n" + "\n".join(rows) + "\n")
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["2020-03-04", "2020-03-05 10:11:12"], ["2020-03-04", "2020-03-05"]),
        (["2020-03-04T23:30:00-05:00", "2020-03-05T00:30:00Z"], ["2020-03-04", "2020-03-05"]),
        (["04.03.2020", "05.03.2020 10:11"], ["2020-03-04", "2020-03-05"]),
        (["3/4/2020", "3/25/2020 5:06:07 PM"], ["2020-03-04", "2020-03-25"]),
        (["25/3/2020", "4/3/2020"], ["2020-03-04", "2020-03-25"]),
        (["04-03-20", "05-03-20"], ["2020-03-04", "2020-03-05"]),
        (["4 Mar 2020", "05 March 2020"], ["2020-03-04", "2020-03-05"]),
        (["20200304", "20200305"], ["2020-03-04", "2020-03-05"]),
    ],
)
def test_dates_in_many_forms(tmp_path: Path, texts: list[str], expected: list[str]) -> None:
    assert days(orders(tmp_path, texts)) == expected


def test_a_late_row_decides_day_or_month_first_for_the_whole_column(tmp_path: Path) -> None:
    texts = [f"{n % 12 + 1}/{n % 11 + 1}/2020" for n in range(4_000)] + ["25/3/2020"]
    path = orders(tmp_path, texts)
    with prepare([path]) as dataset:
        assert dataset.report.rows_accepted == 4_001
        assert any("date read as day first" in n for n in dataset.report.notes)


def test_one_bad_date_does_not_change_the_format_of_the_column(tmp_path: Path) -> None:
    with prepare([orders(tmp_path, ["3/25/2020"] * 30 + ["31/4/2020", "25/12/2020"])]) as dataset:
        assert dataset.report.rows_accepted == 30
        assert dataset.report.rejected[0].examples == ("25/12/2020", "31/4/2020")


@pytest.mark.parametrize(
    ("texts", "total"),
    [
        (["1.5", "2"], 3.5),
        (["1,5", "2"], 3.5),
        (["1.234,50 €", "€ 10"], 1244.5),
        (["$1,234.50", "USD 10"], 1244.5),
        (["1 234,50", "1\u00a0000,00"], 2234.5),
        (["1'234.50", "1e2"], 1334.5),
        (["1,234", "2.5"], 1236.5),
    ],
)
def test_numbers_in_many_forms(tmp_path: Path, texts: list[str], total: float) -> None:
    path = orders(tmp_path, ["2020-01-01"] * len(texts), texts)
    with prepare([path]) as dataset:
        assert dataset.report.amount == total


@pytest.mark.parametrize("text", ["(12.50)", "-$12.50", "12.50-", "$ -12.50"])
def test_a_minus_is_read_in_many_forms(tmp_path: Path, text: str) -> None:
    path = orders(tmp_path, ["2020-01-01", "2020-01-02"], ["$12.50", text])
    with prepare([path]) as dataset:
        assert [(r.form, r.amount) for r in dataset.report.returns] == [("unmatched", 12.5)]


@pytest.mark.parametrize("text", ["12x", "1,2,3", "abc", "--", "inf", "1.2.3"])
def test_text_that_is_not_a_number_is_rejected(tmp_path: Path, text: str) -> None:
    path = orders(tmp_path, ["2020-01-01"] * 3, ["$1.50", "2.5", text])
    with prepare([path]) as dataset:
        assert [(s.reason, s.examples) for s in dataset.report.rejected] == [("bad amount", (text,))]


def test_a_late_decimal_comma_decides_for_the_whole_column(tmp_path: Path) -> None:
    path = orders(tmp_path, ["2020-01-01"] * 3_001, ["12"] * 3_000 + ["2,5"])
    with prepare([path]) as dataset:
        assert dataset.report.amount == 36_002.5


def test_columns_of_a_source_share_a_format_if_none_is_better() -> None:
    options = (PLAIN, POINT, COMMA)
    assert choose_formats({"amount": [9, 9, 0], "quantity": [0, 0, 0]}, options) == {"amount": COMMA, "quantity": COMMA}
    assert choose_formats({"amount": [9, 9, 0], "profit": [0, 0, 5]}, options) == {"amount": COMMA, "profit": PLAIN}


def test_a_second_reading_is_needed_only_if_another_format_may_be_better() -> None:
    options = timestamp_formats()
    head = [0 if o == ISO else 100 for o in options]
    assert not sample_guess_failed(ISO, 0, 10_000, head, options)
    assert not sample_guess_failed(ISO, 2_000, 10_000, [0] * len(options), options), (
        "no other shape reads what ISO reads"
    )
    first = next(o for o in options if o.label == "month first")
    even = [0 if o.label in ("month first", "day first") else 100 for o in options]
    assert sample_guess_failed(first, 2_000, 10_000, even, options)
