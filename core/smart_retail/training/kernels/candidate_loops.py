"""The compiled inner loops of `compiled`: plain arrays in, arrays filled in place.

Scores are added in the order in which `Similarity.score` adds them. Arrays marked with the shopper's number stand
for arrays that would have to be cleared for every shopper. Numba compiles a function once more for a constant among
its arguments, and an assignment of a row with the words of its error: a first fit waits for neither, where counts are
``np.int64`` and rows are filled one by one.
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
from smart_retail.training.kernels.jit import bitset_drain, bitset_set, compiled, prefetch, quickselect, sort_ascending

LIST_SOURCES = (BY_ALL, BY_TREND, BY_SEGMENT, BY_CLUSTER)
_AHEAD = 2
_LINE = np.uint64(16)
"""Liked items whose partners are fetched while those of others are added; partners in a cache line."""
_EARLIEST = np.int64(2**32 - 1)
"""The lower half of a number by which causes are compared: less is a liked item that stands later."""
_FIRST_BITS, BINS = np.uint64(46), 1024
"""Bins are the 64th parts of powers of two; the last one holds what is less than the best's 65,000th part."""


@compiled
def _score(table, liked, taste, first, last, dense, mark, stamp, touched):  # type: ignore[no-untyped-def]
    """Add what goes with the liked items to `dense`; the touched items are noted and their number comes back."""
    ptr, item, value = table
    n = 0
    for a in range(first, last):
        soon = liked[min(a + _AHEAD, last - 1)]
        for line in range(np.uint64(ptr[soon]), np.uint64(ptr[soon + 1]), _LINE):
            prefetch(item, line)
            prefetch(value, line)
        weight = taste[a]
        for b in range(np.uint64(ptr[liked[a]]), np.uint64(ptr[liked[a] + 1])):
            j = np.uint32(item[b])
            # Which item is new cannot be foreseen: no branch on it.
            new, before = mark[j] != stamp, dense[j]
            mark[j] = stamp
            touched[n] = j
            n += new
            dense[j] = (0.0 if new else before) + np.float64(value[b]) * weight
    return n


@compiled
def select_top_k(touched, n, dense, lift, count, wanted, scratch):  # type: ignore[no-untyped-def]
    """Put the `count` highest scores above 0 (equal ones: the lower code) into the set `wanted`.

    A positive number's bits ascend as it does: their first ones sort the scores into bins, best first, and only the
    bin in which the last of the wanted ones lies is looked at closer.
    """
    score, bits, item, level, bins = scratch
    m, best, worst = np.uint64(0), 0.0, np.uint64(len(bins) - 1)
    for t in range(n):
        j = touched[t]
        value = dense[j] * lift[j]
        score[m], item[m] = value, j
        best = max(best, value)
        m += np.uint64(value > 0.0)
    score[m] = best
    first = bits[m] >> _FIRST_BITS
    for b in range(worst + np.uint64(1)):
        bins[b] = 0
    for t in range(m):
        bins[min(first - (bits[t] >> _FIRST_BITS), worst)] += 1
    above, last = np.int64(0), np.uint64(0)
    while last < worst and above + bins[last] < count:
        above += bins[last]
        last += np.uint64(1)
    k = np.int64(0)
    for t in range(m):
        place = min(first - (bits[t] >> _FIRST_BITS), worst)
        if place < last:
            bitset_set(wanted, item[t], True)
        elif place == last:
            score[k], item[k], level[k] = score[t], item[t], score[t]
            k += 1
    room = count - above
    bound = quickselect(level, k, room) if k > room else 0.0
    equal = np.int64(0)
    for t in range(k):
        if score[t] > bound:
            bitset_set(wanted, item[t], True)
            room -= 1
        elif score[t] == bound:
            item[equal] = item[t]
            equal += 1
    if equal > room:
        sort_ascending(item, equal)
    for t in range(min(equal, room)):
        bitset_set(wanted, item[t], True)


@compiled
def _hide(own, first, last, dense):  # type: ignore[no-untyped-def]
    """Nothing goes with the liked items but what is new."""
    for a in range(first, last):
        dense[own[a]] = 0.0


