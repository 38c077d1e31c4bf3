"""Similar by nature: items alike in category, subcategory and name.

In: `Catalogue`. Out: `Similarity` for the items that nobody has bought, which neighbourhoods cannot reach;
their partners are bought items. Names are compared by tf-idf over words, and an equal subcategory or
category adds to it.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.base import Catalogue
from smart_retail.recommenders.item_similarity import Similarity

_WORD = re.compile(r"\w+", re.UNICODE)
_CATEGORY = 0.5
_SUBCATEGORY = 1.0
_BLOCK = 256


def content_similarity(
    catalogue: Catalogue,
    lonely: NDArray[np.int64],
    bought: NDArray[np.int64],
    *,
    neighbours: int,
) -> tuple[Similarity, Similarity]:
    """Partners of lonely items among the bought ones, and the same table read the other way round.

    Parameters
    ----------
    lonely, bought
        Item codes: without and with buyers.
    """
    from scipy.sparse import csr_array

    n = len(catalogue.category)
    if not len(lonely) or not len(bought):
        nothing = np.empty(0, np.int64)
        return (_table(nothing, nothing, np.empty(0), n),) * 2
    features: list[int] = []
    columns: list[str] = []
    values: list[float] = []
    words = _word_weights(catalogue.names)
    for row, code in enumerate(np.concatenate((lonely, bought)).tolist()):
        own = dict(words[code]) if words else {}
        if catalogue.category[code] >= 0:
            own[f"\0category {catalogue.category[code]}"] = _CATEGORY
        if catalogue.subcategory[code] >= 0:
            own[f"\0subcategory {catalogue.subcategory[code]}"] = _SUBCATEGORY
        features += [row] * len(own)
        columns += list(own)
        values += list(own.values())
    vocabulary = {word: code for code, word in enumerate(sorted(set(columns)))}
    shape = (len(lonely) + len(bought), max(len(vocabulary), 1))
    codes = np.array([vocabulary[word] for word in columns], np.int64)
    table = csr_array(
        (np.array(values, np.float64), (np.array(features, np.int64), codes)),
        shape=shape,
    )
    norm = np.sqrt(np.asarray(table.multiply(table).sum(axis=1))).ravel()
    table = csr_array(table.multiply(np.divide(1.0, norm, out=np.zeros_like(norm), where=norm > 0)[:, None]))
    left, right = table[: len(lonely)], table[len(lonely) :].T.tocsr()
    rows: list[NDArray[np.int64]] = []
    partners: list[NDArray[np.int64]] = []
    weights: list[NDArray[np.float64]] = []
    for start in range(0, len(lonely), _BLOCK):
        block = (left[start : start + _BLOCK] @ right).tocsr()
        for i in range(block.shape[0]):
            bounds = slice(block.indptr[i], block.indptr[i + 1])
            partner, value = bought[block.indices[bounds]], block.data[bounds]
            best = np.lexsort((partner, -value))[:neighbours]
            rows.append(np.full(len(best), lonely[start + i]))
            partners.append(partner[best])
            weights.append(value[best])
    own_row = np.concatenate([np.empty(0, np.int64), *rows])
    other = np.concatenate([np.empty(0, np.int64), *partners])
    weight = np.concatenate([np.empty(0), *weights])
    return _table(own_row, other, weight, n), _table(other, own_row, weight, n)


def _word_weights(names: tuple[str, ...]) -> list[dict[str, float]]:
    """tf-idf of the words of each name, of unit length."""
    split = [set(_WORD.findall(name.casefold())) for name in names]
    seen: dict[str, int] = {}
    for words in split:
        for word in words:
            seen[word] = seen.get(word, 0) + 1
    out = []
    for words in split:
        own = {word: float(np.log((1 + len(names)) / seen[word])) for word in sorted(words)}
        length = float(np.sqrt(sum(v * v for v in own.values()))) or 1.0
        out.append({word: v / length for word, v in own.items()})
    return out


def _table(
    row: NDArray[np.int64],
    partner: NDArray[np.int64],
    weight: NDArray[np.float64],
    n_items: int,
) -> Similarity:
    order = np.lexsort((partner, -weight, row))
    indptr = np.concatenate(([0], np.cumsum(np.bincount(row, minlength=n_items))))
    return Similarity(
        indptr.astype(np.int64),
        partner[order].astype(np.int32),
        weight[order].astype(np.float32),
    )
