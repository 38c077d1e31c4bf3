"""Names of all arrays and JSON files of a bundle, with dtype, shape and the relation of their rows to customers.

Reader, writer, verification, erasure and the table in the documentation derive from `ARRAYS` and `JSON_FILES`: a new
array is added here, and only here, before a fit can write it.
"""

from __future__ import annotations

import codecs
import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, replace
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
    codes: str = ""
    """What the values are codes of: ``items``, or a list of ``names.json``. Codes are -1 (none) to their number - 1."""
    limits: tuple[int, int] | None = None
    """Smallest and largest valid value, None for no limits."""
    ascends: bool = False
    """Whether no value is smaller than the one before."""
    summed: bool = False
    """Whether the absolute values are added up as int64, so that their sum must not exceed `MAX_SUM`."""


_DAYS: Final = (-25_567, 84_370)
"""1900-01-01 and 2200-12-31, days since 1970-01-01."""
_SPANS: Final = (-700_000, 700_000)
"""Days from a date of `_DAYS` to another date that Python can show."""
MAX_SUM: Final = 2**63 - 1


def _offsets(what: str) -> ArraySpec:
    return ArraySpec("int64", ("customers + 1",), f"Start of each customer's rows in {what}", Rows.CUSTOMER_OFFSETS)


def _grouped(dtype: str, description: str, codes: str = "") -> ArraySpec:
    return ArraySpec(dtype, ("rows",), description, Rows.CUSTOMER_GROUPS, codes)


def _per_customer(dtype: str, description: str, *axes: str, codes: str = "") -> ArraySpec:
    return ArraySpec(dtype, ("customers", *axes), description, Rows.CUSTOMERS, codes)


def _days_per_customer(dtype: str, description: str) -> ArraySpec:
    return replace(_per_customer(dtype, description), limits=_SPANS)


def _per_item(dtype: str, description: str, codes: str = "") -> ArraySpec:
    return ArraySpec(dtype, ("items",), description, codes=codes)


def _listed(dtype: str, description: str, codes: str = "") -> ArraySpec:
    return ArraySpec(dtype, ("catalogue items",), description, codes=codes)


def _list_arrays(name: str, purchased: str) -> dict[str, ArraySpec]:
    about = f"of the cached lists, purchased items {purchased}"
    arrays = {
        "item": _per_customer("int32", f"Item codes {about}", "entries", codes="items"),
        "score": _per_customer("float64", f"Scores {about}", "entries"),
        "fallback": _per_customer("bool", f"Whether the item was filled in from popularity, {about}", "entries"),
        "share": _per_customer("uint16", f"Share of each component in the score (1/65535), {about}", "entries", "7"),
        "rank": _per_customer("uint16", f"Rank in each component's own list, {about}", "entries", "7"),
        "explaining_item": _per_customer(
            "int32", f"Own purchase that explains the item, {about}", "entries", codes="items"
        ),
        "size": _per_customer("int32", f"Number of entries {about}"),
    }
    return {f"lists/{name}/{array}": spec for array, spec in arrays.items()}


def _forecast_arrays() -> dict[str, ArraySpec]:
    arrays = {
        "expected_orders": _per_customer("float64", "Expected orders in the horizon"),
        "expected_spend": _per_customer("float64", "Expected spend in the horizon, the shop's currency"),
        "return_probability": _per_customer("float64", "Probability of an order in the horizon, 0 to 1"),
        "next_order": _days_per_customer("int32", "Median days to the next order within the horizon"),
        "next_order_low": _days_per_customer("int32", "Lower end of the 80 % interval of these days"),
        "next_order_high": _days_per_customer("int32", "Upper end of the 80 % interval of these days"),
        "active_probability": _per_customer("float64", "Probability that the customer is still active, 0 to 1"),
        "usual_interval": _per_customer("float64", "Usual days between two orders"),
        "missed_orders": _per_customer("float64", "Days since the last order in usual intervals"),
        "lifetime_value": _per_customer("float64", "Discounted expected spend of three years, the shop's currency"),
    }
    return {f"forecasts/{name}": spec for name, spec in arrays.items()}


