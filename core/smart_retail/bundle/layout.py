"""Names of all arrays and JSON files of a bundle, with dtype, shape and the relation of their rows to customers.

Reader, writer, verification, erasure and the table in the documentation derive from `ARRAYS` and `JSON_FILES`: a new
array is added here, and only here, before a fit can write it.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Rows(Enum):
    """Relation of the first axis of an array to customers, which determines what an erasure removes."""

    CUSTOMERS = "one row per customer"
    CUSTOMER_OFFSETS = "start of each customer's rows"
    CUSTOMER_GROUPS = "several rows per customer"
    CUSTOMER_TEXT = "one text per customer"
    OTHER = "none"


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """One array of a bundle.

    A name with a ``*`` stands for several arrays. A text array (`Rows.CUSTOMER_TEXT` or dtype ``text``) is stored as
    two arrays: ``<name>/data`` (uint8, UTF-8 bytes) and ``<name>/offsets`` (int64).
    """

    dtype: str
    """NumPy dtype, or ``text``; several are separated by ``|``."""
    shape: tuple[str, ...]
    """Length of each axis in words, such as ``customers``; ``customers + 1`` for offsets."""
    description: str
    rows: Rows = Rows.OTHER


def _offsets(what: str) -> ArraySpec:
    return ArraySpec("int64", ("customers + 1",), f"Start of each customer's rows in {what}", Rows.CUSTOMER_OFFSETS)


def _grouped(dtype: str, description: str) -> ArraySpec:
    return ArraySpec(dtype, ("rows",), description, Rows.CUSTOMER_GROUPS)


def _per_customer(dtype: str, description: str, *axes: str) -> ArraySpec:
    return ArraySpec(dtype, ("customers", *axes), description, Rows.CUSTOMERS)


def _per_item(dtype: str, description: str) -> ArraySpec:
    return ArraySpec(dtype, ("items",), description)


def _list_arrays(name: str, purchased: str) -> dict[str, ArraySpec]:
    about = f"of the cached lists, purchased items {purchased}"
    arrays = {
        "item": _per_customer("int32", f"Item codes {about}", "entries"),
        "score": _per_customer("float64", f"Scores {about}", "entries"),
        "fallback": _per_customer("bool", f"Whether the item was filled in from popularity, {about}", "entries"),
        "share": _per_customer("uint16", f"Share of each component in the score (1/65535), {about}", "entries", "7"),
        "rank": _per_customer("uint16", f"Rank in each component's own list, {about}", "entries", "7"),
        "explaining_item": _per_customer("int32", f"Own purchase that explains the item, {about}", "entries"),
        "size": _per_customer("int32", f"Number of entries {about}"),
    }
    return {f"lists/{name}/{array}": spec for array, spec in arrays.items()}


def _purchase_arrays(group: str, what: str) -> dict[str, ArraySpec]:
    arrays = {
        "indptr": _offsets(what),
        "order": _grouped("int32", f"Order code of {what}"),
        "item": _grouped("int32", f"Item code of {what}"),
        "day": _grouped("int32", f"Day of {what}, days since 1970-01-01"),
        "quantity": _grouped("int64", f"Units of {what}, millionths"),
        "amount": _grouped("int64", f"Amount of {what}, millionths of the shop's currency"),
    }
    return {f"{group}/{array}": spec for array, spec in arrays.items()}


def _similarity(name: str, what: str) -> dict[str, ArraySpec]:
    return {
        f"recommender/{name}.indptr": ArraySpec("int64", ("items + 1",), f"Start of each item's row in {what}"),
        f"recommender/{name}.item": ArraySpec("int32", ("pairs",), f"Item codes of {what}"),
        f"recommender/{name}.value": ArraySpec("float32", ("pairs",), f"Weights of {what}"),
    }


def _ranking(name: str, what: str, *axes: str) -> dict[str, ArraySpec]:
    shape = (*axes, "items")
    return {
        f"recommender/{name}.order": ArraySpec("int32", shape, f"Item codes by {what}, best first"),
        f"recommender/{name}.rank": ArraySpec("int32", shape, f"Rank of each item by {what}"),
        f"recommender/{name}.score": ArraySpec("float64", shape, f"Score of each item by {what}"),
    }


def _pairs(name: str, what: str) -> dict[str, ArraySpec]:
    return {
        f"pairs/{name}.indptr": ArraySpec("int64", ("items + 1",), f"Start of each item's row in the pairs by {what}"),
        f"pairs/{name}.item": ArraySpec("int32", ("pairs",), f"Item codes of the pairs by {what}, largest lift first"),
        f"pairs/{name}.count": ArraySpec("int32", ("pairs",), f"Number of {what} with both items"),
    }


ARRAYS: Final[dict[str, ArraySpec]] = {
    "customers/ids": ArraySpec("text", ("customers",), "Customer ids, sorted", Rows.CUSTOMER_TEXT),
    "customers/names": ArraySpec("text", ("customers",), "Customer names", Rows.CUSTOMER_TEXT),
    "customers/countries": ArraySpec("text", ("customers",), "Countries", Rows.CUSTOMER_TEXT),
    "customers/search": ArraySpec("text", ("customers",), "Id and name for the search", Rows.CUSTOMER_TEXT),
    "customers/returned_share": _per_customer("float64", "Share of the customer's order lines returned, 0 to 1"),
    "items/ids": ArraySpec("text", ("items",), "Item ids, sorted"),
    "items/names": ArraySpec("text", ("items",), "Item names"),
    "items/search": ArraySpec("text", ("items",), "Id and name for the search"),
    "items/category": _per_item("int32", "Category code, -1 for none"),
    "items/subcategory": _per_item("int32", "Subcategory code, -1 for none"),
    "items/price": _per_item("float64", "Usual unit price in the shop's currency, NaN for none"),
    "items/discount": _per_item("float64", "Mean discount, share of the list price, NaN for none"),
    "items/orders": _per_item("int32", "Number of kept orders"),
    "items/customers": _per_item("int32", "Number of customers"),
    "items/recent_orders": _per_item("int32", "Number of orders in the last four weeks"),
    "items/previous_orders": _per_item("int32", "Number of orders in the four weeks before"),
    "items/variant": _per_item("int32", "Lowest code of the items of the same name but for size and colour"),
    **_purchase_arrays("history", "kept purchases"),
    **_purchase_arrays("returned_purchases", "returned purchases"),
    "fully_returned/indptr": _offsets("fully returned items"),
    "fully_returned/item": _grouped("int32", "Items of which the customer kept none"),
    "daily/discount": ArraySpec("float32", ("series", "days"), "Mean discount by day, total and by category"),
    "rfm/recency": _per_customer("int64", "Days since the last order, -1 without one"),
    "rfm/frequency": _per_customer("int64", "Number of kept orders"),
    "rfm/monetary": _per_customer("int64", "Net amount, millionths of the shop's currency"),
    "rfm/r": _per_customer("int8", "Recency score 1 to 5, 0 without an order"),
    "rfm/f": _per_customer("int8", "Frequency score 1 to 5, 0 without an order"),
    "rfm/m": _per_customer("int8", "Monetary score 1 to 5, 0 without an order"),
    "rfm/segment": _per_customer("int16", "Segment code, -1 for none"),
    "rfm_model/*_cuts": ArraySpec("float64", ("cut points",), "Cut points of the scores"),
    "rfm_model/table": ArraySpec("int16", ("5", "5"), "Segment code by recency and frequency score"),
    "clusters/label": _per_customer("int16", "Cluster code, -1 for none"),
    "clusters/latent": _per_customer("float32", "Coordinates for the cluster chart", "2"),
    "cluster_assigner/mean": ArraySpec("float64", ("features",), "Mean of each feature"),
    "cluster_assigner/scale": ArraySpec("float64", ("features",), "Standard deviation of each feature"),
    "cluster_assigner/centroids": ArraySpec("float64", ("clusters", "latent"), "Centroids in the latent space"),
    "cluster_assigner/weights_*": ArraySpec("float64", ("inputs", "outputs"), "Weights of an encoder layer"),
    "cluster_assigner/biases_*": ArraySpec("float64", ("outputs",), "Biases of an encoder layer"),
    **_similarity("item_knn", "item-kNN similarity"),
    **_similarity("ease", "the EASE model"),
    **_similarity("content", "content similarity"),
    **_similarity("content_back", "content similarity, transposed"),
    **_ranking("popular", "popularity"),
    **_ranking("trending", "recent growth"),
    **_ranking("segment", "popularity in a segment", "segments"),
    **_ranking("cluster", "popularity in a cluster", "clusters"),
    **_pairs("orders", "orders"),
    **_pairs("customers", "customers"),
    "pairs/item_knn.customers": ArraySpec(
        "int32", ("pairs",), "Number of customers who bought both items of each entry of the item-kNN similarity"
    ),
    "pairs/sizes": ArraySpec(
        "int64",
        ("4",),
        "Number of orders, of customers, of orders in the last four weeks, and minimum support of a pair",
    ),
    "pairs/segments.customers": ArraySpec(
        "int32", ("segments", "items"), "Number of customers of each segment who bought the item"
    ),
    "pairs/segments.size": ArraySpec("int64", ("segments",), "Number of customers of each segment"),
    "pairs/clusters.customers": ArraySpec(
        "int32", ("clusters", "items"), "Number of customers of each cluster who bought the item"
    ),
    "pairs/clusters.size": ArraySpec("int64", ("clusters",), "Number of customers of each cluster"),
    "recommender/merge.weights": ArraySpec(
        "float64", ("2", "history buckets", "sources"), "Blend weights, purchased items included and excluded"
    ),
    "recommender/*": ArraySpec(
        "any", (), "Further arrays of the recommendation model: demand statistics, tree ensembles, registered sources"
    ),
    "value/*": ArraySpec("any", (), "Parameters of the customer value models: base models, regressions, trees"),
    **_list_arrays("hybrid_any", "included"),
    **_list_arrays("hybrid_new", "excluded"),
}
"""Array name below ``tables/``, without ``.npy`` -> specification; the first match counts."""

EXPORT_FILES: Final = frozenset({
    "autoencoder.h5", "clusters.csv", "customers.parquet", "item_similarity.csv", "items.parquet", "kmeans.joblib",
    "purchases.parquet", "rfm.csv", "scaler.joblib", "segments.csv", "top_items.csv",
})  # fmt: skip
"""Names of the files in ``export/``."""
JSON_FILES: Final[dict[str, str]] = {
    "names": "Names of categories, subcategories, segments and clusters, by code",
    "segments": "RFM segments, as in the results",
    "clusters": "Clusters, as in the results",
    "grid": "The 25 cells of the recency and frequency grid",
    "model": "Model information: data period, sales by week, evaluated numbers of clusters, statistics",
    "rfm_model": "Names of the segments",
    "cluster_assigner": "Feature names and activations of the encoder",
    "recommender": "Parameters of the recommendation model",
    "value": "Figures of the customer value models: backtests, selection, calibration",
}
"""JSON name below ``tables/``, without ``.json`` -> content. None holds customer ids."""

_TEXT_PARTS: Final = {"data": ("uint8", "bytes"), "offsets": ("int64", "+ 1")}


def find_array(name: str) -> tuple[str, ArraySpec] | None:
    """Return the listed name and the specification of a stored array, None if it is not listed.

    The parts of a text array (``customers/ids/data``) have the specification of the text.
    """
    text = name.rpartition("/")[0] if name.rpartition("/")[2] in _TEXT_PARTS else ""
    if text in ARRAYS and is_text(ARRAYS[text]):
        return text, ARRAYS[text]
    if name in ARRAYS and not is_text(ARRAYS[name]):
        return name, ARRAYS[name]
    for pattern, spec in ARRAYS.items():
        if "*" in pattern and fnmatch.fnmatchcase(name, pattern):
            return pattern, spec
    return None


def is_text(spec: ArraySpec) -> bool:
    """Return whether an array is stored as bytes and offsets."""
    return spec.dtype == "text"


def array_problem(name: str, values: NDArray[Any]) -> str:
    """Return what is wrong with the dtype or the number of axes of an array, empty if nothing is.

    The result is empty for an array that is not listed; the writer rejects it by `find_array`.
    """
    found = find_array(name)
    if found is None:
        return ""
    spec = found[1]
    dtype, axes = (_TEXT_PARTS[name.rpartition("/")[2]][0], 1) if is_text(spec) else (spec.dtype, len(spec.shape))
    if dtype == "any" or (str(values.dtype) in dtype.split("|") and values.ndim == axes):
        return ""
    return f"{name} has dtype {values.dtype} and {values.ndim} axes instead of {dtype} and {axes}"


def length_problems(shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Return which arrays do not have one row per customer or item.

    Parameters
    ----------
    shapes : mapping
        Stored array name -> shape, of all arrays of a bundle.
    """
    ids = {kind: shapes.get(f"{kind}/ids/offsets") for kind in ("customers", "items")}
    lengths = {kind: shape[0] - 1 for kind, shape in ids.items() if shape is not None}
    problems = []
    for name, shape in shapes.items():
        found = find_array(name)
        if found is None or (is_text(found[1]) and name.endswith("/data")):
            continue
        words = (f"{found[1].shape[0]} + 1",) if is_text(found[1]) else found[1].shape
        for axis, word in enumerate(words[: len(shape)]):
            kind, _, more = word.partition(" + ")
            expected = lengths.get(kind, -1) + int(more or 0)
            if kind in lengths and shape[axis] != expected:
                problems.append(f"{name} has {shape[axis]} entries instead of {expected}.")
    return problems


def customer_arrays(rows: Rows, names: Mapping[str, Any]) -> list[str]:
    """Return the listed names of the arrays with such rows, for the stored array names of a bundle."""
    found = (find_array(name) for name in names)
    return sorted({listed for listed, spec in filter(None, found) if spec.rows is rows})


def documentation_rows() -> list[tuple[str, str, str, str, str]]:
    """Return name, dtype, shape, rows per customer and content of every array and JSON file, for the documentation."""
    arrays = [
        (
            name,
            spec.dtype,
            " x ".join(spec.shape) or "any",
            "" if spec.rows is Rows.OTHER else spec.rows.value,
            spec.description,
        )
        for name, spec in ARRAYS.items()
    ]
    return arrays + [(f"{name}.json", "JSON", "", "", content) for name, content in JSON_FILES.items()]
