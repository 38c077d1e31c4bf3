"""Returns in their three forms; the window functions equal a literal stack."""

from __future__ import annotations

from pathlib import Path

import narwhals as nw
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_retail.data.dataset.returns_netting import KEPT_AMOUNT, KEPT_QUANTITY, apply_returns, running_balance
from smart_retail.data.pipeline import prepare
from smart_retail.settings import DataSettings

HEADER = "customer_id,item_id,order_id,timestamp,quantity,amount\n"


def day(date: str) -> int:
    return int(np.datetime64(date, "D").astype(int))


def lines(moves: list[int]) -> nw.LazyFrame:  # type: ignore[type-arg]
    """Lines of one customer and item; negative quantities are cancellations. The price of one piece is 10."""
    return nw.from_native(
        pl.LazyFrame(
            {
                "customer_id": ["c"] * len(moves),
                "item_id": ["i"] * len(moves),
                "order_id": [str(n) for n in range(len(moves))],
                "timestamp": list(range(len(moves))),
                "day": [0] * len(moves),
                "quantity": [abs(m) for m in moves],
                "amount": [abs(m) * 10 for m in moves],
                "kind": [1 if m > 0 else -1 for m in moves],
                "flag": [0] * len(moves),
            },
            schema_overrides={"kind": pl.Int8, "flag": pl.Int8},
        )
    )


def literal_stack(moves: list[int]) -> dict[str, int]:
    """Subtract each cancellation from the latest purchases before it."""
    kept: dict[int, int] = {}
    for n, move in enumerate(moves):
        if move > 0:
            kept[n] = move
            continue
        left = -move
        for earlier in sorted(kept, reverse=True):
            taken = min(left, kept[earlier])
            kept[earlier] -= taken
            left -= taken
    return {str(n): q for n, q in kept.items() if q}


@pytest.mark.slow
@given(st.lists(st.integers(-6, 6).filter(bool), min_size=1, max_size=40))
@settings(max_examples=200, deadline=None)
def test_the_windows_equal_a_literal_stack(moves: list[int]) -> None:
    found = nw.to_native(apply_returns(lines(moves), "net")).collect()
    assert dict(zip(found["order_id"], found[KEPT_QUANTITY], strict=True)) == literal_stack(moves)
    assert (found[KEPT_AMOUNT] == found[KEPT_QUANTITY] * 10).all()


@given(st.lists(st.integers(-6, 6).filter(bool), min_size=1, max_size=40))
@settings(max_examples=100, deadline=None)
def test_the_consumed_quantity_equals_the_missing_quantity(moves: list[int]) -> None:
    bought = sum(m for m in moves if m > 0)
    kept = sum(literal_stack(moves).values())
    table = nw.to_native(running_balance(lines(moves))).collect()
    assert table["consumed"].sum() == (bought - kept if any(m < 0 for m in moves) else 0)


def test_a_cancellation_takes_the_latest_purchase_and_its_share_of_the_amount(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(
        HEADER
        + "a,i1,o1,2020-01-01,5,50\na,i1,o2,2020-01-02,4,80\na,i1,o3,2020-01-03,-6,-100\n"
        + "a,i1,o4,2020-01-04,1,7\nb,i1,o5,2020-01-04,-1,-9\n"
    )
    with prepare([path]) as dataset:
        history = dataset.history_between()
        report = dataset.report
        table = dataset.rfm()
    # o2 is fully returned, o1 keeps 3 of 5 at 10 each, o4 is later and unaffected.
    assert history.quantity.tolist() == [3_000_000, 1_000_000]
    assert history.amount.tolist() == [30_000_000, 7_000_000]
    assert table.frequency.tolist() == [2, 0]
    assert table.monetary.tolist() == [37_000_000, 0]
    assert [(r.form, r.lines, r.amount) for r in report.returns] == [("cancellation", 1, 100.0), ("unmatched", 1, 9.0)]
    assert (report.amount, report.net_amount) == (137.0, 37.0)
    assert report.customers == 2


def test_lines_are_cut_by_day_before_returns_are_netted(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(HEADER + "a,i1,o1,2020-01-01,1,5\na,i1,o2,2020-02-01,-1,-5\na,i2,o3,2020-02-01,1,3\n")
    cut = day("2020-02-01")
    with prepare([path]) as dataset:
        assert dataset.history_between(end=cut).amount.tolist() == [5_000_000]
        assert dataset.history_between(first=cut).amount.tolist() == [3_000_000]
        assert dataset.history_between().amount.tolist() == [3_000_000]
        assert dataset.rfm(end=cut).monetary.tolist() == [5_000_000]


def test_keep_ignores_returns(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(HEADER + "a,i1,o1,2020-01-01,1,5\na,i1,o2,2020-02-01,-1,-5\n")
    with prepare([path], settings=DataSettings(returns_policy="keep")) as dataset:
        assert dataset.history_between().amount.tolist() == [5_000_000]
        assert dataset.report.net_amount == 5.0
        assert dataset.report.returns[0].form == "cancellation"
        assert dataset.returned_share.tolist() == [1.0]


def test_lines_flagged_as_returned_are_subtracted(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(
        "customer_id,item_id,date,amount,returned\n"
        "a,i1,2020-01-01,5,Yes\na,i2,2020-01-01,6,no\na,i3,2020-01-01,7,\nb,i1,2020-01-01,8,TRUE\n"
    )
    with prepare([path]) as dataset:
        assert dataset.history_between().amount.tolist() == [6_000_000, 7_000_000]
        assert [(r.form, r.lines, r.amount) for r in dataset.report.returns] == [("flag", 2, 13.0)]
        assert dataset.returned_share.tolist() == pytest.approx([1 / 3, 1.0])
        assert dataset.rfm().frequency.tolist() == [1, 0]


def test_a_returns_table_never_multiplies_rows(tmp_path: Path) -> None:
    orders, returned = tmp_path / "orders.csv", tmp_path / "returns.csv"
    orders.write_text(
        "Customer,SKU,Order No,Date,Total,Market\n"
        "a,i1,o1,2020-01-01,5,US\na,i2,o1,2020-01-01,6,US\na,i1,o1,2020-01-01,7,EU\nb,i1,o2,2020-01-02,8,EU\n"
    )
    returned.write_text("Returned,Order ID,Market\nYes,o1,United States\nYes,o1,USA\nNo,o2,EU\nYes,o9,EU\n")
    with prepare([orders], returns=returned) as dataset:
        assert dataset.report.rows_in == 4
        assert dataset.history_between().amount.tolist() == [7_000_000, 8_000_000]
        assert [(r.form, r.lines, r.amount) for r in dataset.report.returns] == [("table", 2, 11.0)]


def test_fractional_quantities_are_netted_exactly(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(HEADER + "a,i1,o1,2020-01-01,0.3,3\na,i1,o2,2020-01-02,-0.1,-1\na,i1,o3,2020-01-02,-0.2,-2\n")
    with prepare([path]) as dataset:
        assert len(dataset.history_between()) == 0
        assert dataset.rfm().frequency.tolist() == [0]
