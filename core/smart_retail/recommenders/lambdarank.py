"""The learned ranker: LightGBM LambdaRank, exported to plain trees.

In: `Lesson`s of one task. Out: `Trees`. Seeded, with rows in one order and one way to build histograms, so
that the same lessons give the same trees. Imported while fitting only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smart_retail.recommenders.lessons import Lesson
from smart_retail.recommenders.signals import NAMES
from smart_retail.recommenders.trees import Trees

TREES = 100
PARAMETERS = {
    "objective": "lambdarank",
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


def fit_ranker(lessons: Sequence[Lesson], *, seed: int) -> Trees | None:
    """A ranker of the lessons' candidates; None where nothing was bought or nothing tells candidates apart."""
    import lightgbm

    sizes = np.concatenate([np.diff(lesson.candidates.indptr) for lesson in lessons])
    hit = np.concatenate([lesson.hit for lesson in lessons])
    if not hit.any() or hit.all():
        return None
    # A list without a purchase has no pair to put in order: it would only cost time.
    shopper = np.repeat(np.arange(len(sizes)), sizes)
    telling = np.bincount(shopper, hit, len(sizes)) > 0
    kept = telling[shopper]
    table = np.concatenate([lesson.table for lesson in lessons])[kept]
    data = lightgbm.Dataset(
        table,
        hit[kept].astype(np.int8),
        group=sizes[telling],
        params={"max_bin": 63, "verbose": -1},
    )
    model = lightgbm.train({**PARAMETERS, "seed": seed, "num_threads": 1}, data, TREES)
    structures = [tree["tree_structure"] for tree in model.dump_model()["tree_info"]]
    return Trees.from_structures(structures, len(NAMES))
