"""Customers, items and purchases of one bundle: look-ups by code and searches.

Arrays stay memory-mapped; opening a bundle copies nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from smart_retail.bundle.reader import Bundle, BundleDict
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.errors import UnknownItemError
from smart_retail.events.item_changes import ItemChange
from smart_retail.recommenders.base import UNKNOWN_GROUP, Catalogue
from smart_retail.recommenders.item_pairs import ItemPairs
from smart_retail.recommenders.item_sets import ItemSets, PurchaseLines
from smart_retail.results import ClusterPoint, CustomerMatch, Item, ItemDetails, ItemRef
from smart_retail.serving.item_overlay import ItemOverlay, extend_counts, extend_texts
from smart_retail.utils.dates import NO_DAY, iso
from smart_retail.utils.fixed_point import MILLION
from smart_retail.utils.id_map import IdMap, StringArray

if TYPE_CHECKING:
    from smart_retail.recommenders.item_similarity import Similarity
    from smart_retail.serving.text_search import TextSearch

MAX_SUGGESTIONS = 3
MAX_SUGGESTION_LENGTH = 64
"""Characters; for a longer unknown id no similar ids are searched."""
MAX_SUGGESTION_WORDS = 4
MAX_CANDIDATES = 32
"""Ids that are compared with an unknown one: neighbors in id order, and as many that contain either half of it."""
LABEL_CACHE_SIZE = 20_000
"""Items whose texts are cached; most lists contain the same ones."""
SEASON_CACHE_SIZE = 16
"""Dates of lists whose counts by item are cached."""

Label = tuple[str, str, str]
"""Id, name and category of an item."""


@dataclass(frozen=True)
class BundleTables:
    """Tables of one bundle, each read when it is first needed."""

    bundle: Bundle
    changes: Mapping[str, ItemChange] = field(default_factory=dict)
    """Items that were added or changed since the fit, by id."""

    @cached_property
    def _overlay(self) -> ItemOverlay:
        fitted = IdMap(self.texts("items/ids"))
        return ItemOverlay(fitted, self.changes, self.bundle.manifest.get("items_through", ""))

    @cached_property
    def customers(self) -> IdMap:
        return IdMap(self.texts("customers/ids"))

    @cached_property
    def items(self) -> IdMap:
        """All items: those of the fit, then those that were added after it."""
        return self._overlay.items()

    @cached_property
    def n_fitted_items(self) -> int:
        """Number of items of the fit, whose codes come first. Histories and models know no others."""
        return len(self._overlay.fitted)

    @property
    def fitted_items(self) -> IdMap:
        """The items of the fit."""
        return self._overlay.fitted

    @property
    def added_items(self) -> Mapping[int, ItemChange]:
        """Items that were added after the fit, by code."""
        return self._overlay.added_by_code

    @cached_property
    def item_names(self) -> StringArray:
        names, added = self.texts("items/names"), self.added_items.values()
        return extend_texts(names, (change.item_name for change in added)) if added else names

    @cached_property
    def names(self) -> dict[str, list[str]]:
        """Names by code: ``categories``, ``subcategories``, ``segments``, ``clusters``, ``fine_clusters``."""
        found: dict[str, list[str]] = self.bundle.json("names")
        if not self.added_items:
            return found
        extended = {
            kind: self._overlay.category_names(found[kind], of_item)
            for kind, of_item in (("categories", "category"), ("subcategories", "subcategory"))
        }
        return found | extended

    @cached_property
    def catalogue(self) -> Catalogue:
        fitted = Catalogue(
            self.bundle.array("items/category"),
            self.bundle.array("items/subcategory"),
            self.bundle.array("items/price"),
            variant=np.asarray(self.bundle.array("items/variant")),
            in_stock=self._in_stock(),
        )
        return self._overlay.catalogue(fitted, self.names, self.texts("items/names")) if self.changes else fitted

    def open_all(self) -> None:
        """Open what lists with reasons need, which is otherwise opened when first needed."""
        _ = self.customers, self._purchases, self._returns, self.segment, self.cluster, self.fine_cluster
        _ = self.item_names, self.catalogue, self.variant, self.item_customers, self.popularity_orders
        _ = self.recent_orders, self.previous_orders, self.recent_orders_of_shop, self.pairs
        _ = self._listed_codes, self._brands, self._descriptions

    def is_fitted(self, code: int) -> bool:
        """Return whether an item is in the bundle, so that models and counts know it."""
        return code < self.n_fitted_items

    @cached_property
    def _listed(self) -> dict[str, NDArray[Any]]:
        """Arrays of the catalogue of items, one row for each of its items; no rows without a catalogue."""
        return self.bundle.arrays("catalogue")

    def _in_stock(self) -> NDArray[np.bool_] | None:
        # Not all arrays of the catalogue: every list needs the stock, few responses the descriptions.
        sold_out = self.bundle.array("catalogue/item")[self.bundle.array("catalogue/stock") <= 0]
        if not len(sold_out):
            return None
        in_stock = np.ones(self.n_fitted_items, np.bool_)
        in_stock[sold_out] = False
        return in_stock

    @cached_property
    def recent_orders(self) -> NDArray[np.int32]:
        return self._counts("recent_orders")

    @cached_property
    def previous_orders(self) -> NDArray[np.int32]:
        return self._counts("previous_orders")

    @cached_property
    def item_orders(self) -> NDArray[np.int32]:
        return self._counts("orders")

    @cached_property
    def item_customers(self) -> NDArray[np.int32]:
        return self._counts("customers")

    def _counts(self, name: str) -> NDArray[np.int32]:
        """Return a count of purchases by item code, 0 for added items."""
        return extend_counts(np.asarray(self.bundle.array(f"items/{name}")), len(self.added_items))

    @cached_property
    def variant(self) -> NDArray[np.int32]:
        """Code of the product that an item is a variant of, by item code."""
        # Without added items, the other arrays of the catalogue stay closed.
        return np.asarray(self.catalogue.variant if self.added_items else self.bundle.array("items/variant"))

    @cached_property
    def _pair_arrays(self) -> dict[str, NDArray[Any]]:
        return BundleDict((name, np.asarray(values)) for name, values in self.bundle.arrays("pairs").items())

    @cached_property
    def pairs(self) -> ItemPairs:
        """Counted pairs of items."""
        return ItemPairs.from_arrays(self._pair_arrays, self._all_orders, self.item_customers)

    @property
    def _all_orders(self) -> NDArray[np.int32]:
        """Orders by item code, with the guest orders, which only pairs and bundles of items count."""
        if "orders.totals" not in self._pair_arrays:
            return self.item_orders
        return extend_counts(self._pair_arrays["orders.totals"], len(self.added_items))

    @cached_property
    def popularity_orders(self) -> NDArray[np.int32]:
        """Orders by item code as popularity counts them: with guest orders if the settings say so."""
        settings = self.bundle.manifest["settings"].get("recommend", {})
        return self._all_orders if settings.get("guest_orders_in_popularity") else self.item_orders

    @cached_property
    def item_knn(self) -> Similarity:
        from smart_retail.recommenders.item_similarity import Similarity  # not needed for cached lists

        return Similarity(*(self.bundle.array(f"recommender/item_knn.{name}") for name in ("indptr", "item", "value")))

    @cached_property
    def recent_orders_of_shop(self) -> int:
        """Orders of the last four weeks."""
        return int(self._pair_arrays["sizes"][2])

    @cached_property
    def min_support(self) -> int:
        """Orders, or customers, that the items of a pair have at least in common."""
        return int(self._pair_arrays["sizes"][3])

    def buyers_in_group(self, kind: str, group: int, item: int) -> tuple[int, int]:
        """Return how many customers of a group bought an item, and the customers of the group.

        `kind` is ``segments`` or ``fine_clusters``.
        """
        arrays = self._pair_arrays
        return int(arrays[f"{kind}.customers"][group, item]), int(arrays[f"{kind}.size"][group])

    @cached_property
    def segment(self) -> NDArray[np.int16]:
        return self.bundle.array("rfm/segment")

    @cached_property
    def cluster(self) -> NDArray[np.int16]:
        return self.bundle.array("clusters/label")

    @cached_property
    def fine_cluster(self) -> NDArray[np.int16]:
        return self.bundle.array("clusters/fine")

    @cached_property
    def _purchases(self) -> dict[str, NDArray[Any]]:
        return self.bundle.arrays("history")

    @cached_property
    def _returns(self) -> dict[str, NDArray[Any]]:
        return self.bundle.arrays("fully_returned")

    @cached_property
    def last_day(self) -> int:
        return int(self.bundle.manifest["last_day"])

    def item_code(self, item_id: str) -> int:
        """Return the code of an item; `UnknownItemError` lists close matches."""
        code = self.items.code(item_id)
        if code >= 0:
            return code
        near = self._similar_item_ids(item_id)
        raise UnknownItemError(
            f"No item has the id {item_id!r}.",
            f"Did you mean {' or '.join(near)}?" if near else "Search for it by a part of its id or name.",
        )

    def _similar_item_ids(self, item_id: str) -> list[str]:
        """Return at most `MAX_SUGGESTIONS` ids for an unknown one, from the search index and a few candidates."""
        if not item_id.strip() or len(item_id) > MAX_SUGGESTION_LENGTH:
            return []
        words = " ".join(item_id.split()[:MAX_SUGGESTION_WORDS])
        if found := self.search_items(words, MAX_SUGGESTIONS):
            return [item.item_id for item in found]
        import difflib  # only needed for this error

        half = len(item_id) // 2  # one typing error leaves one half of an id unchanged
        codes = self.items.neighbors(item_id, MAX_CANDIDATES)
        for part in (item_id[:half], item_id[half:]):
            codes += self._item_search.containing(part, MAX_CANDIDATES) if len(part) > 1 else []
        candidates = [self.items.id(code) for code in sorted(set(codes))]
        return difflib.get_close_matches(item_id, candidates, MAX_SUGGESTIONS, cutoff=0.5)

    @cached_property
    def _labels(self) -> dict[int, Label]:
        return {}

    def label(self, code: int) -> Label:
        """Return id, name and category of an item; without a name in the source, the name is the id."""
        found = self._labels.get(code)
        if found is None:
            if len(self._labels) >= LABEL_CACHE_SIZE:
                self._labels.clear()
            item_id, category = self.items.id(code), int(self.catalogue.category[code])
            named = self.names["categories"][category] if category >= 0 else ""
            found = self._labels[code] = (item_id, self.item_names[code] or item_id, named)
        return found

    def item_id(self, code: int) -> str:
        return self.label(code)[0]

    def item_name(self, code: int) -> str:
        """Return the name of an item, or its id if the source has no name."""
        return self.label(code)[1]

    def category(self, code: int) -> str:
        return self.label(code)[2]

    def group_name(self, kind: str, code: int) -> str:
        """Return the name of a segment or cluster, empty for none. `kind` is as in `names`."""
        return self.names[kind][code] if code != UNKNOWN_GROUP else ""

    def history(self, customer: int) -> PurchaseHistory:
        """Return the kept purchases of one customer."""
        p = self._purchases
        a, b = p["indptr"][customer : customer + 2].tolist()
        return PurchaseHistory(
            customer=np.zeros(b - a, dtype=np.int32),
            order=p["order"][a:b],
            item=p["item"][a:b],
            day=p["day"][a:b],
            quantity=p["quantity"][a:b],
            amount=p["amount"][a:b],
            n_customers=1,
            n_items=self.n_fitted_items,
            last_day=self.last_day,
        )

    @cached_property
    def empty_history(self) -> PurchaseHistory:
        """A history without a purchase."""
        return self.basket(np.empty(0, dtype=np.int32))

    def basket(self, items: NDArray[np.int32], day: int | None = None) -> PurchaseHistory:
        """Return a history with one order of these items on a day, by default the last one of the bundle's history.

        Items that were added after the fit are left out, since no model knows them.
        """
        day = self.last_day if day is None else day
        items = np.unique(items[(items >= 0) & (items < self.n_fitted_items)]).astype(np.int32)
        n = len(items)
        price = np.nan_to_num(self.catalogue.price[items]) * MILLION
        return PurchaseHistory(
            customer=np.zeros(n, np.int32),
            order=np.zeros(n, np.int32),
            item=items,
            day=np.full(n, day, np.int32),
            quantity=np.full(n, MILLION, np.int64),
            amount=price.astype(np.int64),
            n_customers=1,
            n_items=self.n_fitted_items,
            last_day=day,
        )

    def season_orders(self, last_day: int) -> NDArray[np.float64]:
        """Return the orders of each item in the eight weeks that followed a day a year before."""
        found = self._season_orders.get(last_day)
        if found is None:
            from smart_retail.recommenders.popularity import count_season  # not needed for cached lists

            if len(self._season_orders) >= SEASON_CACHE_SIZE:
                self._season_orders.clear()
            item, day = (np.asarray(self._purchases[name]) for name in ("item", "day"))
            found = self._season_orders[last_day] = count_season(item, day, last_day, self.n_fitted_items)
        return found

    @cached_property
    def _season_orders(self) -> dict[int, NDArray[np.float64]]:
        return {}

    def fully_returned(self, customer: int) -> NDArray[np.int32]:
        """Return the items of which the customer returned every purchase."""
        a, b = self._returns["indptr"][customer : customer + 2].tolist()
        found: NDArray[np.int32] = self._returns["item"][a:b]
        return found

    @cached_property
    def purchase_lines(self) -> PurchaseLines:
        """The kept purchase lines of all customers."""
        p = self._purchases
        order, item, amount = (np.asarray(p[name]) for name in ("order", "item", "amount"))
        return PurchaseLines(order, item, amount, self.item_orders, int(self.customer_orders.sum()))

    @cached_property
    def order_lines(self) -> PurchaseLines:
        """The kept purchase lines of all orders, those without a customer included."""
        lines, guests, counted = self.purchase_lines, self.bundle.arrays("guest_orders"), self.pairs.orders
        order, item, amount = lines.order, lines.item, lines.amount
        if guests:
            order = np.concatenate((order, guests["order"] + np.int32(order.max(initial=-1) + 1)))
            item, amount = (np.concatenate((a, guests[name])) for a, name in ((item, "item"), (amount, "amount")))
        return PurchaseLines(order, item, amount, counted.totals, counted.n)

    def line_customers(self) -> NDArray[np.int32]:
        """Return the customer code of each kept purchase line."""
        indptr = self._purchases["indptr"]
        return np.repeat(np.arange(len(indptr) - 1, dtype=np.int32), np.diff(indptr))

    def customers_who_returned(self, item: int) -> NDArray[np.int64]:
        """Return the codes of the customers who returned every purchase of an item."""
        returns = self._returns
        rows = np.flatnonzero(np.asarray(returns["item"]) == item)
        return np.searchsorted(returns["indptr"], rows, side="right") - 1

    def items_of(self, customer: int) -> NDArray[np.int32]:
        """Return the item codes of the kept purchase lines of one customer."""
        a, b = self._purchases["indptr"][customer : customer + 2].tolist()
        return self.purchase_lines.item[a:b]

    @cached_property
    def customer_orders(self) -> NDArray[np.int64]:
        """Number of kept orders by customer code."""
        return np.asarray(self.bundle.array("rfm/frequency"))

    @cached_property
    def item_sets(self) -> ItemSets:
        """The most frequent pairs and triples of items in one order."""
        return ItemSets.from_arrays(self.bundle.arrays("item_sets"))

    def item_text(self, code: int) -> tuple[str, str]:
        """Return the name of an item, and what else describes it: brand, attributes and description."""
        if not (len(self._listed_codes) or self.changes):
            return self.item_names[code], ""
        brand, description = self.brand_and_description(code)
        change, row = self._change_of(code), self._row_of(code)
        attributes = "" if row < 0 else self._attributes[row]
        if change is not None:
            attributes = " ".join((attributes, *map(" ".join, change.attributes.items())))
        return self.item_names[code], " ".join(filter(None, (brand, attributes, description)))

    def item_ref(self, code: int) -> ItemRef:
        """Return id, name and category of an item."""
        return ItemRef(*self.label(code))

    def item(self, code: int) -> Item:
        subcategory, price = int(self.catalogue.subcategory[code]), float(self.catalogue.price[code])
        return Item(
            item_id=self.items.id(code),
            item_name=self.item_name(code),
            category=self.category(code),
            subcategory=self.names["subcategories"][subcategory] if subcategory >= 0 else "",
            unit_price=None if np.isnan(price) else round(price, 6),
            orders=int(self.item_orders[code]),
            customers=int(self.item_customers[code]),
        )

    def _change_of(self, code: int) -> ItemChange | None:
        """Return what was sent of an item since the fit, None for nothing."""
        overlay = self._overlay
        return overlay.changed.get(code) if self.is_fitted(code) else overlay.added_by_code[code]

    @cached_property
    def _listed_codes(self) -> NDArray[np.int32]:
        return np.asarray(self._listed["item"])

    def _row_of(self, code: int) -> int:
        """Return the row of an item in the catalogue, -1 for an item that is not in it."""
        items = self._listed_codes
        row = int(np.searchsorted(items, code)) if len(items) else 0
        return row if row < len(items) and items[row] == code else -1

    def brand_and_description(self, code: int) -> tuple[str, str]:
        """Return brand and description of an item, empty without a catalogue."""
        change, row = self._change_of(code), self._row_of(code)
        brand, description = ("", "") if row < 0 else (self._brands[row], self._descriptions[row])
        return (brand, description) if change is None else (change.brand or brand, change.description or description)

    @cached_property
    def _brands(self) -> StringArray:
        return self.texts("catalogue/brand")

    @cached_property
    def _descriptions(self) -> StringArray:
        return self.texts("catalogue/description")

    @cached_property
    def _attributes(self) -> StringArray:
        return self.texts("catalogue/attributes")

    def item_details(self, code: int) -> ItemDetails:
        """Return an item with what the catalogue says of it, and what was sent since the fit."""
        details, change = self._fitted_details(code), self._change_of(code)
        if change is None:
            return details
        names = ("brand", "description", "image_url", "list_price", "cost", "stock", "launch_date")
        sent = {name: value for name in names if (value := getattr(change, name)) not in ("", None)}
        return msgspec.structs.replace(details, **sent, attributes=details.attributes | change.attributes)

    def _fitted_details(self, code: int) -> ItemDetails:
        listed, plain, row = self._listed, self.item(code).as_dict(), self._row_of(code)
        if row < 0:
            return ItemDetails(
                **plain, brand="", description="", image_url="", list_price=None, cost=None, stock=None,
                launch_date="", attributes={},
            )  # fmt: skip
        numbers = {name: float(listed[name][row]) for name in ("price", "cost", "stock")}
        known = {name: None if np.isnan(value) else round(value, 6) for name, value in numbers.items()}
        day = int(listed["launch"][row])
        lines = self._attributes[row].splitlines()
        return ItemDetails(
            **plain,
            brand=self._brands[row],
            description=self._descriptions[row],
            image_url=self.texts("catalogue/image_url")[row],
            list_price=known["price"],
            cost=known["cost"],
            stock=known["stock"],
            launch_date="" if day == NO_DAY else iso(day),
            attributes={header: value for header, _, value in (line.partition(": ") for line in lines)},
        )

    def cluster_points(self, limit: int) -> list[ClusterPoint]:
        """Return an evenly spread sample of at most `limit` customers in the latent space."""
        label, latent = self.cluster, self.bundle.array("clusters/latent")
        assigned = np.flatnonzero(label != UNKNOWN_GROUP)
        sample = assigned[np.linspace(0, len(assigned) - 1, min(limit, len(assigned))).astype(np.int64)]
        return [
            ClusterPoint(self.customers.id(c), int(label[c]), float(latent[c, 0]), float(latent[c, 1]))
            for c in sample.tolist()
        ]

    @cached_property
    def _customer_search(self) -> TextSearch:
        from smart_retail.serving.text_search import TextSearch  # not needed to compute lists

        return TextSearch(self.texts("customers/search"), self.bundle.array("rfm/frequency"))

    @cached_property
    def _item_search(self) -> TextSearch:
        from smart_retail.serving.text_search import TextSearch

        return TextSearch(
            self._search_texts,
            self.item_orders,
            self.names["categories"],
            self.catalogue.category,
        )

    @property
    def _search_texts(self) -> StringArray:
        texts, added = self.texts("items/search"), self._overlay.added
        if not added:
            return texts
        return extend_texts(texts, (f"{item_id}\n{change.item_name}".casefold() for item_id, change in added.items()))

    def search_customers(self, text: str, n: int) -> list[CustomerMatch]:
        """Return at most `n` customers that match all words of `text`, those with the most orders first."""
        names = self.texts("customers/names")
        return [
            CustomerMatch(self.customers.id(code), names[code], self.group_name("segments", int(self.segment[code])))
            for code in self._customer_search.search(text, n)
        ]

    def matching_customers(self, text: str) -> NDArray[np.int64]:
        """Return the codes of all customers that match all words of `text`, ascending."""
        return self._customer_search.match(text)

    def search_items(self, text: str, n: int) -> list[Item]:
        """Return at most `n` items that match all words of `text`, those with the most orders first."""
        return [self.item(code) for code in self._item_search.search(text, n)]

    def texts(self, name: str) -> StringArray:
        return StringArray(self.bundle.array(f"{name}/data"), self.bundle.array(f"{name}/offsets"))
