"""What a group buys: one list per RFM segment or per cluster.

In: `History` and each customer's group. Out: `GroupPopularity`. A thin group leans on the whole
shop: its counts are added to the shop's recent demand, which weighs as much as a part of all lines
in the window (on earlier windows of a real shop, groups left to themselves were worse than the whole).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.popularity import ALL_TIME, Popularity, listed

PRIOR_SHARE, PRIOR_MOST = 0.3, 2000.0
SHORTEST = 14
"""Days: a group has fewer orders than the shop, so that a week of them says little. Counting twice as long as a shop
that counts 28 or 91 days cost 11 and 6 % of NDCG@10 for new items on eight past windows of a shop with seasons."""


@dataclass(frozen=True, slots=True)
class GroupPopularity:
    """Lists of the whole catalogue, one a group, shapes ``(n_groups, n_items)``."""

    score: NDArray[np.float64]
    order: NDArray[np.int32]
    place: NDArray[np.int32]

    @property
    def n_groups(self) -> int:
        return len(self.score)


def group_popularity_of(
    history: PurchaseHistory, group: NDArray[np.int16], whole: Popularity, days: int
) -> GroupPopularity:
    """Lists of each group's purchases in the last `days` days, at least `SHORTEST` (0: ever).

    Parameters
    ----------
    group : shape (n_customers,)
        Group by customer code, below 0 for none.
    whole : Popularity
        What a thin group leans on.
    days : int
        Window of the whole shop's popularity.
    """
    n_groups = int(group.max(initial=-1)) + 1
    of_row = group[history.customer].astype(np.int64)
    counted = of_row >= 0
    if days != ALL_TIME:
        counted &= history.last_day - history.day < max(days, SHORTEST)
    key = of_row[counted] * history.n_items + history.item[counted]
    counts = np.bincount(key, minlength=n_groups * history.n_items).reshape(n_groups, history.n_items)
    weight = min(PRIOR_SHARE * float(counts.sum()), PRIOR_MOST) + 1.0
    prior = weight * whole.score / max(float(whole.score.sum()), 1e-12)
    lists = [listed(row + prior) for row in counts]
    shape = (n_groups, history.n_items)
    return GroupPopularity(
        score=np.array([one.score for one in lists]).reshape(shape),
        order=np.array([one.order for one in lists], np.int32).reshape(shape),
        place=np.array([one.place for one in lists], np.int32).reshape(shape),
    )