def _purchase_arrays(group: str, what: str, *, orders_ascend: bool = False) -> dict[str, ArraySpec]:
    order = _grouped("int32", f"Order code of {what}")
    arrays = {
        "indptr": _offsets(what),
        "order": replace(order, limits=(0, 2**31 - 2), ascends=orders_ascend),
        "item": _grouped("int32", f"Item code of {what}", "items"),
        "day": replace(_grouped("int32", f"Day of {what}, days since 1970-01-01"), limits=_DAYS),
        "quantity": replace(_grouped("int64", f"Units of {what}, millionths"), summed=True),
        "amount": replace(_grouped("int64", f"Amount of {what}, millionths of the shop's currency"), summed=True),
    }
    return {f"{group}/{array}": spec for array, spec in arrays.items()}


def _similarity(name: str, what: str) -> dict[str, ArraySpec]:
    return {
        f"recommender/{name}.indptr": ArraySpec("int64", ("items + 1",), f"Start of each item's row in {what}"),
        f"recommender/{name}.item": ArraySpec("int32", ("pairs",), f"Item codes of {what}", codes="items"),
        f"recommender/{name}.value": ArraySpec("float32", ("pairs",), f"Weights of {what}"),
    }


def _ranking(name: str, what: str, *axes: str) -> dict[str, ArraySpec]:
    shape = (*axes, "items")
    return {
        f"recommender/{name}.order": ArraySpec("int32", shape, f"Item codes by {what}, best first", codes="items"),
        f"recommender/{name}.rank": ArraySpec("int32", shape, f"Rank of each item by {what}"),
        f"recommender/{name}.score": ArraySpec("float64", shape, f"Score of each item by {what}"),
    }


