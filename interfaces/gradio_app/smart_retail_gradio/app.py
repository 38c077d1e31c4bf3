"""One page, three tabs over an engine: an engine in, a Gradio app out."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import gradio as gr

from smart_retail import words
from smart_retail.display import named
from smart_retail.errors import RetailError
from smart_retail.protocol import DEFAULT_METHOD, RetailEngine
from smart_retail_gradio import endpoints, finder, render

TITLE = "Smart Retail Engine"
NOBODY = "Choose a customer on the left, or one of the examples."
NOTHING = "Choose a product on the left."
MATCHES = 8
"""Hits shown below a search box."""
EXAMPLES_AMONG = 100
"""Customers among whom an example of each kind is looked for."""
QUEUE = 64
"""Requests that may wait; more are turned away."""
AT_ONCE = 8
"""Requests that are answered at a time."""


def build_demo(engine: RetailEngine) -> gr.Blocks:
    """The app over `engine`. Named endpoints: recommend, similar, basket.

    Queue limits are set; `launch.serve` adds theme, style and the address.
    """
    with gr.Blocks(title=TITLE, analytics_enabled=False) as demo:
        gr.HTML(f'<div class="sr-title"><h1>{TITLE}</h1><p>Whom to offer what, and why</p></div>')
        with gr.Tab("Recommend"):
            _recommend(engine)
        with gr.Tab("Similar products"):
            _similar(engine)
        with gr.Tab("New visitor"):
            _visitor(engine)
        footer = gr.HTML(render.footer(engine.model()))
        demo.load(lambda: render.footer(engine.model()), None, footer, show_progress="hidden", api_visibility="private")
        endpoints.publish(engine)
    return demo.queue(max_size=QUEUE, default_concurrency_limit=AT_ONCE)


def _recommend(engine: RetailEngine) -> None:
    with gr.Row():
        with _controls():
            customer, settled = finder.one("Customer", lambda text: customers(engine, text))
            n, category = _n(), _categories(engine)
            hide = gr.Checkbox(not engine.model().show_purchased, label="Hide what was bought")
            ask = gr.Button("Recommend", variant="primary")
            with gr.Row(elem_classes="sr-examples"):
                tries = {gr.Button(label, size="sm", min_width=60): c for label, c in examples(engine).items()}
        with gr.Column(scale=3):
            method = _method()
            who = gr.HTML()
            out = gr.HTML(render.empty(NOBODY))

    def show(customer_id: str, *choices: Any) -> tuple[str, str]:
        if not customer_id:
            return "", render.empty(NOBODY)
        method, n, categories, hide = choices
        profile = engine.customer(customer_id)
        result = engine.recommend(customer_id, method, int(n), exclude_purchased=hide, categories=categories or None)
        return render.person(profile, engine.model().currency), render.answer(result)

    chosen = [finder.put(button, identity, customer) for button, identity in tries.items()]
    for event in (*settled, *chosen, ask.click, method.change, n.release, category.change, hide.change):
        _on(event, show, [customer, method, n, category, hide], [who, out])


def _similar(engine: RetailEngine) -> None:
    with gr.Row():
        with _controls():
            item, settled = finder.one("Product", lambda text: items(engine, text))
            n, category = _n(), _categories(engine)
        with gr.Column(scale=3):
            out = gr.HTML(render.empty(NOTHING))

    def show(item_id: str, n: float, categories: list[str]) -> str:
        if not item_id:
            return render.empty(NOTHING)
        return render.answer(engine.similar_items(item_id, int(n), categories=categories or None))

    for event in (*settled, n.release, category.change):
        _on(event, show, [item, n, category], [out])


def _visitor(engine: RetailEngine) -> None:
    with gr.Row():
        with _controls():
            basket = finder.several("Add a product", "In the basket", lambda text: items(engine, text))
            n = _n()
        with gr.Column(scale=3):
            method = _method()
            out = gr.HTML(render.answer(engine.recommend_for_basket([])))

    def show(item_ids: list[str], method: str, n: float) -> str:
        return render.answer(engine.recommend_for_basket(item_ids or [], int(n), method=method))

    for event in (basket.change, method.change, n.release):
        _on(event, show, [basket, method, n], [out])


def _controls() -> gr.Column:
    return gr.Column(scale=1, min_width=280)


def _method() -> gr.Radio:
    labels = [(label, method) for method, (label, _) in words.METHODS.items()]
    return gr.Radio(labels, value=DEFAULT_METHOD, show_label=False, container=False, elem_classes="sr-methods")


def _n() -> gr.Slider:
    return gr.Slider(1, 100, 10, step=1, label="Items")


def _categories(engine: RetailEngine) -> gr.Dropdown:
    return gr.Dropdown(engine.categories(), value=[], multiselect=True, label="Categories", info="None chosen: any")


def customers(engine: RetailEngine, text: str) -> list[finder.Choice]:
    """Customers for a search box: name and id shown, id meant."""
    return [(named(m.customer_name, m.customer_id), m.customer_id) for m in engine.search_customers(text, MATCHES)]


def items(engine: RetailEngine, text: str) -> list[finder.Choice]:
    """Items for a search box: name and id shown, id meant."""
    return [(named(i.item_name, i.item_id), i.item_id) for i in engine.search_items(text, MATCHES)]


def examples(engine: RetailEngine) -> dict[str, str]:
    """A champion, a customer with one order and an unknown id, as far as the model has them."""
    some = engine.search_customers("", EXAMPLES_AMONG)
    found = {}
    champion = next((m.customer_id for m in some if m.segment == "Champions"), None)
    once = next((m.customer_id for m in some if engine.customer(m.customer_id).orders == 1), None)
    if champion is not None:
        found["A champion"] = champion
    if once is not None:
        found["One order"] = once
    return found | {"An unknown id": "somebody-new"}


def _on(event: Any, show: Callable[..., Any], inputs: list[Any], outputs: list[Any]) -> None:
    """Answer an event; a `RetailError` is told where the answer would stand, never as a trace."""

    @wraps(show)
    def guarded(*values: Any) -> Any:
        try:
            return show(*values)
        except RetailError as error:
            told = render.error(error)
            return told if len(outputs) == 1 else (*[""] * (len(outputs) - 1), told)

    event(guarded, inputs, outputs, show_progress="minimal", api_visibility="private", trigger_mode="always_last")
