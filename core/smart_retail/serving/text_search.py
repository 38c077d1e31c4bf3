"""Search of customers and items by words of their id, name and category.

In: texts ``id<newline>name`` as a bundle stores them, numbers of orders, and optionally categories. Out: codes, most
orders first. Case and accents are ignored, and the words can be in any order. If no text contains all words, each
word may have one typing error.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from smart_retail.utils.id_map import StringArray

MIN_LENGTH_FOR_TYPO = 4
"""Shorter words must match exactly: with one error, too many other words would match."""
NO_CATEGORIES: Sequence[str] = ()


def fold(text: str) -> str:
    """Return the text without case and accents."""
    folded = text.casefold()
    if folded.isascii():
        return folded
    return "".join(c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))


def is_one_edit_away(a: str, b: str) -> bool:
    """Return whether inserting, deleting, replacing or swapping one character turns `a` into `b` (not if equal)."""
    if len(a) > len(b):
        a, b = b, a
    if a == b or len(b) - len(a) > 1:
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    if len(a) < len(b):
        return a[start:] == b[start + 1 :]
    rest_a, rest_b = a[start:], b[start:]
    swapped = len(rest_a) > 1 and rest_a[0] == rest_b[1] and rest_a[1] == rest_b[0] and rest_a[2:] == rest_b[2:]
    return rest_a[1:] == rest_b[1:] or swapped


class TextSearch:
    """Search index over the customers or items of one bundle, built at the first search.

    Parameters
    ----------
    texts : StringArray
        ``id<newline>name`` by code, case folded.
    orders : int array, shape ``(len(texts),)``
        Number of orders by code.
    categories : sequence of str
        Names of the categories; empty for customers.
    category : int array, shape ``(len(texts),)``, optional
        Category by code, -1 for none.
    """

    def __init__(
        self,
        texts: StringArray,
        orders: NDArray[np.int64] | NDArray[np.int32],
        categories: Sequence[str] = NO_CATEGORIES,
        category: NDArray[np.int16] | NDArray[np.int32] | None = None,
    ) -> None:
        self._texts, self._orders = texts, orders
        self._categories, self._category = [fold(name) for name in categories], category

    def search(self, text: str, n: int) -> list[int]:
        """Return at most `n` codes: an equal id or name first, then by number of orders; in code order without text."""
        if not text.strip():
            return list(range(min(n, len(self._texts))))
        codes = self.match(text)
        exact = self._equal_to(fold(text.strip()))[codes]
        order = np.lexsort((codes, -self._orders[codes].astype(np.int64), ~exact))
        return [int(code) for code in codes[order[:n]]]

    def containing(self, part: str, n: int) -> list[int]:
        """Return the first `n` codes of the texts that contain a part of a word, ascending."""
        return list(islice(self._hits(fold(part).encode("utf-8", "replace")), n))

    def match(self, text: str) -> NDArray[np.int64]:
        """Return the codes of all texts that contain every word of `text`, ascending."""
        phrase = fold(text.strip())
        words = list(dict.fromkeys(phrase.split()))
        literal = [self._rows_with(word) for word in words]
        rows = self._rows_with(phrase) | np.logical_and.reduce(literal)  # an id can contain other white space
        if not rows.any():
            rows = np.ones(len(self._texts), dtype=np.bool_)
            # The rarest words first: most searches end at a word that no text contains.
            for found, word in sorted(zip(literal, words, strict=True), key=lambda pair: int(pair[0].sum())):
                rows &= found | self._rows_with_typo(word)
                if not rows.any():
                    break
        return np.flatnonzero(rows)

    def _equal_to(self, phrase: str) -> NDArray[np.bool_]:
        """Return which texts have an id or name equal to the phrase."""
        rows = np.zeros(len(self._texts), dtype=np.bool_)
        wanted, bounds = phrase.encode("utf-8", "replace"), self._bounds
        for at in _find_all(self._blob, wanted + b"\n"):
            code = bisect_right(bounds, at) - 1
            rows[code] |= bounds[code] == at
        for at in _find_all(self._blob, b"\n" + wanted):
            code = bisect_right(bounds, at) - 1
            rows[code] |= bounds[code + 1] == at + 1 + len(wanted)
        return rows

    def _rows_with(self, word: str) -> NDArray[np.bool_]:
        """Return which texts or categories contain the word."""
        rows = np.zeros(len(self._texts), dtype=np.bool_)
        rows[self._codes_with(word.encode("utf-8", "replace"))] = True
        matching = [code for code, name in enumerate(self._categories) if word in name]
        if matching and self._category is not None:
            rows |= np.isin(self._category, matching)
        return rows

    def _rows_with_typo(self, word: str) -> NDArray[np.bool_]:
        """Return which texts or categories contain a word that differs from `word` by one typing error."""
        rows = np.zeros(len(self._texts), dtype=np.bool_)
        if len(word) >= MIN_LENGTH_FOR_TYPO:
            for candidate in self._vocabulary:
                if is_one_edit_away(word, candidate):
                    rows |= self._rows_with(candidate)
        return rows

    def _codes_with(self, word: bytes) -> NDArray[np.int64]:
        """Return the codes of the texts that contain the bytes, some of them several times."""
        if len(word) > 1:
            return np.fromiter(self._hits(word), np.int64)
        # Almost every text contains a given letter: comparing all bytes at once is faster than one step per text.
        at = np.flatnonzero(self._folded.data == ord(word))
        return np.searchsorted(self._folded.offsets, at, side="right").astype(np.int64) - 1

    def _hits(self, word: bytes) -> Iterator[int]:
        """Yield the codes of the texts that contain the bytes."""
        blob, bounds = self._blob, self._bounds
        at = blob.find(word)
        while at >= 0:
            code = bisect_right(bounds, at) - 1
            end = bounds[code + 1]
            if at + len(word) <= end:
                yield code
                at = blob.find(word, end)
            else:
                at = blob.find(word, at + 1)

    @cached_property
    def _folded(self) -> StringArray:
        """Texts without accents; a bundle stores them with accents."""
        if not len(self._texts.data) or int(self._texts.data.max()) < 128:
            return self._texts
        return StringArray.of(fold(text) for text in self._texts)

    @cached_property
    def _blob(self) -> bytes:
        return self._folded.data.tobytes()

    @cached_property
    def _bounds(self) -> list[int]:
        """Start of each text in the blob, and the end of the last."""
        bounds: list[int] = self._folded.offsets.tolist()
        return bounds

    @cached_property
    def _vocabulary(self) -> list[str]:
        """Distinct words of all texts and categories."""
        words = set(re.split(r"[\W_]+", self._blob.decode("utf-8", "replace")))
        words.update(*(name.split() for name in self._categories))
        return sorted(words - {""})


def _find_all(blob: bytes, wanted: bytes) -> Iterator[int]:
    """Yield the positions of the bytes."""
    at = blob.find(wanted)
    while at >= 0:
        yield at
        at = blob.find(wanted, at + 1)
