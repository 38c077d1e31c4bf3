"""What the diversity of lists costs and gains on a past window: ``python -m tests.benchmarks.diversity``.

The model is fitted on the history before the last tenth of the days; the lists of a sample of the customers who bought
in it are made with several values of `diversity`. NDCG@10 counts what they bought for the first time; coverage is the
share of the sold items that is in a list; the distance is 1 minus the mean likeness of two items of a list. The
Complete Journey comes with the extra `demo`; Online Retail II is taken from the folder that SMART_RETAIL_DATA names.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from smart_retail import Engine, fit
from smart_retail.data.pipeline import prepare
from smart_retail.evaluation.metrics import Lists, bootstrap_ci, compute_accuracy, compute_coverage
from smart_retail.evaluation.temporal_split import extract_ground_truth, rolling_windows, sample_customers
from smart_retail.recommenders.diversity import ItemLikeness
from smart_retail.settings import Settings
from smart_retail.utils.csr import indptr_from_lengths
from tests.benchmarks.quality import complete_journey, online_retail

SHOPS = {"demo": complete_journey, "online_retail": online_retail}
STRENGTHS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7)
K = 10
FIT = Settings.from_dict({"recommend": {"merge": "blend"}, "clusters": {"epochs": 20}})
"""The ranking model and long training of the clusters are left out: the comparison is between lists of one model."""


def evaluate_shop(name: str, customers: int) -> None:
    """Print the figures of a shop for each strength."""
    frame, time = SHOPS[name]()
    with prepare([frame]) as dataset, tempfile.TemporaryDirectory() as folder:
        window = rolling_windows(dataset.first_day, dataset.last_day, 1)[0]
        before, after = dataset.history_between(end=window.cut), dataset.history_between(first=window.cut)
        truth = sample_customers(extract_ground_truth(before, after)["new"], customers, 0)
        ids = [dataset.customers.id(code) for code in truth.customer.tolist()]
        days = frame[time].to_numpy().astype("datetime64[D]").astype(np.int64)
        fit(frame[days < window.cut], artifacts=folder, settings=FIT)
        engine = Engine.load(folder)
        sold = int(np.count_nonzero(np.bincount(before.item, minlength=before.n_items)))
        click.echo(f"\n{name}: {len(ids):,} customers\n")
        click.echo("| diversity | NDCG@10 | change (interval) | hit rate | coverage | distance | categories |")
        click.echo("|---|---|---|---|---|---|---|")
        base: NDArray[np.float64] | None = None
        for strength in STRENGTHS:
            found = engine.recommend_many(ids, n=K, explain=False, diversity=strength)
            codes = [dataset.items.codes(item.item_id for item in one.items) for one in found]
            lists = Lists(indptr_from_lengths([len(one) for one in codes]), np.concatenate(codes))
            values = compute_accuracy(lists, truth, K)
            ndcg = values[f"ndcg@{K}"]
            base = ndcg if base is None else base
            low, high = bootstrap_ci(ndcg - base) if strength else (0.0, 0.0)
            click.echo(
                f"| {strength:g} | {ndcg.mean():.4f} | {(ndcg - base).mean():+.4f} ({low:+.4f} to {high:+.4f}) | "
                f"{values[f'hit_rate@{K}'].mean():.3f} | {100 * compute_coverage(lists, sold):.2f} % | "
                f"{mean_distance(engine, found):.3f} | {mean_categories(found):.2f} |"
            )


def mean_distance(engine: Engine, found: Sequence[Any]) -> float:
    """Return 1 minus the mean likeness of two items of a list."""
    catalogue, knn = engine.tables.catalogue, engine.tables.item_knn
    likeness = ItemLikeness(catalogue.category, catalogue.subcategory, knn)
    distances = []
    for one in found:
        codes = engine.tables.items.codes(item.item_id for item in one.items)
        pairs = len(codes) * (len(codes) - 1)
        if pairs:
            distances.append(1 - float(likeness.matrix(codes).sum()) / pairs)
    return float(np.mean(distances))


def mean_categories(found: Sequence[Any]) -> float:
    """Return the mean number of categories in a list."""
    return float(np.mean([len({item.category for item in one.items}) for one in found]))


def main() -> None:
    """Evaluate the shops that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shops", nargs="*", choices=SHOPS, default=list(SHOPS))
    parser.add_argument("--customers", type=int, default=1000)
    options = parser.parse_args()
    for name in options.shops:
        evaluate_shop(name, options.customers)


if __name__ == "__main__":
    main()
