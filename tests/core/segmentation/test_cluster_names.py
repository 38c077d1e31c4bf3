"""Cluster names: short, descriptive and distinct."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smart_retail.training.clusters.cluster_names import cluster_names


def test_names_describe_recency_and_value() -> None:
    profiles = np.array([[-1.0, 1.3, 1.2], [0.6, 0.3, 0.4], [-0.8, -0.3, 0.0], [1.5, -0.9, -1.0]])
    assert cluster_names(profiles) == ("Active big-spending", "Lapsed regular", "Active occasional", "Long-silent rare")


def test_clusters_with_the_same_name_are_distinguished_by_their_largest_difference() -> None:
    recency = np.array([[0.5, 0.0, 0.0], [1.2, 0.0, 0.0]])
    assert cluster_names(recency) == ("Lapsed occasional more recent", "Lapsed occasional less recent")
    value = np.array([[0.5, -0.8, -0.8], [0.6, -2.0, -2.0]])
    assert cluster_names(value) == ("Lapsed rare higher-value", "Lapsed rare lower-value")


def test_a_single_cluster_is_named_all() -> None:
    assert cluster_names(np.zeros((1, 3))) == ("All",)


@settings(deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(1, 50), st.just(3)), elements=st.floats(-3, 3)))
def test_names_are_distinct(profiles: np.ndarray) -> None:
    names = cluster_names(profiles)
    assert len(set(names)) == len(profiles)
    assert all(name and name == name.strip() and len(name) <= 40 for name in names)
