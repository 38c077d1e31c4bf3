"""Readable names of clusters.

In: the deviation of each cluster from the mean of all customers, and words for its taste. Out: short, distinct names
that can be followed by the word "customers".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import count, zip_longest
from typing import Final

import numpy as np
from numpy.typing import NDArray

RECENCY_WORDS: Final = ((-0.4, "Active"), (0.4, "Cooling"), (1.3, "Lapsed"), (np.inf, "Long-silent"))
"""Upper bound in standard deviations from the mean recency -> word."""
VALUE_WORDS: Final = ((-0.7, "rare"), (0.2, "occasional"), (0.9, "regular"), (np.inf, "big-spending"))
"""Upper bound of the mean of frequency and monetary, in standard deviations -> word."""
QUALIFIERS: Final = (("lower-value", "higher-value"), ("more recent", "less recent"), ("small-order", "large-order"))
"""Words that distinguish two clusters with the same name: lower and higher one, by axis of `_qualifiers`."""
SINGLE_CLUSTER_NAME: Final = "All"


def cluster_names(profiles: NDArray[np.float64], tastes: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of the clusters by id, such as ``Active big-spending, baby and produce``.

    Parameters
    ----------
    profiles : float64 array, shape ``(k, 3)``
        Mean recency, frequency and monetary of each cluster on the log scale, in standard deviations
        from the mean of all customers.
    tastes : sequence of str
        What each cluster buys more of than the shop, see `taste_names`; empty for nothing particular.
    """
    if len(profiles) == 1:
        return (SINGLE_CLUSTER_NAME,)
    same = defaultdict(list)
    for cluster, (recency, frequency, monetary) in enumerate(profiles):
        same[f"{_word(RECENCY_WORDS, recency)} {_word(VALUE_WORDS, (frequency + monetary) / 2)}"].append(cluster)
    names = [""] * len(profiles)
    for name, clusters in same.items():
        for cluster, qualifier in zip(clusters, _qualifiers(profiles[clusters]), strict=True):
            names[cluster] = f"{name} {qualifier}".strip()
    return _make_unique([_with_taste(name, taste) for name, taste in zip_longest(names, tastes, fillvalue="")])


def fine_cluster_names(profiles: NDArray[np.float64], tastes: Sequence[str]) -> tuple[str, ...]:
    """Return the names of many small clusters, which differ in taste rather than in value.

    Parameters
    ----------
    profiles, tastes
        As in `cluster_names`.
    """
    words = [
        f"{_word(RECENCY_WORDS, recency)} {_word(VALUE_WORDS, (frequency + monetary) / 2)}"
        for recency, frequency, monetary in profiles
    ]
    return _make_unique([_with_taste(name, taste) for name, taste in zip(words, tastes, strict=True)])


def _with_taste(name: str, taste: str) -> str:
    return f"{name}, {taste}" if taste else name


def _word(words: tuple[tuple[float, str], ...], value: float) -> str:
    return next(word for bound, word in words if value <= bound)


def _qualifiers(profiles: NDArray[np.float64]) -> list[str]:
    """Return a word for the lowest and the highest cluster on the axis where clusters of one name differ most."""
    words = [""] * len(profiles)
    if len(profiles) > 1:
        recency, frequency, monetary = profiles.T
        axes = np.stack(((frequency + monetary) / 2, recency, monetary - frequency))
        axis = int(np.ptp(axes, axis=1).argmax())
        words[int(axes[axis].argmin())], words[int(axes[axis].argmax())] = QUALIFIERS[axis]
    return words


def _make_unique(names: list[str]) -> tuple[str, ...]:
    """Append a number to repeated names, except to the first."""
    used: set[str] = set()
    for i, name in enumerate(names):
        names[i] = next(t for n in count(1) if (t := name if n == 1 else f"{name} {n}") not in used)
        used.add(names[i])
    return tuple(names)
