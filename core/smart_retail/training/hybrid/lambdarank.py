"""The learned ranker: LightGBM with two listwise losses, exported to plain trees.

Half of the trees use LambdaRank, which is better where purchases are many, half XE-NDCG (Bruch 2021), which is better
where they are few: on a later window than the training windows, of two shops and two tasks, both together were never
clearly worse than LambdaRank, and clearly better for new items of a grocer (NDCG@10 of 0.0554 instead of 0.0533). The
seed, the order of the rows and the histogram method are fixed, so that the same examples give the same trees.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.tree_ensemble import TreeEnsemble
from smart_retail.training.hybrid.training_examples import TrainingExamples
from smart_retail.utils.csr import row_indices

N_TREES = 100
"""Trees of each objective."""
OBJECTIVES = ("lambdarank", "rank_xendcg")
SCALING_LISTS = 500
"""Lists, evenly from all windows, on which the scores of the objectives are brought to one scale."""
PARAMETERS = {
    "learning_rate": 0.06,
    "num_leaves": 15,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.6,
    # Each tree uses half of the lists: a sixth less time, and no clear difference on an earlier window.
    "bagging_fraction": 0.5,
    "bagging_freq": 1,
    "bagging_by_query": True,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "lambdarank_truncation_level": 20,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


def fit_ranker(windows: Iterable[TrainingExamples], *, seed: int) -> TreeEnsemble | None:
    """Fit a ranker on training examples.

    Parameters
    ----------
    windows : iterable of TrainingExamples
        Consumed one by one, so that they may be built on the way.
    seed : int

    Returns
    -------
    TreeEnsemble or None
        None where nothing was bought, or everything was.
    """
    import lightgbm

    used = [_lists_with_hits(examples) for examples in windows]
    features, hit, sizes = (np.concatenate(columns) for columns in zip(*used, strict=True))
    del used
    if hit.all():
        return None
    # The seed also selects the rows that determine the bins.
    parameters = {**PARAMETERS, "seed": seed, "num_threads": 1}
    data = lightgbm.Dataset(features, hit, group=sizes, params=parameters).construct()
    scaling_sizes, scaling_features = _sample_lists(features, sizes)
    n_features = features.shape[1]
    del features  # the bins suffice for training
    structures: list[dict[str, Any]] = []
    scale: list[float] = []
    for objective in OBJECTIVES:
        model = lightgbm.train({**parameters, "objective": objective}, data, N_TREES)
        trees = [tree["tree_structure"] for tree in model.dump_model()["tree_info"]]
        structures += trees
        score = np.asarray(model.predict(scaling_features, num_threads=1))
        scale += [1.0 / _deviation_within_lists(score, scaling_sizes)] * len(trees)
    ensemble = TreeEnsemble.from_structures(structures, n_features)
    return replace(ensemble, leaf=ensemble.leaf * np.array(scale)[:, None])


def _lists_with_hits(
    examples: TrainingExamples,
) -> tuple[NDArray[np.float32], NDArray[np.int8], NDArray[np.int64]]:
    """Return features, hits and lengths of the lists with a hit: the others have no pair to order."""
    sizes = np.diff(examples.candidates.indptr)
    shopper = row_indices(examples.candidates.indptr)
    has_hit = np.bincount(shopper, examples.hit, len(sizes)) > 0
    included = has_hit[shopper]
    return examples.features[included], examples.hit[included].astype(np.int8), sizes[has_hit]


def _sample_lists(
    features: NDArray[np.float32], sizes: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return lengths and features of every n-th list, about `SCALING_LISTS` of them."""
    included = np.arange(len(sizes)) % max(len(sizes) // SCALING_LISTS, 1) == 0
    return sizes[included], features[np.repeat(included, sizes)]


def _deviation_within_lists(score: NDArray[np.float64], sizes: NDArray[np.int64]) -> float:
    """Return the standard deviation of scores within lists, 1 where it is 0: each objective has its own scale."""
    shopper = np.repeat(np.arange(len(sizes)), sizes)
    difference = score - (np.bincount(shopper, score) / sizes)[shopper]
    return float(np.sqrt(np.mean(difference**2))) or 1.0