def _pairs(name: str, what: str) -> dict[str, ArraySpec]:
    return {
        f"pairs/{name}.indptr": ArraySpec("int64", ("items + 1",), f"Start of each item's row in the pairs by {what}"),
        f"pairs/{name}.item": ArraySpec(
            "int32", ("pairs",), f"Item codes of the pairs by {what}, largest lift first", codes="items"
        ),
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
    "items/category": _per_item("int32", "Category code, -1 for none", "categories"),
    "items/subcategory": _per_item("int32", "Subcategory code, -1 for none", "subcategories"),
    "items/price": _per_item("float64", "Usual unit price in the shop's currency, NaN for none"),
    "items/discount": _per_item("float64", "Mean discount, share of the list price, NaN for none"),
    "items/orders": _per_item("int32", "Number of kept orders"),
    "items/customers": _per_item("int32", "Number of customers"),
    "items/recent_orders": _per_item("int32", "Number of orders in the last four weeks"),
    "items/previous_orders": _per_item("int32", "Number of orders in the four weeks before"),
    "items/variant": _per_item("int32", "Lowest code of the items of the same name but for size and colour", "items"),
    "catalogue/item": _listed("int32", "Item code of each item of the catalogue, ascending", "items"),
    "catalogue/price": _listed("float64", "Price in the shop's currency, NaN for none"),
    "catalogue/cost": _listed("float64", "Cost of one unit in the shop's currency, NaN for none"),
    "catalogue/stock": _listed("float64", "Units in stock, NaN for unknown"),
    "catalogue/launch": _listed("int32", "Launch day, days since 1970-01-01, -2147483648 for none"),
    "catalogue/brand": _listed("text", "Brand"),
    "catalogue/description": _listed("text", "Description"),
    "catalogue/image_url": _listed("text", "Address of a picture"),
    "catalogue/attributes": _listed("text", "Further columns of the catalogue, one line `header: value` each"),
    **_purchase_arrays("history", "kept purchases", orders_ascend=True),
    **_purchase_arrays("returned_purchases", "returned purchases"),
    "guest_orders/order": ArraySpec(
        "int32",
        ("guest lines",),
        "Number of the order of each purchase without a customer, ascending; only if there are any",
    ),
    "guest_orders/item": ArraySpec(
        "int32", ("guest lines",), "Item codes of purchases without a customer", codes="items"
    ),
    "guest_orders/day": ArraySpec("int32", ("guest lines",), "Day of the order, days since 1970-01-01"),
    "guest_orders/quantity": ArraySpec("int64", ("guest lines",), "Quantity, millionths"),
    "guest_orders/amount": ArraySpec("int64", ("guest lines",), "Net amount, millionths of the shop's currency"),
    "fully_returned/indptr": _offsets("fully returned items"),
    "fully_returned/item": _grouped("int32", "Items of which the customer kept none", "items"),
    "daily/discount": ArraySpec("float32", ("series", "days"), "Mean discount by day, total and by category"),
    "rfm/recency": _days_per_customer("int64", "Days since the last order, 0 without one"),
    "rfm/frequency": _per_customer("int64", "Number of kept orders"),
    "rfm/monetary": _per_customer("int64", "Net amount, millionths of the shop's currency"),
    "rfm/r": _per_customer("int8", "Recency score 1 to 5, 0 without an order"),
    "rfm/f": _per_customer("int8", "Frequency score 1 to 5, 0 without an order"),
    "rfm/m": _per_customer("int8", "Monetary score 1 to 5, 0 without an order"),
    "rfm/segment": _per_customer("int16", "Segment code, -1 for none", codes="segments"),
    "rfm_model/shop_interval": ArraySpec(
        "float64", ("1",), "Median days between two orders of a customer; only if recency is counted in usual intervals"
    ),
    "rfm_model/*_cuts": ArraySpec("float64", ("cut points",), "Cut points of the scores"),
    "rfm_model/table": ArraySpec("int16", ("5", "5"), "Segment code by recency and frequency score", codes="segments"),
    "clusters/label": _per_customer("int16", "Cluster code, -1 for none", codes="clusters"),
    "clusters/fine": _per_customer("int16", "Fine cluster code, -1 for none", codes="fine_clusters"),
    "clusters/latent": _per_customer("float32", "Coordinates for the cluster chart", "2"),
    "cluster_assigner/mean": ArraySpec("float64", ("measures",), "Mean of each measure of value and buying habits"),
    "cluster_assigner/scale": ArraySpec("float64", ("measures",), "Standard deviation of each measure"),
    "cluster_assigner/item_columns": ArraySpec(
        "float32", ("items", "columns"), "Price level, discount and categories of the items, for measures"
    ),
    "cluster_assigner/item_factors": ArraySpec("float32", ("items", "dimensions"), "Weight of each item in each taste"),
    "cluster_assigner/center": ArraySpec("float64", ("features",), "Mean of each feature"),
    "cluster_assigner/axes": ArraySpec("float64", ("features", "components"), "Principal axes of the features"),
    "cluster_assigner/centroids": ArraySpec("float64", ("clusters", "components"), "Centroids of the clusters"),
    "cluster_assigner/fine_centroids": ArraySpec(
        "float64", ("fine clusters", "latent"), "Centroids of the fine clusters in the latent space"
    ),
    "cluster_assigner/parent": ArraySpec("int16", ("fine clusters",), "Cluster of each fine cluster", codes="clusters"),
    "cluster_assigner/weights_*": ArraySpec("float64", ("inputs", "outputs"), "Weights of an encoder layer"),
    "cluster_assigner/biases_*": ArraySpec("float64", ("outputs",), "Biases of an encoder layer"),
    **_similarity("item_knn", "item-kNN similarity"),
    **_similarity("ease", "the EASE model"),
    **_similarity("content", "content similarity"),
    **_similarity("content_back", "content similarity, transposed"),
    **_ranking("popular", "popularity"),
    **_ranking("trending", "recent growth"),
    **_ranking("segment", "popularity in a segment", "segments"),
    **_ranking("cluster", "popularity in a fine cluster", "fine clusters"),
    **_pairs("orders", "orders"),
    "pairs/orders.totals": _per_item("int32", "Number of orders, with the guest orders; only if there are any"),
    **_pairs("customers", "customers"),
    "pairs/item_knn.customers": ArraySpec(
        "int32", ("pairs",), "Number of customers who bought both items of each entry of the item-kNN similarity"
    ),
    "pairs/sizes": ArraySpec(
        "int64",
        ("4",),
        "Number of orders (with guest orders), of customers, of orders in four weeks, and minimum support of a pair",
    ),
    "pairs/segments.customers": ArraySpec(
        "int32", ("segments", "items"), "Number of customers of each segment who bought the item"
    ),
    "pairs/segments.size": ArraySpec("int64", ("segments",), "Number of customers of each segment"),
    "pairs/fine_clusters.customers": ArraySpec(
        "int32", ("fine clusters", "items"), "Number of customers of each fine cluster who bought the item"
    ),
    "pairs/fine_clusters.size": ArraySpec("int64", ("fine clusters",), "Number of customers of each fine cluster"),
    "item_sets/items": ArraySpec(
        "int32", ("sets", "3"), "Item codes of product bundles, the consequent last; a pair ends in -1", codes="items"
    ),
    "item_sets/support": ArraySpec("int32", ("sets",), "Number of orders with all items of the bundle"),
    "item_sets/antecedent": ArraySpec("int32", ("sets",), "Number of orders with all items but the last"),
    "item_sets/revenue": ArraySpec(
        "int64", ("sets",), "Amount of the items in these orders, millionths of the shop's currency"
    ),
    "item_sets/least": ArraySpec("int64", ("1",), "Smallest number of orders of a bundle of two items"),
    "recommender/merge.weights": ArraySpec(
        "float64", ("2", "history buckets", "sources"), "Blend weights, purchased items included and excluded"
    ),
    "recommender/*": ArraySpec(
        "any", (), "Further arrays of the recommendation model: demand statistics, tree ensembles, registered sources"
    ),
    "value/*": ArraySpec("any", (), "Parameters of the customer value models: base models, regressions, trees"),
    "forecasts/horizon": ArraySpec("int64", ("1",), "Horizon in days of the stored forecasts of all customers"),
    **_forecast_arrays(),
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
    "names": "Names of categories, subcategories, segments, clusters and fine clusters, by code",
    "segments": "RFM segments, as in the results",
    "clusters": "Clusters, as in the results",
    "grid": "The 25 cells of the recency and frequency grid",
    "model": "Model information: data period, sales by week, evaluated numbers of clusters, statistics",
    "rfm_model": "Names of the segments",
    "cluster_assigner": "Scales of the features, activations of the encoder, names of the clusters",
    "recommender": "Parameters of the recommendation model",
    "value": "Figures of the customer value models: backtests, selection, calibration",
}
"""JSON name below ``tables/``, without ``.json`` -> content. None holds customer ids."""

