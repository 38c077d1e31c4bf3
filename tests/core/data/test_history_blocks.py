"""Histories that are processed in blocks of customers: files instead of memory, and no other result."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smart_retail.bundle import reader
from smart_retail.data.dataset import history_builder
from smart_retail.data.guest_orders import GuestOrders
from smart_retail.data.pipeline import Dataset, prepare
from smart_retail.data.purchase_history import COLUMNS, PurchaseHistory
from smart_retail.errors import SettingsError
from smart_retail.recommenders.group_popularity import compute_cluster_popularity, compute_group_popularity
from smart_retail.recommenders.popularity import Popularity, count_demand, rank_items
from smart_retail.recommenders.shopper_items import build_user_item_matrix
from smart_retail.segmentation.customer_features import compute_measures
from smart_retail.segmentation.rfm import compute_rfm
from smart_retail.training.models.item_baskets import collect_customer_items, collect_order_items
from smart_retail.training.models.item_sets import count_item_sets
from smart_retail.utils import memory_budget
from smart_retail.utils.column_files import ColumnFiles, release_pages
from smart_retail.utils.memory_budget import MemoryBudget, machine_bytes, read_budget
from smart_retail.value.purchase_days import PurchaseDays

ROWS = 40
"""Rows of a block."""
CUSTOMERS, ITEMS = 60, 25


class SmallBlocks(MemoryBudget):
    """A budget with blocks of `ROWS` rows."""

    block_rows = ROWS


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Orders of sixty customers; one has more lines than a block, and some lines are returned."""
    rng = np.random.default_rng(3)
    lines = ["customer_id,item_id,order_id,timestamp,quantity,amount"]
    for order in range(400):
        customer = 7 if order % 5 == 0 else int(rng.integers(CUSTOMERS))
        day = np.datetime64("2024-01-01") + int(rng.integers(300))
        for item in rng.choice(ITEMS, size=rng.integers(1, 6), replace=False):
            quantity = int(rng.integers(1, 4))
            lines.append(f"c{customer:02},i{item:02},o{order},{day},{quantity},{quantity * (1 + item) / 4}")
            if rng.random() < 0.1:
                lines.append(f"c{customer:02},i{item:02},r{order},{day + 3},{-quantity},{-quantity * (1 + item) / 4}")
    path = tmp_path_factory.mktemp("orders") / "orders.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def whole(orders: Path) -> Iterator[Dataset]:
    with prepare([orders]) as dataset:
        yield dataset


@pytest.fixture(scope="module")
def divided(orders: Path) -> Iterator[Dataset]:
    """The same in blocks of `ROWS` rows."""
    with prepare([orders], memory=SmallBlocks(8 * 2**30)) as dataset:
        yield dataset


@pytest.fixture
def histories(whole: Dataset, divided: Dataset) -> tuple[PurchaseHistory, PurchaseHistory]:
    return whole.history_between(), divided.history_between()


def is_mapped(array: Any) -> bool:
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    return array is not None


def assert_equal(one: Any, other: Any) -> None:
    """Compare arrays, or objects with arrays as fields, bit by bit."""
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for name in one:
            assert_equal(one[name], other[name])
    elif isinstance(one, tuple | list):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_equal(a, b)
    elif hasattr(one, "__slots__") and not isinstance(one, np.generic):
        names = [name for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ())]
        for name in set(names) - {"block_rows"}:
            assert_equal(getattr(one, name), getattr(other, name))
    else:
        assert one == other


def test_a_history_of_several_blocks_is_in_files_and_equal(
    histories: tuple[PurchaseHistory, PurchaseHistory],
) -> None:
    one, other = histories
    assert_equal(one, other)
    assert not is_mapped(one.item)
    assert all(is_mapped(getattr(other, name)) for name in COLUMNS)


