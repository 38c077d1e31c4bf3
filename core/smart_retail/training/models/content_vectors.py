"""Vectors of what items are, from their texts: name, category, brand, description and attributes.

Words and character n-grams are weighted by tf-idf and reduced by a truncated SVD (latent semantic analysis, Deerwester
et al. 1990). No trained language model is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.training.models.content_similarity import build_similarity

if TYPE_CHECKING:
    from smart_retail.data.dataset.dataset import Dataset

DIMENSIONS: Final = 256
MAX_WORDS: Final = 50_000
MAX_NGRAMS: Final = 50_000
NGRAM_WEIGHT: Final = 0.7
"""Weight of character n-grams next to words: they match inflected and misspelled words, and sizes."""
MAX_TEXT_CHARACTERS: Final = 2_000
"""Characters of the text of an item that are used."""
SIMILARITY_POWER: Final = 3
"""Exponent of the cosine of two items: a few close items say more than many remote ones."""
WORD: Final = r"\w+"
MIN_COSINE: Final = 0.2
"""Items whose vectors have less in common are not similar."""
_BLOCK_ITEMS: Final = 512
_ITERATIONS: Final = 2


def item_texts(dataset: Dataset) -> list[str]:
    """Return the text of each item, by item code."""
    category, subcategory = dataset.item_category.tolist(), dataset.item_subcategory.tolist()
    listed = {} if dataset.catalogue is None else dataset.catalogue.items
    texts = []
    for code, item_id in enumerate(dataset.items.ids):
        parts = [dataset.item_names[code]]
        parts += [dataset.category_names[category[code]]] if category[code] >= 0 else []
        parts += [dataset.subcategory_names[subcategory[code]]] if subcategory[code] >= 0 else []
        if item := listed.get(item_id):
            parts += [item.brand, item.attributes, item.description]
        texts.append(" ".join(filter(None, parts))[:MAX_TEXT_CHARACTERS])
    return texts


def fit_content_vectors(texts: Sequence[str], seed: int = 0, dimensions: int = DIMENSIONS) -> NDArray[np.float32]:
    """Return a vector of length 1 for each text; zeros for a text that has no word in common with another.

    Parameters
    ----------
    texts : sequence of str
    seed : int
    dimensions : int
        Maximum length of the vectors.

    Returns
    -------
    float32 array, shape (len(texts), dimensions)
    """
    from scipy.sparse import csr_array, hstack
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    options = {"sublinear_tf": True, "dtype": np.float32, "min_df": 2}
    parts = []
    for weight, vectorizer in (
        (1.0, TfidfVectorizer(token_pattern=WORD, max_features=MAX_WORDS, **options)),
        (NGRAM_WEIGHT, TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), max_features=MAX_NGRAMS, **options)),
    ):
        try:
            parts.append(vectorizer.fit_transform(texts) * weight)
        except ValueError:  # no word occurs in two texts
            continue
    if not parts:
        return np.zeros((len(texts), 1), np.float32)
    weights = csr_array(hstack(parts))
    n_components = min(dimensions, min(weights.shape) - 1)
    if n_components < 1:
        return np.zeros((len(texts), 1), np.float32)
    vectors = TruncatedSVD(n_components, n_iter=_ITERATIONS, random_state=seed).fit_transform(weights)
    length = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    unit = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 1e-6)
    return np.asarray(unit, np.float32)


def fit_vector_similarity(
    vectors: NDArray[np.float32], unbought: NDArray[np.int64], bought: NDArray[np.int64], *, neighbours: int
) -> tuple[Similarity, Similarity]:
    """Find for items without purchases the purchased items with the most similar vectors.

    Parameters
    ----------
    vectors : float32 array, shape (n_items, dimensions)
        Of length 1 each.
    unbought, bought : int64 arrays
        Codes of the items without and with purchases.
    neighbours : int
        Similar items kept for each item without purchases.

    Returns
    -------
    from_unbought, from_bought : Similarity
        The table, with the cosine to the power of `SIMILARITY_POWER`, and the same table by purchased item.
    """
    k = min(neighbours, len(bought))
    rows, items, values = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0)]
    right = vectors[bought].T
    for start in range(0, len(unbought) if k else 0, _BLOCK_ITEMS):
        block = unbought[start : start + _BLOCK_ITEMS]
        cosine = vectors[block] @ right
        best = np.argpartition(-cosine, k - 1, axis=1)[:, :k] if k < len(bought) else np.argsort(-cosine, axis=1)
        value = np.maximum(np.take_along_axis(cosine, best, axis=1), 0).astype(np.float64) ** SIMILARITY_POWER
        used = value > MIN_COSINE**SIMILARITY_POWER
        rows.append(np.repeat(block, used.sum(axis=1)))
        items.append(bought[best[used]])
        values.append(value[used])
    row, item, value = np.concatenate(rows), np.concatenate(items), np.concatenate(values).astype(np.float32)
    n = len(vectors)
    return build_similarity(row, item, value, n), build_similarity(item, row, value, n)
