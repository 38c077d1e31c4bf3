"""Ranks items for shoppers under the business rules.

Cached lists are used if they are long enough; otherwise the model ranks on demand. Both return the same entries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smart_retail.protocol import DEFAULT_METHOD
from smart_retail.recommenders.base import Catalogue, Ranked, Shoppers
from smart_retail.recommenders.cached_lists import CACHED_LISTS, CachedLists, quantize_shares
from smart_retail.recommenders.diversity import POOL_ENTRIES, ItemLikeness, diversify
from smart_retail.serving.business_rules import RuleResult, Rules, apply_rules, insert_new_items, is_first_variant

if TYPE_CHECKING:
    from smart_retail.recommenders.content_matching import AddedItemModel
    from smart_retail.recommenders.model import RecommenderModel
    from smart_retail.serving.bundle_tables import BundleTables

CHUNK_ENTRIES = 2_000_000
"""Bound on the entries of one live call, so that memory stays flat for many customers."""
CHUNK_CELLS = 4_000_000
"""Bound on shoppers times items of one live call: the model scores the whole catalogue for each shopper."""
FILTERED_ENTRIES = 500
"""Items that are ranked in addition if rules remove some of the ranking; more only if too few remain."""
VARIANT_ENTRIES = 20
"""Items that are ranked in addition where only one variant of each product is kept."""
NO_ITEMS = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, slots=True)
class RankingRequest:
    """Options of a ranking that are the same for all its shoppers."""

    method: str
    exclude_purchased: bool
    stop: int
    """Number of entries needed: offset + n."""
    rules: Rules
    basket: NDArray[np.int32] | None = None
    """Items of the basket to complete, for a list of a basket by the method hybrid."""
    variants: bool = False
    """Whether several variants of one product can be in a list."""
    proxies: Mapping[int, int] = field(default_factory=dict)
    """Purchased items that stand for items of the basket without purchases -> that item."""
    diversity: float = 0.0
    """How much the items of a list should differ, 0 to 1."""

    @property
    def keeps_lists(self) -> bool:
        """Whether every list stays as it is ranked."""
        return self.variants and self.keeps_products

    @property
    def keeps_products(self) -> bool:
        """Whether every list stays as it is ranked, but for all variants of a product after the first."""
        return not self.diversity and self.rules.allowed is None and not self.is_filtered_late

    @property
    def needed(self) -> int:
        """Number of entries to rank: with diversity, the first entries are chosen from a larger pool."""
        return max(self.stop, POOL_ENTRIES) if self.diversity else self.stop

    @property
    def is_filtered_late(self) -> bool:
        """Whether items are left out, moved or added after the ranking; items that are not allowed never enter it."""
        rules = self.rules
        lists_all_items = self.basket is not None and rules.allowed is not None
        return bool(rules.max_per_category is not None or rules.reorders or rules.new_items_share or lists_all_items)


ListEntry = tuple[int, float, float, bool, bool, list[float], list[int], int]
"""One entry of a list as plain values: item code, score, boost, whether it is pinned, whether it was filled in, and as
in `Ranked` the share and rank by component and the explaining item."""


@dataclass(frozen=True, slots=True)
class RankingResult:
    """One shopper's list: `rule_result` refers to entries of `ranked`; None if the rules change nothing."""

    ranked: Ranked
    rule_result: RuleResult | None = None

    @property
    def size(self) -> int:
        """Number of items in the list."""
        return len(self.ranked.item if self.rule_result is None else self.rule_result.item)

    def entries(self, start: int, stop: int) -> list[ListEntry]:
        """Return the entries `start` to `stop`; fewer if the list is shorter."""
        ranked, shown = self.ranked, slice(start, stop)
        if self.rule_result is None:
            n = len(ranked.item[shown])
            head = (ranked.item[shown].tolist(), ranked.score[shown].tolist(), [1.0] * n, [False] * n)
            return list(zip(*head, ranked.fallback[shown].tolist(), *_evidence(ranked, shown), strict=True))
        positions, pinned = self.rule_result.position[shown], self.rule_result.position[shown] < 0
        own = (self.rule_result.item, self.rule_result.score, self.rule_result.boost)
        head = (*(values[shown].tolist() for values in own), pinned.tolist())
        if len(ranked.item) == 0:  # only pins, which have no shares and ranks
            return [(*row, False, [], [], -1) for row in zip(*head, strict=True)]
        filled = (ranked.fallback[positions] & ~pinned).tolist()
        return list(zip(*head, filled, *_evidence(ranked, positions), strict=True))


