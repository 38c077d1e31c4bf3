"""The dense linear algebra of EASE compared with NumPy."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from smart_retail.training.kernels.ease_solver import invert_positive_definite, top_k_weights


def positive(n: int, seed: int = 0) -> np.ndarray:
    """A positive definite matrix in Fortran's order, its lower triangle not a number."""
    some = np.random.default_rng(seed).normal(size=(n, n))
    matrix = (some @ some.T + n * np.eye(n)).astype(np.float32)
    matrix[np.tril_indices(n, -1)] = np.nan
    return np.asfortranarray(matrix)


@pytest.mark.parametrize("n", [1, 2, 40])
def test_the_upper_triangle_becomes_that_of_the_inverse(n: int) -> None:
    matrix = positive(n)
    whole = np.triu(np.nan_to_num(matrix)) + np.triu(np.nan_to_num(matrix), 1).T
    assert invert_positive_definite(matrix)
    upper = np.triu_indices(n)
    np.testing.assert_allclose(matrix[upper], np.linalg.inv(whole.astype(np.float64))[upper], rtol=2e-3, atol=1e-6)
    assert np.isnan(matrix[np.tril_indices(n, -1)]).all()


def test_a_matrix_that_is_not_positive_definite_is_reported() -> None:
    assert not invert_positive_definite(np.asfortranarray(np.array([[1.0, 2.0], [0.0, 1.0]], np.float32)))


def test_other_threads_run_while_a_matrix_is_inverted() -> None:
    matrix, turns, done = positive(1800), [], threading.Event()

    def count() -> None:
        while not done.is_set():
            turns.append(time.perf_counter())
            time.sleep(0.001)

    other = threading.Thread(target=count)
    other.start()
    begin = time.perf_counter()
    assert invert_positive_definite(matrix)
    end = time.perf_counter()
    done.set()
    other.join()
    assert sum(begin < turn < end for turn in turns) > 5


@pytest.mark.parametrize("k", [1, 3, 9])
def test_the_largest_weights_of_each_row(k: int) -> None:
    n, codes = 10, np.arange(10) * 3 + 1
    rng = np.random.default_rng(k)
    whole = rng.integers(-4, 5, (n, n)).astype(np.float32)  # many ties
    whole = np.triu(whole) + np.triu(whole, 1).T
    np.fill_diagonal(whole, rng.integers(1, 3, n))
    scale = -np.diagonal(whole)
    item, value = np.full((31, k), -1, np.int32), np.zeros((31, k), np.float32)
    top_k_weights(np.asfortranarray(np.triu(whole)), scale, codes, item, value)
    for i in range(n):
        weights = whole[i] / scale
        weights[i] = 0.0
        best = sorted(range(n), key=lambda j: (-abs(weights[j]), j))[:k]
        best.sort(key=lambda j: (-weights[j], j))
        assert item[codes[i]].tolist() == codes[best].tolist()
        assert value[codes[i]].tolist() == weights[best].tolist()
    assert (item[0] == -1).all()
