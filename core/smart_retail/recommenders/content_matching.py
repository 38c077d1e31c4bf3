"""Match items that were added after a fit with the purchased items whose texts are most similar.

Words and character n-grams of the texts are weighted by tf-idf and compared by the cosine (Salton and Buckley 1988). An
added item takes the mean taste and demand of the purchased items it matches, weighted by similarity: the
nearest-neighbour form of the regression that a fit learns for the items of a catalogue. Only NumPy.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.new_items import NewItemModel
from smart_retail.recommenders.variants import without_measures
from smart_retail.utils.csr import concat_ranges, indptr_from_lengths

NEIGHBOURS: Final = 100
"""Purchased items that an added item is matched with."""
SIMILARITY_POWER: Final = 3
"""Exponent of the similarity: a few close items say more than many remote ones."""
MIN_SIMILARITY: Final = 0.1
NGRAM_WEIGHT: Final = 0.7
"""Weight of the character n-grams of the name next to words."""
NGRAM_LENGTHS: Final = (3, 4)
MAX_WORDS: Final = 200
"""Words of a text that are used."""
_CANDIDATES: Final = 2_000
"""Most similar items among which the variants of a product are counted; equally similar ones are all included."""
_WORD: Final = re.compile(r"\w+")

CATEGORY_WEIGHT: Final = 0.3
"""Weight of a common category next to the texts, for an added item with one."""
PER_PRODUCT: Final = 5
"""Variants of one product among the similar items of an added one."""

ItemText = tuple[str, str]
"""Name of an item, and what else describes it: brand, attributes, description."""


@dataclass(frozen=True, slots=True)
class Matches:
    """The purchased items that are most similar to an added one, best first."""

    positions: NDArray[np.int64]
    """At most `NEIGHBOURS`, all variants of a product included, which have most in common with it."""
    weight: NDArray[np.float64]
    """Similarity to the power of `SIMILARITY_POWER`, above 0 to 1."""
    varied: NDArray[np.int64]
    """At most `NEIGHBOURS`, and at most `PER_PRODUCT` of each product, to show to people."""
    varied_weight: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MatchedItems:
    """The items of a shop, as they are matched with added ones; row i of every field belongs to item i."""

    texts: Sequence[ItemText]
    """Measures in the names, such as 4-pack, are not compared."""
    category: NDArray[np.int32]
    """Category code, -1 for none."""
    subcategory: NDArray[np.int32]
    """Subcategory code, -1 for none."""
    product: NDArray[np.int32]
    """Code of the product that the item is a variant of."""


@dataclass(frozen=True, slots=True)
class AddedItemModel:
    """Model of all items without purchases: those of the fit, and those that were added after it."""

    model: NewItemModel
    similar: Similarity
    """Purchased items that are similar to an added item, by item code; empty for all other items."""
    content_back: Similarity
    """Items without purchases that are similar to a purchased item."""


def match_contents(added: MatchedItems, bought: MatchedItems) -> list[Matches]:
    """Return for each added item the positions of the most similar purchased items and their weights, best first.

    The similarity is the cosine of the texts; where the added item has a category, the texts count
    ``1 - CATEGORY_WEIGHT``, a common subcategory the rest, and a common category half of it.

    Parameters
    ----------
    added, bought : MatchedItems
        Of several purchased items that are equally similar, the first ones are matched.

    Returns
    -------
    list of Matches
    """
    row_of: dict[ItemText, int] = {}
    keys = [_without_size(text) for text in bought.texts]
    row = np.array([row_of.setdefault(text, len(row_of)) for text in keys], np.int64)
    indexes = [(weight**2, count, _TextIndex(list(map(count, row_of)))) for weight, count in _FEATURES]
    total = sum(weight for weight, _, _ in indexes)
    found = []
    for item, text in enumerate(map(_without_size, added.texts)):
        cosine = sum((weight * index.cosines(count(text)) for weight, count, index in indexes), np.zeros(len(row_of)))
        similarity = (cosine / total)[row]
        if (category := added.category[item]) >= 0:
            same = (bought.category == category) / 2
            subcategory = added.subcategory[item]
            if subcategory >= 0 and (bought.subcategory == subcategory).any():
                same += (bought.subcategory == subcategory) / 2
            else:
                same *= 2
            similarity = (1 - CATEGORY_WEIGHT) * similarity + CATEGORY_WEIGHT * same
        found.append(_best(similarity, bought.product))
    return found


def _best(similarity: NDArray[np.float64], product: NDArray[np.int32]) -> Matches:
    """Return the most similar items, and among them at most `PER_PRODUCT` of each product."""
    rows = np.flatnonzero(similarity >= MIN_SIMILARITY)
    if len(rows) > _CANDIDATES:
        limit = -np.partition(-similarity[rows], _CANDIDATES - 1)[_CANDIDATES - 1]
        rows = rows[similarity[rows] >= limit]
    rows = rows[np.argsort(-similarity[rows], kind="stable")]
    kept, used = [], Counter[int]()
    for position, code in zip(rows.tolist(), product[rows].tolist(), strict=True):
        if used[code] < PER_PRODUCT:
            used[code] += 1
            kept.append(position)
            if len(kept) == NEIGHBOURS:
                break
    weight = similarity**SIMILARITY_POWER
    closest, varied = rows[:NEIGHBOURS], np.array(kept, np.int64)
    return Matches(closest, weight[closest], varied, weight[varied])


def extend_with_added(
    fitted: NewItemModel | None,
    content_back: Similarity,
    matches: Sequence[Matches],
    bought: NDArray[np.int64],
    recent_orders: NDArray[np.int64],
) -> AddedItemModel:
    """Return the model of the items without purchases of the fit and of the added ones, whose codes follow.

    Parameters
    ----------
    fitted : NewItemModel or None
        None for a fit without new items.
    content_back : Similarity
        Items without purchases of the fit that are similar to each item of the fit.
    matches : sequence of Matches
        Result of `match_contents` for the purchased items `bought`.
    bought : int64 array
        Codes of the purchased items.
    recent_orders : int64 array, shape (n_items,)
        Orders of the last four weeks of each item of the fit.
    """
    n_fitted, n_added = len(recent_orders), len(matches)
    added = np.arange(n_fitted, n_fitted + n_added)
    log_demand = np.log1p(recent_orders.astype(np.float64))
    log_demand /= max(float(log_demand.max(initial=0.0)), 1.0)
    factors = np.zeros((n_fitted, 1), np.float32) if fitted is None else fitted.item_factors
    own_factors, own_demand = np.zeros((n_added, factors.shape[1]), np.float32), np.zeros(n_added, np.float32)
    for row, match in enumerate(matches):
        if len(match.positions):
            items, mean = bought[match.positions], match.weight / match.weight.sum()
            own_factors[row], own_demand[row] = mean @ factors[items], mean @ log_demand[items]
    none = np.empty(0, np.int32), np.zeros((0, factors.shape[1]), np.float32), np.empty(0, np.float32)
    new, new_factors, demand = none if fitted is None else (fitted.item, fitted.factors, fitted.demand)
    model = NewItemModel(
        item=np.concatenate((new, added.astype(np.int32))),
        factors=np.concatenate((new_factors, own_factors)),
        demand=np.concatenate((demand, own_demand)),
        item_factors=np.concatenate((factors, np.zeros((n_added, factors.shape[1]), np.float32))),
    )
    sizes, item, weight = _joined([(match.positions, match.weight) for match in matches])
    back = _transposed(content_back, bought[item], np.repeat(added, sizes), weight)
    sizes, item, weight = _joined([(match.varied, match.varied_weight) for match in matches])
    indptr = indptr_from_lengths(np.concatenate((np.zeros(n_fitted, np.int64), sizes)))
    return AddedItemModel(model, Similarity(indptr, bought[item].astype(np.int32), weight), back)


def _joined(
    parts: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Return the sizes of the parts, and their positions and weights after each other."""
    sizes = np.array([len(positions) for positions, _ in parts], np.int64)
    positions = np.concatenate([np.empty(0, np.int64), *(positions for positions, _ in parts)])
    weight = np.concatenate([np.empty(0), *(weight for _, weight in parts)])
    return sizes, positions, weight.astype(np.float32)