def _evidence(
    ranked: Ranked, positions: slice | NDArray[np.int64]
) -> tuple[list[list[float]], list[list[int]], list[int]]:
    """Return share, rank and explaining item of entries of a list."""
    return ranked.share[positions].tolist(), ranked.rank[positions].tolist(), ranked.explaining_item[positions].tolist()


class ListRanker:
    """Ranks with the fitted model and its cached lists, which are opened when first needed.

    Parameters
    ----------
    catalogue : Catalogue
        Categories and prices for the rules.
    model : callable
        Opens the model.
    lists : mapping
        Method and `exclude_purchased` -> callable that opens the cached lists, or returns None if there are none.
    added : callable, optional
        Returns the model of the items without purchases if some were added after the fit.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        model: Callable[[], RecommenderModel],
        lists: Mapping[tuple[str, bool], Callable[[], CachedLists | None]],
        added: Callable[[], AddedItemModel] | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.lists = dict(lists)
        self._added = added
        self._model = model
        self._opened: dict[tuple[str, bool], CachedLists | None] = {}

    @cached_property
    def model(self) -> RecommenderModel:
        return self._model()

    @cached_property
    def added(self) -> AddedItemModel | None:
        """Model of the items without purchases if some were added after the fit, otherwise None."""
        return None if self._added is None else self._added()

    def cached_lists(self, method: str, exclude_purchased: bool) -> CachedLists | None:
        """Return the cached lists of a method, None if there are none."""
        key = (method, exclude_purchased)
        if key not in self.lists:
            return None
        if key not in self._opened:
            self._opened[key] = self.lists[key]()
        return self._opened[key]

    def open_all(self) -> None:
        """Open the model and all lists, which are otherwise opened on demand."""
        _ = self.model, self.added, [self.cached_lists(*key) for key in self.lists]

    def cached(
        self, request: RankingRequest, customer: int, hidden: Callable[[], NDArray[np.int32]]
    ) -> RankingResult | None:
        """Return the list of a customer from the cached lists, None if these are missing or too short.

        Parameters
        ----------
        request : RankingRequest
        customer : int
            Customer code.
        hidden : callable
            Returns the item codes that `exclude_purchased` hides: the purchases of the customer; called only if needed.

        Returns
        -------
        RankingResult or None
        """
        table = self.cached_lists(request.method, request.exclude_purchased)
        if table is None or request.rules.boosts:
            return None
        complete = table.size[customer] < table.item.shape[1]
        if request.keeps_lists:
            ranked = table.row(customer, request.needed)
            return RankingResult(ranked) if complete or len(ranked.item) >= request.needed else None
        if request.keeps_products and request.exclude_purchased:
            ranked = table.row(customer, request.needed + VARIANT_ENTRIES)
            if self.catalogue.variant is None or is_first_variant(self.catalogue.variant[ranked.item]).all():
                return RankingResult(ranked) if complete or len(ranked.item) >= request.needed else None
        ranked = table.row(customer)
        # Cached lists do not contain hidden items; only a pin could add one.
        needs_own = request.rules.pins or request.rules.new_items_share or not request.exclude_purchased
        own = hidden() if needs_own else NO_ITEMS
        result = RankingResult(ranked, _apply_rules(ranked, 0, request, self.catalogue, own, own))
        return self._completed(result, request, own, own) if complete or result.size >= request.needed else None

    def live(
        self,
        request: RankingRequest,
        shoppers: Shoppers,
        hidden: Sequence[NDArray[np.int32]],
        own: Sequence[NDArray[np.int32]] | None = None,
    ) -> Iterator[RankingResult]:
        """Yield one list of the model per shopper, in order, computed on demand.

        Parameters
        ----------
        request : RankingRequest
        shoppers : Shoppers
        hidden : sequence of int32 arrays
            For each shopper the items that `exclude_purchased` hides.
        own : sequence of int32 arrays, optional
            For each shopper the purchases; by default the hidden items.

        Yields
        ------
        RankingResult
        """
        n_items, n = len(self.catalogue.category), len(shoppers)
        # The model leaves out purchases; returned items are left out of the ranking, which may then have to be longer.
        first = request.needed
        if request.is_filtered_late:
            first += FILTERED_ENTRIES
        elif not request.variants:
            first += VARIANT_ENTRIES + request.needed
        own = hidden if own is None else own
        # A boost can move any item to the top, so it needs the whole catalogue.
        length = None if request.rules.boosts or first >= n_items else first
        entries = max(1, n_items if length is None else length)
        size = max(1, min(CHUNK_ENTRIES // entries, CHUNK_CELLS // max(1, n_items)))
        for start in range(0, n, size):
            rows = np.arange(start, min(start + size, n), dtype=np.int32)
            ranked = self._rank(request, shoppers if size >= n else _slice_shoppers(shoppers, rows), length)
            for row in range(len(rows)):
                excluded, bought = hidden[start + row], own[start + row]
                result = RankingResult(ranked, _apply_rules(ranked, row, request, self.catalogue, excluded, bought))
                if not (_is_complete(ranked, row, length) or result.size >= request.needed):
                    result = self._rank_longer(request, shoppers, start + row, (excluded, bought), first)
                yield self._completed(result, request, excluded, bought)

    def _rank_longer(
        self,
        request: RankingRequest,
        shoppers: Shoppers,
        row: int,
        items: tuple[NDArray[np.int32], NDArray[np.int32]],
        length: int,
    ) -> RankingResult:
        """Rank more and more items for one shopper until enough of them pass the rules, up to the whole catalogue."""
        shopper = _slice_shoppers(shoppers, np.array([row], np.int32))
        while True:
            length *= 8
            longer = None if length >= len(self.catalogue.category) else length
            ranked = self._rank(request, shopper, longer)
            result = RankingResult(ranked, _apply_rules(ranked, 0, request, self.catalogue, *items))
            if _is_complete(ranked, 0, longer) or result.size >= request.needed:
                return result

    def _completed(
        self, result: RankingResult, request: RankingRequest, hidden: NDArray[np.int32], own: NDArray[np.int32]
    ) -> RankingResult:
        """Return a list with what is done after the rules: diversity, then the positions of new items."""
        return self._with_new_items(self._diversified(result, request), request, hidden, own)

    def _diversified(self, result: RankingResult, request: RankingRequest) -> RankingResult:
        """Return a list whose first entries are reordered by maximal marginal relevance; pins keep their positions."""
        listed = result.rule_result
        if not request.diversity or listed is None or not len(listed.item):
            return result
        pinned = listed.position < 0
        filled = np.zeros(len(pinned), np.bool_)
        filled[~pinned] = result.ranked.fallback[listed.position[~pinned]]
        own = int(np.argmax(filled)) if filled.any() else len(filled)  # popular items that fill a list stay last
        pool = min(own, POOL_ENTRIES)
        likeness = self._likeness.matrix(listed.item[:pool])
        order = diversify(listed.score[:pool], likeness, request.diversity, request.stop, int(pinned.sum()))
        order = np.concatenate((order, np.arange(pool, len(listed.item))))
        return RankingResult(result.ranked, listed.take(order))

    @cached_property
    def _likeness(self) -> ItemLikeness:
        return ItemLikeness(self.catalogue.category, self.catalogue.subcategory, self.model.components.item_knn)

    def _with_new_items(
        self, result: RankingResult, request: RankingRequest, hidden: NDArray[np.int32], own: NDArray[np.int32]
    ) -> RankingResult:
        """Return a hybrid list with the items without purchases that the rules or the fit reserve positions for."""
        hybrid = request.method == DEFAULT_METHOD
        if not (request.rules.new_items_share and hybrid and result.rule_result is not None):
            return result
        length = request.stop + len(hidden) + FILTERED_ENTRIES  # more than there are positions for them
        purchased = np.unique(own).astype(np.int64)
        new = quantize_shares(self._rank_new_items(purchased, request.rules.allowed, length))
        excluded = hidden if request.exclude_purchased else NO_ITEMS
        variants_of = None if request.variants else own
        return RankingResult(
            *insert_new_items(
                result.ranked, result.rule_result, new, request.rules, self.catalogue, excluded, variants_of
            )
        )

    def _rank_new_items(self, purchased: NDArray[np.int64], allowed: NDArray[np.bool_] | None, length: int) -> Ranked:
        added = self.added
        if added is None:
            return self.model.rank_new_items(purchased, allowed, length)
        return added.model.rank(purchased, added.content_back, allowed, length)

    def _rank(self, request: RankingRequest, shoppers: Shoppers, length: int | None) -> Ranked:
        if request.basket is not None:
            basket = np.union1d(request.basket, np.array(list(request.proxies), np.int32)).astype(np.int64)
            exclude = request.exclude_purchased
            return quantize_shares(self.model.rank_basket(basket, shoppers, exclude_basket=exclude, length=length))
        allowed = request.rules.allowed
        return quantize_shares(
            self.model.rank(
                request.method,
                shoppers,
                exclude_purchased=request.exclude_purchased,
                length=length,
                allowed=None if allowed is None else allowed[: self.model.components.n_items],
            )
        )

    def rank_unpersonalized(
        self, ranked: Ranked, request: RankingRequest, hidden: NDArray[np.int32] = NO_ITEMS
    ) -> RankingResult:
        """Apply the rules to a list without a shopper, such as similar or popular items.

        Parameters
        ----------
        ranked : Ranked
            One list.
        request : RankingRequest
        hidden : int32 array
            Item codes to leave out.

        Returns
        -------
        RankingResult
        """
        quantized = quantize_shares(ranked)
        own = None if request.variants else NO_ITEMS
        result = RankingResult(quantized, apply_rules(quantized, 0, request.rules, self.catalogue, hidden, own))
        return self._diversified(result, request)


def open_ranker(tables: BundleTables) -> ListRanker:
    """Return the ranker of a bundle; its files are opened when they are first needed."""
    bundle = tables.bundle

    def model() -> RecommenderModel:
        from smart_retail.recommenders.model import RecommenderModel  # not needed for cached lists

        return RecommenderModel.from_arrays(bundle.arrays("recommender"), bundle.json("recommender"))

    def table(method: str, excluded: bool) -> CachedLists | None:
        arrays = bundle.arrays(f"lists/{method}_{'new' if excluded else 'any'}")
        return CachedLists.from_arrays(arrays) if arrays else None

    def added() -> AddedItemModel:
        return _match_added_items(tables, ranker.model)

    lists = {key: partial(table, *key) for key in CACHED_LISTS}
    ranker = ListRanker(tables.catalogue, model, lists, added if tables.added_items else None)
    return ranker


def _match_added_items(tables: BundleTables, model: RecommenderModel) -> AddedItemModel:
    """Return the model of the items without purchases, with those that were added after the fit."""
    from smart_retail.recommenders import content_matching  # only for added items

    n = tables.n_fitted_items
    orders = tables.item_orders[:n]
    # Of several purchased items with one text, the most bought ones are matched.
    bought = np.argsort(-orders.astype(np.int64), kind="stable")[: int(np.count_nonzero(orders))]
    catalogue = tables.catalogue

    def described(codes: NDArray[np.int64]) -> content_matching.MatchedItems:
        texts = [tables.item_text(code) for code in codes.tolist()]
        return content_matching.MatchedItems(
            texts, catalogue.category[codes], catalogue.subcategory[codes], tables.variant[codes]
        )

    added = np.array(list(tables.added_items), np.int64)
    matches = content_matching.match_contents(described(added), described(bought))
    recent = np.asarray(tables.recent_orders[:n], np.int64)
    components = model.components
    return content_matching.extend_with_added(model.new_items, components.content_back, matches, bought, recent)


def _is_complete(ranked: Ranked, row: int, length: int | None) -> bool:
    """Return whether a list has all items that can be listed, of at most `length` requested ones."""
    return length is None or int(ranked.indptr[row + 1] - ranked.indptr[row]) < length


def _apply_rules(
    ranked: Ranked,
    row: int,
    request: RankingRequest,
    catalogue: Catalogue,
    hidden: NDArray[np.int32],
    own: NDArray[np.int32],
) -> RuleResult:
    excluded = hidden if request.exclude_purchased else NO_ITEMS
    return apply_rules(ranked, row, request.rules, catalogue, excluded, None if request.variants else own)


def _slice_shoppers(shoppers: Shoppers, rows: NDArray[np.int32]) -> Shoppers:
    return Shoppers(shoppers.history.select(rows), shoppers.segment[rows], shoppers.cluster[rows], shoppers.later)
