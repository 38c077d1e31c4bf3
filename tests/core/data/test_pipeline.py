"""An order table becomes a dataset in which every row is accounted for."""

from __future__ import annotations

from pathlib import Path

import narwhals as nw
import numpy as np
import pytest

from smart_retail.data.dry_run import Inspection, inspect_source
from smart_retail.data.pipeline import Dataset, prepare
from smart_retail.errors import ColumnError, DataError, UsageError
from smart_retail.settings import DataSettings

HEADER = "customer_id,item_id,order_id,timestamp,quantity,amount\n"


def write(folder: Path, text: str, name: str = "orders.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def day(date: str) -> int:
    return int(np.datetime64(date, "D").astype(int))


def fetch(dataset: Dataset, *columns: str) -> list[tuple[object, ...]]:
    found = dataset._backend.fetch(dataset.lines.select(*columns).sort(*columns))
    return list(zip(*(found[c].tolist() for c in columns), strict=True))


def test_accepted_and_rejected_rows_add_up_and_name_their_reason(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEADER
        + "c1,i1,o1,2020-01-01 10:00:00,2,10.50\n"
        + ",i1,o2,2020-01-01,1,1\n"
        + "c1,,o3,2020-01-01,1,1\n"
        + "c1,i1,o4,2020-02-31,1,1\n"
        + "c1,i1,o5,,1,1\n"
        + "c1,i1,o6,2020-01-02,many,1\n"
        + "c1,i1,o7,2020-01-02,1,nan\n"
        + "c1,i1,o8,2020-01-02,0,1\n"
        + "c1,i1,o9,0020-01-02,1,1\n",
    )
    with prepare([path]) as dataset:
        report = dataset.report
    assert report.rows_in == 9
    assert report.rows_accepted == 1
    assert {s.reason: (s.rows, s.examples) for s in report.rejected} == {
        "bad date": (3, ("0020-01-02", "2020-02-31")),
        "no customer": (1, ("o2",)),
        "no item": (1, ("o3",)),
        "bad quantity": (1, ("many",)),
        "bad amount": (1, ("nan",)),
        "zero quantity": (1, ("o8",)),
    }
    assert report.amount == report.net_amount == 10.5


def test_ids_are_never_changed(tmp_path: Path) -> None:
    ids = ["00012", "1e5", "A/B", "é", "12", "1.0", "+7", "NA", "null", "x y", "🛒", " 12", "12 ", "\u00a012", "  t\t"]
    rows = "".join(f"{i},p{i} ,o,2020-01-01,1,1\n" for i in ids)
    with prepare([write(tmp_path, HEADER + rows)]) as dataset:
        assert set(dataset.customers.ids) == set(ids)
        assert set(dataset.items.ids) == {f"p{i} " for i in ids}
        assert list(dataset.customers.ids) == sorted(dataset.customers.ids, key=lambda t: t.encode())


@pytest.mark.parametrize("blank", [" ", "\t", "\u00a0", " \u00a0\t "])
def test_an_id_of_whitespace_only_is_missing(tmp_path: Path, blank: str) -> None:
    rows = f"{blank},i,o,2020-01-01,1,1\nc,{blank},o,2020-01-01,1,1\nc,i,{blank},2020-01-02,1,1\nc,i,,2020-01-02,1,1\n"
    with prepare([write(tmp_path, HEADER + rows)]) as dataset:
        assert {s.reason: s.rows for s in dataset.report.rejected} == {"no customer": 1, "no item": 1}
        assert dataset.report.orders == 1, "lines without an order id are one order a day"


@pytest.mark.parametrize("odd", ["007", "1e2", "+7", " 7", "7 ", "1_000", "9999999999999999999", "a"])
def test_one_unusual_id_after_thousands_of_numbers_keeps_its_text(tmp_path: Path, odd: str) -> None:
    rows = [f"{i % 50 + 1},1,{i},2020-01-01,1,1\n" for i in range(3_000)]
    with prepare([write(tmp_path, HEADER + "".join(rows) + f"{odd},1,1,2020-01-01,1,1\n")]) as dataset:
        assert dataset.customers.code(odd) >= 0
        assert len(dataset.customers) == 51
        assert dataset.rfm().frequency.sum() == 3_001


def test_ids_exported_as_floats_lose_their_point_zero_with_a_note(tmp_path: Path) -> None:
    rows = "13085.0,85048,1,2020-01-01,1,1\n,85048,2,2020-01-01,1,1\n12.0,85048,3,2020-01-01,1,1\n"
    with prepare([write(tmp_path, HEADER + rows)]) as dataset:
        assert list(dataset.customers.ids) == ["12", "13085"]
        assert any(".0 at the end of every value of customer_id" in note for note in dataset.report.notes)


def test_a_single_point_zero_among_other_ids_is_part_of_the_id(tmp_path: Path) -> None:
    rows = "13085.0,1,1,2020-01-01,1,1\nA7,1,2,2020-01-01,1,1\n"
    with prepare([write(tmp_path, HEADER + rows)]) as dataset:
        assert list(dataset.customers.ids) == ["13085.0", "A7"]


def test_history_is_one_row_per_customer_order_and_item_in_order_of_days(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEADER
        + "b,i2,o9,2020-03-01,1,4\n"
        + "a,i1,o2,2020-02-01,1,2\n"
        + "a,i1,o2,2020-02-01,2,3\n"
        + "a,i1,o5,2020-01-01,1,0\n",
    )
    with prepare([path]) as dataset:
        history = dataset.history_between()
        early = dataset.history_between(end=day("2020-02-01"))
    assert history.customer.tolist() == [0, 0, 1]
    assert history.order.tolist() == [0, 1, 2]
    assert history.item.tolist() == [0, 0, 1]
    assert history.day.tolist() == [day("2020-01-01"), day("2020-02-01"), day("2020-03-01")]
    assert history.quantity.tolist() == [1_000_000, 3_000_000, 1_000_000]
    assert history.amount.tolist() == [0, 5_000_000, 4_000_000]
    assert (history.n_customers, history.n_items, history.last_day) == (2, 2, day("2020-03-01"))
    assert (len(early), early.n_customers, early.last_day) == (1, 2, day("2020-01-31"))


def test_an_order_id_shared_by_customers_is_an_order_of_each(tmp_path: Path) -> None:
    rows = "a,i1,o1,2020-01-01,1,1\nb,i1,o1,2020-01-05,1,1\n"
    with prepare([write(tmp_path, HEADER + rows)]) as dataset:
        assert dataset.report.orders == 2
        assert dataset.rfm().frequency.tolist() == [1, 1]


def test_the_day_of_an_order_is_that_of_its_first_line(tmp_path: Path) -> None:
    rows = "a,i1,o1,2020-01-09,1,1\na,i2,o1,2020-01-02,1,1\n"
    with prepare([write(tmp_path, HEADER + rows)]) as dataset:
        assert set(dataset.history_between().day.tolist()) == {day("2020-01-02")}
        assert dataset.rfm(analysis_day=day("2020-01-10")).recency.tolist() == [8]


def test_without_an_order_id_a_customers_day_is_an_order(tmp_path: Path) -> None:
    rows = "customer_id,item_id,timestamp,amount\na,i1,2020-01-01 09:00,1\na,i2,2020-01-01 18:00,1\na,i1,2020-01-02,1\n"
    with prepare([write(tmp_path, rows)]) as dataset:
        assert dataset.rfm().frequency.tolist() == [2]
        assert len(dataset.history_between()) == 3
        assert any("no order id" in note for note in dataset.report.notes)


def test_a_blank_order_id_falls_back_to_the_day(tmp_path: Path) -> None:
    rows = "a,i1,,2020-01-01,1,1\na,i2,,2020-01-02,1,1\na,i2,o1,2020-01-02,1,1\n"
    with prepare([write(tmp_path, HEADER + rows)]) as dataset:
        assert dataset.rfm().frequency.tolist() == [3]


def test_amount_is_quantity_times_unit_price_where_only_that_is_given(tmp_path: Path) -> None:
    rows = "customer_id,item_id,timestamp,quantity,unit_price\na,i1,2020-01-01,3,2.55\na,i2,2020-01-01,1,-4\n"
    with prepare([write(tmp_path, rows)]) as dataset:
        assert dataset.history_between().amount.tolist() == [7_650_000]
        assert [(s.reason, s.rows) for s in dataset.report.rejected] == [("price not positive", 1)]
        assert dataset.item_price.tolist() == [2.55]


def test_sums_of_many_small_amounts_are_exact(tmp_path: Path) -> None:
    rows = "".join(f"a,i{n},o,2020-01-01,1,0.1\n" for n in range(1_000)) + "a,x,o,2020-01-01,1,0.000001\n"
    with prepare([write(tmp_path, HEADER + rows)]) as dataset:
        assert dataset.report.amount == 100.000001
        assert dataset.rfm().monetary.tolist() == [100_000_001]


@pytest.mark.parametrize(
    ("text", "millionths"),
    [("0.0000005", 0), ("0.0000015", 2), ("0.0000025", 2), ("1234567.891", 1_234_567_891_000), ("5e2", 500_000_000)],
)
def test_amounts_are_rounded_to_millionths_half_to_even(tmp_path: Path, text: str, millionths: int) -> None:
    with prepare([write(tmp_path, f"{HEADER}a,i,o,2020-01-01,1,{text}\n")]) as dataset:
        assert dataset.history_between().amount.tolist() == [millionths]


def test_derived_columns_follow_their_definitions(tmp_path: Path) -> None:
    rows = (
        "customer_id,item_id,order_id,timestamp,ship_timestamp,quantity,amount,discount,profit\n"
        "a,i1,o1,2020-01-31 23:00:00,2020-02-02 01:00:00,1,100,0.2,5\n"
        "a,i2,o1,2020-01-31,2020-01-30,1,100.01,1,5\n"
        "a,i3,o1,2021-12-01,,1,1000,0,5\n"
        "a,i4,o1,2021-12-01,2021-12-01,1,1000.000001,0.5,5\n"
    )
    with prepare([write(tmp_path, rows)]) as dataset:
        found = fetch(dataset, "item_id", "shipping_days", "sales_category", "order_year", "order_month")
        rates = fetch(dataset, "item_id", "discount_rate")
    assert [(f[0], f[2], f[3], f[4]) for f in found] == [
        ("i1", "Low", 2020, 1), ("i2", "Medium", 2020, 1), ("i3", "High", 2021, 12), ("i4", "Very High", 2021, 12),
    ]  # fmt: skip
    assert [None if f[1] is None or f[1] != f[1] else int(f[1]) for f in found] == [2, None, None, 0]  # type: ignore[call-overload]
    assert rates[0][1] == pytest.approx(0.25)
    assert rates[1][1] is None or np.isnan(rates[1][1])  # type: ignore[call-overload]
    assert rates[3][1] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("header", "discount", "fraction"),
    [
        ("discount", "0.2", 0.2),
        ("discount", "20", 0.2),
        ("discount_percent", "12.5", 0.125),
        ("discount_amount", "25", 0.2),
        ("discount", "20%", 0.2),
    ],
)
def test_a_discount_is_a_fraction_of_the_list_price(
    tmp_path: Path, header: str, discount: str, fraction: float
) -> None:
    rows = f"customer_id,item_id,date,amount,{header}\na,i1,2020-01-01,100,{discount}\na,i2,2020-01-01,100,0\n"
    with prepare([write(tmp_path, rows)]) as dataset:
        assert fetch(dataset, "item_id", "discount")[0][1] == pytest.approx(fraction)


