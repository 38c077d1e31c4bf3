"""How the hedged popularity list compares with the list of each single window, on synthetic shops, as a Markdown table.

python -m tests.benchmarks.popularity                    prints the table (half a minute)
python -m tests.benchmarks.popularity --seeds 5          more shops of each kind

The list is selected without the evaluated window, a tenth of the history. Its NDCG@10 for the new customers of the
window is divided by the best of the lists of 7, 28 and 91 days and of the whole history, only known afterwards.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace

import click
import numpy as np

from smart_retail.evaluation.metrics import Lists, compute_accuracy
from smart_retail.evaluation.temporal_split import extract_ground_truth, rolling_windows
from smart_retail.recommenders.popularity import ALL_TIME, compute_popularity, count_demand
from smart_retail.recommenders.shopper_items import build_user_item_matrix
from smart_retail.training.hybrid.popularity_selection import overlapping_windows, select_popularity
from smart_retail.training.models.components import ComponentVariants
from tests import synthetic_shops

N_CUSTOMERS = 5000
"""So many that chance changes the figures of new customers little."""
SINGLE_WINDOWS = (7, 28, 91, ALL_TIME)


@dataclass(frozen=True)
class Comparison:
    """One shop in one window."""

    customers: int
    days: int
    all_time_share: float
    hedged: float
    """NDCG@10 of the hedged list."""
    single: tuple[float, ...]
    """NDCG@10 of the list of each of `SINGLE_WINDOWS`."""

    @property
    def ratio(self) -> float:
        return self.hedged / max(self.single)


def compare(name: str, seed: int, windows_back: int, n_customers: int = N_CUSTOMERS) -> Comparison:
    """Compare the lists in the last window of a history that ends some windows before the end of the shop's."""
    history = synthetic_shops.history(name, seed, n_customers)
    first, last = int(history.day.min()), int(history.day.max())
    last -= int(windows_back * 0.1 * (last - first))
    history = history.take(history.day <= last)
    variants, _ = select_popularity(history, overlapping_windows(first, last), ComponentVariants(), seed=0)
    (window,) = rolling_windows(first, last, 1)
    before = replace(history.take(history.day < window.cut), last_day=window.cut - 1)
    truth = extract_ground_truth(before, history.take(history.day >= window.cut))["cold"]
    demand = count_demand(before, build_user_item_matrix(before))
    mix = variants.popularity_days, variants.all_time_share
    lists = [compute_popularity(demand, *mix), *(compute_popularity(demand, days) for days in SINGLE_WINDOWS)]
    bounds = np.arange(len(truth) + 1) * 10
    hedged, *single = (
        float(compute_accuracy(Lists(bounds, np.tile(ranking.order[:10], len(truth))), truth)["ndcg@10"].mean())
        for ranking in lists
    )
    return Comparison(len(truth), *mix, hedged, tuple(single))


def rows(seeds: int, windows: int) -> Iterator[str]:
    """A row of the table for each kind of shop."""
    for name in synthetic_shops.SHOPS:
        found = [compare(name, seed, back) for seed in range(seeds) for back in range(windows)]
        ratios = [comparison.ratio for comparison in found]
        single = np.array([np.array(c.single) / max(c.single) for c in found])
        shares = [comparison.all_time_share for comparison in found]
        yield (
            f"| {name.replace('_', ' ')} | {len(found)} | **{np.mean(ratios):.2f}** | **{min(ratios):.2f}** | "
            + " | ".join(f"{m:.2f} / {w:.2f}" for m, w in zip(single.mean(axis=0), single.min(axis=0), strict=True))
            + f" | {min(shares):.3g} to {max(shares):.3g} |"
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="shops of each kind")
    parser.add_argument("--windows", type=int, default=3, help="windows of each shop, the newest first")
    options = parser.parse_args()
    single = " | ".join(f"{days} days" if days else "all time" for days in SINGLE_WINDOWS)
    click.echo(f"| shop | windows | hedged, mean | hedged, worst | {single} | share of all time |")
    click.echo("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for row in rows(options.seeds, options.windows):
        click.echo(row)


if __name__ == "__main__":
    main()
