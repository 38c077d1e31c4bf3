"""The generated histories are the same everywhere and look like a shop's."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from tests.benchmarks import histories


@pytest.fixture(scope="module")
def lines() -> dict[str, Any]:
    return histories.part(0)


def test_a_part_is_drawn_from_its_number_alone(lines: dict[str, Any]) -> None:
    def digest(part: dict[str, Any]) -> str:
        return hashlib.sha256(b"".join(part[name].tobytes() for name in part)).hexdigest()

    assert digest(histories.part(0)) == digest(lines) != digest(histories.part(1))


def test_few_items_make_most_of_the_sales(lines: dict[str, Any]) -> None:
    sales = np.sort(np.bincount(lines["item"], minlength=histories.ITEMS))[::-1]
    assert 0.25 < sales[: histories.ITEMS // 100].sum() / sales.sum() < 0.6
    assert (sales > 0).mean() > 0.95


def test_customers_buy_again_and_differ_in_how_much(lines: dict[str, Any]) -> None:
    there = lines["customer_id"] > 0
    pair = lines["customer_id"][there] * histories.ITEMS + lines["item"][there]
    again = 1 - len(np.unique(pair)) / len(pair)
    assert 0.3 < again < 0.6
    of_each = np.unique(lines["customer_id"][there], return_counts=True)[1]
    assert len(of_each) > 0.999 * histories.CUSTOMERS_OF_PART
    assert np.percentile(of_each, 90) > 6 * np.percentile(of_each, 10)


def test_december_and_weekends_sell_more(lines: dict[str, Any]) -> None:
    days = lines["timestamp"].astype("datetime64[D]")
    month = days.astype("datetime64[M]").astype(int) % 12
    late = days >= np.datetime64("2024-01-01")
    assert (late & (month == 11)).sum() > 1.4 * (late & (month == 5)).sum()
    weekend = np.is_busday(days, weekmask="0000011").mean()
    assert 0.33 < weekend < 0.42


def test_some_lines_have_no_customer(lines: dict[str, Any]) -> None:
    assert 0.002 < (lines["customer_id"] == 0).mean() < 0.006