def test_discounts_in_money_are_added_up_and_unreadable_ones_count_as_zero(
    tmp_path: Path,
) -> None:
    head = "household_id,basket_id,product_id,quantity,sales_value,retail_disc,coupon_disc,transaction_timestamp\n"
    rows = "1,10,a,1,3,0.5,0.5,2017-01-01\n1,11,b,1,3,1,x,2017-01-02\n1,12,c,1,bad,1,0,2017-01-02\n"
    with prepare([write(tmp_path, head + rows)]) as dataset:
        found = dict(fetch(dataset, "item_id", "discount"))
        assert found == {"a": pytest.approx(0.25), "b": pytest.approx(0.25)}
        assert [(s.reason, s.rows) for s in dataset.report.rejected] == [("bad amount", 1)]


def test_the_most_frequent_name_is_used_then_the_first_in_text_order(tmp_path: Path) -> None:
    rows = "customer_id,item_id,date,amount,item_name,category,country\n" + "".join(
        f"a,{i},2020-01-01,1,{n},{k},{o}\n"
        for i, n, k, o in [
            ("i1", "Mug", "Kitchen", "FR"), ("i1", "Cup", "Kitchen", "DE"), ("i1", "Mug", "", "DE"),
            ("i2", "b", "Toys", ""), ("i2", "a", "Toys", ""), ("i3", "", "", ""),
        ]
    )  # fmt: skip
    with prepare([write(tmp_path, rows)]) as dataset:
        assert dataset.item_names == ["Mug", "a", ""]
        assert dataset.category_names == ["Kitchen", "Toys"]
        assert dataset.item_category.tolist() == [0, 1, -1]
        assert dataset.subcategory_names == []
        assert dataset.customer_countries == ["DE"]