@compiled
def fill_candidates(own_ptr, own, habit, profile, near, linear, content, lift, lists, rows, exclude, out):  # type: ignore[no-untyped-def]
    liked_ptr, liked, taste = profile
    scores, orders = lists
    counts, out_item, out_pair, out_part = out
    n_items = len(lift)
    dense_near, dense_linear, dense_content = np.zeros(n_items), np.zeros(n_items), np.zeros(n_items)
    mark_near, mark_linear, mark_content = (
        np.full(n_items, -1, np.int32),
        np.full(n_items, -1, np.int32),
        np.full(n_items, -1, np.int32),
    )
    pair_at = np.full(n_items, -1, np.int64)
    touched, wanted = np.empty(n_items + 1, np.uint32), np.zeros((n_items + 63) // 64, np.uint64)
    lifts = np.ones((2, n_items))  # without the trend, and with it
    for j in range(n_items):
        lifts[1, j] = lift[j]
    values, items = np.empty(n_items + 1), np.empty(n_items + 1, np.uint32)
    scratch = values, values.view(np.uint64), items, np.empty(n_items), np.empty(BINS, np.int32)
    similar, related = np.int64(FROM_SIMILAR), np.int64(FROM_CONTENT)
    at = np.int64(0)
    for s in range(len(own_ptr) - 1):
        for kind in range(rows.shape[0]):
            if rows[kind, s] >= 0:
                for j in orders[rows[kind, s]]:
                    bitset_set(wanted, j, True)
        first, last = liked_ptr[s], liked_ptr[s + 1]
        n = _score(near, liked, taste, first, last, dense_near, mark_near, s, touched)
        if exclude:
            _hide(own, own_ptr[s], own_ptr[s + 1], dense_near)
        for now in range(2):
            select_top_k(touched, n, dense_near, lifts[now], similar, wanted, scratch)
        n = _score(linear, liked, taste, first, last, dense_linear, mark_linear, s, touched)
        if exclude:
            _hide(own, own_ptr[s], own_ptr[s + 1], dense_linear)
        for now in range(2):
            select_top_k(touched, n, dense_linear, lifts[now], similar, wanted, scratch)
        if len(content[1]):
            n = _score(content, liked, taste, first, last, dense_content, mark_content, s, touched)
            if exclude:
                _hide(own, own_ptr[s], own_ptr[s + 1], dense_content)
            select_top_k(touched, n, dense_content, lifts[0], related, wanted, scratch)
        for a in range(own_ptr[s], own_ptr[s + 1]):
            pair_at[own[a]] = a
            bitset_set(wanted, own[a], not exclude)
        size = bitset_drain(wanted, items)
        counts[s] = size
        for c in range(size):
            j = items[c]
            out_item[at + c] = j
            pair = pair_at[j]
            out_pair[at + c] = pair
            out_part[AGAIN, at + c] = habit[0, pair] if pair >= 0 else 0.0
            out_part[LATELY, at + c] = habit[1, pair] if pair >= 0 else 0.0
            score = dense_near[j] if mark_near[j] == s else 0.0
            out_part[NEAR, at + c] = score
            out_part[NEAR_NOW, at + c] = score * lift[j]
            score = max(dense_linear[j], 0.0) if mark_linear[j] == s else 0.0
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
    mark_one, mark_two = np.full(n_items, -1, np.int32), np.full(n_items, -1, np.int32)
    touched, more = np.empty(n_items + 1, np.uint32), np.empty(n_items + 1, np.uint32)
    some = np.empty(4 * length)
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
                one[j] = 0.0
                touched[n] = j
                n += 1
        if exclude:
            for a in range(own_ptr[s], own_ptr[s + 1]):
                one[own[a]] = 0.0
                two[own[a]] = 0.0
        # An item without a score in one of the two has a 0 there; a list without any score is divided by 1.
        best_one = best_one if best_one > 0.0 else 1.0
        best_two = best_two if best_two > 0.0 else 1.0
        about_one, about_two = 1.0 / best_one, 1.0 / best_two
        m, bound, least, left = np.int64(0), 0.0, 0.0, 0
        for t in range(n):
            j = touched[t]
            other = two[j] if mark_two[j] == s else 0.0
            # Most items are far below the worst that is listed: seen without a division, with room for rounding.
            if one[j] * about_one + other * about_two < least:
                continue
            score = one[j] / best_one + other / best_two
            one[j] = score
            touched[left] = j
            left += 1
            if score > bound:
                some[m] = score
                m += 1
                if m == len(some):
                    m, bound = length, quickselect(some, m, length)
                    least = bound * (1.0 - 2.0 * LEEWAY)
        bound = quickselect(some, m, length) * (1.0 - LEEWAY) if m >= length else 0.0
        k = 0
        for t in range(left):
            j = touched[t]
            if one[j] > 0.0 and one[j] >= bound:
                if k == out_item.shape[1]:
                    return False
                out_item[s, k] = j
                k += 1
        counts[s] = k
        sort_ascending(out_item[s], k)
        for t in range(k):
            out_score[s, t] = one[out_item[s, t]]
    return True


@compiled
def fill_causes(liked_ptr, liked, table, n_items, indptr, listed, out):  # type: ignore[no-untyped-def]
    """For entries without a cause: the liked item that is most similar, equal ones: the lower code.

    The highest of a number for each liked item is kept: a positive value's bits, then how early the item stands.
    """
    ptr, item, value = table
    bits = value.view(np.int32)
    highest = np.zeros(n_items, np.int64)
    for s in range(len(indptr) - 1):
        missing = 0
        for t in range(indptr[s], indptr[s + 1]):
            if out[t] < 0:
                highest[listed[t]] = 0
                missing += 1
        if not missing:
            continue
        first, last = liked_ptr[s], liked_ptr[s + 1]
        for a in range(first, last):
            soon = liked[min(a + _AHEAD, last - 1)]
            for line in range(np.uint64(ptr[soon]), np.uint64(ptr[soon + 1]), _LINE):
                prefetch(item, line)
                prefetch(bits, line)
            early = _EARLIEST - (a - first)
            for b in range(np.uint64(ptr[liked[a]]), np.uint64(ptr[liked[a] + 1])):
                j = np.uint32(item[b])
                highest[j] = max(highest[j], np.int64(bits[b]) << 32 | early)
        for t in range(indptr[s], indptr[s + 1]):
            found = highest[listed[t]]
            if out[t] < 0 and found > _EARLIEST:
                out[t] = liked[first + _EARLIEST - (found & _EARLIEST)]
