"""One page with four tabs over an engine: recommendations, similar products, a basket, and the shop."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import gradio as gr
from markupsafe import Markup

from smart_retail.errors import FormatVersionError, RetailError
from smart_retail.presentation import labels
from smart_retail.presentation.formatting import join_name_and_id
from smart_retail.presentation.sales_texts import PERIODS, last_days
from smart_retail.protocol import BOUGHT_TOGETHER, DEFAULT_METHOD, DEFAULT_SALES_DAYS, SAME_CUSTOMERS, RetailEngine
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail_gradio import endpoints, html, search_box

TITLE = "Smart Retail Engine"
SUBTITLE = "What to recommend to each customer, and why"
NO_CUSTOMER_HINT = "Choose a customer, or one of the examples."
NO_PRODUCT_HINT = "Search and choose a product."
MATCHES = 8
"""Matches shown below a search box."""
EXAMPLE_POOL_SIZE = 100
"""Customers among whom the examples are searched."""
MAX_QUEUED_REQUESTS = 64
"""Further requests are rejected."""
MAX_CONCURRENT_REQUESTS = 8
UNKNOWN_CUSTOMER_ID = "new-customer"

Build = Callable[[RetailEngine], Any]
Refresh = dict[Any, Build]
"""Component -> function that builds its content from the engine when the page is opened."""


def build_demo(engine: RetailEngine | ReloadingEngine) -> gr.Blocks:
    """Build the app, with the named endpoints of `endpoints.publish`.

    Every request uses one engine from start to end; a page that is opened anew shows the current version. Queue limits
    are set here; `server.start` adds theme, style and address.
    """
    engines = engine if isinstance(engine, ReloadingEngine) else ReloadingEngine.fixed(engine)
    demo: gr.Blocks = gr.Blocks(title=TITLE, analytics_enabled=False)
    with demo:
        gr.HTML(html.title(TITLE, SUBTITLE))
        with gr.Tab("Recommend"):
            refresh = _recommend_tab(engines)
        with gr.Tab("Products"):
            refresh |= _similar_tab(engines)
        with gr.Tab("Basket"):
            refresh |= _visitor_tab(engines)
        with gr.Tab("Shop"):
            refresh |= _shop_tab(engines)
        footer = gr.HTML(html.footer(engines.get().model()))
        _connect(demo.load, _refresh_page(engines, list(refresh.values())), [], [*refresh, footer])
        endpoints.publish(engines)
    demo.queue(max_size=MAX_QUEUED_REQUESTS, default_concurrency_limit=MAX_CONCURRENT_REQUESTS)
    return demo


def _refresh_page(engines: ReloadingEngine, builders: list[Build]) -> Callable[[], tuple[Any, ...]]:
    """Return the function that builds the content of a page that is opened."""

    def refresh_page() -> tuple[Any, ...]:
        engine = engines.get()
        return (*(build(engine) for build in builders), html.footer(engine.model()))

    return refresh_page


def _recommend_tab(engines: ReloadingEngine) -> Refresh:
    engine = engines.get()
    with gr.Row():
        with _controls():
            customer, selected = search_box.single_search("Customer", lambda text: find_customers(engines.get(), text))
            n, category = _length_slider(), _category_choice(engine)
            hide = gr.Checkbox(_hides_purchased(engine), label="Hide purchased products")
            scenario = _scenario_choice(engine)
            with gr.Accordion("Price and exclusions", open=False):
                low, high = gr.Number(None, label="Price from", minimum=0), gr.Number(None, label="Price to", minimum=0)
                without = gr.Dropdown(
                    [], value=[], multiselect=True, allow_custom_value=True, label="Without these products", info="Ids"
                )
            submit = gr.Button("Recommend", variant="primary")
            with gr.Row(elem_classes="sr-examples"):
                buttons = [gr.Button(label, size="sm", min_width=60) for label in examples(engine)]
        with gr.Column(scale=3):
            method = _method_choice()
            profile_html = gr.HTML()
            list_html = gr.HTML(html.empty(NO_CUSTOMER_HINT))

    def show_recommendations(
        customer_id: str,
        method: str,
        n: float,
        categories: list[str],
        hide: bool,
        scenario: str = "",
        low: float | None = None,
        high: float | None = None,
        without: list[str] | None = None,
    ) -> tuple[str, str]:
        if not customer_id:
            return "", html.empty(NO_CUSTOMER_HINT)
        engine = engines.get()
        profile, currency = engine.customer(customer_id), engine.model().currency
        # A scenario has its own method and number.
        options = (None, None) if scenario else (method, int(n))
        result = engine.recommend(
            customer_id,
            *options,
            exclude_purchased=hide,
            categories=categories or None,
            scenario=scenario or None,
            price_min=low,
            price_max=high,
            exclude=without,
        )
        card = html.customer_profile(profile, currency) + _show_value(engine, customer_id, currency)
        return card, html.recommendations(result)

    def example_id(label: str) -> str:
        return examples(engines.get()).get(label, UNKNOWN_CUSTOMER_ID)

    chosen = [search_box.fill_on_click(button, example_id, customer) for button in buttons]
    filters = (category, hide, scenario, low, high, without)
    changes = [control.change for control in (method, *filters)]
    for event in (*selected, *chosen, submit.click, n.release, *changes):
        _connect(event, show_recommendations, [customer, method, n, *filters], [profile_html, list_html])
    return {category: _category_update, hide: _hides_purchased, scenario: _scenario_update}


def _show_value(engine: RetailEngine, customer_id: str, currency: str) -> Markup:
    """Return the forecast of a customer; bundles of older versions have none."""
    try:
        return html.customer_value(engine.customer_value(customer_id), currency)
    except FormatVersionError:
        return Markup()


def _similar_tab(engines: ReloadingEngine) -> Refresh:
    with gr.Row():
        with _controls():
            item, selected = search_box.single_search("Product", lambda text: find_items(engines.get(), text))
            n, category = _length_slider(), _category_choice(engines.get())
        with gr.Column(scale=3):
            product_html = gr.HTML()
            list_html = gr.HTML(html.empty(NO_PRODUCT_HINT))

    def show_similar(item_id: str, n: float, categories: list[str]) -> tuple[str, str]:
        if not item_id:
            return "", html.empty(NO_PRODUCT_HINT)
        engine = engines.get()
        found = [
            engine.similar_items(item_id, int(n), categories=categories or None, relation=relation)
            for relation in (BOUGHT_TOGETHER, SAME_CUSTOMERS)
        ]
        name = next((i.item_name for i in engine.search_items(item_id, MATCHES) if i.item_id == item_id), "")
        bundles = html.bundles(engine.bundles(item_id, n=MATCHES), engine.model().currency)
        return html.product(name, item_id), html.related(found) + bundles

    for event in (*selected, n.release, category.change):
        _connect(event, show_similar, [item, n, category], [product_html, list_html])
    return {category: _category_update}


def _visitor_tab(engines: ReloadingEngine) -> Refresh:
    with gr.Row():
        with _controls():
            basket = search_box.multi_search(
                "Add a product", "In the basket", lambda text: find_items(engines.get(), text)
            )
            customer, selected = search_box.single_search(
                "Customer, if known", lambda text: find_customers(engines.get(), text)
            )
            n = _length_slider()
        with gr.Column(scale=3):
            method = _method_choice()
            list_html = gr.HTML(_empty_basket_list(engines.get()))

    def show_basket(item_ids: list[str], customer_id: str, method: str, n: float) -> str:
        result = engines.get().recommend_for_basket(
            item_ids or [], int(n), customer_id=customer_id.strip() or None, method=method
        )
        return html.recommendations(result)

    for event in (basket.change, *selected, method.change, n.release):
        _connect(event, show_basket, [basket, customer, method, n], [list_html])
    return {list_html: _empty_basket_list}


def _empty_basket_list(engine: RetailEngine) -> str:
    """Return the list of a visitor without a basket."""
    return html.recommendations(engine.recommend_for_basket([]))


def _shop_tab(engines: ReloadingEngine) -> Refresh:
    periods = [(label, days) for days, label in PERIODS.items()]
    with gr.Row():
        days = gr.Radio(periods, value=DEFAULT_SALES_DAYS, label="Sales of the last", elem_classes="sr-methods")
        category = gr.Dropdown(["", *engines.get().categories()], value="", label="Category", info="Empty: all")
    shop_html = gr.HTML(_shop(engines.get()))

    def show_shop(days: int, category: str) -> str:
        return _shop(engines.get(), days, category)

    for event in (days.change, category.change):
        _connect(event, show_shop, [days, category], [shop_html])
    return {category: lambda engine: gr.Dropdown(choices=["", *engine.categories()]), shop_html: _shop}


def _shop(engine: RetailEngine, days: int = DEFAULT_SALES_DAYS, category: str = "") -> str:
    """Return the sales of the last days of the history, the segments and the clusters."""
    model = engine.model()
    sales = engine.sales(*last_days(days, model.first, model.last), category or None)
    return html.shop(sales, engine.segments(), engine.clusters(), model)


def _hides_purchased(engine: RetailEngine) -> bool:
    """Return whether purchased products are hidden by default."""
    return not engine.model().show_purchased


def _category_update(engine: RetailEngine) -> Any:
    return gr.Dropdown(choices=engine.categories())


def _scenarios(engine: RetailEngine) -> list[tuple[str, str]]:
    """Return label and name of the scenarios of the business rules, none first."""
    return [("None", ""), *((s.name, s.name) for s in engine.model().scenarios)]


def _scenario_choice(engine: RetailEngine) -> gr.Dropdown:
    choices = _scenarios(engine)
    info = "Method, number and rules by one name"
    return gr.Dropdown(choices, value="", label="Scenario", info=info, visible=len(choices) > 1)


def _scenario_update(engine: RetailEngine) -> Any:
    choices = _scenarios(engine)
    return gr.Dropdown(choices=choices, visible=len(choices) > 1)


def _controls() -> gr.Column:
    return gr.Column(scale=1, min_width=280)


def _method_choice() -> gr.Radio:
    choices = [(label, method) for method, (label, _) in labels.METHODS.items()]
    return gr.Radio(choices, value=DEFAULT_METHOD, show_label=False, container=False, elem_classes="sr-methods")


def _length_slider() -> gr.Slider:
    return gr.Slider(1, 100, 10, step=1, label="Products")


def _category_choice(engine: RetailEngine) -> gr.Dropdown:
    return gr.Dropdown(engine.categories(), value=[], multiselect=True, label="Categories", info="None chosen: all")


def find_customers(engine: RetailEngine, text: str) -> list[search_box.Choice]:
    """Return the customers that match a search text: name and id, and the id."""
    return [
        (join_name_and_id(m.customer_name, m.customer_id), m.customer_id)
        for m in engine.search_customers(text, MATCHES)
    ]


def find_items(engine: RetailEngine, text: str) -> list[search_box.Choice]:
    """Return the products that match a search text: name and id, and the id."""
    return [(join_name_and_id(i.item_name, i.item_id), i.item_id) for i in engine.search_items(text, MATCHES)]


def examples(engine: RetailEngine) -> dict[str, str]:
    """Return label and id of a champion, a customer with one order and an unknown customer, as far as there are any."""
    pool = engine.search_customers("", EXAMPLE_POOL_SIZE)
    champion = next((m.customer_id for m in pool if m.segment == "Champions"), None)
    one_order = next((m.customer_id for m in pool if engine.customer(m.customer_id).orders == 1), None)
    found = {}
    if champion is not None:
        found["Champion"] = champion
    if one_order is not None:
        found["One order"] = one_order
    return found | {"Unknown customer": UNKNOWN_CUSTOMER_ID}


def _connect(event: Any, function: Callable[..., Any], inputs: list[Any], outputs: list[Any]) -> None:
    """Call `function` on an event. A `RetailError` is shown in the last output, never as a traceback."""

    @wraps(function)
    def guarded(*values: Any) -> Any:
        try:
            return function(*values)
        except RetailError as error:
            message = html.error(error)
            return message if len(outputs) == 1 else (*_cleared(outputs[:-1]), message)

    event(guarded, inputs, outputs, show_progress="minimal", api_visibility="private", trigger_mode="always_last")


def _cleared(components: list[Any]) -> list[Any]:
    """Return empty text for HTML components; others keep their value."""
    return ["" if isinstance(component, gr.HTML) else gr.skip() for component in components]