def _transposed(
    table: Similarity, item: NDArray[np.int64], added: NDArray[np.int64], weight: NDArray[np.float32]
) -> Similarity:
    """Return a table by purchased item with the added items in the rows of the items they are similar to."""
    n_fitted, n = len(table.indptr) - 1, int(added.max(initial=len(table.indptr) - 2)) + 1
    row = np.concatenate((np.repeat(np.arange(n_fitted), np.diff(table.indptr)), item))
    similar, value = np.concatenate((table.item, added)), np.concatenate((table.value, weight))
    order = np.lexsort((similar, -value, row))
    return Similarity(indptr_from_lengths(np.bincount(row, minlength=n)), similar[order].astype(np.int32), value[order])


def _without_size(text: ItemText) -> ItemText:
    return without_measures(text[0]), text[1]


def _words(text: ItemText) -> Counter[str]:
    return Counter(_WORD.findall(" ".join(text).casefold())[:MAX_WORDS])


def _ngrams(text: ItemText) -> Counter[str]:
    """Return the character n-grams within the words of the name."""
    found: Counter[str] = Counter()
    for word in _WORD.findall(text[0].casefold())[:MAX_WORDS]:
        padded = f" {word} "
        found.update(padded[i : i + n] for n in NGRAM_LENGTHS for i in range(len(padded) - n + 1))
    return found


