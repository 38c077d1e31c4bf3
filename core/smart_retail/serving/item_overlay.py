"""Items that were added or changed since the fit, laid over the items of a bundle.

The codes of the bundle stay as they are; added items have the codes after them. Only what differs is computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from smart_retail.events.item_changes import ItemChange
from smart_retail.recommenders.base import Catalogue
from smart_retail.utils.id_map import IdMap, StringArray


@dataclass(frozen=True, slots=True)
class ExtendedIdMap(IdMap):
    """The ids of a bundle, and those of added items with the codes after them."""

    added: Mapping[str, int]
    """Code of each added item."""

    def __len__(self) -> int:
        return len(self.ids)

    def code(self, text: str) -> int:
        """Return the code of an id, -1 for an unknown one."""
        found = self.added.get(text)
        return self._fitted.code(text) if found is None else found

    def neighbors(self, text: str, n: int) -> list[int]:
        """Return the codes of at most `n` ids of the bundle around the position of an unknown id, ascending."""
        return self._fitted.neighbors(text, n)

    @property
    def _fitted(self) -> IdMap:
        n = len(self.ids) - len(self.added)
        return IdMap(StringArray(self.ids.data, self.ids.offsets[: n + 1]))


@dataclass(frozen=True)
class ItemOverlay:
    """Changes of the items of one bundle.

    Parameters
    ----------
    fitted : IdMap
        Items of the bundle.
    changes : mapping
        Changed items by id.
    through : str
        Time of the latest change that the fit included.
    """

    fitted: IdMap
    changes: Mapping[str, ItemChange]
    through: str = ""

    @cached_property
    def changed(self) -> dict[int, ItemChange]:
        """Changes of items of the bundle, by item code."""
        return {code: change for item_id, change in self._newer.items() if (code := self.fitted.code(item_id)) >= 0}

    @cached_property
    def added(self) -> dict[str, ItemChange]:
        """Items that are not in the bundle, by id in byte order."""
        new = {item_id: change for item_id, change in self._newer.items() if self.fitted.code(item_id) < 0}
        return dict(sorted(new.items(), key=lambda entry: entry[0].encode("utf-8", "replace")))

    @cached_property
    def _newer(self) -> dict[str, ItemChange]:
        return {item_id: change for item_id, change in self.changes.items() if change.changed > self.through}

    @cached_property
    def added_by_code(self) -> dict[int, ItemChange]:
        """Items that are not in the bundle, by item code."""
        return dict(enumerate(self.added.values(), len(self.fitted)))

    def items(self) -> IdMap:
        """Return all items; the codes of those of the bundle are unchanged."""
        if not self.added:
            return self.fitted
        codes = {item_id: code for code, item_id in enumerate(self.added, len(self.fitted))}
        return ExtendedIdMap(extend_texts(self.fitted.ids, self.added), codes)

    def category_names(self, names: Sequence[str], field: str) -> list[str]:
        """Return the names of categories or subcategories by code, those of added items last.

        A name that differs from one of the bundle in letter case only is the same.
        """
        known, extended = {name.casefold() for name in names}, list(names)
        for change in self.added.values():
            name = getattr(change, field)
            if name and name.casefold() not in known:
                known.add(name.casefold())
                extended.append(name)
        return extended

    def catalogue(self, fitted: Catalogue, names: Mapping[str, Sequence[str]], item_names: StringArray) -> Catalogue:
        """Return the attributes of all items.

        Parameters
        ----------
        fitted : Catalogue
            Of the items of the bundle.
        names : mapping
            Names of all ``categories`` and ``subcategories`` by code.
        item_names : StringArray
            Names of the items of the bundle.
        """
        if not self._newer:
            return fitted
        added = list(self.added.values())
        code = {kind: {name.casefold(): i for i, name in enumerate(names[kind])} for kind in _KINDS.values()}

        def codes(field: str) -> NDArray[np.int32]:
            found = code[_KINDS[field]]
            own = [found.get(getattr(change, field).casefold(), -1) for change in added]
            return np.concatenate((getattr(fitted, field), np.array(own, np.int32)))

        return replace(
            fitted,
            category=codes("category"),
            subcategory=codes("subcategory"),
            price=self._prices(fitted.price),
            variant=self._variants(fitted.variant, item_names),
            in_stock=self._in_stock(fitted.in_stock),
        )

    def _prices(self, fitted: NDArray[np.float64]) -> NDArray[np.float64]:
        own = [np.nan if change.list_price is None else change.list_price for change in self.added.values()]
        price = np.concatenate((fitted, np.array(own, np.float64)))
        for code, change in self.changed.items():
            if change.list_price is not None:
                price[code] = change.list_price
        return price

    def _in_stock(self, fitted: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        n = len(self.fitted)
        in_stock = np.ones(n + len(self.added), np.bool_)
        if fitted is not None:
            in_stock[:n] = fitted
        for code, change in (self.changed | self.added_by_code).items():
            if change.stock is not None:
                in_stock[code] = change.stock > 0
        return None if in_stock.all() else in_stock

    def _variants(self, fitted: NDArray[np.int32] | None, names: StringArray) -> NDArray[np.int32] | None:
        """Return the product of each item; an added item is a variant of others of its name but for size and colour."""
        if fitted is None or not self.added:
            return fitted
        from smart_retail.recommenders.variants import variant_key  # not needed without added items

        wanted = {change.item_name.casefold() for change in self.added.values()}
        same = {name.casefold(): code for code, name in enumerate(names) if name.casefold() in wanted}
        first: dict[str, int] = {}
        own = []
        for code, change in self.added_by_code.items():
            known = same.get(change.item_name.casefold())
            product = code if known is None else int(fitted[known])
            own.append(first.setdefault(variant_key(change.item_name), product) if change.item_name else code)
        return np.concatenate((fitted, np.array(own, np.int32)))


_KINDS = {"category": "categories", "subcategory": "subcategories"}


def extend_texts(texts: StringArray, added: Iterable[str]) -> StringArray:
    """Return texts with others after them."""
    more = StringArray.of(added)
    return StringArray(
        np.concatenate((texts.data, more.data)), np.concatenate((texts.offsets, more.offsets[1:] + texts.offsets[-1]))
    )


def extend_counts(counts: NDArray[np.int32], n_added: int) -> NDArray[np.int32]:
    """Return counts by item with zeros for added items."""
    return np.concatenate((counts, np.zeros(n_added, counts.dtype))) if n_added else counts
