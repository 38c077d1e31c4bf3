"""Guest orders: purchases without a customer count as orders, and nothing else of the dataset changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smart_retail.data.guest_orders import GuestOrders
from smart_retail.data.pipeline import Dataset, prepare
from smart_retail.settings import DataSettings
from smart_retail.utils.dates import iso

HEADER = "customer_id,item_id,order_id,date,quantity,amount,returned\n"
CUSTOMERS = "c1,a,o1,2020-01-31,2,10.5,\nc1,b,o1,2020-01-31,1,1,\nc2,a,g1,2020-02-03,3,15,\n"
GUESTS = (
    ",b,g2,2020-02-10,1,5,\n"
    ",b,g2,2020-02-10,2,5.5,\n"
    ",a,g2,2020-02-11,1,7,\n"
    ",a,g1,2020-02-12,1,5,\n"
)  # fmt: skip
NOT_COUNTED = {
    "an item that no customer bought": ",z,g3,2020-02-12,1,5,\n",
    "no order id": ",a,,2020-02-12,1,5,\n",
    "a cancellation": ",a,g3,2020-02-12,-1,-5,\n",
    "a returned line": ",a,g3,2020-02-12,1,5,yes\n",
    "a bad date": ",a,g3,2020-02-31,1,5,\n",
    "no quantity": ",a,g3,2020-02-12,,5,\n",
    "no item": ",,g3,2020-02-12,1,5,\n",
}

Row = tuple[int, str, str, float, float]


def write(folder: Path, rows: str, name: str = "orders.csv") -> Path:
    path = folder / name
    path.write_text(HEADER + rows)
    return path


def guest_rows(dataset: Dataset) -> list[Row]:
    """Return order, item, day, quantity and amount of each guest purchase."""
    guests = dataset.guest_orders
    columns = guests.order, guests.item, guests.day, guests.quantity, guests.amount
    return [
        (order, dataset.items.id(item), iso(day), quantity / 1e6, amount / 1e6)
        for order, item, day, quantity, amount in zip(*(column.tolist() for column in columns), strict=True)
    ]


EXPECTED: list[Row] = [
    (0, "a", "2020-02-10", 1.0, 7.0),
    (0, "b", "2020-02-10", 3.0, 10.5),
    (1, "a", "2020-02-12", 1.0, 5.0),
]


def test_purchases_without_a_customer_are_summed_by_order_and_item(tmp_path: Path) -> None:
    with prepare([write(tmp_path, CUSTOMERS + GUESTS)]) as dataset:
        assert guest_rows(dataset) == EXPECTED
        assert dataset.guest_orders.n_orders == 2
        assert "Of the rows without a customer, 4 rows in 2 guest orders count for products bought together." in (
            dataset.report.notes
        )


def test_the_accounting_and_the_history_are_those_without_the_guests(tmp_path: Path) -> None:
    with (
        prepare([write(tmp_path, CUSTOMERS + GUESTS)]) as with_guests,
        prepare([write(tmp_path, CUSTOMERS, "plain.csv")]) as without,
    ):
        report, plain = with_guests.report, without.report
        assert {r.reason: r.rows for r in report.rejected} == {"no customer": 4}
        assert report.rows_in == plain.rows_in + 4
        assert (report.rows_accepted, report.customers, report.orders, report.amount) == (
            plain.rows_accepted, plain.customers, plain.orders, plain.amount,
        )  # fmt: skip
        assert list(with_guests.items.ids) == list(without.items.ids) == ["a", "b"]
        history, expected = with_guests.history_between(), without.history_between()
        for name in ("customer", "order", "item", "day", "quantity", "amount"):
            np.testing.assert_array_equal(getattr(history, name), getattr(expected, name))
        assert len(without.guest_orders) == 0
        assert with_guests.fingerprint != without.fingerprint


@pytest.mark.slow
@pytest.mark.parametrize("why", NOT_COUNTED)
def test_a_row_with_another_fault_does_not_count_as_guest_purchase(tmp_path: Path, why: str) -> None:
    with prepare([write(tmp_path, CUSTOMERS + GUESTS + NOT_COUNTED[why])]) as dataset:
        assert guest_rows(dataset) == EXPECTED
        assert {r.reason: r.rows for r in dataset.report.rejected} == {"no customer": 5}


def test_a_returned_line_counts_where_returns_are_ignored(tmp_path: Path) -> None:
    path = write(tmp_path, CUSTOMERS + NOT_COUNTED["a returned line"])
    with prepare([path], settings=DataSettings(returns_policy="keep")) as dataset:
        assert guest_rows(dataset) == [(0, "a", "2020-02-12", 1.0, 5.0)]


def test_a_returns_table_removes_guest_orders(tmp_path: Path) -> None:
    returns = tmp_path / "returns.csv"
    returns.write_text("order_id\ng2\n")
    with prepare([write(tmp_path, CUSTOMERS + GUESTS)], returns=returns) as dataset:
        assert guest_rows(dataset) == [(0, "a", "2020-02-12", 1.0, 5.0)]


def test_a_source_without_order_ids_has_no_guest_orders(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("customer_id,item_id,date,amount\nc,a,2020-01-01,1\n,a,2020-01-02,1\n")
    with prepare([path]) as dataset:
        assert len(dataset.guest_orders) == 0


def test_guest_rows_of_several_sources_count_once_in_any_order(tmp_path: Path) -> None:
    rows = (CUSTOMERS + GUESTS).splitlines(keepends=True)
    first, second = write(tmp_path, "".join(rows[:5]), "1.csv"), write(tmp_path, "".join(reversed(rows)), "2.csv")
    with prepare([first, second]) as merged, prepare([second]) as whole:
        assert guest_rows(merged) == guest_rows(whole) == EXPECTED
        assert merged.fingerprint == whole.fingerprint


def test_ids_of_guests_keep_their_text_where_those_of_customers_are_numbers(tmp_path: Path) -> None:
    rows = "1,7,1,2020-01-01,1,1,\n,7,007,2020-01-01,1,1,\n,007,x,2020-01-01,1,1,\n,7,7,2020-01-02,1,1,\n"
    with prepare([write(tmp_path, rows)]) as dataset:
        assert [row[:3] for row in guest_rows(dataset)] == [(0, "7", "2020-01-01"), (1, "7", "2020-01-02")]


def test_a_collective_order_larger_than_nearly_all_of_customers_is_left_out(tmp_path: Path) -> None:
    items = [f"i{k:02}" for k in range(25)]
    bought = "".join(f"c{k},{item},o{k},2020-01-{k + 1:02},1,1,\n" for k, item in enumerate(items))
    small = "".join(f",{item},g2,2020-02-02,1,1,\n" for item in items[:20])
    large = "".join(f",{item},g1,2020-02-01,1,1,\n" for item in items[:21])
    with prepare([write(tmp_path, bought + small + large)]) as dataset:
        assert {row[:1] + row[2:3] for row in guest_rows(dataset)} == {(0, "2020-02-02")}
        assert (dataset.guest_orders.n_orders, dataset.guest_orders.n_lines) == (1, 20)
    whole = "".join(f"c,{item},o,2020-01-01,1,1,\n" for item in items)
    with prepare([write(tmp_path, whole + small + large, "large.csv")]) as dataset:
        assert (dataset.guest_orders.n_orders, dataset.guest_orders.n_lines) == (2, 41)


def test_guest_orders_follow_the_orders_of_customers(tmp_path: Path) -> None:
    with prepare([write(tmp_path, CUSTOMERS + GUESTS)]) as dataset:
        history = dataset.history_between()
        orders = dataset.guest_orders.append_to(history)
        assert orders.order.tolist() == [0, 0, 1, 2, 2, 3]
        assert orders.customer.tolist() == [0, 0, 1, 2, 2, 3]
        assert (orders.n_customers, orders.n_items, orders.last_day) == (4, 2, history.last_day)
        before = dataset.guest_orders.until(int(dataset.guest_orders.day[-1]) - 1)
        assert (before.n_orders, before.item.tolist()) == (1, [0, 1])


def test_a_sample_has_whole_orders_numbered_from_0() -> None:
    order = np.repeat(np.arange(1000, dtype=np.int32), 2)
    values = np.arange(2000, dtype=np.int64)
    guests = GuestOrders(order, values.astype(np.int32), order, values, values, n_lines=2000)
    sample = guests.sample(0.3, seed=1)
    assert 200 < sample.n_orders < 400
    assert sample.order.tolist() == np.repeat(np.arange(sample.n_orders), 2).tolist()
    assert (sample.day == sample.item // 2).all()
    assert guests.sample(0.3, seed=1).item.tolist() == sample.item.tolist()
    assert guests.sample(1.0, seed=1) is guests
