"""Several sources are one history, independent of the order of their rows."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smart_retail.data.pipeline import Dataset, prepare
from smart_retail.settings import DataSettings

HEADER = "customer_id,item_id,order_id,timestamp,quantity,amount\n"
UCI = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def counts(dataset: Dataset) -> dict[str, int]:
    return {s.reason: s.rows for s in dataset.report.rejected}


def test_a_row_counts_as_often_as_in_the_source_that_has_it_most_often(tmp_path: Path) -> None:
    row, other = "a,i,o,2020-01-01,1,1\n", "a,j,o,2020-01-01,1,1\n"
    first = write(tmp_path, "first.csv", HEADER + row * 2 + other)
    second = write(tmp_path, "second.csv", HEADER + row * 3)
    with prepare([first, second]) as dataset:
        assert counts(dataset) == {"overlap": 2}
        assert dataset.report.amount == 4.0
        assert dataset.report.rows_in == 6


def test_duplicates_within_one_source_stay(tmp_path: Path) -> None:
    path = write(tmp_path, "orders.csv", HEADER + "a,i,o,2020-01-01,1,1\n" * 2)
    with prepare([path]) as dataset:
        assert dataset.report.amount == 2.0
        assert counts(dataset) == {}


def test_sources_with_different_headers_can_overlap(tmp_path: Path) -> None:
    first = write(tmp_path, "first.csv", HEADER + "a,i,o,2020-01-01,1,1.50\na,j,o,2020-01-01,1,2\n")
    second = write(tmp_path, "second.csv", "Client;SKU;Order No;Date;Qty;Total;Country\na;i;o;01.01.2020;1;1,5;FR\n")
    with prepare([first, second]) as dataset:
        assert counts(dataset) == {"overlap": 1}
        assert dataset.report.amount == 3.5


def test_sources_of_different_days_are_concatenated(tmp_path: Path) -> None:
    first = write(tmp_path, "first.csv", HEADER + "a,i,o,2020-01-01,1,1\n" * 2)
    second = write(tmp_path, "second.csv", HEADER + "a,i,p,2020-01-02,1,1\n")
    with prepare([first, second]) as dataset:
        assert dataset.report.amount == 3.0


def test_online_retail_rules(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "retail.csv",
        UCI
        + "1,85123a,LAMP,2,2010-01-01 10:00,2.55,13085.0,France\n" * 2
        + "1,85123A,LAMP,1,2010-01-01 10:00,2.55,13085.0,France\n"
        + "1,POST,POSTAGE,1,2010-01-01 10:00,18,13085.0,France\n"
        + "2,22423,STAND,1,2010-01-02 10:00,0,13085.0,France\n"
        + "C3,85123A,LAMP,-1,2010-01-03 10:00,2.55,13085.0,France\n"
        + "4,85123A,LAMP,1,2010-01-04 10:00,2.55,,France\n",
    )
    with prepare([path]) as dataset:
        assert counts(dataset) == {"duplicate": 1, "non-merchandise": 1, "price not positive": 1, "no customer": 1}
        assert list(dataset.items.ids) == ["85123A"]
        assert list(dataset.customers.ids) == ["13085"]
        assert dataset.history_between().quantity.tolist() == [2_000_000]
        assert dataset.customer_countries == ["France"]
    with prepare([path], settings=DataSettings(fold_item_case=False, non_merchandise=())) as dataset:
        assert list(dataset.items.ids) == ["85123A", "85123a", "POST"]


def content(dataset: Dataset) -> tuple[object, ...]:
    history, table = dataset.history_between(), dataset.rfm()
    columns = (history.customer, history.order, history.item, history.day, history.quantity, history.amount)
    return (
        dataset.fingerprint,
        [c.tolist() for c in columns],
        [a.tolist() for a in (table.recency, table.frequency, table.monetary)],
        dataset.item_names,
        dataset.report.as_dict(),
        dataset.weekly_sales(),
    )


ROW = st.tuples(
    st.sampled_from(["a", "b", "é", ""]),
    st.sampled_from(["i1", "i2", "i3"]),
    st.sampled_from(["o1", "o2", "o3", ""]),
    st.sampled_from(["2020-01-01", "2020-01-02 10:00", "2020-02-01", "never"]),
    st.integers(-2, 3),
    st.sampled_from(["0", "1.10", "2.5", "x"]),
    st.sampled_from(["Mug", "Cup", ""]),
)


def shuffled_alike(folder: Path, rows: list[tuple[object, ...]], seed: int) -> None:
    rows = [*rows, ("a", "i1", "o9", "2020-03-01", 5, "5", "Mug")]
    shuffled = random.Random(seed).sample(rows, len(rows))
    found = []
    for part in (rows, shuffled):
        text = HEADER.strip() + ",item_name\n" + "".join(",".join(map(str, r)) + "\n" for r in part)
        with prepare([write(folder, "orders.csv", text)]) as dataset:
            report = dataset.report
            assert report.rows_in == len(rows) == report.rows_accepted + sum(s.rows for s in report.rejected)
            found.append(content(dataset))
    assert found[0] == found[1]


@pytest.mark.slow
@given(rows=st.lists(ROW, min_size=1, max_size=25), seed=st.integers(0, 99))
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_the_order_of_rows_never_changes_a_result(tmp_path: Path, rows: list[tuple[object, ...]], seed: int) -> None:
    shuffled_alike(tmp_path, rows, seed)


@pytest.mark.slow
def test_the_order_of_many_rows_never_changes_a_result(tmp_path: Path) -> None:
    draw = random.Random(1)
    choices = [["a", "b", "é", ""], ["i1", "i2", "i3"], ["o1", "o2", "o3", ""],
               ["2020-01-01", "2020-01-02 10:00", "2020-02-01", "never"], [-2, -1, 0, 1, 3], ["0", "1.10", "x"],
               ["Mug", "Cup", ""]]  # fmt: skip
    rows = [tuple(draw.choice(c) for c in choices) for _ in range(300)]
    shuffled_alike(tmp_path, rows, 2)


@pytest.mark.slow
@given(
    first=st.lists(st.integers(0, 4), min_size=1, max_size=12),
    second=st.lists(st.integers(0, 4), min_size=1, max_size=12),
)
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_the_union_is_that_of_multisets(tmp_path: Path, first: list[int], second: list[int]) -> None:
    paths = [
        write(tmp_path, f"{n}.csv", HEADER + "".join(f"a,i{i},o,2020-01-01,1,1\n" for i in part))
        for n, part in enumerate((first, second))
    ]
    union = Counter(first) | Counter(second)
    with prepare(paths) as dataset:
        history = dataset.history_between()
        found = {dataset.items.id(i): q // 1_000_000 for i, q in zip(history.item, history.quantity, strict=True)}
    assert found == {f"i{i}": n for i, n in union.items()}
