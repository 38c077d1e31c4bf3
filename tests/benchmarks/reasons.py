"""Recount the reasons of a fitted version: ``python -m tests.benchmarks.reasons ARTIFACTS [--reasons N]``.

Reads the exported purchases of the version, and recounts the reasons of the lists that a campaign sends with plain
sets. Prints how many texts differ, how many main reasons name a product of the same name, and how many name the most
bought product of the shop.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import numpy as np

from smart_retail.results import RecommendationList
from smart_retail.serving.engine import Engine
from tests import recount


def read_counts(engine: Engine) -> recount.Counts:
    """Count the exported purchases of the engine's version."""
    import pyarrow.parquet as pq

    table = pq.read_table(engine.bundle.folder / "export" / "purchases.parquet")
    columns = {name: table[name].to_pylist() for name in ("customer_id", "order", "item_id")}
    days = table["day"].to_numpy().astype("datetime64[D]").astype(np.int64).tolist()
    tables = engine.tables
    items = [tables.label(code) for code in range(len(tables.items))]
    groups = {
        kind: {
            tables.customers.id(c): tables.group_name(names, int(group)) for c, group in enumerate(codes) if group >= 0
        }
        for kind, names, codes in (
            ("segment", "segments", tables.segment),
            ("cluster", "fine_clusters", tables.fine_cluster),
        )
    }
    return recount.Counts.of(
        map(recount.Line, columns["customer_id"], columns["order"], columns["item_id"], days),
        {item_id: name for item_id, name, _ in items},
        {item_id: category for item_id, _, category in items},
        groups,
        read_guests(engine),
    )


def read_guests(engine: Engine) -> list[tuple[int, str]]:
    """Return order and item of each purchase without a customer."""
    guests, items = engine.bundle.arrays("guest_orders"), engine.tables.items
    if not guests:
        return []
    return [
        (order, items.id(code)) for order, code in zip(guests["order"].tolist(), guests["item"].tolist(), strict=True)
    ]


def sample_lists(engine: Engine, counts: recount.Counts, seed: int) -> Iterator[RecommendationList]:
    """Yield the lists of customers in random order, as a campaign has them: five products by the default method."""
    customers = sorted(counts.bought)
    for position in np.random.default_rng(seed).permutation(len(customers)).tolist():
        yield engine.recommend(customers[position], n=5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifacts")
    parser.add_argument("--reasons", type=int, default=10_000)
    options = parser.parse_args()
    engine = Engine.load(options.artifacts)
    counts = read_counts(engine)
    favourite = max(counts.customers, key=lambda item: len(counts.customers[item]))
    checked = wrong = same_name = main_reasons = names_favourite = repeated = lists = 0
    for result in sample_lists(engine, counts, 0):
        if checked >= options.reasons:
            break
        lists += 1
        names = [item.item_name for item in result.items]
        repeated += len(set(names)) < len(names)
        for stated, counted in recount.recount(counts, result.customer_id or "", result.items):
            checked += 1
            if stated != counted:
                wrong += 1
                sys.stdout.write(f"wrong: {stated!r} instead of {counted!r}\n")
        for item in result.items:
            reason = max(item.reasons, key=lambda r: r.share)
            main_reasons += 1
            names_favourite += reason.item_id == favourite
            same_name += reason.item_id is not None and counts.names[reason.item_id] == item.item_name
    figures = {
        "reasons recounted": f"{checked:,}",
        "recounted wrong": f"{wrong:,}",
        "main reasons naming the item's own name": f"{same_name:,} of {main_reasons:,}",
        f"main reasons naming {counts.names[favourite]}, the most bought": f"{names_favourite / main_reasons:.1%}",
        "lists with two products of one name": f"{repeated / lists:.1%}",
    }
    for name, value in figures.items():
        sys.stdout.write(f"{name}: {value}\n")


if __name__ == "__main__":
    main()
