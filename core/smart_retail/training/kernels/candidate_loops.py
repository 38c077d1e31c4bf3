"""Compiled loops of `batch_scorer` over shoppers: plain arrays in, output arrays filled in place.

Scores are added in the order in which `Similarity.score` adds them. Scratch arrays with a stamp for each shopper need
no clearing between shoppers.

Two habits keep the first fit short: Numba compiles a function once more for a constant among its arguments, so that
counts are passed as ``np.int64``; and it compiles an assignment of a whole row together with its error messages, so
that rows are filled element by element.
"""

from __future__ import annotations

import numpy as np

from smart_retail.recommenders.candidates import ROUNDING_TOLERANCE
from smart_retail.recommenders.source import MAX_CONTENT_CANDIDATES, MAX_SIMILAR_CANDIDATES
from smart_retail.recommenders.source_registry import (
    SOURCE_CLUSTER,
    SOURCE_CONTENT,
    SOURCE_EASE,
    SOURCE_EASE_TREND,
    SOURCE_ITEM_KNN,
    SOURCE_ITEM_KNN_TREND,
    SOURCE_POPULAR,
    SOURCE_REPURCHASE_FAST,
    SOURCE_REPURCHASE_SLOW,
    SOURCE_SEGMENT,
    SOURCE_TRENDING,
)
from smart_retail.training.kernels.jit import bitset_drain, bitset_set, compiled, prefetch, quickselect, sort_ascending

RANKING_SOURCES = (SOURCE_POPULAR, SOURCE_TRENDING, SOURCE_SEGMENT, SOURCE_CLUSTER)
"""Sources with ready rankings, in the order of the rows of `ranking_rows`."""
_PREFETCH_DISTANCE = 2
"""Profile items whose similar items are prefetched while those of others are added."""
_ITEMS_PER_CACHE_LINE = np.uint64(16)
_POSITION_BITS = np.int64(2**32 - 1)
"""Lower half of the keys in `find_explaining_items`; a smaller value means a later profile item."""
_BIN_SHIFT, BINS = np.uint64(46), 1024
"""Bins are 64 to each power of two; the last one has everything below 1/65,000 of the maximum."""


@compiled
def _add_scores(table, profile_item, weight, first, last, dense, mark, stamp, touched):  # type: ignore[no-untyped-def]
    """Add the weighted similarities of the profile items ``first:last`` to `dense`.

    Parameters
    ----------
    table : (int64 (n_items + 1,), int32 (nnz,), float32 (nnz,))
        `Similarity` as indptr, item, value.
    profile_item : int64 (n,)
    weight : float64 (n,)
    first, last : int64
    dense : float64 (n_items,)
        Scores; valid where ``mark == stamp``.
    mark : int32 (n_items,)
    stamp : int64
        Number of the shopper.
    touched : uint32 (n_items + 1,)
        Filled with the items that got a score.

    Returns
    -------
    int64
        Number of touched items.
    """
    ptr, item, value = table
    n = 0
    for a in range(first, last):
        ahead = profile_item[min(a + _PREFETCH_DISTANCE, last - 1)]
        for line in range(np.uint64(ptr[ahead]), np.uint64(ptr[ahead + 1]), _ITEMS_PER_CACHE_LINE):
            prefetch(item, line)
            prefetch(value, line)
        factor = weight[a]
        for b in range(np.uint64(ptr[profile_item[a]]), np.uint64(ptr[profile_item[a] + 1])):
            j = np.uint32(item[b])
            # Whether an item is new is unpredictable, so there is no branch on it.
            new, before = mark[j] != stamp, dense[j]
            mark[j] = stamp
            touched[n] = j
            n += new
            dense[j] = (0.0 if new else before) + np.float64(value[b]) * factor
    return n


