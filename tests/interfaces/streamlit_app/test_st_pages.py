"""Every page over the small engine: contents, empty states, and names that look like markup."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

import pytest
from msgspec import structs

from smart_retail.errors import UnknownItemError
from smart_retail.presentation import labels
from smart_retail.protocol import METHODS, CustomerFilter, CustomerQuery
from smart_retail.results import ModelInfo, RecommendationList, Segment
from smart_retail.segmentation.segments import SEGMENTS
from smart_retail.serving.engine import Engine
from smart_retail.settings import Settings

from .conftest import Open, html_of

PAGES = (
    "",
    "customer",
    "customers",
    "products",
    "segments",
    "clusters",
    "value",
    "campaign",
    "reports",
    "methods",
    "fit",
    "what-if",
    "versions",
)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_shows_model_version_and_data_period(open_page: Open, path: str, engine: Engine) -> None:
    body = html_of(open_page(path))
    assert f"model {engine.version}" in body
    assert "data 2024-01-01 to 2025-02-23" in body


class EmptyModel(Engine):
    """A model of a history in which hardly anything could be fitted."""

    def segments(self) -> list[Segment]:
        return []

    def clusters(self) -> list[Any]:
        return []

    def cluster_points(self, limit: int = 5000) -> list[Any]:
        return []

    def categories(self) -> list[str]:
        return []

    def search_customers(self, text: str, n: int = 20) -> list[Any]:
        return []

    def model(self) -> ModelInfo:
        return structs.replace(super().model(), scorecard={}, cluster_choice=(), weekly_sales=(), currency="")


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES)
def test_a_model_without_data_causes_no_errors(open_page: Open, path: str) -> None:
    page = open_page(path, EmptyModel)
    assert not page.error


def test_the_overview_formats_numbers_with_separators_and_currency(open_page: Open) -> None:
    class Large(Engine):
        def model(self) -> ModelInfo:
            model = super().model()
            cleaning = structs.replace(model.cleaning, net_amount=12_642_501.909)
            return structs.replace(model, currency="EUR", customers=1_590, orders=25_753, cleaning=cleaning)

    body = html_of(open_page("", Large))
    for text in ("<b>1,590</b>", "<b>25,753</b>", "<b>12,642,501.91 EUR</b>"):
        assert text in body


def test_the_overview_accounts_for_every_row(open_page: Open, engine: Engine) -> None:
    body = html_of(open_page())
    cleaning = engine.model().cleaning
    for part in (*cleaning.rejected,):
        assert f">{part.reason}<" in body
        assert f">{part.rows:,}<" in body
    for note in cleaning.notes:
        assert note in html.unescape(body)


def test_every_setting_is_shown_with_its_meaning(open_page: Open) -> None:
    body = html_of(open_page())
    for section, values in Settings().as_dict().items():
        for name in values if isinstance(values, dict) else [""]:
            row = body.split(f"<code>{section}{'.' + name if name else ''}</code>")[1].split("</tr>")[0]
            assert len(row.split('<td class="sr-dim" data-label="Meaning">')[1]) > 15


def test_segments_are_those_of_the_engine_and_the_address_chooses_one(open_page: Open, engine: Engine) -> None:
    body = html_of(open_page("segments", segment="At Risk"))
    assert "<b>At Risk</b>" in body
    assert html.escape(SEGMENTS["At Risk"][1], quote=False) in body
    for segment in engine.segments():
        assert f"{segment.customers:,}</td>" in body
        assert f"{segment.revenue:,.2f}</td>" in body


def test_an_unknown_segment_in_the_address_shows_the_first(open_page: Open) -> None:
    assert "<h2>" in html_of(open_page("segments", segment="No such segment"))


def test_a_product_shows_similar_products_and_a_basket_list(open_page: Open, engine: Engine) -> None:
    body = html_of(open_page("products", item="G-004"))
    for answer in (
        engine.similar_items("G-004", 10),
        engine.similar_items("G-004", 10, relation="bought_together"),
        engine.recommend_for_basket(["G-004"], 10),
    ):
        for item in answer.items:
            assert f'<span class="sr-id">{item.item_id}</span>' in html.unescape(body)


def test_the_products_page_shows_bundles_and_substitutes(open_page: Open, engine: Engine) -> None:
    page = open_page("products", item="K-005", products="2", sort="lift")
    body = html.unescape(html_of(page))
    bundle = engine.bundles("K-005", size=2, sort="lift").entries[0]
    assert all(f'<span class="sr-id">{item.item_id}</span>' in body for item in bundle.items)
    assert f"{bundle.lift:,.1f}</td>" in body
    assert engine.substitutes("K-005").entries[0].text in body
    body = html.unescape(html_of(open_page("products", item="G-001")))
    assert engine.substitutes("G-001").note in body


def test_the_audience_of_a_product_follows_the_checkbox(open_page: Open, engine: Engine) -> None:
    page = open_page("products", item="K-005")
    assert all(m.text in html.unescape(html_of(page)) for m in engine.audience("K-005", 10).entries)
    page.checkbox(key="audience-hide").uncheck().run()
    buyers = engine.audience("K-005", 10, exclude_purchased=False)
    assert all(m.text in html.unescape(html_of(page)) for m in buyers.entries)


def test_an_unknown_product_is_a_banner_with_near_matches(open_page: Open) -> None:
    page = open_page("products", item="G-0004")
    assert "No item has the id" in page.error[0].value.replace("\\", "")
    assert "G-004" in page.error[0].value.replace("\\", "")


def test_a_product_is_found_by_name(open_page: Open) -> None:
    page = open_page("products")
    page.text_input(key="search-item").set_value("garden thing 3").run()
    next(b for b in page.button if b.key == "hit-item-G-003").click().run()
    assert "Bought by the same customers" in html_of(page)
    next(b for b in page.button if "Back" in b.label).click().run()
    assert "Bought by the same customers" not in html_of(page)


def test_products_are_added_to_the_basket_and_the_customer_counts(open_page: Open, engine: Engine) -> None:
    page = open_page("products", item="G-004")
    next(b for b in page.button if b.key == "add-to-basket").click().run()
    page.text_input(key="basket-customer").set_value("c0001").run()
    answer = engine.recommend_for_basket(["G-004"], 10, customer_id="c0001")
    body = html.unescape(html_of(page))
    assert "for a basket of 1 product of customer c0001" in body
    assert answer.items[0].item_id in body
    next(b for b in page.button if b.key == "basket-empty").click().run()
    assert "of customer c0001" not in html_of(page)


def test_popular_products_follow_the_category(open_page: Open, engine: Engine) -> None:
    body = html_of(open_page("products", category="Kitchen", n="4"))
    for item in engine.popular(4, category="Kitchen").items:
        assert f'<span class="sr-id">{item.item_id}</span>' in html.unescape(body)


def test_the_methods_page_names_the_best_with_its_interval(open_page: Open, engine: Engine) -> None:
    body = html_of(open_page("methods", task="new"))
    scores = engine.model().scorecard["tasks"]["new"]
    best = max(METHODS, key=lambda method: scores[method]["ndcg@10"])
    assert f"{labels.method_label(best)} ranks first on first purchases of a product" in body
    for bound in ("low", "high"):
        assert f"{scores[best][bound]:.3f}" in body


def test_names_with_markup_are_escaped(open_page: Open) -> None:
    class MarkupNames(Engine):
        def similar_items(self, item_id: str, n: int = 10, **more: Any) -> RecommendationList:
            answer = super().similar_items(item_id, n, **more)
            bad = '<img src=x onerror="alert(1)">'
            items = tuple(structs.replace(i, item_name=bad, category=bad) for i in answer.items)
            return structs.replace(answer, items=items)

    body = html_of(open_page("products", MarkupNames, item="G-001"))
    assert "<img" not in body
    assert "&lt;img src=x" in body


def test_errors_are_shown_without_markup(open_page: Open) -> None:
    class Failing(Engine):
        def similar_items(self, item_id: str, n: int = 10, **more: Any) -> RecommendationList:
            raise UnknownItemError("There is no item [a](http://x) :red[b] $c$.", "")

    message = open_page("products", Failing, item="G-001").error[0].value
    assert r"\[a\]\(http" in message
    assert r"\:red\[b\]" in message


def test_the_overview_leaves_out_charts_without_data(open_page: Open) -> None:
    class Statistics(Engine):
        returned = 100.0

        def model(self) -> ModelInfo:
            month = {"month": "2024-01", "amount": 900.0, "lines": 9, "returned": self.returned, "mean_discount": None,
                     "mean_shipping_days": None}  # fmt: skip
            category = {"amount": 90.0, "lines": 9, "returned": 1.0, "mean_discount": None}
            statistics = {
                "months": [month],
                "categories": [{"category": name, **category} for name in ("<b>Paper</b>", "Pens")],
            }
            return structs.replace(super().model(), statistics=statistics, currency="EUR")

    body = html_of(open_page("", Statistics))
    assert "10.0 % of sales were returned (100.00 EUR)" in body
    assert "&lt;b&gt;Paper&lt;/b&gt;: 50.0 % of sales" in body
    assert "shipped after" not in body
    assert "without a discount" not in body

    class NoReturns(Statistics):
        returned = 0.0

    assert "were returned" not in html_of(open_page("", NoReturns))


def test_the_report_can_draw_every_chart_of_the_order_lines() -> None:
    from smart_retail.reporting import model_charts, sales_charts
    from smart_retail_streamlit import shop_charts

    for name in shop_charts.CHARTS:
        assert hasattr(sales_charts, name)
        assert not hasattr(model_charts, name)


def test_the_value_page_shows_totals_groups_and_customers_at_risk(open_page: Open, engine: Engine) -> None:
    body = html.unescape(html_of(open_page("value")))
    summary = engine.value_summary(90)
    assert "80 % interval" in body
    assert all(group.name in body for group in summary.segments)
    assert all(value.customer_id in body for value in summary.at_risk)


def test_the_customer_page_shows_the_forecast(open_page: Open) -> None:
    assert "Lifetime value" in html_of(open_page("customer", customer="c0001"))


def test_the_overview_compares_the_chosen_period(open_page: Open, engine: Engine) -> None:
    found = engine.sales("2025-01-27", "2025-02-23")
    body = html.unescape(html_of(open_page()))
    assert f"<b>{found.current.revenue:,.2f}</b>" in body
    assert "against the 28 days before" in body
    assert "against a year ago" in body
    week = html.unescape(html_of(open_page(period="7")))
    assert f"<b>{engine.sales('2025-02-17', '2025-02-23').current.revenue:,.2f}</b>" in week
    whole = open_page(period="all")
    assert f"Net revenue of {420} days" in html.unescape(html_of(whole))
    assert any("no complete period before" in caption.value for caption in whole.caption)


def test_the_overview_compares_a_category(open_page: Open, engine: Engine) -> None:
    page = open_page()
    page.selectbox(key="sales-category").set_value("Garden").run()
    assert f"<b>{engine.sales(category='Garden').current.revenue:,.2f}</b>" in html_of(page)


def test_the_customers_page_shows_the_rows_of_the_address(open_page: Open, engine: Engine) -> None:
    segment = engine.segments()[0].name
    query = CustomerQuery(segment=segment, sort="orders", ascending=True, n=25)
    found = engine.customers(query)
    page = open_page("customers", segment=segment, sort="orders", ascending="true")
    body = html.unescape(html_of(page))
    assert f">{found.total:,} customers<" in body
    shown = re.findall(r'<a class="sr-customer" href="customer\?customer=([^"]*)"', body)
    assert [unquote(identifier) for identifier in shown] == [row.customer_id for row in found.entries]
    assert page.selectbox(key="customers-segment").value == segment


def test_a_campaign_is_made_for_the_filtered_customers(open_page: Open, engine: Engine) -> None:
    selected = CustomerFilter(category="Garden", min_amount=100.0, last_order_from="2024-06-01", text="c00")
    found = engine.customers(CustomerQuery(**selected.conditions))
    page = open_page("customers", **{name: str(value) for name, value in selected.conditions.items()})
    assert f">{found.total:,} customers<" in html.unescape(html_of(page))
    (link,) = [link for link in page.get("page_link") if "campaign" in link.proto.label]
    assert link.proto.label == f"Make a campaign for these {found.with_orders} customers"
    given = dict(parse_qsl(link.proto.query_string))
    assert given == {f"customers-{name}": str(value) for name, value in selected.conditions.items()}
    campaign = open_page("campaign", **given)
    assert f">{found.with_orders} customers<" in html.unescape(html_of(campaign))
    campaign.button(key="campaign-all").click().run()
    assert not [name for name in campaign.query_params if name.startswith("customers-")]
    assert "Of the table of customers" not in html_of(campaign)


def test_a_filter_that_is_not_valid_makes_no_campaign(open_page: Open) -> None:
    for name, value in (("segment", "VIP"), ("min_amount", "much"), ("due_days", "0")):
        page = open_page("campaign", **{f"customers-{name}": value})
        assert page.error
        assert not any(button.label == "Make the campaign" for button in page.button)


def test_the_customers_page_turns_pages_and_returns_to_the_first(open_page: Open, engine: Engine) -> None:
    page = open_page("customers", page="2")
    second = engine.customers(CustomerQuery(n=25, offset=25)).entries
    assert all(f"customer={quote(row.customer_id, safe='/')}" in html_of(page) for row in second)
    page.selectbox(key="customers-sort").set_value("orders").run()
    first = engine.customers(CustomerQuery(sort="orders", n=25)).entries[0]
    assert f"customer={quote(first.customer_id, safe='/')}" in html_of(page)
    page.text_input(key="customers-text").set_value("no such customer").run()
    assert "No customer passes these filters" in html_of(page)