def test_blocks_have_whole_customers_and_all_rows(histories: tuple[PurchaseHistory, PurchaseHistory]) -> None:
    history = histories[1]
    blocks = list(history.blocks())
    assert len(blocks) > 5
    assert sum(block.n_customers for _, block in blocks) == history.n_customers
    assert [first for first, _ in blocks] == np.cumsum([0, *(b.n_customers for _, b in blocks[:-1])]).tolist()
    joined = {name: np.concatenate([getattr(block, name) for _, block in blocks]) for name in COLUMNS}
    joined["customer"] = np.concatenate([block.customer + first for first, block in blocks])
    for name in COLUMNS:
        np.testing.assert_array_equal(joined[name], getattr(history, name))
    assert any(len(block) > ROWS and block.n_customers == 1 for _, block in blocks), "one customer has more rows"
    assert all(len(block) <= ROWS or block.n_customers == 1 for _, block in blocks)


def test_slices_and_rfm_are_equal(whole: Dataset, divided: Dataset) -> None:
    day = whole.first_day + 150
    some = np.arange(len(whole.customers)) % 3 > 0
    for arguments in ((None, day), (day, None), (day, day + 60)):
        assert_equal(whole.history_between(*arguments), divided.history_between(*arguments))
        assert_equal(whole.history_between(*arguments, some), divided.history_between(*arguments, some))
    assert_equal(whole.rfm(), divided.rfm())
    assert_equal(whole.rfm(day), divided.rfm(day))
    assert_equal(whole.fully_returned, divided.fully_returned)


def test_slices_without_returns_are_cut_from_the_blocks(
    histories: tuple[PurchaseHistory, PurchaseHistory],
) -> None:
    day = int(histories[0].day.min()) + 150
    some = np.arange(histories[0].n_customers) % 3 > 0
    one, other = (history_builder.slice_history(h, None, day, day, some) for h in histories)
    assert_equal(one, other)
    ids = [str(code) for code in range(histories[0].n_customers)]
    assert_equal(*(history_builder.customer_sums_before(h, day, ids) for h in histories))
    assert_equal(*(h.between(customers=some) for h in histories))


def counts(history: PurchaseHistory) -> dict[str, Any]:
    """Return all that is counted by block."""
    group = (np.arange(history.n_customers) % 4 - 1).astype(np.int16)
    shop: Popularity = rank_items(np.bincount(history.item, minlength=history.n_items).astype(np.float64))
    orders = np.arange(30, dtype=np.int32)
    guests = GuestOrders(
        orders.repeat(2), np.tile(np.array([3, 4], np.int32), 30), orders.repeat(2) + np.int32(history.last_day - 40),
        np.ones(60, np.int64), np.ones(60, np.int64), n_lines=60,
    )  # fmt: skip
    return {
        "customer items": collect_customer_items(history),
        "order items": collect_order_items(history, guests),
        "item sets": count_item_sets(history, guests, min_support=5),
        "segments": compute_group_popularity(history, group, shop, 28, 0.5),
        "clusters": compute_cluster_popularity(history, group),
        "measures": compute_measures(
            history, compute_rfm(history), 1e6, np.ones((history.n_items, 2), np.float32).cumsum(axis=0)
        ),
        "days": PurchaseDays.from_blocks(history.blocks(), history.n_customers),
    }


def test_counts_do_not_depend_on_the_blocks(histories: tuple[PurchaseHistory, PurchaseHistory]) -> None:
    one, other = map(counts, histories)
    assert len(one["item sets"]) > 0
    assert_equal(one, other)


