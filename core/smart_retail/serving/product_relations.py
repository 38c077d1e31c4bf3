"""Product bundles and substitutes: items that are bought in one order, and items that replace each other.

In: the purchases of a bundle of models, as of the fit. Out: `ProductBundles` and `Substitutes`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.protocol import check_bundles, check_page
from smart_retail.recommenders.item_sets import NO_ITEM, ItemSets, count_sets_of_item
from smart_retail.recommenders.substitutes import MIN_EXPECTED, count_substitutes
from smart_retail.results import ProductBundle, ProductBundles, Substitute, Substitutes
from smart_retail.serving import explanation_texts
from smart_retail.serving.bundle_tables import BundleTables
from smart_retail.utils.fixed_point import MILLION


class ProductRelations:
    """Relations of the products of one shop; safe for several threads.

    Parameters
    ----------
    tables : BundleTables
    """

    def __init__(self, tables: BundleTables) -> None:
        self._tables = tables
        self._latest: tuple[int, ItemSets] | None = None

    def bundles(
        self, item_id: str | None, sort: str, size: int | None, min_support: int | None, n: int, offset: int
    ) -> ProductBundles:
        """Return a page of product bundles; arguments and errors as of `RetailEngine.bundles`."""
        check_bundles(sort, size, min_support)
        check_page(n, offset)
        tables = self._tables
        code = None if item_id is None else tables.item_code(item_id)
        sets = tables.item_sets if code is None else self._sets_of(code)
        n_orders = tables.pairs.orders.n
        lift = sets.lift(tables.pairs.orders.totals, n_orders)
        figures: dict[str, NDArray[Any]] = {
            "support": sets.support, "confidence": sets.confidence, "lift": lift, "revenue": sets.revenue,
        }  # fmt: skip
        least = max(sets.min_support, min_support or 0)
        kept = np.flatnonzero((sets.support >= least) & ((sets.size == size) if size else True))
        ties = (*sets.items[kept].T[::-1], -sets.support[kept], -figures[sort][kept])
        page = kept[np.lexsort(ties)][offset : offset + n]
        return ProductBundles(
            item=None if code is None else tables.item_ref(code),
            sort=sort,
            min_support=least,
            orders=n_orders,
            total=len(kept),
            entries=tuple(self._bundle(sets, i, float(lift[i])) for i in page.tolist()),
            model_version=tables.bundle.version,
        )

    def _sets_of(self, code: int) -> ItemSets:
        """Return the sets of one item; the latest are cached, since several pages or sort orders follow each other."""
        latest = self._latest
        if latest is None or latest[0] != code:
            found = count_sets_of_item(self._tables.order_lines, code, self._tables.min_support)
            latest = self._latest = code, found
        return latest[1]

    def _bundle(self, sets: ItemSets, index: int, lift: float) -> ProductBundle:
        items = tuple(self._tables.item_ref(code) for code in sets.items[index].tolist() if code != NO_ITEM)
        support, confidence = int(sets.support[index]), float(sets.confidence[index])
        return ProductBundle(
            items=items,
            support=support,
            confidence=round(confidence, 6),
            lift=round(lift, 4),
            revenue=round(int(sets.revenue[index]) / MILLION, 2),
            text=explanation_texts.product_bundle([i.item_name for i in items], support, lift, confidence),
        )

    def substitutes(self, item_id: str, n: int) -> Substitutes:
        """Return the substitutes of an item; arguments and errors as of `RetailEngine.substitutes`."""
        check_page(n)
        tables = self._tables
        code = tables.item_code(item_id)
        catalogue = tables.catalogue
        names, codes = tables.names["subcategories"], np.asarray(catalogue.subcategory)
        if codes[code] < 0:
            names, codes = tables.names["categories"], np.asarray(catalogue.category)
        group = int(codes[code])
        lines = tables.purchase_lines
        found = count_substitutes(
            (tables.line_customers(), lines.order, lines.item),
            tables.customer_orders,
            code,
            codes == group,
            tables.item_customers,
            tables.min_support,
        )
        rows = zip(
            *(column[:n].tolist() for column in (found.item, found.customers, found.together, found.expected)),
            found.similarity[:n].tolist(),
            strict=True,
        )
        entries = tuple(
            Substitute(
                item=tables.item_ref(other),
                customers=customers,
                together=together,
                expected=round(expected, 2),
                similarity=round(similarity, 6),
                text=explanation_texts.substitute(customers, together, expected),
            )
            for other, customers, together, expected, similarity in rows
        )
        name = names[group] if group >= 0 else ""
        return Substitutes(
            item=tables.item_ref(code),
            group=name,
            entries=entries,
            note="" if entries else explanation_texts.no_substitute(name, MIN_EXPECTED),
            model_version=tables.bundle.version,
        )
