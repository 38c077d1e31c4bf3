"""From shoppers to lists of items under the shop's rules: the serving half of every method.

In: whose purchases to go by, a method, filters. Out: `Arranged` lists with the evidence they came
from. Pre-calculated lists are used wherever they hold the answer; otherwise the same model is
asked live, and both ways give the same entries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.base import Catalogue, Ranked, Shoppers
from smart_retail.recommenders.model import RecommenderModel
from smart_retail.recommenders.precalculated import ListTable, settle
from smart_retail.recommenders.rules import Arranged, Rules, arrange

CHUNK_ENTRIES = 2_000_000
"""Bound on the entries of one live call, so that memory stays flat for many customers."""
NOTHING = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, slots=True)
class Ask:
    """What is wanted of every shopper."""

    method: str
    exclude_purchased: bool
    stop: int
    """Entries needed: offset + n."""
    rules: Rules


@dataclass(frozen=True, slots=True)
class Answer:
    """One shopper's list: ``arranged`` points into ``ranked``."""

    ranked: Ranked
    arranged: Arranged


@dataclass(frozen=True, slots=True)
class Ranker:
    """The fitted model, its cached lists and what the rules need to know."""

    model: RecommenderModel
    catalogue: Catalogue
    lists: dict[tuple[str, bool], ListTable]
    """By method and `exclude_purchased`."""

    def cached(self, ask: Ask, customer: int, hidden: NDArray[np.int32]) -> Answer | None:
        """The answer from a pre-calculated list, None where it does not hold all of it."""
        table = self.lists.get((ask.method, ask.exclude_purchased))
        if table is None or ask.rules.boosts:
            return None
        complete = table.size[customer] < table.item.shape[1]
        if _change_nothing(ask.rules):
            ranked = table.row(customer, ask.stop)
            n = len(ranked.item)
            arranged = Arranged(np.arange(n), ranked.item, ranked.score, np.ones(n))
        else:
            ranked = table.row(customer)
            # What is hidden never came into the list; only a pin could bring it back.
            arranged = _arranged(ranked, 0, ask, self.catalogue, hidden if ask.rules.pins else NOTHING)
        return Answer(ranked, arranged) if complete or len(arranged.item) >= ask.stop else None

    def live(self, ask: Ask, shoppers: Shoppers, hidden: Sequence[NDArray[np.int32]]) -> Iterator[Answer]:
        """Answers of the model itself, one for each shopper, in order."""
        n = len(shoppers)
        longest = max((len(h) for h in hidden), default=0)
        length = ask.stop + longest if _change_nothing(ask.rules) else None
        size = max(
            1, CHUNK_ENTRIES // max(1, min(length or len(self.catalogue.category), len(self.catalogue.category)))
        )
        for start in range(0, n, size):
            rows = np.arange(start, min(start + size, n), dtype=np.int32)
            part = shoppers if size >= n else _part(shoppers, rows)
            ranked = settle(self.model.rank(ask.method, part, exclude_purchased=ask.exclude_purchased, length=length))
            for row in range(len(rows)):
                yield Answer(ranked, _arranged(ranked, row, ask, self.catalogue, hidden[start + row]))

    def plain(self, ranked: Ranked, ask: Ask) -> Answer:
        """A list that no shopper is behind (similar or popular items) under the rules."""
        settled = settle(ranked)
        return Answer(settled, _arranged(settled, 0, ask, self.catalogue, NOTHING))


def _change_nothing(rules: Rules) -> bool:
    """Whether a list of what is not hidden is the answer as it stands."""
    return rules.allowed is None and not rules.reorders and rules.max_per_category is None


def _arranged(ranked: Ranked, row: int, ask: Ask, catalogue: Catalogue, hidden: NDArray[np.int32]) -> Arranged:
    return arrange(ranked, row, ask.rules, catalogue, hidden if ask.exclude_purchased else NOTHING)


def _part(shoppers: Shoppers, rows: NDArray[np.int32]) -> Shoppers:
    return Shoppers(shoppers.history.select(rows), shoppers.segment[rows], shoppers.cluster[rows])