_COMPANIONS: Final = {
    "pairs/item_knn.customers": "recommender/item_knn.indptr",
    "pairs/segments.customers": "pairs/segments.size",
    "pairs/fine_clusters.customers": "pairs/fine_clusters.size",
    "item_sets/items": "item_sets/support",
    "item_sets/antecedent": "item_sets/support",
    "item_sets/revenue": "item_sets/support",
    **{f"catalogue/{name}": "catalogue/item" for name in ("price", "cost", "stock", "launch")},
    **{f"lists/hybrid_{name}/size": f"lists/hybrid_{name}/item" for name in ("any", "new")},
}
_OFFSETS: Final = ("indptr", "/offsets")
"""Endings of the names of arrays with the start of each group."""
_TEXT_PART_BYTES: Final = 2**20
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


def shape_problem(name: str, shape: tuple[int, ...], lengths: Mapping[str, int]) -> str:
    """Return what is wrong with the length of an array, empty if nothing is.

    Parameters
    ----------
    name : str
        Stored array name.
    shape : tuple of int
    lengths : mapping
        ``customers`` and ``items`` -> their number, as far as it is known.
    """
    found = find_array(name)
    if found is None or (is_text(found[1]) and name.endswith("/data")):
        return ""
    words = (f"{found[1].shape[0]} + 1",) if is_text(found[1]) else found[1].shape
    for axis, word in enumerate(words[: len(shape)]):
        kind, _, more = word.partition(" + ")
        expected = int(word) if word.isdigit() else lengths.get(kind, -1) + int(more or 0)
        if (word.isdigit() or kind in lengths) and shape[axis] != expected:
            return f"{name} has {shape[axis]} entries instead of {expected}."
    return ""


