"""Fit of the customer features: scales of the measures, columns of the items, and factors of taste.

Taste is the truncated singular value decomposition (SVD) of the customers' tf-idf vectors over items. scikit-learn and
SciPy are imported inside the functions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.data.temporal_dataset import RfmTable
from smart_retail.recommenders.base import Catalogue
from smart_retail.segmentation.customer_features import CustomerFeatures, compute_measures, group_items
from smart_retail.training.clusters.taste_names import Terms
from smart_retail.utils.parallel import one_algebra_thread

TASTE_DIMENSIONS: Final = 32
MAX_CATEGORIES: Final = 12
"""Categories whose shares are measures, those with the most order lines."""
MIN_BUYERS: Final = 3
"""Customers of an item from which it counts for taste."""
POWER_ITERATIONS: Final = 4
"""Power iterations of the randomized SVD (Halko, Martinsson and Tropp 2011)."""


@dataclass(frozen=True, slots=True)
class CustomerData:
    """Customers to be clustered: their purchases up to one day."""

    history: PurchaseHistory
    table: RfmTable
    """RFM by customer code."""


@dataclass(frozen=True, slots=True)
class ItemTraits:
    """What the source says of the items."""

    columns: NDArray[np.float32]
    """From `item_columns`, shape ``(n_items, columns)``."""
    terms: Terms
    """For the names of the clusters."""


def item_columns(history: PurchaseHistory, catalogue: Catalogue, discount: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return price level (log scale), mean discount and main categories of the items, as far as the source has them.

    Parameters
    ----------
    history : PurchaseHistory
        Determines the main categories.
    catalogue : Catalogue
    discount : float64 array, shape (n_items,)
        Mean discount, share of the list price, NaN for none.

    Returns
    -------
    float32 array, shape (n_items, columns)
        Unknown prices and discounts have the mean of the others.
    """
    columns = []
    price = np.where(catalogue.price > 0, catalogue.price, np.nan)
    for values in (np.log(price), discount):
        known = np.isfinite(values)
        if known.any() and np.ptp(values[known]) > 0:
            columns.append(np.where(known, values, values[known].mean()))
    lines = np.zeros(history.n_items, np.int64)
    for _, block in history.blocks():
        lines += np.bincount(block.item, minlength=history.n_items)
    has_category = catalogue.category >= 0
    sizes = np.bincount(catalogue.category[has_category], lines[has_category])
    main = np.argsort(-sizes, kind="stable")[:MAX_CATEGORIES]
    columns += [catalogue.category == category for category in np.sort(main[sizes[main] > 0])]
    return np.array(columns, np.float32).reshape(len(columns), history.n_items).T


def fit_features(
    data: CustomerData, columns: NDArray[np.float32], seed: int
) -> tuple[CustomerFeatures, NDArray[np.float64]]:
    """Fit the features on customers, each of whom has at least one order.

    Parameters
    ----------
    data : CustomerData
    columns : float32 array, shape (n_items, columns)
        From `item_columns`.
    seed : int

    Returns
    -------
    features : CustomerFeatures
    values : float64 array, shape (features, n_customers)
        The features of the same customers.
    """
    table = data.table
    # Far below the amount of a typical customer, so that the scale is logarithmic for nearly all, in any currency.
    unit = max(float(np.median(np.abs(table.monetary))) / 100, 1.0) if len(table.monetary) else 1.0
    measures = compute_measures(data.history, table, unit, columns)
    factors = fit_item_factors(data.history, seed)
    width = len(measures) + factors.shape[1]
    if not measures.size:
        none, one = np.zeros(len(measures)), np.ones(len(measures))
        return CustomerFeatures(unit, none, one, columns, factors, np.zeros(width), 1.0), np.empty((width, 0))
    scale = measures.std(axis=1)
    # Equal customers differ by rounding only, which must not be scaled up to a deviation of 1.
    scale = np.where(scale > 1e-9, scale, 1.0)
    raw = CustomerFeatures(unit, measures.mean(axis=1), scale, columns, factors, np.zeros(width), 1.0)
    weighted = raw.weighted(data.history, measures)
    center = weighted.mean(axis=1)
    spread = float(np.sqrt(((weighted - center[:, None]) ** 2).mean()))
    features = replace(raw, center=center, spread=spread if spread > 1e-9 else 1.0)
    return features, features.centered(weighted)


def fit_item_factors(history: PurchaseHistory, seed: int) -> NDArray[np.float32]:
    """Return the inverse document frequency of each item times its right singular vectors.

    Parameters
    ----------
    history : PurchaseHistory
    seed : int

    Returns
    -------
    float32 array, shape (n_items, dimensions)
        At most `TASTE_DIMENSIONS`; none for a history with hardly any items or customers.
    """
    customer, item, orders = group_items(history)
    buyers = np.bincount(item, minlength=history.n_items)
    counted = buyers[item] >= MIN_BUYERS
    customer, item, orders = customer[counted], item[counted], orders[counted]
    n = history.n_customers
    width = min(TASTE_DIMENSIONS, int((buyers >= MIN_BUYERS).sum()) - 1, n - 1)
    if width < 1:
        return np.zeros((history.n_items, 0), np.float32)
    from scipy.sparse import csr_array
    from sklearn.utils.extmath import randomized_svd

    idf = np.log((1 + n) / (1 + buyers))
    weight = np.log1p(orders) * idf[item]
    length = np.sqrt(np.bincount(customer, weight**2, n))
    matrix = csr_array((weight / np.maximum(length[customer], 1e-12), (customer, item)), shape=(n, history.n_items))
    with one_algebra_thread():
        _, _, axes = randomized_svd(matrix, width, n_iter=POWER_ITERATIONS, random_state=seed)
    return np.asarray(axes.T * idf[:, None], dtype=np.float32)
