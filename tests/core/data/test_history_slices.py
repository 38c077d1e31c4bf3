"""Slices of the full history equal histories built from the lines."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from smart_retail.data.pipeline import Dataset, prepare
from smart_retail.data.purchase_history import PurchaseHistory

FIRST = int(np.datetime64("2020-01-01", "D").astype(int))
HEADER = "customer_id,item_id,order_id,timestamp,quantity,amount\n"


def shop(folder: Path, *more: str) -> Path:
    """Sixty orders of twelve customers on forty days, some of them with an item twice."""
    rng, rows = np.random.default_rng(4), []
    for order in range(60):
        day = np.datetime64("2020-01-01", "D") + int(rng.integers(40))
        rows += [
            f"c{order * 7 % 12},i{item},o{order},{day},{rng.integers(1, 4)},{rng.integers(1, 90) / 4}"
            for item in rng.integers(9, size=rng.integers(1, 6))
        ]
    path = folder / "orders.csv"
    path.write_text(HEADER + "\n".join([*rows, *more]) + "\n")
    return path


def from_lines(dataset: Dataset) -> Dataset:
    dataset.__dict__["_can_slice_history"] = False
    return dataset


def assert_same(one: PurchaseHistory, other: PurchaseHistory) -> None:
    for field in fields(PurchaseHistory):
        a, b = getattr(one, field.name), getattr(other, field.name)
        assert np.asarray(a).dtype == np.asarray(b).dtype, field.name
        np.testing.assert_array_equal(a, b, err_msg=field.name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "end"), [(None, FIRST + 20), (FIRST + 20, FIRST + 31), (FIRST + 20, None), (FIRST, FIRST), (None, None)]
)
def test_a_slice_of_the_history_equals_one_built_from_the_lines(
    tmp_path: Path, first: int | None, end: int | None
) -> None:
    path = shop(tmp_path)
    with prepare([path]) as quick, prepare([path]) as slow:
        assert quick._can_slice_history
        from_lines(slow)
        assert_same(quick.history_between(first, end), slow.history_between(first, end))
        some = np.arange(12) % 3 > 0
        assert_same(quick.history_between(first, end, some), slow.history_between(first, end, some))
        found = quick.history_between(first, end, some)
        assert set(found.customer.tolist()) <= set(np.flatnonzero(some).tolist())
        assert len(np.unique(found.order)) == (found.order.max() + 1 if len(found) else 0)


@pytest.mark.slow
@pytest.mark.parametrize("end", [FIRST, FIRST + 3, FIRST + 25])
def test_rfm_of_a_slice_equals_that_of_its_lines(tmp_path: Path, end: int) -> None:
    path = shop(tmp_path)
    with prepare([path]) as quick, prepare([path]) as slow:
        one, other = quick.rfm(end), from_lines(slow).rfm(end)
    for name in ("recency", "frequency", "monetary"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_the_lines_are_used_if_a_slice_would_not_be_exact(tmp_path: Path) -> None:
    # The second line of the order is one day later: a cut between them leaves one line on each side.
    path = shop(tmp_path, "late,i1,o99,2020-01-10,1,5", "late,i2,o99,2020-01-11,1,5")
    with prepare([path]) as dataset:
        assert not dataset._can_slice_history
        cut = FIRST + 10
        late = dataset.customers.code("late")
        before, after = dataset.history_between(end=cut), dataset.history_between(first=cut)
        assert (before.customer == late).sum() == (after.customer == late).sum() == 1
    path = shop(tmp_path, "late,i1,o99,2020-01-10,1,5", "late,i1,o98,2020-01-12,-1,-5")
    with prepare([path]) as dataset:
        assert not dataset._can_slice_history
        assert dataset.fully_returned[0].tolist() == [dataset.customers.code("late")]
