"""The customers of a segment in numbers: time since the last order and orders, from the cut points of the scores."""

from __future__ import annotations

import numpy as np

from smart_retail.presentation.formatting import describe_gaps, pluralize
from smart_retail.segmentation.rfm import RfmModel


def describe_limits(model: RfmModel, segment: int) -> str:
    """Return the limits of a segment, such as ``Last order 19 to 43 days ago, 4 to 6 orders``.

    With recency in intervals, ``More than 3 usual gaps since the last order, 4 to 6 orders``.

    Parameters
    ----------
    model : RfmModel
    segment : int
        Index into ``model.segment_names``.

    Returns
    -------
    str
        Without a full stop; empty where the cells of the segment are not a rectangle of the grid, as a shop can define
        them.
    """
    r, f = (axis + 1 for axis in np.nonzero(model.segment_table == segment))
    if not len(r) or len(r) != (r.max() - r.min() + 1) * (f.max() - f.min() + 1):
        return ""
    orders = [int(cut) for cut in model.frequency_cuts]
    low = model.recency_cuts[4 - int(r.max())] if r.max() < 5 else None
    high = model.recency_cuts[5 - int(r.min())] if r.min() > 1 else None
    if model.counts_intervals:
        recency = _describe_gaps(low, high)
    else:
        recency = _describe_recency(None if low is None else int(low) + 1, None if high is None else int(high))
    frequency = _describe_frequency(
        orders[int(f.min()) - 2] + 1 if f.min() > 1 else 1, orders[int(f.max()) - 1] if f.max() < 5 else None
    )
    return f"{recency}, {frequency}"


def _describe_recency(low: int | None, high: int | None) -> str:
    if low is None:
        return "Last order at any time" if high is None else f"Last order at most {pluralize(high, 'day')} ago"
    if high is None:
        return f"Last order more than {pluralize(low - 1, 'day')} ago"
    return f"Last order {low:,} to {pluralize(high, 'day')} ago"


def _describe_gaps(low: float | None, high: float | None) -> str:
    """Return the range of usual gaps, above `low` and up to `high`."""
    if low is None:
        return "Last order at any time" if high is None else f"At most {describe_gaps(high)} since the last order"
    if high is None:
        return f"More than {describe_gaps(low)} since the last order"
    return f"More than {low:g} and at most {describe_gaps(high)} since the last order"


def _describe_frequency(low: int, high: int | None) -> str:
    if high is None:
        return "any number of orders" if low == 1 else f"{pluralize(low, 'order')} or more"
    return pluralize(low, "order") if low >= high else f"{low:,} to {pluralize(high, 'order')}"
