"""Results of a dataset are computed once and by one thread at a time; the fingerprint depends on the kept rows only."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from smart_retail.data.dataset.locked_property import locked_cached_property, synchronized
from smart_retail.data.pipeline import prepare
from smart_retail.errors import DataError
from smart_retail.settings import DataSettings
from smart_retail.utils.set_ops import in_sorted

HEADER = "customer_id,item_id,order_id,timestamp,quantity,amount\n"
ROWS = ("ann,tea,1,2024-01-05,2,6", "ann,cup,1,2024-01-05,1,4", "bob,tea,2,2024-01-07,1,3", "bob,tea,2,2024-01-07,4,9")


class Counter:
    """Counts concurrent calls."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.running = self.most = self.computed = 0

    def _work(self) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        time.sleep(0.02)
        self.running -= 1

    @locked_cached_property
    def value(self) -> int:
        self.computed += 1
        self._work()
        return 42

    @synchronized
    def other(self, number: int) -> int:
        self._work()
        return self.value + number


def test_a_property_is_computed_once_and_by_one_thread_at_a_time() -> None:
    counter = Counter()
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda i: counter.other(i) if i % 2 else counter.value, range(12)))
    assert found == [42 + i if i % 2 else 42 for i in range(12)]
    assert counter.computed == 1
    assert counter.most == 1


def test_a_computed_property_is_returned_without_the_lock() -> None:
    counter = Counter()
    assert counter.value == 42
    with counter.lock, ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: counter.value).result(timeout=5) == 42


def shop(folder: Path, rows: tuple[str, ...]) -> Path:
    path = folder / f"orders-{abs(hash(rows))}.csv"
    path.write_text(HEADER + "\n".join(rows) + "\n")
    return path


def test_lines_of_one_order_and_item_are_one_row(tmp_path: Path) -> None:
    with prepare([shop(tmp_path, ROWS)]) as dataset:
        history = dataset.history_between()
    assert history.customer.tolist() == [0, 0, 1]
    assert history.item.tolist() == [0, 1, 1]
    assert (history.quantity / 1e6).tolist() == [1.0, 2.0, 5.0]
    assert (history.amount / 1e6).tolist() == [4.0, 6.0, 12.0]


def test_a_sum_beyond_int64_is_a_clear_error(tmp_path: Path) -> None:
    rows = tuple(f"ann,tea,1,2024-01-05,1000000000000,{i}" for i in range(12))
    with (
        prepare([shop(tmp_path, rows)]) as dataset,
        pytest.raises(DataError, match="add up to more than"),
    ):
        dataset.history_between()


@pytest.mark.slow
def test_the_fingerprint_depends_on_the_kept_rows_and_not_on_their_order(tmp_path: Path) -> None:
    def of(*rows: str, **settings: str) -> str:
        with prepare([shop(tmp_path, rows)], settings=DataSettings(**settings)) as dataset:
            return dataset.fingerprint

    plain = of(*ROWS)
    assert of(*ROWS[::-1]) == plain
    cancellation = "bob,tea,C3,2024-01-09,-1,-3"
    others = {of(*ROWS, cancellation), of(*ROWS[:3]), of(*ROWS[:3], ROWS[3].replace(",9", ",8")), of(*ROWS, ROWS[0])}
    assert len(others | {plain}) == 5
    assert of(*ROWS, cancellation, returns_policy="keep") != plain


@pytest.mark.slow
@pytest.mark.parametrize("column", [0, 1, 2])
def test_an_id_that_is_too_long_is_rejected(tmp_path: Path, column: int) -> None:
    def row(size: int) -> str:
        fields = ["dan", "jam", "9", "2024-01-08", "1", "5"]
        fields[column] = "é" * size
        return ",".join(fields)

    def rejected(*files: tuple[str, ...]) -> list[tuple[str, int]]:
        paths = [shop(tmp_path, rows) for rows in files]
        with prepare(paths) as dataset:
            assert len(dataset.history_between())
            return [(r.reason, r.rows) for r in dataset.report.rejected]

    assert rejected((*ROWS, row(1000))) == []
    assert rejected((*ROWS, row(1001), row(1002))) == [("id too long", 2)]
    assert rejected(ROWS, (row(1001), "zoe,cup,8,2024-02-01,1,4")) == [("id too long", 1)]


def test_in_sorted_is_membership() -> None:
    rng = np.random.default_rng(2)
    for size in (0, 1, 7, 300):
        those = rng.integers(-50, 50, size)
        numbers = rng.integers(-60, 60, 200)
        np.testing.assert_array_equal(in_sorted(numbers, those), np.isin(numbers, those))
    assert in_sorted(np.empty(0, np.int64), np.arange(3)).tolist() == []
