"""The learned ranker: LightGBM's two listwise losses, half each, exported to plain trees.

In: `Lesson`s of one task. Out: `Trees`. Where purchases are many LambdaRank finds the better order, where they are few
XE-NDCG (Bruch 2021) does: on a later window than they had learnt from, of two shops and two tasks, both together were
nowhere clearly worse than LambdaRank, and clearly better for new items of a grocer (NDCG@10 0.0554 to 0.0533). Seeded,
with rows in one order and one way to build histograms, so that the same lessons give the same trees. Imported while
fitting only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.ranking_features import NAMES
from smart_retail.recommenders.tree_ensemble import TreeEnsemble
from smart_retail.training.hybrid.training_examples import TrainingExamples

TREES = 100
"""Of each objective."""
OBJECTIVES = ("lambdarank", "rank_xendcg")
SCALED_BY = 500
"""Lists, of all windows alike, by which the scores of the objectives are brought to one scale."""
PARAMETERS = {
    "learning_rate": 0.06,
    "num_leaves": 15,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.6,
    # Each tree learns from half of the lists: a sixth less time, and on an earlier window no clear difference.
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


def fit_ranker(lessons: Iterable[TrainingExamples], *, seed: int) -> TreeEnsemble | None:
    """A ranker of the lessons' candidates; None where nothing was bought or nothing tells candidates apart.

    The lessons are looked at one by one, so that they may be made on the way.
    """
    import lightgbm

    taught = [_telling(lesson) for lesson in lessons]
    table, hit, sizes = (np.concatenate(columns) for columns in zip(*taught, strict=True))
    del taught
    if hit.all():
        return None
    parameters = {**PARAMETERS, "seed": seed, "num_threads": 1}  # the seed also chooses the rows that place the bins
    data = lightgbm.Dataset(table, hit, group=sizes, params=parameters).construct()
    some, few = _thinned(table, sizes)
    del table  # its bins are enough to learn from
    structures: list[dict[str, Any]] = []
    scale: list[float] = []
    for objective in OBJECTIVES:
        model = lightgbm.train({**parameters, "objective": objective}, data, TREES)
        trees = [tree["tree_structure"] for tree in model.dump_model()["tree_info"]]
        structures += trees
        score = np.asarray(model.predict(few, num_threads=1))
        scale += [1.0 / _spread(score, some)] * len(trees)
    found = TreeEnsemble.from_structures(structures, len(NAMES))
    return replace(found, leaf=found.leaf * np.array(scale)[:, None])


def _telling(lesson: TrainingExamples) -> tuple[NDArray[np.float32], NDArray[np.int8], NDArray[np.int64]]:
    """Signals and hits of the lists that hold a purchase, and their lengths: another has no pair to put in order."""
    sizes = np.diff(lesson.candidates.indptr)
    shopper = np.repeat(np.arange(len(sizes)), sizes)
    telling = np.bincount(shopper, lesson.hit, len(sizes)) > 0
    kept = telling[shopper]
    return lesson.table[kept], lesson.hit[kept].astype(np.int8), sizes[telling]


def _thinned(table: NDArray[np.float32], sizes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Lengths and signals of every n-th list, about `SCALED_BY` of them."""
    chosen = np.arange(len(sizes)) % max(len(sizes) // SCALED_BY, 1) == 0
    return sizes[chosen], table[np.repeat(chosen, sizes)]


def _spread(score: NDArray[np.float64], sizes: NDArray[np.int64]) -> float:
    """How far scores lie apart within a list, 1 where they do not: the objectives have scales of their own."""
    shopper = np.repeat(np.arange(len(sizes)), sizes)
    apart = score - (np.bincount(shopper, score) / sizes)[shopper]
    return float(np.sqrt(np.mean(apart**2))) or 1.0
