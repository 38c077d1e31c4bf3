"""Group the items that are variants of one product: of the same name, or of one name but for size and colour."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_COLOUR_WORDS = (
    "aqua beige black blue bordeaux bronze brown burgundy charcoal copper crimson cyan fuchsia gold golden gray green "
    "grey indigo ivory khaki lilac magenta maroon mauve multicolor multicolour navy pink purple red scarlet silver tan "
    "teal transparent turquoise violet white yellow"
)
_COLOURS = frozenset(_COLOUR_WORDS.split())
"""Words that are colours only: cream, lime, mint, orange, peach or rose are ingredients of other products too."""
_SHADES = frozenset(["bright", "dark", "light", "pale"])
_SIZE_WORDS = "xxs xs s m l x xl xxl xxxl 2xl 3xl mini small medium large jumbo"
_SIZES = frozenset(_SIZE_WORDS.split())
_NUMBER = r"(?:\d+/\d+|\d+(?:[.,]\d+)?)"
_UNIT = (
    r"(?:mm|cm|m|km|inch(?:es)?|ft|feet|gr?|kg|mg|oz|fl\.? ?oz|lbs?|[mcd]?l|ltr|lit(?:er|re)s?|gal|qt|pt|ct|pcs?|pk"
    r"|packs?|pieces?|count|ga|dz|[gtm]b|[\"”'])"
)
_MEASURE = re.compile(
    rf"(?<![a-z0-9]){_NUMBER}(?:\s?[x×]\s?{_NUMBER})+(?:\s?{_UNIT})?(?![a-z0-9])"  # 8 x 10, 6x9"
    rf"|(?<![a-z0-9]){_NUMBER}(?:\s?-?\s?{_UNIT})(?![a-z0-9])"  # 500 g, 12-pack
    rf"|(?:(?<=pack of )|(?<=set of )){_NUMBER}(?![a-z0-9])"
)
_WORD = re.compile(r"\w+", re.UNICODE)


def group_variants(names: Sequence[str]) -> NDArray[np.int32]:
    """Return for each item the code of its product: the lowest code of the items that are variants of it.

    Parameters
    ----------
    names : sequence of str
        Item names by code; items without a name are products of their own.

    Returns
    -------
    int32 array, shape (n_items,)
    """
    first: dict[str, int] = {}
    out = np.arange(len(names), dtype=np.int32)
    for code, name in enumerate(names):
        if name.strip():
            out[code] = first.setdefault(variant_key(name), code)
    return out


def without_measures(name: str) -> str:
    """Return a name, case folded, without its measures such as 500 g, 4-pack or 8 x 10."""
    return " ".join(_MEASURE.sub(" ", name.casefold()).split())


def variant_key(name: str) -> str:
    """Return what the names of all variants of a product have in common: the words but for size and colour.

    A name that consists of nothing but size and colour is kept as it is.
    """
    text = unicodedata.normalize("NFKD", name).casefold()
    text = "".join(c for c in text if not unicodedata.combining(c))
    words = _WORD.findall(_MEASURE.sub(" ", text))
    kept = [w for w in words if w not in _COLOURS and w not in _SHADES and w not in _SIZES]
    if not any(len(w) > 1 and not w.isdigit() for w in kept):
        kept = _WORD.findall(text)
    return " ".join(kept) or text.strip()
