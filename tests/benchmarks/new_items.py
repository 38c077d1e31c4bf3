"""How well items first sold in the last window are ranked by their texts: ``python -m tests.benchmarks.new_items``.

Prints a table of the Complete Journey, which comes with the extra `demo`, and of Online Retail II, from the folder that
SMART_RETAIL_DATA names, if it is there. ``--shops demo`` evaluates one of them, ``--windows 3`` the last three windows.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import click
import numpy as np
from numpy.typing import NDArray

from smart_retail.data.dataset.dataset import Dataset
from smart_retail.data.pipeline import prepare
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.evaluation.temporal_split import rolling_windows
from smart_retail.recommenders.content_matching import MatchedItems, extend_with_added, match_contents
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.variants import group_variants
from smart_retail.training.models.content_vectors import fit_content_vectors, item_texts
from smart_retail.training.new_items.evaluate_new_items import detailed_category, evaluate_new_items
from smart_retail.training.new_items.fit_new_items import RECENT_DAYS, fit_new_items
from smart_retail.utils.parallel import one_algebra_thread
from tests.benchmarks.quality import complete_journey, online_retail
from tests.benchmarks.results import methods_table

AFTER_FIT = "content, added after the fit"
SHOPS = {"demo": complete_journey, "online_retail": online_retail}


def match_after_fit(
    dataset: Dataset, before: PurchaseHistory, new: NDArray[np.int64]
) -> dict[str, Callable[[int, NDArray[np.int64]], NDArray[np.float64]]]:
    """Return the ranking of new items that were added after a fit: matched by their texts, without content vectors."""
    product = group_variants(list(dataset.item_names))

    def described(codes: NDArray[np.int64]) -> MatchedItems:
        texts = [(dataset.item_names[code], "") for code in codes.tolist()]
        return MatchedItems(texts, dataset.item_category[codes], dataset.item_subcategory[codes], product[codes])

    orders = np.bincount(before.item, minlength=before.n_items)
    bought = np.argsort(-orders, kind="stable")[: np.count_nonzero(orders)]
    matches = match_contents(described(new), described(bought))
    recent = np.bincount(before.item[before.day > before.last_day - RECENT_DAYS], minlength=before.n_items)
    taste = fit_new_items(before, np.zeros((before.n_items, 1), np.float32), new[:0])
    none = Similarity(np.zeros(before.n_items + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))
    added = extend_with_added(taste, none, matches, bought, recent)
    return {AFTER_FIT: lambda _, purchased: added.model.score(purchased, added.content_back)}


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
            card = evaluate_new_items(
                before, after, vectors, detailed, further=partial(match_after_fit, dataset, before)
            )
            click.echo(f"\n{name}: {card['items']:,} new items, {card['customers']:,} customers who bought one\n")
            click.echo(methods_table(card["methods"], "ranking", "lead of content"))


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
