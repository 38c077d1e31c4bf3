"""From shoppers to lists of items under the shop's rules: the serving half of every method.

In: whose purchases to go by, a method, filters. Out: `Arranged` lists with the evidence they came
from. Pre-calculated lists are used wherever they hold the answer; otherwise the same model is
asked live, and both ways give the same entries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smart_retail.bundle.reader import Bundle
from smart_retail.recommenders.base import Catalogue, Ranked, Shoppers
from smart_retail.recommenders.cached_lists import CACHED_LISTS, CachedLists, quantize_shares
from smart_retail.serving.business_rules import RuleResult, Rules, apply_rules

if TYPE_CHECKING:
    from smart_retail.recommenders.model import RecommenderModel

CHUNK_ENTRIES = 2_000_000
"""Bound on the entries of one live call, so that memory stays flat for many customers."""
FILTERED_ENTRIES = 500
"""Items that are ranked first if rules or a category filter remove some; more only if too few remain."""
NO_ITEMS = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, slots=True)
class RankingRequest:
    """What is wanted of every shopper."""

    method: str
    exclude_purchased: bool
    stop: int
    """Entries needed: offset + n."""
    rules: Rules


ListEntry = tuple[int, float, float, bool, bool, list[float], list[int], int]
"""One place of a list as plain values: item, score, boost, whether it is pinned, whether it was filled in, and the
evidence as in `Ranked`: share and rank by component, because."""


@dataclass(frozen=True, slots=True)
class RankingResult:
    """One shopper's list: ``arranged`` points into ``ranked``; None where that is the answer as it stands."""

    ranked: Ranked
    rule_result: RuleResult | None = None

    @property
    def size(self) -> int:
        """Number of items in the list."""
        return len(self.ranked.item if self.rule_result is None else self.rule_result.item)

    def entries(self, start: int, stop: int) -> list[ListEntry]:
        """The places `start` to `stop`, as far as the list goes."""
        ranked, shown = self.ranked, slice(start, stop)
        if self.rule_result is None:
            n = len(ranked.item[shown])
            head = (ranked.item[shown].tolist(), ranked.score[shown].tolist(), [1.0] * n, [False] * n)
            return list(zip(*head, ranked.fallback[shown].tolist(), *_evidence(ranked, shown), strict=True))
        places, pinned = self.rule_result.position[shown], self.rule_result.position[shown] < 0
        own = (self.rule_result.item, self.rule_result.score, self.rule_result.boost)
        head = (*(values[shown].tolist() for values in own), pinned.tolist())
        if len(ranked.item) == 0:  # nothing but pins, of which no more is known
            return [(*row, False, [], [], -1) for row in zip(*head, strict=True)]
        filled = (ranked.fallback[places] & ~pinned).tolist()
        return list(zip(*head, filled, *_evidence(ranked, places), strict=True))


def _evidence(
    ranked: Ranked, places: slice | NDArray[np.int64]
) -> tuple[list[list[float]], list[list[int]], list[int]]:
    """Share, rank and because at places of a list."""
    return ranked.share[places].tolist(), ranked.rank[places].tolist(), ranked.explaining_item[places].tolist()