def test_weeks_start_on_monday_and_none_is_missing(tmp_path: Path) -> None:
    rows = "a,i1,o1,2019-12-29,1,1\na,i1,o2,2019-12-30,1,2\na,i1,o3,2020-01-13,1,4\n"
    with prepare([write(tmp_path, HEADER + rows)]) as dataset:
        weeks = dataset.weekly_sales()
    assert [(w.week, w.amount, w.orders) for w in weeks] == [
        ("2019-12-23", 1.0, 1), ("2019-12-30", 2.0, 1), ("2020-01-06", 0.0, 0), ("2020-01-13", 4.0, 1),
    ]  # fmt: skip


def test_non_merchandise_codes_are_a_setting(tmp_path: Path) -> None:
    rows = "a,i1,o1,2020-01-01,1,1\na,POST,o1,2020-01-01,1,1\na,ADJUST2,o1,2020-01-01,1,1\na,POSTER,o1,2020-01-01,1,1\n"
    settings = DataSettings(non_merchandise=("POST", "ADJUST*"))
    with prepare([write(tmp_path, HEADER + rows)], settings=settings) as dataset:
        assert list(dataset.items.ids) == ["POSTER", "i1"]
        assert dataset.report.rejected[0].reason == "non-merchandise"
        assert dataset.report.rejected[0].examples == ("ADJUST2", "POST")


