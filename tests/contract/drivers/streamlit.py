"""The Streamlit app, run without a browser: HTML and tables of a page by its address."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import date
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from smart_retail.presentation import labels
from smart_retail.protocol import CustomerFilter
from tests.streamlit_page import new_page

from .base import (
    CAMPAIGN_OPTIONS,
    WHAT_IF_OPTIONS,
    BundleRow,
    CampaignRow,
    CustomerRow,
    Driver,
    Filters,
    Forecast,
    ItemFacts,
    Moves,
    Row,
    SalesRows,
    Shown,
    ShownProfile,
    UnsupportedError,
    figures_in,
    groups_in,
    needs,
    source_of,
)

_LABELS = {"Hybrid": "hybrid", "Personalized": "personalized", "RFM": "rfm", "CF": "cf", "Popular": "popular"}
_RANK = re.compile(r'<td class="sr-num sr-rank">([\d,]+)</td>\s*<td class="sr-product">(.*?)</td>', re.DOTALL)
_ENTRY = re.compile(r"<li[^>]*>(.*?)</li>", re.DOTALL)
_LIST = re.compile(r"<section><h3[^>]*>(.*?)</h3>.*?<ol>(.*?)</ol></section>", re.DOTALL)
_NAME = re.compile(r'<span class="sr-name">(.*?)</span>(?:<span class="sr-id">(.*?)</span>)?', re.DOTALL)


class FrontEnd(Driver):
    name = "streamlit"

    def start(self) -> None:
        needs("streamlit", "streamlit")
        self.patch = pytest.MonkeyPatch()
        self.stack.callback(self.patch.undo)
        self.open(self.artifacts)

    def open(self, artifacts: Path) -> None:
        self.open_page: Any = None
        self.patch.setenv("SMART_RETAIL_ARTIFACTS", str(artifacts))
        self.patch.setenv("SMART_RETAIL_API_URL", self.api_url or "")

    def page(self, path: str, basket: dict[str, str] | None = None, **address: str) -> Any:
        """Return a page opened by its address, with products in the basket."""
        page = new_page(path, **address)
        if basket is not None:
            page.session_state["basket"] = basket
        return ran(page)

    def customer(self, customer_id: str) -> Any:
        """Return the page of a customer; it stays open for the next customer."""
        if self.open_page is None:
            self.open_page = self.page("customer", customer=customer_id)
        self.open_page.query_params["customer"] = customer_id
        return ran(self.open_page)

    def recommend(self, customer_id: str, method: str, n: int, filters: Filters) -> Shown:
        if method not in (*_LABELS.values(), "all") or not 1 <= n <= 1000 or not customer_id:
            raise UnsupportedError
        page = self.customer(customer_id)
        self.choose_scenario(page, filters.scenario)
        if filters.scenario is None:
            page.get("button_group")[0].set_value(method)
            page.number_input(key="n").set_value(n)
        page.number_input(key="price-min").set_value(filters.price_min)
        page.number_input(key="price-max").set_value(filters.price_max)
        page.multiselect(key="exclude").set_value(list(filters.exclude))
        page.checkbox(key="hide").set_value(filters.exclude_purchased)
        page.selectbox(key="category").set_value(filters.category or "")
        field = page.date_input(key="on")
        on = None if filters.on is None else date.fromisoformat(filters.on)
        if on and not field.min <= on <= field.max:
            raise UnsupportedError
        field.set_value(on)
        ran(page)
        body = page_html(page)
        known = "This customer has no purchases" not in body
        why = evidence(page)
        if method == "all":
            found = {
                _LABELS[label]: tuple(why[label, rank](rank, item) for rank, item in enumerate(entries(part), 1))
                for label, part in _LIST.findall(body)
            }
            return Shown(found, known)
        return Shown({method: listed(page, why)}, known)

    def choose_scenario(self, page: Any, name: str | None) -> None:
        """Choose a scenario, or none, where the rules have any."""
        if any(box.key == "scenario" for box in page.selectbox):
            if name is not None and not any(name == o.split(" (")[0] for o in page.selectbox(key="scenario").options):
                raise UnsupportedError
            page.selectbox(key="scenario").set_value(name or "")
            ran(page)
        elif name is not None:
            raise UnsupportedError

    def profile(self, customer_id: str) -> ShownProfile:
        card = next(h for h in pieces(self.customer(customer_id)) if 'class="sr-card"' in h)
        if "Unknown customer" in card:
            return ShownProfile(False)
        chips = [
            html.unescape(re.sub("<[^>]+>", "", c)) for c in re.findall(r'class="sr-chip"[^>]*>(.*?)</span>', card)
        ]
        clusters = [c.removeprefix("cluster ") for c in chips if c.startswith("cluster ")]
        code = "".join(re.findall(r"<b>[RFM] (\d)</b>", card))
        return ShownProfile(True, chips[0] if code else None, code or None, clusters[0] if clusters else None)

    def value(self, customer_id: str) -> Forecast:
        if not customer_id:
            raise UnsupportedError
        card = next(h for h in pieces(self.customer(customer_id)) if "What to expect" in h)
        pairs = re.findall(r"<dt[^>]*>(.*?)</dt>\s*<dd[^>]*>(.*?)</dd>", card, re.DOTALL)
        facts = {html.unescape(label): html.unescape(text) for label, text in pairs}
        notes = re.findall(r'class="sr-note"[^>]*>(.*?)</', card)
        return Forecast(facts, tuple(map(html.unescape, notes)))

    def similar(self, item_id: str, n: int, relation: str = "same_customers") -> tuple[Row, ...]:
        page = self.page("products", item=item_id)
        if page.error:
            raise UnsupportedError  # the search box offers known items only; an address can name another
        return shown_under(page, labels.RELATIONS[relation][0])[:n]

    def bundles(self, item_id: str | None, sort: str) -> tuple[BundleRow, ...]:
        address = {} if item_id is None else {"item": item_id}
        table = table_under(self.page("products", sort=sort, **address), labels.BUNDLES[0])
        lines = re.findall(r"<td[^>]*><div>(.*?)</div>.*?</td>(.*?)</tr>", table, re.DOTALL)
        found = []
        for products, figures in lines:
            orders, confidence = re.findall(r"<td[^>]*>(.*?)</td>", figures)[:2]
            names = _NAME.findall(products)
            items = tuple(html.unescape(identifier or name) for name, identifier in names)
            found.append((items, int(orders.replace(",", "")), confidence))
        return tuple(found)

    def item(self, item_id: str) -> ItemFacts:
        (card,) = (
            piece for piece in pieces(self.page("products", item=item_id)) if '<div class="sr-card"><h2>' in piece
        )
        facts = {label: html.unescape(value) for label, value in re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", card)}
        name = _NAME.search(card)
        assert name
        wanted = ("Category", "Orders", "Typical price", "In stock")
        category, orders, price, stock = (facts.get(label, "") for label in wanted)
        return html.unescape(name[1]), category, orders, price, stock

    def substitutes(self, item_id: str) -> tuple[tuple[str, str], ...]:
        table = table_under(self.page("products", item=item_id), labels.SUBSTITUTES[0])
        lines = re.findall(r"<tr><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td></tr>", table, re.DOTALL)
        return tuple((identity(product), html.unescape(text)) for product, text in lines)

    def audience(self, item_id: str) -> tuple[tuple[str, str], ...]:
        table = table_under(self.page("products", item=item_id), labels.AUDIENCE[0])
        lines = [re.findall(r"<td[^>]*>(.*?)</td>", line, re.DOTALL) for line in table.split("<tr>")[2:]]
        return tuple((identity(cells[1]), html.unescape(cells[-1])) for cells in lines)

    def customers(self, segment: str, sort: str) -> tuple[CustomerRow, ...]:
        body = page_html(self.page("customers", segment=segment, sort=sort))
        found = []
        for line in body.split("<tr>"):
            cells = re.findall(r"<td[^>]*>(.*?)</td>", line, re.DOTALL)
            if "sr-customer" in line:
                orders, amount = cells[-6:-4]
                found.append((identity(cells[1]), orders, amount))
        return tuple(found[:10])

    def migration(self, day: str) -> Moves:
        page = self.page("reports", view="migration")
        page.date_input[0].set_value(date.fromisoformat(day))
        self.run_job(page, "Compare", "migration-job-slot")
        heads, rows = table_cells(table_after(page, "moved to another segment"))
        return {
            (row[0], column): int(cell.replace(",", ""))
            for row in rows
            for column, cell in zip(heads[1:], row[1:], strict=True)
            if cell != "0"
        }

    def forecast(self, days: int) -> str:
        page = self.page("reports")
        page.selectbox(key="forecast-days").set_value(days)
        self.run_job(page, "Forecast", "forecast-job-slot")
        found = re.search(r"sr-finding\">(Next .*?)<", page_html(page))
        assert found
        return html.unescape(found[1])

    def campaign(self, segment: str) -> tuple[CampaignRow, ...]:
        page = self.page("campaign")
        page.multiselect(key="campaign-segments").set_value([segment])
        return self.make_campaign(page)

    def campaign_of_table(self, selected: CustomerFilter) -> tuple[int, tuple[CampaignRow, ...]]:
        page = self.page("customers", **{name: str(value) for name, value in selected.conditions.items()})
        (link,) = [link.proto for link in page.get("page_link") if "Make a campaign" in link.proto.label]
        (number,) = re.findall(r"these ([0-9,]+) customers", link.label)
        return int(number), self.make_campaign(self.page("campaign", **dict(parse_qsl(link.query_string))))

    def make_campaign(self, page: Any) -> tuple[CampaignRow, ...]:
        page.number_input(key="campaign-n").set_value(CAMPAIGN_OPTIONS["n"])
        page.slider(key="campaign-holdout").set_value(int(100 * CAMPAIGN_OPTIONS["holdout"]))
        page.text_input(key="campaign-name").set_value(CAMPAIGN_OPTIONS["name"])
        self.run_job(page, "Make the campaign", "campaign-job-slot")
        shown = page.dataframe[0].value.to_dict("records")
        return tuple((row["Customer id"], row["Group"], row["Product id 1"]) for row in shown)

    def what_if(self, banned: str) -> str:
        page = self.page("what-if")
        page.multiselect(key="ban").set_value([banned])
        page.number_input(key="sample").set_value(WHAT_IF_OPTIONS["sample"])
        ran(page)
        self.run_job(page, "Try", "what-if-job-slot")
        found = re.search(r"sr-finding\">(The list changes .*?)<", page_html(page))
        assert found
        return html.unescape(found[1])

    def check_rules(self, banned: str, sections: str = "") -> tuple[tuple[str, str], ...]:
        page = self.page("what-if")
        page.multiselect(key="ban").set_value([banned])
        page.text_area(key="sections").set_value(sections)
        rows = table_cells(table_after(ran(page), "What these rules do"))[1]
        return tuple((row[0], row[-1]) for row in rows)

    def versions(self) -> tuple[tuple[str, bool], ...]:
        rows = table_cells(table_after(self.page("versions"), "In use"))[1]
        return tuple((row[0], row[-1] == "in use") for row in rows)

    def run_job(self, page: Any, label: str, slot: str) -> None:
        """Press a button and wait until its result is shown."""
        ran(page)
        next(b for b in page.button if b.label == label).click().run()
        job = page.session_state[slot].job
        assert job is not None
        job.wait(120)
        if job.error is not None:
            raise job.error
        ran(page)

    def basket(self, item_ids: tuple[str, ...], customer_id: str | None, n: int) -> tuple[Row, ...]:
        if customer_id is not None and customer_id != customer_id.strip():
            raise UnsupportedError  # the field of the customer ignores blanks around an id
        page = self.page("products", basket={i: i for i in item_ids})
        if customer_id is not None:
            page.text_input(key="basket-customer").set_value(customer_id)
            ran(page)
        return shown_under(page, "Completes the basket")[:n]

    def segments(self) -> dict[str, int]:
        return groups_in(next(h for h in pieces(self.page("segments")) if "What to do" in h))

    def clusters(self) -> dict[str, int]:
        return groups_in(next(h for h in pieces(self.page("clusters")) if "Buys more than others" in h))

    def sales(self) -> SalesRows:
        return figures_in(next(h for h in pieces(self.page("")) if "Average order value" in h))

    def version(self) -> str:
        found = re.search(r"sr-footer\">model (\S+)", page_html(self.page("")))
        assert found
        return found[1]

    def failure(self, artifacts: Path) -> tuple[str, str]:
        try:
            self.open(artifacts)
            page = self.page("customer", customer="c0001", method="hybrid")
        finally:
            self.open(self.artifacts)
        errors = [e.value for e in page.error]
        body = page_html(page)
        assert 'class="sr-table sr-list"' not in body
        text = " ".join([*errors, *(c.value for c in page.code), *re.findall(r"sr-empty\">(.*?)</div>", body)])
        return "artifact" if errors or "No model yet" in body else "", text


def ran(page: Any) -> Any:
    page.run()
    assert not page.exception, page.exception
    return page


def pieces(page: Any) -> list[str]:
    return [element.proto.body for element in page.get("html")]


def page_html(page: Any) -> str:
    return "\n".join(pieces(page))


def identity(cell: str) -> str:
    """Return the id in a cell that shows name and id, or the id alone."""
    found = _NAME.search(cell)
    assert found, cell
    return html.unescape(found[2] if found[2] is not None else found[1])


def entries(part: str) -> list[str]:
    """Return the ids of one of the lists side by side."""
    return [identity(cell) for cell in _ENTRY.findall(part) if "sr-name" in cell]


def evidence(page: Any) -> dict[tuple[str, int], Callable[[int, str], Row]]:
    """Return list and rank -> function that builds the row, from the first table of reasons on the page."""
    found: dict[tuple[str, int], Callable[[int, str], Row]] = {}
    lines = page.dataframe[0].value.to_dict("records") if len(page.dataframe) else []
    for (part, rank), group in groupby(lines, lambda line: (line.get("List", ""), line["#"])):
        records = list(group)
        assert len({(line["Score"], line["From"]) for line in records}) == 1
        reasons = tuple(line["Why"] for line in records)
        found[part, rank] = partial(
            Row, reasons=reasons, score=float(records[0]["Score"]), source=source_of(records[0]["From"])
        )
    return found


def shown_under(page: Any, heading: str) -> tuple[Row, ...]:
    """Return the rows of the list below a heading, with score, source and reasons from the table of that name."""
    tables: dict[str, str] = {}
    current = ""
    for piece in pieces(page):
        if found := re.search(r'class="sr-finding"[^>]*>(.*?)<', piece):
            current = html.unescape(found[1])
        elif 'class="sr-table sr-list' in piece:
            tables.setdefault(current, piece)
    if not tables.get(heading):
        assert heading in page_html(page) or "Similar by name and category" in page_html(page)
        heading = heading if heading == "Bought together" else "Similar by name and category"
        if not tables.get(heading):
            return ()
    why = evidence(next(box for box in page.expander if box.label.startswith(heading)))
    shown = [(int(rank.replace(",", "")), identity(cell)) for rank, cell in _RANK.findall(tables[heading])]
    return tuple(why["", rank](rank, item) for rank, item in shown)


def table_under(page: Any, heading: str) -> str:
    """Return the first table below a heading, empty if another heading follows first."""
    found = pieces(page)
    start = next(i for i, piece in enumerate(found) if f'class="sr-finding">{heading}<' in piece)
    for piece in found[start + 1 :]:
        if "sr-finding" in piece:
            break
        if "sr-table" in piece:
            return piece
    return ""


def table_after(page: Any, text: str) -> str:
    """Return the first table that is in or after the element with a text."""
    found = pieces(page)
    start = next(i for i, piece in enumerate(found) if text in piece)
    return next(piece for piece in found[start:] if "<table" in piece)


def table_cells(table: str) -> tuple[list[str], list[list[str]]]:
    """Return the headings and the rows of an HTML table, as texts."""

    def texts(tag: str, part: str) -> list[str]:
        cells = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", part, re.DOTALL)
        return [html.unescape(re.sub("<[^>]+>", "", cell)) for cell in cells]

    lines = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    return texts("th", table), [cells for line in lines if (cells := texts("td", line))]


def listed(page: Any, why: dict[tuple[str, int], Callable[[int, str], Row]]) -> tuple[Row, ...]:
    """Return the rows of the first list of a page, with score, source and reasons from the table below it."""
    table = next((h for h in pieces(page) if 'class="sr-table sr-list"' in h), "")
    shown = [(int(rank.replace(",", "")), identity(cell)) for rank, cell in _RANK.findall(table)]
    return tuple(why["", rank](rank, item) for rank, item in shown)
