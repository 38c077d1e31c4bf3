"""Plain trees against the library they were fitted with."""

from __future__ import annotations

import numpy as np
import pytest

from smart_retail.recommenders.tree_ensemble import TreeEnsemble
from smart_retail.training.kernels.batch_scorer import score_trees, score_with_groups_at_median

lightgbm = pytest.importorskip("lightgbm")


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(3)
    table = rng.normal(size=(4000, 12)).astype(np.float32)
    table[:, :4] = np.round(table[:, :4])
    hit = (table[:, 0] * table[:, 5] + table[:, 1] > 0.5).astype(int)
    parameters = {"objective": "lambdarank", "num_leaves": 31, "num_threads": 1, "verbose": -1, "seed": 1}
    model = lightgbm.train(parameters, lightgbm.Dataset(table, hit, group=np.full(80, 50)), 60)
    return (
        model,
        TreeEnsemble.from_structures([t["tree_structure"] for t in model.dump_model()["tree_info"]], 12),
        table,
    )


def test_scores_equal_those_of_the_library(fitted):
    model, trees, table = fitted
    np.testing.assert_allclose(trees.score(table), model.predict(table, num_threads=1), rtol=0, atol=1e-9)


def test_values_at_a_threshold_go_left(fitted):
    model, trees, table = fitted
    exact = table[:50].astype(np.float64)
    for feature in range(12):
        cuts = trees.cut[trees.cut_ptr[feature] : trees.cut_ptr[feature + 1]]
        # LightGBM treats values and thresholds closer to 0 than 1e-35 as 0.
        cuts = cuts[np.abs(cuts) > 1e-30]
        if len(cuts):
            exact[:, feature] = np.resize(cuts, 50)
    np.testing.assert_allclose(trees.score(exact), model.predict(exact, num_threads=1), rtol=0, atol=1e-9)


def test_a_row_scores_the_same_alone_and_among_others(fitted):
    _, trees, table = fitted
    together = trees.score(table)
    alone = np.array([trees.score(table[i : i + 1])[0] for i in range(200)])
    np.testing.assert_array_equal(alone, together[:200])


def test_compiled_scores_have_the_bits_of_those_of_numpy(fitted):
    _, trees, table = fitted
    some = table[:300].copy()
    for feature in range(12):  # the thresholds, and values below the first and above the last
        cuts = trees.cut[trees.cut_ptr[feature] : trees.cut_ptr[feature + 1]]
        some[:200, feature] = np.resize(np.concatenate((cuts, [-1e30, 1e30])), 200)
    np.testing.assert_array_equal(score_trees(trees, some), trees.score(some))
    np.testing.assert_array_equal(score_trees(trees, table.astype(np.float64)), trees.score(table))


def test_groups_at_their_median_score_like_a_table_with_the_median(fitted):
    _, trees, table = fitted
    groups = [[0, 5], [1], [2, 3, 4, 11], [10, 9, 8, 7, 6]]
    scores = score_with_groups_at_median(trees, table, groups)
    for group, score in zip(groups, scores, strict=True):
        flat = table.copy()
        flat[:, group] = np.median(table[:, group], axis=0)
        np.testing.assert_array_equal(score, trees.score(flat))
    assert not np.array_equal(scores[0], trees.score(table))
