"""One page, three tabs over an engine: an engine in, a Gradio app out."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import gradio as gr

from smart_retail.errors import RetailError
from smart_retail.presentation import labels as words
from smart_retail.presentation.formatting import join_name_and_id
from smart_retail.protocol import DEFAULT_METHOD, RetailEngine
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail_gradio import endpoints, html, search_box

TITLE = "Smart Retail Engine"
NO_CUSTOMER_HINT = "Choose a customer on the left, or one of the examples."
NO_PRODUCT_HINT = "Choose a product on the left."
MATCHES = 8
"""Hits shown below a search box."""
EXAMPLE_POOL_SIZE = 100
"""Customers among whom an example of each kind is looked for."""
MAX_QUEUED_REQUESTS = 64
"""Requests that may wait; more are turned away."""
MAX_CONCURRENT_REQUESTS = 8
"""Requests that are answered at a time."""
UNKNOWN_CUSTOMER_ID = "somebody-new"

Make = Callable[[RetailEngine], Any]
Fresh = dict[Any, Make]
"""Components that show something of the model at once -> what they show."""


def build_demo(engine: RetailEngine | ReloadingEngine) -> gr.Blocks:
    """The app over `engine`, or over a holder that exchanges it. Named endpoints: recommend, similar, basket.

    Each answer comes from one engine; who opens the page anew sees the version of the moment everywhere.
    Queue limits are set; `launch.serve` adds theme, style and the address.
    """
    held = engine if isinstance(engine, ReloadingEngine) else ReloadingEngine.fixed(engine)
    with gr.Blocks(title=TITLE, analytics_enabled=False) as demo:
        gr.HTML(f'<div class="sr-title"><h1>{TITLE}</h1><p>Whom to offer what, and why</p></div>')
        with gr.Tab("Recommend"):
            fresh = _recommend(held)
        with gr.Tab("Similar products"):
            fresh |= _similar(held)
        with gr.Tab("New visitor"):
            fresh |= _visitor(held)
        footer = gr.HTML(html.footer(held.get().model()))
        _on(demo.load, _again(held, list(fresh.values())), [], [*fresh, footer])
        endpoints.publish(held)
    return demo.queue(max_size=MAX_QUEUED_REQUESTS, default_concurrency_limit=MAX_CONCURRENT_REQUESTS)


def _again(held: ReloadingEngine, makers: list[Make]) -> Callable[[], tuple[Any, ...]]:
    """What an opened page shows before anybody chose, made once more."""

    def again() -> tuple[Any, ...]:
        engine = held.get()
        return (*(make(engine) for make in makers), html.footer(engine.model()))

    return again


def _recommend(held: ReloadingEngine) -> Fresh:
    engine = held.get()
    with gr.Row():
        with _controls():
            customer, settled = search_box.single_search("Customer", lambda text: customers(held.get(), text))
            n, category = _n(), _categories(engine)
            hide = gr.Checkbox(_hides(engine), label="Hide what was bought")
            ask = gr.Button("Recommend", variant="primary")
            with gr.Row(elem_classes="sr-examples"):
                tries = [gr.Button(label, size="sm", min_width=60) for label in examples(engine)]
        with gr.Column(scale=3):
            method = _method()
            who = gr.HTML()
            out = gr.HTML(html.empty(NO_CUSTOMER_HINT))

    def show(customer_id: str, *choices: Any) -> tuple[str, str]:
        if not customer_id:
            return "", html.empty(NO_CUSTOMER_HINT)
        engine = held.get()
        method, n, categories, hide = choices
        profile = engine.customer(customer_id)
        result = engine.recommend(customer_id, method, int(n), exclude_purchased=hide, categories=categories or None)
        return html.person(profile, engine.model().currency), html.answer(result)

    chosen = [
        search_box.fill_on_click(each, lambda label: examples(held.get()).get(label, UNKNOWN_CUSTOMER_ID), customer)
        for each in tries
    ]
    for event in (*settled, *chosen, ask.click, method.change, n.release, category.change, hide.change):
        _on(event, show, [customer, method, n, category, hide], [who, out])
    return {category: _offered, hide: _hides}


def _similar(held: ReloadingEngine) -> Fresh:
    with gr.Row():
        with _controls():
            item, settled = search_box.single_search("Product", lambda text: items(held.get(), text))
            n, category = _n(), _categories(held.get())
        with gr.Column(scale=3):
            out = gr.HTML(html.empty(NO_PRODUCT_HINT))

    def show(item_id: str, n: float, categories: list[str]) -> str:
        if not item_id:
            return html.empty(NO_PRODUCT_HINT)
        return html.answer(held.get().similar_items(item_id, int(n), categories=categories or None))

    for event in (*settled, n.release, category.change):
        _on(event, show, [item, n, category], [out])
    return {category: _offered}


def _visitor(held: ReloadingEngine) -> Fresh:
    with gr.Row():
        with _controls():
            basket = search_box.multi_search("Add a product", "In the basket", lambda text: items(held.get(), text))
            n = _n()
        with gr.Column(scale=3):
            method = _method()
            out = gr.HTML(_to_anybody(held.get()))

    def show(item_ids: list[str], method: str, n: float) -> str:
        return html.answer(held.get().recommend_for_basket(item_ids or [], int(n), method=method))

    for event in (basket.change, method.change, n.release):
        _on(event, show, [basket, method, n], [out])
    return {out: _to_anybody}


def _to_anybody(engine: RetailEngine) -> str:
    return html.answer(engine.recommend_for_basket([]))


def _hides(engine: RetailEngine) -> bool:
    """Whether a visit begins without what was bought."""
    return not engine.model().show_purchased


def _offered(engine: RetailEngine) -> Any:
    return gr.Dropdown(choices=engine.categories())


def _controls() -> gr.Column:
    return gr.Column(scale=1, min_width=280)


def _method() -> gr.Radio:
    labels = [(label, method) for method, (label, _) in words.METHODS.items()]
    return gr.Radio(labels, value=DEFAULT_METHOD, show_label=False, container=False, elem_classes="sr-methods")


def _n() -> gr.Slider:
    return gr.Slider(1, 100, 10, step=1, label="Items")


def _categories(engine: RetailEngine) -> gr.Dropdown:
    return gr.Dropdown(engine.categories(), value=[], multiselect=True, label="Categories", info="None chosen: any")


def customers(engine: RetailEngine, text: str) -> list[search_box.Choice]:
    """Customers for a search box: name and id shown, id meant."""
    return [
        (join_name_and_id(m.customer_name, m.customer_id), m.customer_id)
        for m in engine.search_customers(text, MATCHES)
    ]


def items(engine: RetailEngine, text: str) -> list[search_box.Choice]:
    """Items for a search box: name and id shown, id meant."""
    return [(join_name_and_id(i.item_name, i.item_id), i.item_id) for i in engine.search_items(text, MATCHES)]


def examples(engine: RetailEngine) -> dict[str, str]:
    """A champion, a customer with one order and an unknown id, as far as the model has them."""
    some = engine.search_customers("", EXAMPLE_POOL_SIZE)
    found = {}
    champion = next((m.customer_id for m in some if m.segment == "Champions"), None)
    once = next((m.customer_id for m in some if engine.customer(m.customer_id).orders == 1), None)
    if champion is not None:
        found["A champion"] = champion
    if once is not None:
        found["One order"] = once
    return found | {"An unknown id": UNKNOWN_CUSTOMER_ID}


def _on(event: Any, show: Callable[..., Any], inputs: list[Any], outputs: list[Any]) -> None:
    """Answer an event; a `RetailError` is told where the answer would stand, never as a trace."""

    @wraps(show)
    def guarded(*values: Any) -> Any:
        try:
            return show(*values)
        except RetailError as error:
            told = html.error(error)
            return told if len(outputs) == 1 else (*_cleared(outputs[:-1]), told)

    event(guarded, inputs, outputs, show_progress="minimal", api_visibility="private", trigger_mode="always_last")


def _cleared(parts: list[Any]) -> list[Any]:
    """Nothing where text stood; what is chosen from stays as it is."""
    return ["" if isinstance(part, gr.HTML) else gr.skip() for part in parts]
