"""Building blocks of `Ranked`: lists of one component, parts of a batch and batches made one.

In: scores or orders of items. Out: `Ranked` or `Shoppers`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.base import COMPONENTS, POPULAR, Ranked, Shoppers
from smart_retail.recommenders.candidates import Leading
from smart_retail.recommenders.group_popularity import GroupPopularity
from smart_retail.recommenders.rounding import significant
from smart_retail.recommenders.top_n import top_n, without


def group_lists(
    groups: GroupPopularity,
    group: NDArray[np.int16],
    component: int,
    hidden: list[NDArray[np.int64]],
    length: int | None,
) -> Ranked:
    """Each shopper's group list without the hidden items; nothing for a shopper in no group."""
    length = groups.score.shape[1] if length is None else length
    items = [np.empty(0, np.int32)] * len(group)
    for one in range(groups.n_groups):
        members = np.flatnonzero(group == one).tolist()
        for member, own in zip(members, without(groups.order[one], [hidden[m] for m in members], length), strict=True):
            items[member] = own
    sizes = np.array([len(i) for i in items], np.int64)
    item = np.concatenate([np.empty(0, np.int32), *items])
    row = np.repeat(group, sizes)
    return single(sizes, item, groups.score[row, item], groups.place[row, item], component)


def one_component(found: Leading, component: int, length: int | None) -> Ranked:
    """Lists of one component's scores; what has no score is not listed."""
    score = significant(found.score)
    order, indptr = top_n(found.indptr, score, length)
    counts = np.diff(indptr)
    place = np.arange(len(order)) - np.repeat(indptr[:-1], counts) + 1
    return single(counts, found.item[order].astype(np.int32), score[order], place, component)


def single(
    sizes: NDArray[np.int64],
    item: NDArray[np.int32],
    score: NDArray[np.float64],
    place: NDArray[Any],
    component: int,
) -> Ranked:
    """Lists whose items all come from one component."""
    share = np.zeros((len(item), len(COMPONENTS)))
    share[:, component] = 1.0
    rank = np.zeros((len(item), len(COMPONENTS)), np.int32)
    rank[:, component] = place
    return Ranked(
        indptr=np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        item=item,
        score=score,
        share=share,
        rank=rank,
        because=np.full(len(item), -1, np.int32),
        fallback=np.zeros(len(item), bool),
    )


def empty_lists(n: int) -> Ranked:
    """`n` empty lists."""
    return single(
        np.zeros(n, np.int64),
        np.empty(0, np.int32),
        np.empty(0),
        np.empty(0, np.int32),
        POPULAR,
    )


def filter_lists(lists: Ranked, kept: NDArray[np.bool_]) -> Ranked:
    """One list without some of its entries."""
    return Ranked(
        indptr=np.array([0, int(kept.sum())], np.int64),
        item=lists.item[kept],
        score=lists.score[kept],
        share=lists.share[kept],
        rank=lists.rank[kept],
        because=lists.because[kept],
        fallback=lists.fallback[kept],
    )


def slice_shoppers(shoppers: Shoppers, first: int, last: int) -> Shoppers:
    """Some shoppers in a row."""
    if first == 0 and last >= len(shoppers):
        return shoppers
    history = shoppers.history
    # Sought in their own type: NumPy would copy the whole column to compare it with another.
    low, high = np.searchsorted(history.customer, np.array((first, last), history.customer.dtype))
    rows = slice(int(low), int(high))
    part = PurchaseHistory(
        customer=history.customer[rows] - np.int32(first),
        order=history.order[rows],
        item=history.item[rows],
        day=history.day[rows],
        quantity=history.quantity[rows],
        amount=history.amount[rows],
        n_customers=last - first,
        n_items=history.n_items,
        last_day=history.last_day,
    )
    return Shoppers(part, shoppers.segment[first:last], shoppers.cluster[first:last])


def concat_lists(chunks: list[Ranked]) -> Ranked:
    """Lists of several chunks as one."""
    sizes = np.concatenate([np.diff(chunk.indptr) for chunk in chunks])
    return Ranked(
        np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        *(
            np.concatenate([getattr(chunk, name) for chunk in chunks])
            for name in ("item", "score", "share", "rank", "because", "fallback")
        ),
    )
