"""The compiled inner loops of `compiled`: plain arrays in, arrays filled in place.

Scores are added in the order in which `Similarity.score` adds them. Arrays marked with the shopper's number stand
for arrays that would have to be cleared for every shopper.
"""

from __future__ import annotations

import numpy as np

from smart_retail.recommenders.candidates import (
    AGAIN,
    BY_ALL,
    BY_CLUSTER,
    BY_CONTENT,
    BY_SEGMENT,
    BY_TREND,
    FROM_CONTENT,
    FROM_SIMILAR,
    LATELY,
    LEEWAY,
    LINEAR,
    LINEAR_NOW,
    NEAR,
    NEAR_NOW,
)
from smart_retail.recommenders.compiling import ascend, compiled, offer

LIST_SOURCES = (BY_ALL, BY_TREND, BY_SEGMENT, BY_CLUSTER)


@compiled
def _score(table, liked, taste, first, last, dense, mark, stamp, touched):  # type: ignore[no-untyped-def]
    """Add what goes with the liked items to `dense`; the touched items are noted and their number comes back."""
    ptr, item, value = table
    n = 0
    for a in range(first, last):
        for b in range(ptr[liked[a]], ptr[liked[a] + 1]):
            j = item[b]
            if mark[j] != stamp:
                mark[j] = stamp
                dense[j] = 0.0
                touched[n] = j
                n += 1
            dense[j] += np.float64(value[b]) * taste[a]
    return n


@compiled
def _want(touched, n, dense, lift, by_trend, hidden, stamp, count, wanted, found, size, heap):  # type: ignore[no-untyped-def]
    """Note the `count` highest scores above 0 (equal ones: the lower code); the number of wanted items comes back."""
    value, item = heap
    m = 0
    for t in range(n):
        j = touched[t]
        score = dense[j] * lift[j] if by_trend else dense[j]
        if score > 0.0 and hidden[j] != stamp:
            m = offer(value, item, m, count, score, j)
    for t in range(m):
        if wanted[item[t]] != stamp:
            wanted[item[t]] = stamp
            found[size] = item[t]
            size += 1
    return size


@compiled
def fill_candidates(own_ptr, own, habit, profile, near, linear, content, lift, lists, rows, exclude, out):  # type: ignore[no-untyped-def]
    liked_ptr, liked, taste = profile
    scores, orders = lists
    counts, out_item, out_pair, out_part = out
    n_items = len(lift)
    dense_near, dense_linear, dense_content = np.zeros(n_items), np.zeros(n_items), np.zeros(n_items)
    mark_near, mark_linear, mark_content = (
        np.full(n_items, -1, np.int64),
        np.full(n_items, -1, np.int64),
        np.full(n_items, -1, np.int64),
    )
    hidden, wanted = np.full(n_items, -1, np.int64), np.full(n_items, -1, np.int64)
    pair_at = np.full(n_items, -1, np.int64)
    touched, found = np.empty(n_items, np.int64), np.empty(n_items, np.int64)
    heap = np.empty(FROM_SIMILAR), np.empty(FROM_SIMILAR, np.int64)
    at = 0
    for s in range(len(own_ptr) - 1):
        size = 0
        for a in range(own_ptr[s], own_ptr[s + 1]):
            pair_at[own[a]] = a
            if exclude:
                hidden[own[a]] = s
        for kind in range(rows.shape[0]):
            if rows[kind, s] >= 0:
                for j in orders[rows[kind, s]]:
                    if wanted[j] != s and hidden[j] != s:
                        wanted[j] = s
                        found[size] = j
                        size += 1
        first, last = liked_ptr[s], liked_ptr[s + 1]
        n = _score(near, liked, taste, first, last, dense_near, mark_near, s, touched)
        for by_trend in (False, True):
            size = _want(touched, n, dense_near, lift, by_trend, hidden, s, FROM_SIMILAR, wanted, found, size, heap)
        n = _score(linear, liked, taste, first, last, dense_linear, mark_linear, s, touched)
        for t in range(n):
            dense_linear[touched[t]] = max(dense_linear[touched[t]], 0.0)
        for by_trend in (False, True):
            size = _want(touched, n, dense_linear, lift, by_trend, hidden, s, FROM_SIMILAR, wanted, found, size, heap)
        if len(content[1]):
            n = _score(content, liked, taste, first, last, dense_content, mark_content, s, touched)
            size = _want(touched, n, dense_content, lift, False, hidden, s, FROM_CONTENT, wanted, found, size, heap)
        if not exclude:
            for a in range(own_ptr[s], own_ptr[s + 1]):
                if wanted[own[a]] != s:
                    found[size] = own[a]
                    size += 1
        ascend(found, size)
        counts[s] = size
        for c in range(size):
            j = found[c]
            out_item[at + c] = j
            pair = pair_at[j]
            out_pair[at + c] = pair
            out_part[AGAIN, at + c] = habit[0, pair] if pair >= 0 else 0.0
            out_part[LATELY, at + c] = habit[1, pair] if pair >= 0 else 0.0
            score = dense_near[j] if mark_near[j] == s else 0.0
            out_part[NEAR, at + c] = score
            out_part[NEAR_NOW, at + c] = score * lift[j]
            score = dense_linear[j] if mark_linear[j] == s else 0.0
            out_part[LINEAR, at + c] = score
            out_part[LINEAR_NOW, at + c] = score * lift[j]
            out_part[BY_CONTENT, at + c] = dense_content[j] if mark_content[j] == s else 0.0
            for kind in range(len(LIST_SOURCES)):
                row = rows[kind, s]
                out_part[LIST_SOURCES[kind], at + c] = scores[row, j] if row >= 0 else 0.0
        for a in range(own_ptr[s], own_ptr[s + 1]):
            pair_at[own[a]] = -1
        at += size
    return at


