"""Named endpoints for programs: the engine's answers as plain JSON, beside the screens."""

from __future__ import annotations

from typing import Any

import gradio as gr

from smart_retail.errors import RetailError
from smart_retail.protocol import DEFAULT_METHOD
from smart_retail.serving.hot_reload import ReloadingEngine

Plain = dict[str, Any]


def publish(held: ReloadingEngine) -> None:
    """Add the endpoints recommend, similar and basket to the app that is being built."""

    def recommend(
        customer_id: str,
        method: str = DEFAULT_METHOD,
        n: int = 10,
        exclude_purchased: bool = True,
        categories: list[str] | None = None,
    ) -> dict:  # type: ignore[type-arg]  # Gradio knows the bare type only
        """The best items for a customer; an unknown one gets popularity."""
        return _plain(
            lambda: held.get().recommend(
                customer_id, method, n, exclude_purchased=exclude_purchased, categories=categories or None
            )
        )

    def similar(item_id: str, n: int = 10, categories: list[str] | None = None) -> dict:  # type: ignore[type-arg]
        """What goes with an item."""
        return _plain(lambda: held.get().similar_items(item_id, n, categories=categories or None))

    def basket(item_ids: list[str], n: int = 10, method: str = DEFAULT_METHOD) -> dict:  # type: ignore[type-arg]
        """For a visitor without history whose basket holds these items."""
        return _plain(lambda: held.get().recommend_for_basket(item_ids, n, method=method))

    for endpoint in (recommend, similar, basket):
        gr.api(endpoint, api_name=endpoint.__name__)


def _plain(ask: Any) -> Plain:
    """The answer as JSON data; a `RetailError` with its stable code in the message."""
    try:
        answer: Plain = ask().as_dict()
    except RetailError as error:
        raise gr.Error(f"{error.code}: {error.message} {error.hint}", print_exception=False) from error
    return answer
