"""An array with a valid digest that does not fit the bundle is rejected or harmless, and never an `IndexError`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from smart_retail.bundle import versions
from smart_retail.bundle.reader import Bundle
from smart_retail.errors import DamagedBundleError
from smart_retail.results import FitReport

from .odd_arrays import listed_arrays, npy_bytes, serve_odd_arrays
from .tampered_bundles import add_live_purchase, replaced_file


@pytest.fixture
def root(fitted: tuple[Path, FitReport], tmp_path: Path) -> Path:
    root = Path(shutil.copytree(fitted[0], tmp_path / "artifacts"))
    add_live_purchase(root)
    return root


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("history/indptr", lambda a: np.sort(a)[::-1], "does not ascend from 0"),
        ("history/indptr", lambda a: a[:-1], r"has \d+ entries instead of"),
        ("history/item", lambda a: a + 10**6, "has values outside -1 to"),
        ("history/item", lambda a: a[:-1], r"has \d+ entries instead of"),
        ("customers/ids/offsets", lambda a: a + 1, "does not ascend from 0"),
        ("customers/names/data", lambda a: a[:-1], r"has \d+ entries instead of"),
        ("recommender/item_knn.indptr", lambda a: a[:-1], r"has \d+ entries instead of"),
        ("recommender/item_knn.item", lambda a: a + 10**6, "has values outside -1 to"),
        ("recommender/popular.order", lambda a: a - 2, "has values outside -1 to"),
        ("recommender/segment.order", lambda a: a[:-1], r"has \d+ entries instead of"),
        ("history/day", lambda a: a * 1000, "has values outside"),
        ("history/amount", lambda a: a + 2**62, "sum is larger"),
        ("items/names/data", lambda a: a | 0x80, "is not UTF-8"),
        ("rfm/segment", lambda a: a + 1000, "has values outside -1 to"),
        ("clusters/latent", lambda a: a[:, :1], "has 1 entries instead of 2"),
        ("history/order", lambda a: a[::-1], "does not ascend"),
        ("rfm/recency", lambda a: a + 2**40, "has values outside"),
        ("forecasts/next_order_low", lambda a: a - 10**6, "has values outside"),
        ("lists/hybrid_any/size", lambda a: a + 1000, "has values outside 0 to"),
        ("lists/hybrid_new/size", lambda a: a - 1000, "has values outside 0 to"),
    ],
)
def test_an_array_that_does_not_fit_is_rejected_when_it_is_read(
    root: Path, name: str, change: Callable[[np.ndarray], np.ndarray], message: str
) -> None:
    values = change(np.array(Bundle.open(root).array(name)))
    with replaced_file(root, f"tables/{name}.npy", npy_bytes(values)):
        with pytest.raises(DamagedBundleError, match=message):
            Bundle.open(root).array(name)
        assert any(name in problem for problem in versions.verify(root))


@pytest.mark.slow
def test_no_odd_array_ends_in_another_error(root: Path) -> None:
    served, rejected = serve_odd_arrays(root, listed_arrays(root)[::5])
    assert rejected > served > 0