@compiled
def fill_neighbours(own_ptr, own, profile, near, linear, lift, exclude, length, out):  # type: ignore[no-untyped-def]
    liked_ptr, liked, taste = profile
    counts, out_item, out_score = out
    n_items = len(lift)
    one, two = np.zeros(n_items), np.zeros(n_items)
    mark_one, mark_two = np.full(n_items, -1, np.int64), np.full(n_items, -1, np.int64)
    touched, more = np.empty(n_items, np.int64), np.empty(n_items, np.int64)
    value, item = np.empty(length), np.empty(length, np.int64)
    for s in range(len(own_ptr) - 1):
        first, last = liked_ptr[s], liked_ptr[s + 1]
        n = _score(near, liked, taste, first, last, one, mark_one, s, touched)
        n_more = _score(linear, liked, taste, first, last, two, mark_two, s, more)
        best_one, best_two = 0.0, 0.0
        for t in range(n):
            j = touched[t]
            one[j] *= lift[j]
            best_one = max(best_one, one[j])
        for t in range(n_more):
            j = more[t]
            two[j] = max(two[j], 0.0) * lift[j]
            best_two = max(best_two, two[j])
            if mark_one[j] != s:
                mark_one[j] = s
                one[j] = 0.0
                touched[n] = j
                n += 1
        for t in range(n):
            j = touched[t]
            score = one[j] / best_one if best_one > 0.0 else one[j]
            if mark_two[j] == s:
                score += two[j] / best_two if best_two > 0.0 else two[j]
            one[j] = score
        if exclude:
            for a in range(own_ptr[s], own_ptr[s + 1]):
                one[own[a]] = 0.0
        m = 0
        for t in range(n):
            if one[touched[t]] > 0.0:
                m = offer(value, item, m, length, one[touched[t]], touched[t])
        bound = value[0] * (1.0 - LEEWAY) if m == length else 0.0
        k = 0
        for t in range(n):
            j = touched[t]
            if one[j] > 0.0 and one[j] >= bound:
                if k == out_item.shape[1]:
                    return False
                out_item[s, k] = j
                k += 1
        counts[s] = k
        ascend(out_item[s], k)
        for t in range(k):
            out_score[s, t] = one[out_item[s, t]]
    return True


@compiled
def fill_causes(liked_ptr, liked, table, n_items, indptr, listed, out):  # type: ignore[no-untyped-def]
    """For entries without a cause: the liked item that is most similar, equal ones: the lower code."""
    ptr, item, value = table
    place = np.full(n_items, -1, np.int64)
    best = np.zeros(len(listed))
    missing = out < 0
    for s in range(len(indptr) - 1):
        for t in range(indptr[s], indptr[s + 1]):
            if missing[t]:
                place[listed[t]] = t
        for a in range(liked_ptr[s], liked_ptr[s + 1]):
            for b in range(ptr[liked[a]], ptr[liked[a] + 1]):
                t = place[item[b]]
                # The liked items ascend, so the first of equal ones stays.
                if t >= 0 and value[b] > best[t]:
                    best[t], out[t] = value[b], liked[a]
        for t in range(indptr[s], indptr[s + 1]):
            place[listed[t]] = -1


@compiled
def fill_gains(blend, relative, change, hit, discount, out):  # type: ignore[no-untyped-def]
    """Discounted gain of the first places of each row ordered by ``blend + change * relative``; ties: the earlier."""
    k = len(discount)
    top, place = np.empty(k, np.float32), np.empty(k, np.int64)
    for row in range(blend.shape[0]):
        size = 0
        for c in range(blend.shape[1]):
            score = blend[row, c] + change * relative[row, c]
            if size == k and score <= top[k - 1]:
                continue
            at = min(size, k - 1)
            while at > 0 and top[at - 1] < score:
                top[at], place[at] = top[at - 1], place[at - 1]
                at -= 1
            top[at], place[at] = score, c
            size = min(size + 1, k)
        gain = 0.0
        for at in range(size):
            if hit[row, place[at]]:
                gain += discount[at]
        out[row] = gain
