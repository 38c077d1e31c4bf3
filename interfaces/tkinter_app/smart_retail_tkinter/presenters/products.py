"""Products: bundles of the shop or of one product, its substitutes and its audience."""

from __future__ import annotations

from typing import Protocol

from smart_retail.errors import FormatVersionError, RetailError
from smart_retail.presentation import labels
from smart_retail.presentation.formatting import join_name_and_id, pluralize
from smart_retail.protocol import RetailEngine
from smart_retail.results import Audience, Item, ProductBundles, Substitutes
from smart_retail_tkinter.presenter import MAX_ITEM_MATCHES, Presenter

MAX_ROWS = 1000
MAX_SUBSTITUTES = 20
SEARCH, BUNDLES, RELATED, AUDIENCE = "product-search", "product-bundles", "product-substitutes", "product-audience"


class ProductsView(Protocol):
    """Methods of the page that the presenter calls."""

    def show_products(self, items: list[Item]) -> None: ...
    def show_product(self, title: str) -> None: ...
    def show_bundles(self, found: ProductBundles, text: str) -> None: ...
    def show_substitutes(self, found: Substitutes | None, text: str) -> None: ...
    def show_audience(self, found: Audience | None, text: str) -> None: ...


class ProductsPresenter:
    """State of the page of products.

    Parameters
    ----------
    view : ProductsView
    shell : Presenter
        Has the engine and runs the work.
    """

    def __init__(self, view: ProductsView, shell: Presenter) -> None:
        self._view, self._shell = view, shell
        self.item: tuple[str, str] | None = None
        """Id and name of the selected product."""
        self.sort, self.size = "support", 0
        self.exclude_purchased = True
        self._shown = ""

    def refresh(self) -> None:
        """Show products and bundles of the engine, unless the page shows them already."""
        engine, model = self._shell.engine, self._shell.model
        if engine is not None and model is not None and model.version != self._shown:
            self._shown, self.item = model.version, None
            self.search("")
            self._show_item(engine)

    def search(self, text: str) -> None:
        """List products by id, name or category; a later search replaces this one."""
        engine = self._shell.engine
        if engine is not None:
            self._shell.submit(SEARCH, lambda: engine.search_items(text, MAX_ITEM_MATCHES), self._view.show_products)

    def choose(self, item_id: str, name: str) -> None:
        """Show bundles, substitutes and audience of a product."""
        self.item = (item_id, name)
        self._show_item(self._shell.open_engine())

    def choose_none(self) -> None:
        """Show the bundles of the whole shop."""
        self.item = None
        self._show_item(self._shell.open_engine())

    def set_bundles(self, sort: str, size: int) -> None:
        """Set order and number of products of the bundles; size 0 shows all."""
        self.sort, self.size = sort, size
        self._show_bundles(self._shell.open_engine())

    def set_audience(self, exclude_purchased: bool) -> None:
        """Set whether customers who bought the product are left out of its audience."""
        self.exclude_purchased = exclude_purchased
        self._show_audience(self._shell.open_engine())

    def _show_item(self, engine: RetailEngine) -> None:
        self._view.show_product(join_name_and_id(self.item[1], self.item[0]) if self.item else "All products")
        self._show_bundles(engine)
        self._show_substitutes(engine)
        self._show_audience(engine)

    def _show_bundles(self, engine: RetailEngine) -> None:
        item, sort, size = self.item[0] if self.item else None, self.sort, self.size or None

        def found(bundles: ProductBundles) -> None:
            orders = pluralize(bundles.min_support, "order")
            if bundles.entries:
                text = f"{labels.BUNDLES[1].capitalize()}, in at least {orders}. {labels.BUNDLE_EXPLANATION}"
            else:
                text = f"No products are together in {orders} more often than by chance."
            self._view.show_bundles(bundles, text)

        self._shell.submit(
            BUNDLES, lambda: engine.bundles(item, sort=sort, size=size, n=MAX_ROWS), found, (FormatVersionError,)
        )

    def _show_substitutes(self, engine: RetailEngine) -> None:
        if self.item is None:
            self._view.show_substitutes(None, "Choose a product to see its substitutes.")
            return
        item = self.item[0]

        def found(substitutes: Substitutes) -> None:
            where = f" in {substitutes.group}" if substitutes.group else ""
            text = substitutes.note or f"{labels.SUBSTITUTES[1].capitalize()}{where}."
            self._view.show_substitutes(substitutes, text)

        self._shell.submit(RELATED, lambda: engine.substitutes(item, MAX_SUBSTITUTES), found, (FormatVersionError,))

    def _show_audience(self, engine: RetailEngine) -> None:
        if self.item is None:
            self._view.show_audience(None, "Choose a product to see who would want it.")
            return
        item, exclude = self.item[0], self.exclude_purchased

        def found(result: Audience | RetailError) -> None:
            if isinstance(result, RetailError):  # an API lists customers for admin keys only
                self._view.show_audience(None, f"{result.message} {result.hint}".strip())
                return
            about = result.note or f"{labels.AUDIENCE[1].capitalize()}."
            total = pluralize(result.total, "customer")
            self._view.show_audience(result, f"{total}. {about}" if result.entries else about)

        self._shell.submit(AUDIENCE, lambda: _read_audience(engine, item, exclude), found)


def _read_audience(engine: RetailEngine, item_id: str, exclude_purchased: bool) -> Audience | RetailError:
    """Return the audience, or the error of an API whose key may not list customers."""
    try:
        return engine.audience(item_id, MAX_ROWS, exclude_purchased=exclude_purchased)
    except RetailError as error:
        return error