@compiled
def select_top_k(touched, n, dense, multiplier, count, wanted, scratch):  # type: ignore[no-untyped-def]
    """Put the items with the `count` highest products above 0 into a bitset; of equal products the lower item code.

    The bits of a positive float ascend with its value: the leading bits sort the scores into bins, best first, and only
    the bin of the last selected item is examined further.

    Parameters
    ----------
    touched : uint32 (>= n,)
        Items with a score.
    n : int64
    dense, multiplier : float64 (n_items,)
        The product is compared.
    count : int64
    wanted : uint64 (ceil(n_items / 64),)
        Bitset of items.
    scratch : (float64 (n_items + 1,), its view as uint64, uint32 (n_items + 1,), float64 (n_items,), int32 (BINS,))
    """
    score, bits, item, level, bins = scratch
    m, best, worst = np.uint64(0), 0.0, np.uint64(len(bins) - 1)
    for t in range(n):
        j = touched[t]
        value = dense[j] * multiplier[j]
        score[m], item[m] = value, j
        best = max(best, value)
        m += np.uint64(value > 0.0)
    score[m] = best
    first = bits[m] >> _BIN_SHIFT
    for b in range(worst + np.uint64(1)):
        bins[b] = 0
    for t in range(m):
        bins[min(first - (bits[t] >> _BIN_SHIFT), worst)] += 1
    above, last = np.int64(0), np.uint64(0)
    while last < worst and above + bins[last] < count:
        above += bins[last]
        last += np.uint64(1)
    k = np.int64(0)
    for t in range(m):
        b = min(first - (bits[t] >> _BIN_SHIFT), worst)
        if b < last:
            bitset_set(wanted, item[t], True)
        elif b == last:
            score[k], item[k], level[k] = score[t], item[t], score[t]
            k += 1
    remaining = count - above
    bound = quickselect(level, k, remaining) if k > remaining else 0.0
    equal = np.int64(0)
    for t in range(k):
        if score[t] > bound:
            bitset_set(wanted, item[t], True)
            remaining -= 1
        elif score[t] == bound:
            item[equal] = item[t]
            equal += 1
    if equal > remaining:
        sort_ascending(item, equal)
    for t in range(min(equal, remaining)):
        bitset_set(wanted, item[t], True)


@compiled
def _clear_purchased(purchased, first, last, dense):  # type: ignore[no-untyped-def]
    """Set the scores of already purchased items to zero: purchased int64 (nnz,), dense float64 (n_items,)."""
    for a in range(first, last):
        dense[purchased[a]] = 0.0