def companion_of(name: str) -> str:
    """Return the array that states the length of a stored array, empty if there is none.

    It is the array with the start of each group, whose last value is the length, or one with as many rows.
    """
    found = find_array(name)
    if found is None or name.endswith(_OFFSETS):
        return ""
    spec = found[1]
    if is_text(spec):
        return f"{name.rpartition('/')[0]}/offsets"
    if spec.rows is Rows.CUSTOMER_GROUPS:
        return f"{name.rpartition('/')[0]}/indptr"
    if name in _COMPANIONS:
        return _COMPANIONS[name]
    if spec.shape == ("pairs",):
        return f"{name.rpartition('.')[0]}.indptr"
    is_ranking = spec.shape in (("segments", "items"), ("fine clusters", "items")) and not name.endswith(".score")
    return f"{name.rpartition('.')[0]}.score" if is_ranking else ""


def companion_problem(name: str, values: NDArray[Any], companion: NDArray[Any], companion_name: str) -> str:
    """Return why an array does not fit its companion (see `companion_of`), empty if it does."""
    expected = int(companion[-1]) if companion_name.endswith(_OFFSETS) else len(companion)
    if len(values) != expected:
        return f"{name} has {len(values)} entries instead of {expected}."
    if name.startswith("lists/") and len(values):
        entries = companion.shape[1]
        is_valid = int(values.min()) >= 0 and int(values.max()) <= entries
        return "" if is_valid else f"{name} has values outside 0 to {entries}."
    if name.endswith("/data") and len(values):
        return "" if _is_text(values, companion) else f"{name} is not UTF-8."
    return ""


def _is_text(data: NDArray[Any], offsets: NDArray[Any]) -> bool:
    """Return whether bytes are UTF-8 texts, each starting at an offset."""
    if int(data.max()) < 0x80:  # ASCII
        return True
    starts = offsets[offsets < len(data)]
    if ((data[starts] & 0xC0) == 0x80).any():  # within a character
        return False
    try:
        decoder = codecs.getincrementaldecoder("utf-8")()
        for start in range(0, len(data), _TEXT_PART_BYTES):
            decoder.decode(data[start : start + _TEXT_PART_BYTES].tobytes())
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def value_problem(name: str, values: NDArray[Any], lengths: Mapping[str, int]) -> str:
    """Return what is wrong with the values of an array that others depend on, empty if nothing is.

    Parameters
    ----------
    name : str
        Stored array name.
    values : array
        With the dtype and the number of axes of the layout.
    lengths : mapping
        What `ArraySpec.codes` can name -> its number, as far as it is known.
    """
    if name.endswith(_OFFSETS):
        is_valid = values.ndim == 1 and len(values) > 0 and values[0] == 0 and bool((values[1:] >= values[:-1]).all())
        return "" if is_valid else f"{name} does not ascend from 0."
    found = find_array(name)
    if found is None or not values.size:
        return ""
    spec = found[1]
    limits = (-1, lengths[spec.codes] - 1) if spec.codes in lengths else spec.limits
    if limits is not None and not (limits[0] <= int(values.min()) and int(values.max()) <= limits[1]):
        return f"{name} has values outside {limits[0]} to {limits[1]}."
    if spec.ascends and not bool((values[1:] >= values[:-1]).all()):
        return f"{name} does not ascend."
    if spec.summed and max(-int(values.min()), int(values.max())) * len(values) > MAX_SUM:
        total = float(abs(values.astype("float64")).sum())  # a fit accepts sums up to 9e18
        return f"{name} has values whose sum is larger than {MAX_SUM}." if total > MAX_SUM else ""
    return ""


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
