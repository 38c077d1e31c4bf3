"""Translation between external text ids and dense integer codes; no other module translates them.

Texts are stored as UTF-8 bytes plus offsets, two arrays that can be memory-mapped. An `IdMap` is sorted by bytes (the
order of code points), so that the order of codes is the order of ids and a lookup is a binary search.
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
        All texts in UTF-8, concatenated.
    offsets : int64 array, shape ``(len + 1,)``
        Text ``i`` is ``data[offsets[i]:offsets[i + 1]]``.
    """

    __slots__ = ("_bounds", "_bytes", "data", "offsets")

    def __init__(self, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None:
        self.data = data
        self.offsets = offsets
        # Memory views take a third of the time of indexing the arrays.
        self._bytes = data.data
        self._bounds = offsets.data

    @classmethod
    def of(cls, texts: Iterable[str]) -> StringArray:
        """Build the arrays from strings. Lone surrogates, which UTF-8 cannot encode, become ``?``."""
        parts: list[Any] = list(texts)
        blob = "".join(parts)
        if not blob.isascii():  # one byte per character in ASCII
            parts = [t.encode("utf-8", "replace") for t in parts]
        offsets = np.zeros(len(parts) + 1, dtype=np.int64)
        np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), out=offsets[1:])
        return cls(np.frombuffer(blob.encode("utf-8", "replace"), dtype=np.uint8), offsets)

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def raw(self, i: int) -> bytes:
        """Return the UTF-8 bytes of text `i`."""
        return self._bytes[self._bounds[i] : self._bounds[i + 1]].tobytes()

    def __getitem__(self, i: int) -> str:  # type: ignore[override]  # slices are not supported
        if i < 0:
            raise IndexError(i)
        return str(self._bytes[self._bounds[i] : self._bounds[i + 1]], "utf-8")

    def __iter__(self) -> Iterator[str]:
        blob, bounds = self.data.tobytes(), self.offsets.tolist()
        for a, b in pairwise(bounds):
            yield blob[a:b].decode("utf-8")


@dataclass(frozen=True, slots=True)
class IdMap:
    """Distinct ids in ascending byte order; the code of an id is its position."""

    ids: StringArray

    @classmethod
    def of(cls, ids: Iterable[str]) -> IdMap:
        """Build the map from ids in any order; repeated ids count once."""
        return cls(StringArray.of(sorted(set(ids), key=lambda t: t.encode("utf-8", "replace"))))

    def __len__(self) -> int:
        return len(self.ids)

    def id(self, code: int) -> str:
        """Return the id of a code."""
        return self.ids[code]

    def code(self, text: str) -> int:
        """Return the code of an id, -1 for an unknown one."""
        encoded = text.encode("utf-8", "replace")
        code = bisect_left(range(len(self.ids)), encoded, key=self.ids.raw)
        return code if code < len(self.ids) and self.ids.raw(code) == encoded else -1

    def neighbors(self, text: str, n: int) -> list[int]:
        """Return the codes of at most `n` ids around the position of an unknown id, ascending."""
        at = bisect_left(range(len(self.ids)), text.encode("utf-8", "replace"), key=self.ids.raw)
        return list(range(max(0, at - n // 2), min(len(self.ids), at + n - n // 2)))

    def codes(self, texts: Iterable[str]) -> NDArray[np.int32]:
        """Return the codes of several ids, -1 for unknown ones, int32 array."""
        return np.array([self.code(t) for t in texts], dtype=np.int32)
