"""The fitting kernels against plain linear algebra."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, csr_matrix
from sklearn.metrics.pairwise import cosine_similarity

from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.shopper_items import UserItemMatrix, build_user_item_matrix
from smart_retail.training.kernels.top_k_cosine import top_k_cosine
from smart_retail.training.models.ease import fit_ease
from smart_retail.training.models.item_knn import WEIGHTINGS, fit_item_knn, weight_purchases


@pytest.fixture(scope="module")
def pairs(repeat_shop) -> UserItemMatrix:
    return build_user_item_matrix(repeat_shop.history_between())


def _table(similarity: Similarity, n: int) -> np.ndarray:
    out = np.zeros((n, n))
    for i in range(n):
        item, value = similarity.neighbours(i)
        out[i, item] = value
    return out


def _reference(pairs: UserItemMatrix, n: int, weighting: str, shrink: float) -> np.ndarray:
    """Cosine similarity by scikit-learn, times the shrinkage factor."""
    weight = weight_purchases(pairs, n, weighting).astype(float)
    x = csr_array((weight, pairs.item, pairs.indptr), shape=(pairs.n_shoppers, n)).toarray()
    common = (x > 0).astype(float).T @ (x > 0)
    out = cosine_similarity(x.T) * np.divide(common, common + shrink, out=np.zeros((n, n)), where=common > 0)
    np.fill_diagonal(out, 0.0)
    return out


@pytest.mark.parametrize("variant", WEIGHTINGS)
def test_similarity_equals_scikit_learn(pairs, repeat_shop, variant):
    n = repeat_shop.n_items
    found = _table(fit_item_knn(pairs, n, variant, neighbours=n, threads=1, shrink=5.0), n)
    np.testing.assert_allclose(found, _reference(pairs, n, variant, 5.0), atol=1e-6)


def test_only_the_best_neighbours_are_kept_best_first(pairs, repeat_shop):
    n = repeat_shop.n_items
    dense = _reference(pairs, n, "cosine", 10.0)
    similarity = fit_item_knn(pairs, n, "cosine", neighbours=7, threads=1)
    for i in range(n):
        item, value = similarity.neighbours(i)
        assert len(item) <= 7
        assert (np.diff(value) <= 0).all()
        np.testing.assert_allclose(np.sort(dense[i])[::-1][: len(item)], value, atol=1e-6)


def test_the_number_of_threads_does_not_change_similarity(pairs, repeat_shop):
    one, two = (fit_item_knn(pairs, repeat_shop.n_items, "bm25", neighbours=20, threads=t) for t in (1, 2))
    np.testing.assert_array_equal(one.item, two.item)
    np.testing.assert_array_equal(one.value, two.value)


@given(
    seed=st.integers(0, 2**32 - 1),
    n_items=st.integers(1, 90),
    k=st.integers(1, 12),
    shrink=st.sampled_from((0.0, 10.0)),
    weighted=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_the_top_k_are_the_beginning_of_the_whole_row(seed, n_items, k, shrink, weighted):
    """Equal scores included: many pairs of items have the same few buyers; some have none."""
    rng = np.random.default_rng(seed)
    bought = rng.random((25, n_items)) < rng.random(n_items) * 0.8 * (rng.random(n_items) < 0.9)
    indptr = np.concatenate(([0], np.cumsum(bought.sum(axis=1)))).astype(np.int64)
    item = np.nonzero(bought)[1]
    value = rng.integers(1, 4, len(item)).astype(np.float32) if weighted else None
    dense = np.zeros(bought.shape)
    dense[bought] = 1.0 if value is None else value
    norm = np.maximum(np.sqrt((dense**2).sum(axis=0)), 1e-9)
    common = bought.T.astype(float) @ bought
    exact = dense.T @ dense / np.outer(norm, norm) * (common / np.maximum(common + shrink, 1e-300))
    np.fill_diagonal(exact, 0.0)
    whole = top_k_cosine(indptr, item, value, n_items, k=n_items, shrink=shrink, threads=1)
    found = top_k_cosine(indptr, item, value, n_items, k=k, shrink=shrink, threads=2)
    for row in range(n_items):
        some = whole[0][row] >= 0
        items, values = whole[0][row][some], whole[1][row][some]
        np.testing.assert_array_equal(np.sort(items), np.flatnonzero(exact[row] > 0))
        np.testing.assert_allclose(values, exact[row][items], rtol=1e-6)
        np.testing.assert_array_equal(np.lexsort((items, -values)), np.arange(len(items)))
        for part, all_of_it in zip(found, whole, strict=True):
            np.testing.assert_array_equal(part[row], all_of_it[row][: min(k, n_items)])


def test_similarity_equals_sparse_dot_topn(pairs, repeat_shop):
    library = pytest.importorskip("sparse_dot_topn", reason="sparse_dot_topn is not installed")
    n = repeat_shop.n_items
    x = csr_array((np.ones(len(pairs)), pairs.item, pairs.indptr), shape=(pairs.n_shoppers, n)).tocsc()
    x = csr_array(x.multiply(1 / np.maximum(np.sqrt(np.asarray(x.multiply(x).sum(axis=0))), 1e-12)))
    reference = library.sp_matmul_topn(csr_matrix(x.T), csr_matrix(x), top_n=11).toarray()
    np.fill_diagonal(reference, 0.0)
    found = _table(fit_item_knn(pairs, n, "cosine", neighbours=10, threads=1, shrink=0.0), n)
    np.testing.assert_allclose(np.sort(found, axis=1)[:, -5:], np.sort(reference, axis=1)[:, -5:], atol=1e-6)


def test_ease_equals_its_closed_form(pairs, repeat_shop):
    n = repeat_shop.n_items
    weight = 0.5 + pairs.orders / 3
    x = csr_array((weight, pairs.item, pairs.indptr), shape=(pairs.n_shoppers, n)).toarray()
    inverse = np.linalg.inv(x.T @ x + 20.0 * np.eye(n))
    closed = -inverse / np.diag(inverse)[None, :]
    np.fill_diagonal(closed, 0.0)
    bought = (x > 0).sum(axis=0) > 1
    found = _table(fit_ease(pairs, weight, n, max_items=n, neighbours=n, penalty=20.0), n)
    np.testing.assert_allclose(found[np.ix_(bought, bought)], closed[np.ix_(bought, bought)], atol=2e-3)


def test_ease_of_a_few_items_excludes_the_others(pairs, repeat_shop):
    similarity = fit_ease(pairs, pairs.orders, repeat_shop.n_items, max_items=10, neighbours=5, penalty=300.0)
    most = np.sort(np.argsort(-np.bincount(pairs.item, minlength=repeat_shop.n_items), kind="stable")[:10])
    assert set(similarity.item.tolist()) <= set(most.tolist())
    assert (np.diff(similarity.indptr) <= 5).all()