def test_short_histories_have_warnings(tmp_path: Path) -> None:
    with prepare([write(tmp_path, HEADER + "a,i1,o1,2020-01-01,1,1\n")]) as dataset:
        notes = " ".join(dataset.report.notes)
    assert "Only 1 customers" in notes
    assert "Only 1 days" in notes


def test_a_dry_run_returns_the_recognised_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "Client;Date;SKU;Total;Colour\na;31.12.2020;i1;1,50;red\nb;01.01.2021;i1;2;red\n")
    found = inspect_source(path)
    source = found.sources[0]
    assert source.preset == "aliases"
    assert source.columns == {"customer_id": "Client", "item_id": "SKU", "timestamp": "Date", "amount": "Total"}
    assert [(u.header, u.looks_like, u.values) for u in source.unused] == [("Colour", "", ("red",))]
    date = next(f for f in source.fields if f.field == "timestamp")
    assert (date.samples, date.confidence, date.dates) == (("31.12.2020", "01.01.2021"), "certain", "day first")
    assert source.computed == ("quantity = 1 per row", "order = all rows of a customer on one day")
    assert [(m.month, m.rows, m.amount_accepted) for m in found.months] == [("2020-12", 1, 1.5), ("2021-01", 1, 2.0)]
    assert found.report.amount == 3.5
    assert Inspection.from_dict(found.as_dict()) == found


def test_closing_removes_every_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(work))
    path = write(tmp_path, HEADER + "a,i1,o1,2020-01-01,1,1\n")
    with prepare([path]) as dataset:
        dataset.history_between()
        assert list(work.iterdir())
    assert not list(work.iterdir())
    with pytest.raises(DataError):
        prepare([write(tmp_path, HEADER)])
    assert not list(work.iterdir())


def test_a_source_without_usable_rows_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No source"):
        prepare([])
    with pytest.raises(DataError, match="There is no file"):
        prepare([tmp_path / "absent.csv"])
    with pytest.raises(DataError, match="is a folder"):
        prepare([tmp_path])
    with pytest.raises(DataError, match="is empty"):
        prepare([write(tmp_path, "")])
    with pytest.raises(DataError, match="no rows"):
        prepare([write(tmp_path, HEADER)])
    with pytest.raises(DataError, match=r"No row of orders.csv.*no customer 1"):
        prepare([write(tmp_path, HEADER + ",i,o,2020-01-01,1,1\n")])
    with pytest.raises(DataError, match="add up to more"):
        prepare([write(tmp_path, HEADER + "".join(f"a,{i},o,2020-01-01,1,1e12\n" for i in range(20)))])


def test_an_unrecognised_column_is_an_error_with_the_option_to_use(tmp_path: Path) -> None:
    path = write(tmp_path, "Who,When bought,SKU,Total\na,2020-01-01,i1,1\n")
    with pytest.raises(ColumnError) as caught:
        prepare([path])
    assert caught.value.message.startswith(
        "No column of orders.csv was recognised as the customer and the date (found: Who, When bought"
    )
    assert caught.value.hint.startswith("Choose the columns that have them: --map ")
    with prepare([path], mapping={"customer_id": "Who", "timestamp": "When bought"}) as dataset:
        assert list(dataset.customers.ids) == ["a"]


def test_the_frame_of_lines_is_lazy_and_has_purchases_only(tmp_path: Path) -> None:
    rows = "a,i1,o1,2020-01-01,2,10\na,i1,o2,2020-01-02,-1,-5\na,i2,o1,2020-01-01,1,1\na,i2,o2,2020-01-03,-1,-1\n"
    with prepare([write(tmp_path, HEADER + rows)]) as dataset:
        assert isinstance(dataset.lines, nw.LazyFrame)
        assert fetch(dataset, "item_id", "quantity", "kept_quantity", "kept_amount") == [
            ("i1", 2_000_000, 1_000_000, 5_000_000)
        ]
