"""How well items first sold in the last window are ranked by their texts: ``python -m tests.benchmarks.new_items``.

Prints a table of the Complete Journey, which comes with the extra `demo`, and of Online Retail II, from the folder that
SMART_RETAIL_DATA names, if it is there. ``--shops demo`` evaluates one of them, ``--windows 3`` the last three windows.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import click

from smart_retail.data.pipeline import prepare
from smart_retail.evaluation.temporal_split import rolling_windows
from smart_retail.training.models.content_vectors import fit_content_vectors, item_texts
from smart_retail.training.new_items.evaluate_new_items import detailed_category, evaluate_new_items
from smart_retail.utils.parallel import one_algebra_thread
from tests.benchmarks.quality import complete_journey, online_retail

SHOPS = {"demo": complete_journey, "online_retail": online_retail}


def evaluate_shop(name: str, windows: int) -> None:
    """Print the figures of the last windows of a shop, the last one first."""
    frame, _ = SHOPS[name]()
    with prepare([frame]) as dataset, one_algebra_thread():
        history = dataset.history_between()
        vectors = fit_content_vectors(item_texts(dataset))
        detailed = detailed_category(dataset.item_category, dataset.item_subcategory)
        for window in reversed(rolling_windows(dataset.first_day, dataset.last_day, windows)):
            before = replace(history.take(history.day < window.cut), last_day=window.cut - 1)
            after = history.take((history.day >= window.cut) & (history.day < window.end))
            card = evaluate_new_items(before, after, vectors, detailed)
            click.echo(f"\n{name}: {card['items']:,} new items, {card['customers']:,} customers who bought one\n")
            click.echo("| ranking | NDCG@10 (interval) | hit rate | lead of content |\n|---|---|---|---|")
            for method, figures in card["methods"].items():
                lead = f"{figures['lead_low']:.3f} to {figures['lead_high']:.3f}" if "lead" in figures else ""
                click.echo(
                    f"| {method} | {figures['ndcg@10']:.3f} ({figures['low']:.3f} to {figures['high']:.3f}) | "
                    f"{figures['hit_rate@10']:.3f} | {lead} |"
                )


def main() -> None:
    """Evaluate the shops that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shops", nargs="*", choices=SHOPS, default=list(SHOPS))
    parser.add_argument("--windows", type=int, default=1)
    options = parser.parse_args()
    for name in options.shops:
        evaluate_shop(name, options.windows)


if __name__ == "__main__":
    main()