_FEATURES: Final = ((1.0, _words), (NGRAM_WEIGHT, _ngrams))


class _TextIndex:
    """The texts by feature, weighted by tf-idf, each of length 1.

    Parameters
    ----------
    texts : sequence of Counter
        Number of occurrences by feature of each text.
    """

    def __init__(self, texts: Sequence[Counter[str]]) -> None:
        self._code: dict[str, int] = {}
        setdefault = self._code.setdefault
        feature = np.array([setdefault(name, len(self._code)) for counts in texts for name in counts], np.int64)
        count = np.array([n for counts in texts for n in counts.values()], np.float64)
        text = np.repeat(np.arange(len(texts)), np.array([len(counts) for counts in texts], np.int64))
        frequency = np.bincount(feature, minlength=len(self._code))
        self._n = len(texts)
        self._unknown_idf = np.log(1.0 + self._n) + 1
        self._idf = np.log((1 + self._n) / (1 + frequency)) + 1
        value = (1 + np.log(count)) * self._idf[feature]
        value /= np.sqrt(np.bincount(text, value * value, self._n))[text]
        order = np.argsort(feature, kind="stable")
        self._indptr, self._text, self._value = indptr_from_lengths(frequency), text[order], value[order]

    def cosines(self, counts: Counter[str]) -> NDArray[np.float64]:
        """Return the cosine of another text with each text."""
        codes = np.array([self._code.get(name, -1) for name in counts], np.int64)
        value = 1 + np.log(np.array(list(counts.values()), np.float64))
        value *= np.where(codes >= 0, self._idf[codes] if len(self._idf) else 0.0, self._unknown_idf)
        length, codes, value = float(np.sqrt(value @ value)), codes[codes >= 0], value[codes >= 0]
        sizes = np.diff(self._indptr)[codes]
        entries = concat_ranges(self._indptr[codes], sizes)
        similarity = np.bincount(self._text[entries], self._value[entries] * np.repeat(value, sizes), self._n)
        return similarity / length if length else np.zeros(self._n)
