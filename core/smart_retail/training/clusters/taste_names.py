"""Words for the taste of a cluster: categories, or words of item names, that its customers buy more of than others."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.base import Catalogue

MIN_CATEGORIES: Final = 3
"""Categories from which they describe taste better than words of item names do."""
MIN_LINES, MIN_SHARE = 20, 0.01
"""Order lines of a cluster with a term, number and share, from which the term counts."""
MIN_LIFT: Final = 1.15
MAX_TERMS: Final = 2
MIN_WORD_ITEMS: Final = 3
"""Items whose name has a word, at least: otherwise it names one product."""
MAX_TERM_LENGTH: Final = 24
_WORD: Final = re.compile(r"[^\W\d_]{4,}")
_FUNCTION_WORDS: Final = frozenset({"with", "from", "assorted", "design", "small", "large", "medium", "pack", "piece"})


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms that describe items: pairs of an item and a term."""

    item: NDArray[np.int64]
    term: NDArray[np.int64]
    names: tuple[str, ...]


def find_terms(catalogue: Catalogue, category_names: Sequence[str]) -> Terms:
    """Return the categories of the items or, where the source has hardly any, the words of their names."""
    if len(category_names) >= MIN_CATEGORIES:
        item = np.flatnonzero(catalogue.category >= 0)
        return Terms(item, catalogue.category[item].astype(np.int64), tuple(name.lower() for name in category_names))
    items_of: dict[str, list[int]] = defaultdict(list)
    for code, name in enumerate(catalogue.names):
        for word in sorted(set(_WORD.findall(name.lower())) - _FUNCTION_WORDS):
            items_of[word].append(code)
    words = sorted(word for word, items in items_of.items() if len(items) >= MIN_WORD_ITEMS)
    pairs = [(code, term) for term, word in enumerate(words) for code in items_of[word]]
    item, term = np.array(pairs, np.int64).reshape(len(pairs), 2).T
    return Terms(item, term, tuple(words))


def taste_names(lines: NDArray[np.int64], terms: Terms) -> tuple[str, ...]:
    """Return what each cluster buys more of than the shop, such as ``baby and produce``; empty for nothing particular.

    A term counts with a lift of at least `MIN_LIFT`: its share of the cluster's order lines over its share of all. The
    terms with the largest ``share * log(lift)`` are named, their part in the Kullback-Leibler divergence from the shop.

    Parameters
    ----------
    lines : int64 array, shape (clusters, n_items)
        Order lines of each cluster by item.
    terms : Terms
    """
    n_terms = len(terms.names)
    counts = np.array([np.bincount(terms.term, row[terms.item], n_terms) for row in lines]).reshape(len(lines), n_terms)
    totals = np.maximum(lines.sum(axis=1), 1)
    shop = counts.sum(axis=0) / max(int(lines.sum()), 1)
    out = []
    for count, total in zip(counts, totals, strict=True):
        share = count / total
        lift = share / np.maximum(shop, 1e-12)
        counted = (count >= MIN_LINES) & (share >= MIN_SHARE) & (lift >= MIN_LIFT)
        weight = np.where(counted, share * np.log(np.maximum(lift, 1e-12)), 0.0)
        best = [t for t in np.argsort(-weight, kind="stable").tolist() if counted[t]]
        named = [terms.names[t] for t in best if len(terms.names[t]) <= MAX_TERM_LENGTH][:MAX_TERMS]
        out.append(" and ".join(named))
    return tuple(out)