def test_demand_in_blocks_is_that_of_the_whole_matrix(histories: tuple[PurchaseHistory, PurchaseHistory]) -> None:
    history = histories[0]
    demand = count_demand(history, build_user_item_matrix(history))
    assert_equal(demand, collect_customer_items(histories[1])[1])
    pairs: dict[tuple[int, int], list[int]] = {}
    for customer, item, day in zip(history.customer, history.item, history.day, strict=True):
        pairs.setdefault((int(customer), int(item)), []).append(int(day))
    intervals: dict[int, list[int]] = {}
    for (_, item), days in pairs.items():
        intervals.setdefault(item, []).extend(np.diff(sorted(days)).tolist())
    for item, found in enumerate(demand.interval.tolist()):
        expected = sorted(intervals.get(item, []))
        assert found == expected[(len(expected) - 1) // 2] if expected else np.isnan(found)


def test_released_pages_are_read_again(tmp_path: Path) -> None:
    with ColumnFiles(tmp_path, {"a": np.int32, "b": np.float64}) as files:
        files.append({"a": np.arange(5), "b": np.ones(5)})
        files.append({"a": np.arange(5, 9), "b": np.zeros(4)})
        columns = files.arrays()
    release_pages(*columns.values(), np.arange(3))
    assert columns["a"].tolist() == list(range(9))
    assert columns["b"].sum() == 5
    with pytest.raises(ValueError, match="read-only"):
        columns["a"][0] = 1


def test_empty_columns_are_empty_arrays(tmp_path: Path) -> None:
    with ColumnFiles(tmp_path, {"a": np.int32}) as files:
        assert files.arrays()["a"].tolist() == []


@pytest.mark.parametrize(
    ("text", "size"), [("8GB", 8 * 2**30), (" 2.5 gb ", 5 * 2**29), ("4096MB", 2**32), ("1TB", 2**40)]
)
def test_memory_sizes(text: str, size: int) -> None:
    assert read_budget(text) == MemoryBudget(size)


@pytest.mark.parametrize("text", ["8", "GB", "-1GB", "8 apples", "1e3GB", "500MB", "1.9GB"])
def test_memory_sizes_that_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="memory"):
        read_budget(text)


def test_a_container_has_the_memory_of_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory_budget, "_CONTAINER_LIMITS", (limit,))
    whole = machine_bytes()
    limit.write_text("max\n")
    assert machine_bytes() == whole
    limit.write_text("1073741824\n")
    assert machine_bytes() == 2**30
    assert read_budget("").total == memory_budget.MIN_BYTES


def test_the_default_is_half_of_the_machine() -> None:
    assert read_budget("").total == max(machine_bytes() // 2, memory_budget.MIN_BYTES)


def test_the_parts_stay_within_the_budget() -> None:
    for gigabytes in (2, 4, 8, 64, 1024):
        budget = MemoryBudget(gigabytes * 2**30)
        assert budget.duckdb_bytes(2) <= max(budget.total // 4, 512 * 2**20)
        assert budget.block_rows * 200 <= max(budget.total // 8, 500_000 * 200)
    history = PurchaseHistory(*(np.zeros(0, np.int32),) * 4, *(np.zeros(0, np.int64),) * 2, 0, 0, 0)
    assert [len(block) for _, block in history.blocks()] == [0]


def mapped_megabytes() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssFile")) / 1024


reads_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the memory of the process is read from /proc"
)


@reads_proc
@pytest.mark.parametrize("kind", ["columns", "bundle"])
def test_released_pages_take_no_memory(tmp_path: Path, kind: str) -> None:
    with ColumnFiles(tmp_path, {"a": np.float64}) as files:
        files.append({"a": np.ones(8_000_000)})
        column = files.arrays()["a"]
    if kind == "bundle":  # as `bundle.reader` maps arrays
        with (tmp_path / "a.bin").open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        column = np.frombuffer(content, np.float64).reshape(-1, 2)
    before = mapped_megabytes()
    assert column.sum() == 8_000_000
    assert mapped_megabytes() > before + 50
    release_pages(column)
    assert mapped_megabytes() < before + 10
    assert column.sum() == 8_000_000


@reads_proc
def test_the_digest_of_a_large_file_takes_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "DIGEST_BYTES", 2**20)
    blob = np.arange(8_000_001, dtype=np.int64).tobytes()  # does not end at a page
    (tmp_path / "a.bin").write_bytes(blob)
    with (tmp_path / "a.bin").open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    before = mapped_megabytes()
    assert reader._digest(content) == hashlib.sha256(blob).hexdigest() == reader._digest(blob)
    assert mapped_megabytes() < before + 10
