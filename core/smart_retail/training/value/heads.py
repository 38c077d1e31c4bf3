"""Training of the feature model's heads: ridge regressions and boosted trees on top of the base model.

Every window's base scores are first shifted to the window's own totals. The heads learn which customers deviate from
the base model, not whether a season was good; the level of the coming window is estimated on its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.tree_ensemble import TreeEnsemble
from smart_retail.training.value.windows import Window
from smart_retail.value.features import FEATURES
from smart_retail.value.linear_model import HEADS, MAX_DEVIATIONS, LinearHeads, design_matrix, sigmoid
from smart_retail.value.model import QUANTILES
from smart_retail.value.tree_heads import TREE_HEADS, TreeHeads

MAX_ROWS = 50_000
"""Rows that heads are trained on, a seeded sample of all windows' rows."""
RIDGE = 100.0
"""Ridge penalty per window on standardised columns. Chosen on earlier windows of two shops (3 to 300 tried)."""
NEWTON_STEPS = 25
TREE_COUNT = 120
DAY_TREE_COUNT = 80
DAY_LEARNING_RATE = 0.08
TREE_PARAMETERS: dict[str, Any] = {
    "learning_rate": 0.04,
    "num_leaves": 15,
    "min_data_in_leaf": 200,
    "lambda_l2": 20.0,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}
OBJECTIVES: dict[str, dict[str, Any]] = {
    "orders": {"objective": "poisson"},
    "spend": {"objective": "tweedie", "tweedie_variance_power": 1.5},
    "return": {"objective": "binary"},
}


class Examples:
    """Rows of all windows, sampled to `max_rows`."""

    def __init__(self, windows: Sequence[Window], *, seed: int, max_rows: int = MAX_ROWS) -> None:
        table = np.concatenate([w.table for w in windows])
        keep = np.arange(len(table))
        if len(table) > max_rows:
            keep = np.sort(np.random.default_rng(seed).choice(len(table), max_rows, replace=False))
        self.table: NDArray[np.float64] = table[keep]
        self.offset: NDArray[np.float64] = np.concatenate([w.base + w.level for w in windows])[keep]
        self.orders: NDArray[np.float64] = np.concatenate([w.outcome.orders for w in windows])[keep]
        self.spend: NDArray[np.float64] = np.maximum(np.concatenate([w.outcome.spend for w in windows])[keep], 0.0)
        self.first: NDArray[np.int32] = np.concatenate([w.outcome.first for w in windows])[keep]
        self.penalty = RIDGE * len(windows) * len(keep) / len(table)

    @property
    def returned(self) -> NDArray[np.float64]:
        """1.0 where the customer ordered in the window."""
        return (self.first >= 0).astype(np.float64)

    @property
    def has_spend(self) -> bool:
        """Whether any outcome has a positive amount."""
        return bool(self.spend.any())

    def target(self, head: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Outcome and offset of a head; amounts in units of their mean, so that all heads have one scale."""
        column = HEADS.index(head)
        if head == "orders":
            return self.orders, self.offset[:, column]
        if head == "return":
            return self.returned, self.offset[:, column]
        unit = self.spend_unit
        return self.spend / unit, self.offset[:, column] - np.log(unit)

    @property
    def spend_unit(self) -> float:
        """Mean positive amount."""
        positive = self.spend[self.spend > 0]
        return float(positive.mean()) if len(positive) else 1.0


def fit_linear_heads(examples: Examples) -> LinearHeads:
    """Fit the ridge regressions of all heads by damped Newton steps."""
    design = design_matrix(examples.table)
    mean, scale = design.mean(axis=0), design.std(axis=0) + 1e-9
    z = np.column_stack([np.clip((design - mean) / scale, -MAX_DEVIATIONS, MAX_DEVIATIONS), np.ones(len(design))])
    weight = np.zeros((z.shape[1], len(HEADS)))
    for column, head in enumerate(HEADS):
        if head != "spend" or examples.has_spend:
            weight[:, column] = _ridge(z, head, *examples.target(head), examples.penalty)
    return LinearHeads(mean, scale, weight)


def _ridge(
    z: NDArray[np.float64], head: str, y: NDArray[np.float64], offset: NDArray[np.float64], penalty: float
) -> NDArray[np.float64]:
    """Weights of a quasi-likelihood regression with a ridge penalty on all columns but the intercept."""
    ridge = np.full(z.shape[1], penalty)
    ridge[-1] = 1e-6
    weight = np.zeros(z.shape[1])
    for _ in range(NEWTON_STEPS):
        eta = np.clip(offset + z @ weight, -15.0, 8.0)
        if head == "return":
            p = sigmoid(eta)
            residual, curvature = y - p, p * (1.0 - p)
        elif head == "orders":  # variance of a negative binomial: heavy customers do not dominate
            p = np.exp(eta)
            residual, curvature = (y - p) / (1.0 + p / 2.0), p / (1.0 + p / 2.0)
        else:  # variance of a Tweedie distribution of power 1.5
            p = np.exp(eta)
            residual, curvature = (y - p) / np.sqrt(p), np.sqrt(p)
        step = np.linalg.solve((z * curvature[:, None]).T @ z + np.diag(ridge), z.T @ residual - ridge * weight)
        weight = weight + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if float(np.abs(step).max()) < 1e-5:
            break
    return weight


def fit_tree_heads(examples: Examples, *, seed: int) -> TreeHeads | None:
    """Fit boosted trees for all heads and export them as arrays; None with too few returning customers."""
    import lightgbm

    returned = examples.returned > 0
    if returned.sum() < 4 * TREE_PARAMETERS["min_data_in_leaf"]:
        return None
    parameters = {**TREE_PARAMETERS, "seed": seed}
    structures: list[dict[str, Any]] = []
    sizes, start = [], np.zeros(len(TREE_HEADS))

    def add(dataset: Any, objective: dict[str, Any], trees: int) -> None:
        model = lightgbm.train({**parameters, **objective}, dataset, trees)
        grown = [t["tree_structure"] for t in model.dump_model()["tree_info"]]
        structures.extend(grown)
        sizes.append(len(grown))

    horizon = examples.table[:, -1]
    for head in HEADS:
        y, offset = examples.target(head)
        weight = {"orders": 90.0 / horizon, "spend": np.sqrt(90.0 / horizon)}.get(head)
        if head == "spend" and not examples.has_spend:
            structures.append({"leaf_value": 0.0})
            sizes.append(1)
            continue
        data = lightgbm.Dataset(
            examples.table, y, init_score=np.ascontiguousarray(offset), weight=weight, params=parameters
        )
        add(data, OBJECTIVES[head], TREE_COUNT)
    table, share = examples.table[returned], examples.first[returned] / horizon[returned]
    for quantile in QUANTILES:
        data = lightgbm.Dataset(table, share, weight=horizon[returned], params=parameters)
        add(data, {"objective": "quantile", "alpha": quantile, "learning_rate": DAY_LEARNING_RATE}, DAY_TREE_COUNT)
    ensemble = TreeEnsemble.from_structures(structures, len(FEATURES) + 1)
    return TreeHeads(ensemble, np.concatenate(([0], np.cumsum(sizes))).astype(np.int64), start)
