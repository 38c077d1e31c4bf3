"""Interleave two lists so that the second one gets a share of the positions."""

from __future__ import annotations

ROUNDING = 1e-9
"""Added to a share of positions before it is cut to a whole number."""


def interleave(listed: list[int], new: list[int], share: float) -> list[int]:
    """Return the order of the entries of two lists, those of the second counted on; no item occurs twice.

    The second list gets every position at which its share of the positions so far reaches a whole number: with 0.2
    the positions 5, 10, 15. The order ends with the first list, and a longer list begins with a shorter one.

    Parameters
    ----------
    listed, new : list of int
        Item codes.
    share : float
        Share of the positions for `new`, 0 to 1.
    """
    order: list[int] = []
    used: set[int] = set()
    first, second = 0, 0
    while first < len(listed):
        reaches = int((len(order) + 1) * share + ROUNDING) > int(len(order) * share + ROUNDING)
        while second < len(new) and new[second] in used:
            second += 1
        if reaches and second < len(new):
            order.append(len(listed) + second)
            used.add(new[second])
            second += 1
            continue
        if listed[first] not in used:
            order.append(first)
            used.add(listed[first])
        first += 1
    return order
