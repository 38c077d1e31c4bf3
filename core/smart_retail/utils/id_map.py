"""Outside text id <-> dense integer code: the only place where the two meet.

Texts are held as UTF-8 bytes plus offsets, two plain arrays that can be memory-mapped. An `IdMap`
is sorted by bytes (the order of code points), so code order is text order and a look-up is a
binary search.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray


class StringArray(Sequence[str]):
    """An immutable sequence of texts in two arrays.

    Parameters
    ----------
    data : uint8 array
        All texts in UTF-8, one after the other.
    offsets : int64 array, shape ``(len + 1,)``
        Text ``i`` is ``data[offsets[i]:offsets[i + 1]]``.
    """

    __slots__ = ("_bounds", "_bytes", "data", "offsets")

    def __init__(self, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None:
        self.data = data
        self.offsets = offsets
        # Reading through memory views takes a third of the time of indexing the arrays.
        self._bytes = data.data
        self._bounds = offsets.data

    @classmethod
    def of(cls, texts: Iterable[str]) -> StringArray:
        """Texts from strings. Lone surrogates, which UTF-8 cannot hold, become ``?``."""
        parts: list[Any] = list(texts)
        blob = "".join(parts)
        if not blob.isascii():  # of plain texts, characters are bytes
            parts = [t.encode("utf-8", "replace") for t in parts]
        offsets = np.zeros(len(parts) + 1, dtype=np.int64)
        np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), out=offsets[1:])
        return cls(np.frombuffer(blob.encode("utf-8", "replace"), dtype=np.uint8), offsets)

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def raw(self, i: int) -> bytes:
        return self._bytes[self._bounds[i] : self._bounds[i + 1]].tobytes()

    def __getitem__(self, i: int) -> str:  # type: ignore[override]  # no slices are taken
        if i < 0:
            raise IndexError(i)
        return str(self._bytes[self._bounds[i] : self._bounds[i + 1]], "utf-8")

    def __iter__(self) -> Iterator[str]:
        blob, bounds = self.data.tobytes(), self.offsets.tolist()
        for a, b in pairwise(bounds):
            yield blob[a:b].decode("utf-8")


@dataclass(frozen=True, slots=True)
class IdMap:
    """Distinct ids in ascending byte order; an id's code is its place."""

    ids: StringArray

    @classmethod
    def of(cls, ids: Iterable[str]) -> IdMap:
        """From ids in any order, repeated or not."""
        return cls(StringArray.of(sorted(set(ids), key=lambda t: t.encode("utf-8", "replace"))))

    def __len__(self) -> int:
        return len(self.ids)

    def id(self, code: int) -> str:
        return self.ids[code]

    def code(self, text: str) -> int:
        """The id's code, or -1."""
        wanted = text.encode("utf-8", "replace")
        place = bisect_left(range(len(self.ids)), wanted, key=self.ids.raw)
        return place if place < len(self.ids) and self.ids.raw(place) == wanted else -1

    def codes(self, texts: Iterable[str]) -> NDArray[np.int32]:
        """Codes of several ids, -1 for unknown ones."""
        return np.array([self.code(t) for t in texts], dtype=np.int32)
