"""Sales statistics equal figures counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import shop

from smart_retail.data.dataset.returned_purchases import with_returned, without_returned
from smart_retail.data.dataset.sales_statistics import discount_band, discount_band_names
from smart_retail.data.pipeline import prepare
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.settings import DataSettings

LINES = (
    "customer_id,order_id,item_id,category,timestamp,ship_timestamp,quantity,amount,discount,returned",
    "a,1,x,Paper,2024-01-30,2024-02-02,1,90,0.1,no",
    "a,1,y,Pens,2024-01-30,2024-02-02,2,10,0,no",
    "b,2,x,Paper,2024-02-01,2024-02-06,1,50,0.5,no",
    "b,3,y,Pens,2024-02-03,2024-02-03,1,700,0.6,no",
    "c,4,y,Pens,2024-02-03,,1,30,,yes",
)


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return path


def compute(path: Path, **settings: Any) -> tuple[dict[str, Any], Any, Any]:
    with prepare([path], settings=DataSettings(**settings)) as dataset:
        kept = dataset.history_between()
        facts, daily = dataset.statistics(int(kept.day.min()), int(kept.day.max()))
        return facts, daily, dataset.item_discount


def test_months_and_categories_are_counted(orders: Path) -> None:
    facts, daily, discount = compute(orders)
    assert [(m["month"], m["amount"], m["lines"], m["returned"]) for m in facts["months"]] == [
        ("2024-01", 100.0, 2, 0.0),
        ("2024-02", 750.0, 2, 30.0),
    ]
    assert [(m["mean_discount"], m["mean_shipping_days"]) for m in facts["months"]] == [(0.05, 3.0), (0.55, 2.5)]
    assert [(c["category"], c["amount"], c["returned"]) for c in facts["categories"]] == [
        ("Pens", 710.0, 30.0),
        ("Paper", 140.0, 0.0),
    ]
    assert [(d["discount"], d["lines"]) for d in facts["discounts"]] == [
        ("none", 1), ("up to 10 %", 1), ("up to 50 %", 1), ("above 50 %", 1),
    ]  # fmt: skip
    assert [(s["days"], s["lines"]) for s in facts["shipping"]] == [(0, 1), (3, 2), (5, 1)]
    assert [(s["sales_category"], s["amount"]) for s in facts["sales_categories"]] == [("Low", 150.0), ("High", 700.0)]
    assert discount.tolist() == [pytest.approx(0.3), pytest.approx(0.3)]
    assert daily.shape == (3, 5)
    assert daily[:, 0].tolist() == pytest.approx([0.05, 0.1, 0.0])
    assert daily[0, 2] == pytest.approx(0.5)
    assert np.isnan(daily[:, 1]).all()


def test_moments_and_correlations_are_those_of_the_columns(orders: Path) -> None:
    numbers = compute(orders)[0]["numbers"]
    assert numbers["columns"] == ["quantity", "amount", "unit_price", "discount", "shipping_days"]
    assert numbers["lines"] == 4
    assert numbers["moments"]["amount"]["mean"] == pytest.approx(212.5)
    assert numbers["moments"]["quantity"]["median"] == 1.0
    # Amounts 90, 10, 50, 700 rank as 3, 1, 2, 4, discounts .1, 0, .5, .6 as 2, 1, 3, 4: 1 - 6 * 2 / 60.
    assert numbers["correlations"][1][3] == pytest.approx(0.8)


def test_a_source_without_discounts_and_shipping_has_no_statistics_of_them(tmp_path: Path) -> None:
    facts, daily, discount = compute(shop.write(tmp_path / "orders.csv"))
    assert (facts["discounts"], facts["shipping"]) == ([], [])
    assert all(m["mean_discount"] is None for m in facts["months"])
    assert np.isnan(daily).all()
    assert np.isnan(discount).all()


@pytest.mark.slow
def test_statistics_are_the_same_for_every_order_of_the_rows(tmp_path: Path) -> None:
    plain = compute(shop.write(tmp_path / "a.csv"))[0]
    assert compute(shop.write(tmp_path / "b.csv", shuffle=3))[0] == plain
    assert sum(m["returned"] for m in plain["months"]) == pytest.approx(sum(c["returned"] for c in plain["categories"]))


def both(paths: list[Path]) -> dict[str, tuple[PurchaseHistory, Any]]:
    found = {}
    for policy in ("net", "keep"):
        with prepare(paths, settings=DataSettings(returns_policy=policy)) as dataset:
            found[policy] = (dataset.history_between(), dataset.returned_purchases())
    return found


def content(history: PurchaseHistory) -> list[tuple[int, ...]]:
    """Return the rows without order codes, which are not comparable across histories."""
    columns = (history.customer, history.day, history.item, history.quantity, history.amount)
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def orders_of(history: PurchaseHistory) -> list[int]:
    return np.bincount(history.customer[np.unique(history.order, return_index=True)[1]]).tolist()


def check_both_ways(paths: list[Path]) -> None:
    (net, net_returned), (keep, keep_returned) = both(paths).values()
    assert len(net_returned) > 0
    for actual, expected in ((with_returned(net, net_returned), keep), (without_returned(keep, keep_returned), net)):
        assert content(actual) == content(expected)
        assert orders_of(actual) == orders_of(expected)
        assert (np.diff(actual.order) >= 0).all()
    assert int(net_returned.amount.sum()) == int(keep.amount.sum()) - int(net.amount.sum())


def test_either_returns_policy_can_be_derived_from_the_other(tmp_path: Path) -> None:
    check_both_ways([shop.write(tmp_path / "orders.csv")])


@pytest.mark.slow
@pytest.mark.real_data
def test_either_returns_policy_can_be_derived_from_the_other_on_real_orders(real_data: Path) -> None:
    check_both_ways([real_data / "global_superstore.xlsx"])


def test_a_source_without_returns_has_no_returned_purchases(tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    path.write_text("customer_id,item_id,timestamp,amount\na,x,2024-01-01,5\n", encoding="utf-8")
    for _, returned in both([path]).values():
        assert len(returned) == 0


def test_a_discount_is_assigned_to_its_band() -> None:
    assert discount_band(np.array([np.nan, 0.0, 0.1, 0.1000001, 0.2, 0.5, 0.9])).tolist() == [-1, 0, 1, 1, 2, 4, 5]
    assert discount_band_names()[2] == "up to 20 %"
