"""Distributions: every customer in one bin, moments as SciPy has them, odd shops without a crash."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_retail.data.temporal_dataset import RfmTable
from smart_retail.training.clusters.rfm_distributions import MEASURES, describe_rfm
from smart_retail.utils.fixed_point import MILLION


def table(rows: list[tuple[int, int, int]]) -> RfmTable:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return RfmTable(*columns)


rows = st.lists(st.tuples(st.integers(0, 900), st.integers(0, 70), st.integers(-(10**9), 10**12)), max_size=60)


@settings(deadline=None)
@given(rows)
def test_every_customer_with_an_order_is_in_exactly_one_bin(customers: list[tuple[int, int, int]]) -> None:
    described = describe_rfm(table(customers))
    assert json.loads(json.dumps(described)) == described
    for measure in MEASURES:
        histogram = described["histograms"][measure]
        assert sum(histogram["customers"]) == sum(f > 0 for _, f, _ in customers)
        assert histogram["edges"] == sorted(set(histogram["edges"]))
        assert len(histogram["edges"]) == len(histogram["customers"]) + 1


def test_moments_and_correlations_of_a_known_shop() -> None:
    described = describe_rfm(table([(10, 1, 100 * MILLION), (20, 2, 50 * MILLION), (30, 3, 20 * MILLION), (90, 0, 0)]))
    assert described["moments"]["recency"] == {
        "mean": 20.0,
        "median": 20.0,
        "skewness": 0.0,
        "kurtosis": pytest.approx(-1.5),
    }
    assert described["moments"]["monetary"]["mean"] == pytest.approx(170 / 3)
    assert np.allclose(described["correlations"], [[1, 1, -1], [1, 1, -1], [-1, -1, 1]])


def test_undefined_statistics_are_none() -> None:
    alike = describe_rfm(table([(5, 1, 7)] * 3))
    assert alike["moments"]["frequency"]["skewness"] is None
    assert alike["correlations"][0][1] is None
