"""Content similarity: items alike in category, subcategory and name.

For items without purchases, which collaborative filtering cannot reach; their similar items are purchased ones. Names
are compared by tf-idf over words, and an equal subcategory or category adds to it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.base import Catalogue
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.utils.csr import indptr_from_lengths

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_WORD = re.compile(r"\w+", re.UNICODE)
_CATEGORY_WEIGHT = 0.5
_SUBCATEGORY_WEIGHT = 1.0
_BLOCK_ITEMS = 256


def fit_content_similarity(
    catalogue: Catalogue,
    unbought: NDArray[np.int64],
    bought: NDArray[np.int64],
    *,
    neighbours: int,
) -> tuple[Similarity, Similarity]:
    """Find for items without purchases the most similar purchased items.

    Parameters
    ----------
    catalogue : Catalogue
    unbought, bought : int64 arrays
        Codes of the items without and with purchases.
    neighbours : int
        Similar items kept for each item without purchases.

    Returns
    -------
    from_unbought, from_bought : Similarity
        The table, and the same table by purchased item.
    """
    n = len(catalogue.category)
    if not len(unbought) or not len(bought):
        none = np.empty(0, np.int64)
        return (build_similarity(none, none, np.empty(0), n),) * 2
    vectors = _item_vectors(catalogue, np.concatenate((unbought, bought)))
    left, right = vectors[: len(unbought)], vectors[len(unbought) :].T.tocsr()
    rows: list[NDArray[np.int64]] = []
    similar: list[NDArray[np.int64]] = []
    weights: list[NDArray[np.float64]] = []
    for start in range(0, len(unbought), _BLOCK_ITEMS):
        block = (left[start : start + _BLOCK_ITEMS] @ right).tocsr()
        for i in range(block.shape[0]):
            bounds = slice(block.indptr[i], block.indptr[i + 1])
            item, value = bought[block.indices[bounds]], block.data[bounds]
            best = np.lexsort((item, -value))[:neighbours]
            rows.append(np.full(len(best), unbought[start + i]))
            similar.append(item[best])
            weights.append(value[best])
    row = np.concatenate([np.empty(0, np.int64), *rows])
    other = np.concatenate([np.empty(0, np.int64), *similar])
    weight = np.concatenate([np.empty(0), *weights])
    return build_similarity(row, other, weight, n), build_similarity(other, row, weight, n)


def _item_vectors(catalogue: Catalogue, items: NDArray[np.int64]) -> csr_array:
    """Return unit vectors of words, category and subcategory, one row for each item."""
    from scipy.sparse import csr_array  # only while fitting

    rows: list[int] = []
    columns: list[str] = []
    values: list[float] = []
    words = _word_weights(catalogue.names)
    for row, code in enumerate(items.tolist()):
        weights = dict(words[code]) if words else {}
        if catalogue.category[code] >= 0:
            weights[f"\0category {catalogue.category[code]}"] = _CATEGORY_WEIGHT
        if catalogue.subcategory[code] >= 0:
            weights[f"\0subcategory {catalogue.subcategory[code]}"] = _SUBCATEGORY_WEIGHT
        rows += [row] * len(weights)
        columns += list(weights)
        values += list(weights.values())
    vocabulary = {word: code for code, word in enumerate(sorted(set(columns)))}
    codes = np.array([vocabulary[word] for word in columns], np.int64)
    table = csr_array(
        (np.array(values, np.float64), (np.array(rows, np.int64), codes)),
        shape=(len(items), max(len(vocabulary), 1)),
    )
    norm = np.sqrt(np.asarray(table.multiply(table).sum(axis=1))).ravel()
    return csr_array(table.multiply(np.divide(1.0, norm, out=np.zeros_like(norm), where=norm > 0)[:, None]))


def _word_weights(names: tuple[str, ...]) -> list[dict[str, float]]:
    """Return the tf-idf weights of the words of each name, scaled to unit length."""
    split = [set(_WORD.findall(name.casefold())) for name in names]
    document_frequency: dict[str, int] = {}
    for words in split:
        for word in words:
            document_frequency[word] = document_frequency.get(word, 0) + 1
    out = []
    for words in split:
        weights = {word: float(np.log((1 + len(names)) / document_frequency[word])) for word in sorted(words)}
        length = float(np.sqrt(sum(v * v for v in weights.values()))) or 1.0
        out.append({word: v / length for word, v in weights.items()})
    return out


def build_similarity(
    row: NDArray[np.int64], item: NDArray[np.int64], weight: NDArray[np.floating], n_items: int
) -> Similarity:
    """Return the table of pairs of similar items, the most similar of each row first."""
    order = np.lexsort((item, -weight, row))
    return Similarity(
        indptr_from_lengths(np.bincount(row, minlength=n_items)),
        item[order].astype(np.int32),
        weight[order].astype(np.float32),
    )
