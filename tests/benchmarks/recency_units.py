"""Compare the segments by days since the last order with those by the customer's usual intervals.

    python -m tests.benchmarks.recency_units orders.xlsx     # one shop, from one file or several
    python -m tests.benchmarks.recency_units demo            # the demo data

Nothing is fitted but the cut points, so that a shop takes seconds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from smart_retail.data.pipeline import prepare
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.segmentation.order_rhythm import recency_in_intervals
from smart_retail.segmentation.rfm import compute_rfm, fit_rfm
from smart_retail.segmentation.segment_limits import describe_limits
from smart_retail.settings import RfmSettings

UNITS = ("days", "intervals")
AT_RISK = ("At Risk", "Can't Lose")


def sources_of(names: list[str]) -> list[Any]:
    """Return the order files, or the demo data for ``demo``."""
    if names != ["demo"]:
        return names
    from smart_retail.data.demo import load_demo

    return [load_demo()]


def describe(history: PurchaseHistory) -> Iterator[str]:
    """Yield what changes in a shop, line by line, then the customers and limits of each segment by both units."""
    table = compute_rfm(history)
    models = {unit: fit_rfm(table, RfmSettings(recency=unit), history) for unit in UNITS}  # type: ignore[arg-type]
    segments = {unit: model.assign_segments(table, history) for unit, model in models.items()}
    known, shop = table.frequency > 0, models["intervals"].shop_interval
    customers, changed = int(known.sum()), int((segments["days"] != segments["intervals"])[known].sum())
    yield f"Customers: {customers:,}; median interval of the shop: {shop:.1f} days"
    yield f"Customers who change the segment: {changed:,} ({100 * changed / customers:.0f} %)"
    gaps = recency_in_intervals(table.recency, history, shop)
    for unit, model in models.items():
        at_risk = np.isin(segments[unit], [model.segment_names.index(name) for name in AT_RISK])
        late = f"{100 * np.mean(gaps[at_risk] > 3):.0f} %" if at_risk.any() else "none"
        yield f"At Risk and Can't Lose by {unit}: {at_risk.sum():,}; away for more than 3 usual gaps: {late}"
    for index, name in enumerate(models["days"].segment_names):
        counts = [f"{np.sum(segments[unit] == index):>6,}" for unit in UNITS]
        limits = [describe_limits(models[unit], index) for unit in UNITS]
        yield f"{name:<20}{'  '.join(counts)}   {'; '.join(limits)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", help="files of orders, or demo")
    with prepare(sources_of(parser.parse_args().sources)) as dataset:
        sys.stdout.write("\n".join(describe(dataset.history_between())) + "\n")


if __name__ == "__main__":
    main()