class ListRanker:
    """The fitted model and its cached lists, each opened when it is first needed, and what the rules need to know.

    Parameters
    ----------
    catalogue : Catalogue
    model : callable
        Opens the model.
    lists : mapping
        Openers of the cached lists, by method and `exclude_purchased`; they give None where there are none.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        model: Callable[[], RecommenderModel],
        lists: Mapping[tuple[str, bool], Callable[[], CachedLists | None]],
    ) -> None:
        self.catalogue = catalogue
        self.lists = dict(lists)
        self._model = model
        self._opened: dict[tuple[str, bool], CachedLists | None] = {}

    @cached_property
    def model(self) -> RecommenderModel:
        return self._model()

    def cached_lists(self, method: str, exclude_purchased: bool) -> CachedLists | None:
        """The cached lists of a method, None where there are none."""
        key = (method, exclude_purchased)
        if key not in self.lists:
            return None
        if key not in self._opened:
            self._opened[key] = self.lists[key]()
        return self._opened[key]

    def open_all(self) -> None:
        """Open what is otherwise opened on demand."""
        _ = self.model, [self.cached_lists(*key) for key in self.lists]

    def cached(
        self, ask: RankingRequest, customer: int, hidden: Callable[[], NDArray[np.int32]]
    ) -> RankingResult | None:
        """The answer from a pre-calculated list, None where it does not hold all of it."""
        table = self.cached_lists(ask.method, ask.exclude_purchased)
        if table is None or ask.rules.boosts:
            return None
        complete = table.size[customer] < table.item.shape[1]
        if _keep_lists(ask.rules):
            ranked = table.row(customer, ask.stop)
            return RankingResult(ranked) if complete or len(ranked.item) >= ask.stop else None
        ranked = table.row(customer)
        # What is hidden never came into the list; only a pin could bring it back.
        arranged = _apply_rules(ranked, 0, ask, self.catalogue, hidden() if ask.rules.pins else NO_ITEMS)
        return RankingResult(ranked, arranged) if complete or len(arranged.item) >= ask.stop else None

    def live(
        self, ask: RankingRequest, shoppers: Shoppers, hidden: Sequence[NDArray[np.int32]]
    ) -> Iterator[RankingResult]:
        """Yield one list of the model per shopper, in order, computed on demand.

        Parameters
        ----------
        ask : RankingRequest
        shoppers : Shoppers
        hidden : sequence of int32 arrays
            For each shopper the items that `exclude_purchased` hides.
        """
        n_items, n = len(self.catalogue.category), len(shoppers)
        first = ask.stop + max((len(h) for h in hidden), default=0)
        if not _keep_lists(ask.rules):
            first += FILTERED_ENTRIES
        # A boost can move any item to the top, so it needs the whole catalogue.
        length = None if ask.rules.boosts or first >= n_items else first
        size = max(1, CHUNK_ENTRIES // max(1, n_items if length is None else length))
        for start in range(0, n, size):
            rows = np.arange(start, min(start + size, n), dtype=np.int32)
            ranked = self._rank(ask, shoppers if size >= n else _slice_shoppers(shoppers, rows), length)
            for row in range(len(rows)):
                result = RankingResult(ranked, _apply_rules(ranked, row, ask, self.catalogue, hidden[start + row]))
                if length is None or _keep_lists(ask.rules) or result.size >= ask.stop:
                    yield result
                else:
                    yield self._rank_longer(ask, shoppers, start + row, hidden[start + row], length)

    def _rank_longer(
        self, ask: RankingRequest, shoppers: Shoppers, row: int, hidden: NDArray[np.int32], length: int
    ) -> RankingResult:
        """Rank more and more items for one shopper until enough of them pass the rules, up to the whole catalogue."""
        shopper = _slice_shoppers(shoppers, np.array([row], np.int32))
        while True:
            length *= 8
            is_complete = length >= len(self.catalogue.category)
            ranked = self._rank(ask, shopper, None if is_complete else length)
            result = RankingResult(ranked, _apply_rules(ranked, 0, ask, self.catalogue, hidden))
            if is_complete or result.size >= ask.stop:
                return result

    def _rank(self, ask: RankingRequest, shoppers: Shoppers, length: int | None) -> Ranked:
        return quantize_shares(
            self.model.rank(ask.method, shoppers, exclude_purchased=ask.exclude_purchased, length=length)
        )

    def rank_unpersonalized(
        self, ranked: Ranked, ask: RankingRequest, hidden: NDArray[np.int32] = NO_ITEMS
    ) -> RankingResult:
        """A list that no shopper is behind (similar or popular items) under the rules, without what is hidden."""
        settled = quantize_shares(ranked)
        return RankingResult(settled, apply_rules(settled, 0, ask.rules, self.catalogue, hidden))


def open_ranker(bundle: Bundle, catalogue: Catalogue) -> ListRanker:
    """The model and the lists of a bundle, no file of theirs opened yet."""

    def model() -> RecommenderModel:
        from smart_retail.recommenders.model import RecommenderModel  # not for a look at a list that is ready

        return RecommenderModel.from_arrays(bundle.arrays("recommender"), bundle.json("recommender"))

    def table(method: str, excluded: bool) -> CachedLists | None:
        arrays = bundle.arrays(f"lists/{method}_{'new' if excluded else 'any'}")
        return CachedLists.from_arrays(arrays) if arrays else None

    return ListRanker(catalogue, model, {key: partial(table, *key) for key in CACHED_LISTS})


def _keep_lists(rules: Rules) -> bool:
    """Whether a list of what is not hidden is the answer as it stands."""
    return rules.allowed is None and not rules.reorders and rules.max_per_category is None


def _apply_rules(
    ranked: Ranked, row: int, ask: RankingRequest, catalogue: Catalogue, hidden: NDArray[np.int32]
) -> RuleResult:
    return apply_rules(ranked, row, ask.rules, catalogue, hidden if ask.exclude_purchased else NO_ITEMS)


def _slice_shoppers(shoppers: Shoppers, rows: NDArray[np.int32]) -> Shoppers:
    return Shoppers(shoppers.history.select(rows), shoppers.segment[rows], shoppers.cluster[rows])
