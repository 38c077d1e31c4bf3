"""An engine for the examples of the API documentation."""

from __future__ import annotations

from typing import Any

from smart_retail.serving.engine import Engine
from tests import shop


class AnyItemEngine(Engine):
    """Treats the items of the examples as known."""

    def query_similar(self, item_id: str, *arguments: Any) -> Any:
        return super().query_similar(shop.item_ids()[0], *arguments)

    def substitutes(self, item_id: str, *arguments: Any) -> Any:
        return super().substitutes(shop.item_ids()[0], *arguments)

    def audience(self, item_id: str, *arguments: Any, **options: Any) -> Any:
        return super().audience(shop.item_ids()[0], *arguments, **options)

    def item(self, item_id: str) -> Any:
        return super().item(shop.item_ids()[0])
