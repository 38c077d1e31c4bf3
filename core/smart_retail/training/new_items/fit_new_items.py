"""Map items without purchases into the taste space of the purchased items, by a regression on their content.

The taste space is a truncated SVD of the customer-item matrix (PureSVD, Cremonesi, Koren and Turrin 2010). A ridge
regression from content vectors to the coordinates of purchased items predicts those of new items (as in Gantner et al.
2010, "Learning attribute-to-feature mappings for cold-start recommendations").
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.new_items import NewItemModel
from smart_retail.segmentation.customer_features import group_items

FACTORS: Final = 64
RIDGE: Final = 10.0
MAX_WEIGHT_BUYERS: Final = 50
"""Buyers from which an item has full weight in the regression: coordinates of rarely bought items are noise."""
RECENT_DAYS: Final = 28
_ITERATIONS: Final = 3


def fit_new_items(
    history: PurchaseHistory, vectors: NDArray[np.float32], new: NDArray[np.int64], *, seed: int = 0
) -> NewItemModel:
    """Fit the taste space on a history and predict the coordinates of items without purchases.

    Parameters
    ----------
    history : PurchaseHistory
    vectors : float32 array, shape (n_items, dimensions)
        Content vectors of all items.
    new : int64 array
        Codes of the items without purchases, ascending.
    seed : int
    """
    factors = _fit_item_factors(history, seed)
    buyers = np.bincount(group_items(history)[1], minlength=history.n_items)
    bought = np.flatnonzero(buyers)
    weight = np.sqrt(np.minimum(buyers[bought], MAX_WEIGHT_BUYERS))
    recent = history.item[history.day > history.last_day - RECENT_DAYS]
    demand = np.log1p(np.bincount(recent, minlength=history.n_items))[bought]
    targets = np.column_stack((factors[bought], demand / max(float(demand.max(initial=0.0)), 1.0)))
    predicted = _predict(vectors, bought, new, targets, weight)
    return NewItemModel(
        item=new.astype(np.int32),
        factors=predicted[:, :-1].astype(np.float32),
        demand=np.maximum(predicted[:, -1], 0.0).astype(np.float32),
        item_factors=factors.astype(np.float32),
    )


def _fit_item_factors(history: PurchaseHistory, seed: int) -> NDArray[np.float64]:
    """Return the right singular vectors of the customer-item matrix, whose rows have length 1."""
    from scipy.sparse import csr_array
    from sklearn.decomposition import TruncatedSVD

    customer, item, _ = group_items(history)
    size = np.bincount(customer, minlength=history.n_customers)
    value = 1 / np.sqrt(size[customer])
    matrix = csr_array((value, (customer, item)), shape=(history.n_customers, history.n_items))
    n_components = min(FACTORS, min(matrix.shape) - 1)
    if n_components < 1:
        return np.zeros((history.n_items, 1))
    svd = TruncatedSVD(n_components, n_iter=_ITERATIONS, random_state=seed).fit(matrix)
    return np.asarray(svd.components_, np.float64).T


def _predict(
    vectors: NDArray[np.float32],
    bought: NDArray[np.int64],
    new: NDArray[np.int64],
    targets: NDArray[np.float64],
    weight: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the targets of new items by a weighted ridge regression on those of the purchased items."""
    known = _with_intercept(vectors[bought])
    weighted = known * weight[:, None]
    penalty = np.full(known.shape[1], RIDGE)
    penalty[0] = 1e-6
    coefficients = np.linalg.solve(weighted.T @ known + np.diag(penalty), weighted.T @ targets)
    return np.asarray(_with_intercept(vectors[new]) @ coefficients)


def _with_intercept(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.column_stack((np.ones(len(vectors)), vectors.astype(np.float64)))
