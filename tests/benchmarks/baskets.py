"""Basket lists next to association rules by FP-growth and other baselines: ``python -m tests.benchmarks.baskets``.

Prints a table of the Complete Journey, which comes with the extra `demo`, and of Online Retail II, from the folder that
SMART_RETAIL_DATA names, if it is there. The rules need mlxtend (Raschka 2018), which is part of the environment
``tox -e bench`` only; without it, its row is missing. ``--shops demo`` evaluates one of the shops.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from importlib.util import find_spec

import click
import numpy as np
from numpy.typing import NDArray

from smart_retail.data.pipeline import prepare
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.evaluation.temporal_split import rolling_windows
from smart_retail.recommenders.shopper_items import build_user_item_matrix
from smart_retail.training.baskets.evaluate_baskets import Scorer, evaluate_baskets
from smart_retail.training.baskets.fit_baskets import fit_baskets
from smart_retail.training.fit_context import FitContext
from smart_retail.training.hybrid.backtest_windows import build_windows
from smart_retail.training.models.ease import fit_ease
from smart_retail.training.models.item_knn import fit_item_knn
from smart_retail.utils.parallel import one_algebra_thread
from tests.benchmarks.quality import complete_journey, online_retail
from tests.benchmarks.results import methods_table

SHOPS = {"demo": complete_journey, "online_retail": online_retail}
FP_GROWTH = "FP-growth rules"
MAX_LENGTH = 3
"""Items of a frequent set: rules have one or two items on the left."""
MIN_SUPPORT_SHARES = {"demo": 0.0005, "online_retail": 0.002}
"""Share of the orders that a frequent set is in at least: the lowest with which FP-growth fits into 4 GB here."""
NEIGHBOURS = 100
EASE_ITEMS, EASE_PENALTY = 3_000, 200.0


def mine_rules(history: PurchaseHistory, min_share: float) -> Scorer:
    """Return a scorer by the rules of FP-growth: an item has the confidence of the best rule within the basket."""
    import pandas as pd
    from mlxtend.frequent_patterns import fpgrowth
    from scipy.sparse import csr_array

    orders, row = np.unique(history.order, return_inverse=True)
    counts = np.bincount(history.item, minlength=history.n_items)
    frequent = np.flatnonzero(counts >= min_share * len(orders))
    column = np.full(history.n_items, -1)
    column[frequent] = np.arange(len(frequent))
    kept = column[history.item] >= 0
    ones = np.ones(int(kept.sum()), bool)
    matrix = csr_array((ones, (row[kept], column[history.item[kept]])), shape=(len(orders), len(frequent)))
    frame = pd.DataFrame.sparse.from_spmatrix(matrix, columns=[str(code) for code in frequent.tolist()])
    found = fpgrowth(frame, min_support=min_share, max_len=MAX_LENGTH, use_colnames=True)
    support = {
        frozenset(int(code) for code in items): float(share)
        for items, share in zip(found["itemsets"], found["support"], strict=True)
    }
    rules: dict[frozenset[int], list[tuple[int, float]]] = {}
    for items, share in support.items():
        for consequent in items if len(items) > 1 else ():
            antecedent = items - {consequent}
            rules.setdefault(antecedent, []).append((consequent, share / support[antecedent]))
    click.echo(
        f"FP-growth: {len(frequent):,} frequent items, {len(support):,} sets, {sum(map(len, rules.values())):,} rules"
    )
    return lambda basket: _best_confidence(basket, rules, history.n_items)


def _best_confidence(
    basket: NDArray[np.int64], rules: dict[frozenset[int], list[tuple[int, float]]], n_items: int
) -> NDArray[np.float64]:
    score = np.zeros(n_items)
    for antecedent in _antecedents(basket.tolist()):
        for consequent, confidence in rules.get(antecedent, ()):
            score[consequent] = max(score[consequent], confidence)
    return score


def _antecedents(basket: list[int]) -> Iterator[frozenset[int]]:
    for position, item in enumerate(basket):
        yield frozenset((item,))
        for other in basket[position + 1 :]:
            yield frozenset((item, other))


def evaluate_shop(name: str, threads: int) -> None:
    """Print the figures of the last window of a shop."""
    frame, _ = SHOPS[name]()
    context = FitContext(0, threads)
    with prepare([frame]) as dataset, one_algebra_thread():
        windows = build_windows(
            dataset, rolling_windows(dataset.first_day, dataset.last_day, 2), dataset.history_between(), context
        )
        windows.sort(key=lambda window: window.window.cut)
        before, after = windows[-1].before, windows[-1].after
        fitted = fit_baskets(windows, before, max_items=EASE_ITEMS, context=context).evaluated
        assert fitted is not None
        matrix = build_user_item_matrix(before)
        ease = fit_ease(
            matrix, np.ones(len(matrix)), before.n_items, max_items=EASE_ITEMS, neighbours=NEIGHBOURS,
            penalty=EASE_PENALTY,
        )  # fmt: skip
        item_knn = fit_item_knn(matrix, before.n_items, "cosine", neighbours=NEIGHBOURS, threads=threads)
        further: dict[str, Scorer] = {}
        if find_spec("mlxtend"):
            start = time.monotonic()
            further[FP_GROWTH] = mine_rules(before, MIN_SUPPORT_SHARES[name])
            click.echo(f"mined in {time.monotonic() - start:.0f} s")
        card = evaluate_baskets(fitted, before, after, item_knn, ease, seed=0, threads=threads, further=further)
    print_table(name, card)


def print_table(name: str, card: dict) -> None:  # type: ignore[type-arg]
    """Print the figures as a Markdown table."""
    click.echo(f"\n{name}: {card['queries']:,} hidden items of {card['orders']:,} orders\n")
    click.echo(methods_table(card["methods"], "method", "lead of the basket list"))


def main() -> None:
    """Evaluate the shops that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shops", nargs="*", choices=SHOPS, default=list(SHOPS))
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    for name in options.shops:
        evaluate_shop(name, options.threads)


if __name__ == "__main__":
    main()
