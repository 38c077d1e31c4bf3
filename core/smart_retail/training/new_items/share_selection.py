"""Select the share of positions that items without purchases get in the lists of a shop.

The lists of the last window are made with several shares, from everything that was known before it, and compared by
what customers then bought for the first time. Items without purchases before it are candidates as they will be
after the fit: also those without a purchase in the window.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.evaluation.metrics import Lists, bootstrap_ci, compute_accuracy
from smart_retail.evaluation.temporal_split import sample_customers
from smart_retail.recommenders.base import Shoppers
from smart_retail.recommenders.interleaving import interleave
from smart_retail.recommenders.model import RecommenderModel
from smart_retail.training.hybrid.backtest_windows import GroupedWindow
from smart_retail.training.models.content_vectors import fit_vector_similarity
from smart_retail.training.new_items.fit_new_items import fit_new_items
from smart_retail.utils.csr import indptr_from_lengths

K: Final = 10
SHARES: Final = (0.0, 0.1, 0.2, 0.3)
MAX_CUSTOMERS: Final = 2_000


def select_new_items_share(
    model: RecommenderModel,
    window: GroupedWindow,
    vectors: NDArray[np.float32],
    *,
    neighbours: int,
    seed: int = 0,
    threads: int = 1,
) -> dict[str, Any]:
    """Return the share with the best lists of the window, and the figures of all shares.

    Parameters
    ----------
    model : RecommenderModel
        Fitted on the history before the window, its hybrid learned on earlier windows.
    window : GroupedWindow
    vectors : float32 array, shape (n_items, dimensions)
        Content vectors.
    neighbours : int
        Similar items of each new item.
    seed : int
    threads : int
        The result does not depend on it.

    Returns
    -------
    dict
        ``share``, 0 unless the whole 95 % interval of the gain is above 0; ``candidates`` (items without purchases
        before the window), ``customers``, and for each of ``shares`` NDCG@10 of first purchases with the interval of
        its gain over lists without new items.
    """
    from smart_retail.training.kernels import batch_scorer  # imports Numba: only while fitting

    truth = sample_customers(window.ground_truth["new"], MAX_CUSTOMERS, seed)
    ever = model.components.demand.ever > 0
    new, bought = np.flatnonzero(~ever), np.flatnonzero(ever)
    card: dict[str, Any] = {"share": 0.0, "candidates": len(new), "customers": len(truth), "shares": {}}
    if not len(truth) or not len(new):
        return card
    content_back = fit_vector_similarity(vectors, new, bought, neighbours=neighbours)[1]
    new_items = fit_new_items(window.before, vectors, new, seed=seed)
    segment, cluster = window.groups
    customers = truth.customer
    shoppers = Shoppers(window.before.select(customers), segment[customers], cluster[customers])
    ranked = model.rank("hybrid", shoppers, exclude_purchased=True, length=K, scorer=batch_scorer, threads=threads)
    lists: dict[float, list[NDArray[np.int32]]] = {share: [] for share in SHARES}
    history = shoppers.history
    for (first, end), (start, stop) in zip(pairwise(ranked.indptr), pairwise(history.indptr), strict=True):
        purchased = np.unique(history.item[start:stop]).astype(np.int64)
        own, offered = ranked.item[first:end], new_items.rank(purchased, content_back, length=K).item
        both = np.concatenate((own, offered))
        for share, found in lists.items():
            found.append(both[interleave(own.tolist(), offered.tolist(), share)][:K])
    values = {
        share: compute_accuracy(
            Lists(indptr_from_lengths([len(one) for one in found]), np.concatenate(found)), truth, K
        )[f"ndcg@{K}"]
        for share, found in lists.items()
    }
    best = 0.0
    for share, own_values in values.items():
        low, high = bootstrap_ci(own_values - values[0.0]) if share else (0.0, 0.0)
        mean = float(own_values.mean())
        card["shares"][f"{share:g}"] = {f"ndcg@{K}": mean, "gain_low": low, "gain_high": high}
        if low > 0 and mean > float(values[best].mean()):
            best = share
    return card | {"share": best}