@compiled
def generate_candidates(  # type: ignore[no-untyped-def]
    matrix_ptr,
    matrix_item,
    repurchase,
    profile,
    item_knn,
    ease,
    content,
    trend_weight,
    rankings,
    ranking_rows,
    added,
    exclude,
    out,
):
    """Collect the candidates of every shopper with the scores of the built-in sources.

    One function, so that the scratch arrays of a shopper stay in the processor's cache.

    Parameters
    ----------
    matrix_ptr, matrix_item : int64 (n_shoppers + 1,), int64 (nnz,)
        Purchased items by shopper.
    repurchase : float64 (2, nnz)
        Scores with slow and fast decay by matrix entry.
    profile : (int64 (n_shoppers + 1,), int64 (m,), float64 (m,))
        Bounds, profile items, recency weights.
    item_knn, ease, content : (int64 (n_items + 1,), int32, float32)
        `Similarity` as indptr, item, value.
    trend_weight : float64 (n_items,)
    rankings : (float64 (n_rankings, n_items), int32 (n_rankings, depth))
        Scores, and item codes best first.
    ranking_rows : int64 (4, n_shoppers)
        Row in `rankings` for each of `RANKING_SOURCES`, -1 for none.
    added : (int64 (n_shoppers + 1,), int64)
        Items that added sources propose: bounds and item codes.
    exclude : bool
        Whether purchased items are left out.
    out : (int64 (n_shoppers,), int64 (capacity,), int64 (capacity,), float64 (n_sources, capacity))
        Filled: candidates of each shopper, item, matrix entry (-1 for none), source scores.

    Returns
    -------
    int64
        Number of candidates.
    """
    profile_ptr, profile_item, weight = profile
    scores, orders = rankings
    added_ptr, added_item = added
    counts, out_item, out_entry, out_scores = out
    n_items = len(trend_weight)
    dense_knn, dense_ease, dense_content = np.zeros(n_items), np.zeros(n_items), np.zeros(n_items)
    mark_knn, mark_ease, mark_content = (
        np.full(n_items, -1, np.int32),
        np.full(n_items, -1, np.int32),
        np.full(n_items, -1, np.int32),
    )
    entry_of_item = np.full(n_items, -1, np.int64)
    touched, wanted = np.empty(n_items + 1, np.uint32), np.zeros((n_items + 63) // 64, np.uint64)
    multipliers = np.ones((2, n_items))  # without the trend, and with it
    for j in range(n_items):
        multipliers[1, j] = trend_weight[j]
    values, items = np.empty(n_items + 1), np.empty(n_items + 1, np.uint32)
    scratch = values, values.view(np.uint64), items, np.empty(n_items), np.empty(BINS, np.int32)
    n_similar, n_content = np.int64(MAX_SIMILAR_CANDIDATES), np.int64(MAX_CONTENT_CANDIDATES)
    at = np.int64(0)
    for s in range(len(matrix_ptr) - 1):
        for kind in range(ranking_rows.shape[0]):
            if ranking_rows[kind, s] >= 0:
                for j in orders[ranking_rows[kind, s]]:
                    bitset_set(wanted, j, True)
        for a in range(added_ptr[s], added_ptr[s + 1]):
            bitset_set(wanted, added_item[a], True)
        first, last = profile_ptr[s], profile_ptr[s + 1]
        n = _add_scores(item_knn, profile_item, weight, first, last, dense_knn, mark_knn, s, touched)
        if exclude:
            _clear_purchased(matrix_item, matrix_ptr[s], matrix_ptr[s + 1], dense_knn)
        for trend in range(2):
            select_top_k(touched, n, dense_knn, multipliers[trend], n_similar, wanted, scratch)
        n = _add_scores(ease, profile_item, weight, first, last, dense_ease, mark_ease, s, touched)
        if exclude:
            _clear_purchased(matrix_item, matrix_ptr[s], matrix_ptr[s + 1], dense_ease)
        for trend in range(2):
            select_top_k(touched, n, dense_ease, multipliers[trend], n_similar, wanted, scratch)
        if len(content[1]):
            n = _add_scores(content, profile_item, weight, first, last, dense_content, mark_content, s, touched)
            if exclude:
                _clear_purchased(matrix_item, matrix_ptr[s], matrix_ptr[s + 1], dense_content)
            select_top_k(touched, n, dense_content, multipliers[0], n_content, wanted, scratch)
        for a in range(matrix_ptr[s], matrix_ptr[s + 1]):
            entry_of_item[matrix_item[a]] = a
            bitset_set(wanted, matrix_item[a], not exclude)
        size = bitset_drain(wanted, items)
        counts[s] = size
        for c in range(size):
            j = items[c]
            out_item[at + c] = j
            entry = entry_of_item[j]
            out_entry[at + c] = entry
            out_scores[SOURCE_REPURCHASE_SLOW, at + c] = repurchase[0, entry] if entry >= 0 else 0.0
            out_scores[SOURCE_REPURCHASE_FAST, at + c] = repurchase[1, entry] if entry >= 0 else 0.0
            score = dense_knn[j] if mark_knn[j] == s else 0.0
            out_scores[SOURCE_ITEM_KNN, at + c] = score
            out_scores[SOURCE_ITEM_KNN_TREND, at + c] = score * trend_weight[j]
            score = max(dense_ease[j], 0.0) if mark_ease[j] == s else 0.0
            out_scores[SOURCE_EASE, at + c] = score
            out_scores[SOURCE_EASE_TREND, at + c] = score * trend_weight[j]
            out_scores[SOURCE_CONTENT, at + c] = dense_content[j] if mark_content[j] == s else 0.0
            for kind in range(len(RANKING_SOURCES)):
                row = ranking_rows[kind, s]
                out_scores[RANKING_SOURCES[kind], at + c] = scores[row, j] if row >= 0 else 0.0
        for a in range(matrix_ptr[s], matrix_ptr[s + 1]):
            entry_of_item[matrix_item[a]] = -1
        at += size
    return at


@compiled
def score_neighbours(matrix_ptr, matrix_item, profile, item_knn, ease, trend_weight, exclude, length, out):  # type: ignore[no-untyped-def]
    """Score items by item-kNN and EASE with trend, each divided by its maximum, and added.

    Parameters
    ----------
    matrix_ptr, matrix_item, profile, item_knn, ease, trend_weight, exclude
        As in `generate_candidates`.
    length : int64
        Items needed for each shopper.
    out : (int64 (n_shoppers,), int64 (n_shoppers, capacity), float64 (n_shoppers, capacity))
        Filled: number of items, item codes ascending, scores.

    Returns
    -------
    bool
        Whether the items of every shopper fit into `out`.
    """
    profile_ptr, profile_item, weight = profile
    counts, out_item, out_score = out
    n_items = len(trend_weight)
    knn, linear = np.zeros(n_items), np.zeros(n_items)
    mark_knn, mark_ease = np.full(n_items, -1, np.int32), np.full(n_items, -1, np.int32)
    touched, touched_ease = np.empty(n_items + 1, np.uint32), np.empty(n_items + 1, np.uint32)
    top = np.empty(4 * length)
    for s in range(len(matrix_ptr) - 1):
        first, last = profile_ptr[s], profile_ptr[s + 1]
        n = _add_scores(item_knn, profile_item, weight, first, last, knn, mark_knn, s, touched)
        n_ease = _add_scores(ease, profile_item, weight, first, last, linear, mark_ease, s, touched_ease)
        max_knn, max_ease = 0.0, 0.0
        for t in range(n):
            j = touched[t]
            knn[j] *= trend_weight[j]
            max_knn = max(max_knn, knn[j])
        for t in range(n_ease):
            j = touched_ease[t]
            linear[j] = max(linear[j], 0.0) * trend_weight[j]
            max_ease = max(max_ease, linear[j])
            if mark_knn[j] != s:
                knn[j] = 0.0
                touched[n] = j
                n += 1
        if exclude:
            for a in range(matrix_ptr[s], matrix_ptr[s + 1]):
                knn[matrix_item[a]] = 0.0
                linear[matrix_item[a]] = 0.0
        # An item without a score in one of the two models has 0 there; without any score the divisor is 1.
        max_knn = max_knn if max_knn > 0.0 else 1.0
        max_ease = max_ease if max_ease > 0.0 else 1.0
        inverse_knn, inverse_ease = 1.0 / max_knn, 1.0 / max_ease
        m, bound, least, left = np.int64(0), 0.0, 0.0, 0
        for t in range(n):
            j = touched[t]
            other = linear[j] if mark_ease[j] == s else 0.0
            # Most items are far below the last listed one: skipped without a division, with a margin for rounding.
            if knn[j] * inverse_knn + other * inverse_ease < least:
                continue
            score = knn[j] / max_knn + other / max_ease
            knn[j] = score
            touched[left] = j
            left += 1
            if score > bound:
                top[m] = score
                m += 1
                if m == len(top):
                    m, bound = length, quickselect(top, m, length)
                    least = bound * (1.0 - 2.0 * ROUNDING_TOLERANCE)
        bound = quickselect(top, m, length) * (1.0 - ROUNDING_TOLERANCE) if m >= length else 0.0
        k = 0
        for t in range(left):
            j = touched[t]
            if knn[j] > 0.0 and knn[j] >= bound:
                if k == out_item.shape[1]:
                    return False
                out_item[s, k] = j
                k += 1
        counts[s] = k
        sort_ascending(out_item[s], k)
        for t in range(k):
            out_score[s, t] = knn[out_item[s, t]]
    return True


@compiled
def find_explaining_items(profile_ptr, profile_item, table, n_items, indptr, listed, out):  # type: ignore[no-untyped-def]
    """Find the most similar profile item of each entry of `out` that is -1; ties: the lower item code.

    The maximum of one key for each profile item is kept: the bits of a positive similarity, then how early the item is
    in the profile.

    Parameters
    ----------
    profile_ptr, profile_item : int64 (n_shoppers + 1,), int64 (m,)
    table : (int64 (n_items + 1,), int32 (nnz,), float32 (nnz,))
        `Similarity` as indptr, item, value.
    n_items : int64
    indptr, listed : int64 (n_shoppers + 1,), int64 (n,)
        Listed items by shopper.
    out : int32 (n,)
        Filled with item codes.
    """
    ptr, item, value = table
    bits = value.view(np.int32)
    best_key = np.zeros(n_items, np.int64)
    for s in range(len(indptr) - 1):
        missing = 0
        for t in range(indptr[s], indptr[s + 1]):
            if out[t] < 0:
                best_key[listed[t]] = 0
                missing += 1
        if not missing:
            continue
        first, last = profile_ptr[s], profile_ptr[s + 1]
        for a in range(first, last):
            ahead = profile_item[min(a + _PREFETCH_DISTANCE, last - 1)]
            for line in range(np.uint64(ptr[ahead]), np.uint64(ptr[ahead + 1]), _ITEMS_PER_CACHE_LINE):
                prefetch(item, line)
                prefetch(bits, line)
            early = _POSITION_BITS - (a - first)
            for b in range(np.uint64(ptr[profile_item[a]]), np.uint64(ptr[profile_item[a] + 1])):
                j = np.uint32(item[b])
                best_key[j] = max(best_key[j], np.int64(bits[b]) << 32 | early)
        for t in range(indptr[s], indptr[s + 1]):
            key = best_key[listed[t]]
            if out[t] < 0 and key > _POSITION_BITS:
                out[t] = profile_item[first + _POSITION_BITS - (key & _POSITION_BITS)]
