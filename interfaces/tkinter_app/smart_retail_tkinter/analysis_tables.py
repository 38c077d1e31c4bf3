"""Tables of the pages for customers, products, campaigns and business rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from smart_retail.presentation.formatting import format_amount, format_integer, format_percent
from smart_retail.presentation.labels import COLUMN_LABELS, RULE_LABELS
from smart_retail.results import Audience, CustomerSummary, ProductBundles, Substitutes
from smart_retail_tkinter.table_models import Column, Row, Table, Value

if TYPE_CHECKING:
    from smart_retail.analysis.campaign import Campaign
    from smart_retail.analysis.rules_check import RulesCheck
    from smart_retail.analysis.uplift import CampaignEffect

MAX_CAMPAIGN_ROWS = 500
"""Rows of a campaign on screen; the file has all of them."""
GROUPS = {"treated": "contact", "holdout": "held out"}
"""Group of a campaign -> label."""


def column(name: str, width: int, *, number: bool = False, label: str = "") -> Column:
    """Return a column with the label that all front ends use, unless another is given."""
    return Column(name, label or COLUMN_LABELS[name], width, number)


CUSTOMERS = (
    column("customer_name", 150),
    column("customer_id", 110),
    column("segment", 120),
    column("cluster", 130),
    column("country", 90),
    column("orders", 70, number=True),
    column("amount", 96, number=True),
    column("last_order", 92, number=True),
    column("expected_spend", 112, number=True),
    column("return_probability", 106, number=True),
    column("lifetime_value", 104, number=True),
)


def customer_table(customers: Iterable[CustomerSummary]) -> Table:
    """Return customers with groups, orders and forecast; the key of a row is the customer id."""
    rows = (
        build_row(
            (
                *((text, text) for text in (c.customer_name, c.customer_id, c.segment, c.cluster, c.country)),
                (format_integer(c.orders), c.orders),
                (format_amount(c.amount), c.amount),
                (c.last_order or "", c.last_order or ""),
                (format_amount(c.expected_spend), c.expected_spend),
                (format_percent(c.return_probability), c.return_probability),
                (format_amount(c.lifetime_value), c.lifetime_value),
            ),
            key=c.customer_id,
        )
        for c in customers
    )
    return Table(CUSTOMERS, tuple(rows))


BUNDLES = (
    column("products", 320),
    Column("item_ids", "Product ids", 190),
    column("support", 110, number=True),
    column("confidence", 100, number=True),
    column("lift", 70, number=True),
    column("revenue", 110, number=True),
)


def bundle_table(found: ProductBundles) -> Table:
    """Return product bundles; the key of a row is the id of its last item."""
    rows = []
    for b in found.entries:
        products = " + ".join(item.item_name for item in b.items)
        ids = " + ".join(item.item_id for item in b.items)
        pairs = (
            (products, products),
            (ids, ids),
            (format_integer(b.support), b.support),
            (format_percent(b.confidence), b.confidence),
            (f"{b.lift:,.1f}", b.lift),
            (format_amount(b.revenue), b.revenue),
        )
        rows.append(build_row(pairs, key=b.items[-1].item_id, name=b.items[-1].item_name, detail=b.text))
    return Table(BUNDLES, tuple(rows))


SUBSTITUTES = (
    column("item_name", 240),
    column("item_id", 130),
    column("category", 120),
    column("bought_both", 96, number=True),
    column("together", 100, number=True),
    column("expected_together", 150, number=True),
    column("similarity", 86, number=True),
)


def substitute_table(found: Substitutes) -> Table:
    """Return the substitutes of a product."""
    rows = (
        build_row(
            (
                *((text, text) for text in (s.item.item_name, s.item.item_id, s.item.category)),
                (format_integer(s.customers), s.customers),
                (format_integer(s.together), s.together),
                (f"{s.expected:,.1f}", s.expected),
                (f"{s.similarity:.2f}", s.similarity),
            ),
            key=s.item.item_id,
            detail=s.text,
        )
        for s in found.entries
    )
    return Table(SUBSTITUTES, tuple(rows))


AUDIENCE = (
    column("rank", 44, number=True),
    column("customer_name", 150),
    column("customer_id", 110),
    column("segment", 120),
    column("orders", 70, number=True),
    column("last_order", 92, number=True),
    column("reason", 320),
)


def audience_table(found: Audience) -> Table:
    """Return the customers who would want a product; the key of a row is the customer id."""
    rows = (
        build_row(
            (
                (format_integer(m.rank), m.rank),
                *((text, text) for text in (m.customer_name, m.customer_id, m.segment)),
                (format_integer(m.orders), m.orders),
                (m.last_order or "", m.last_order or ""),
                (m.text, m.text),
            ),
            key=m.customer_id,
            name=m.customer_name,
            detail=m.text,
        )
        for m in found.entries
    )
    return Table(AUDIENCE, tuple(rows))


CAMPAIGN = (
    column("customer_name", 150),
    column("customer_id", 110),
    Column("group", "Group", 84),
    column("segment", 120),
    column("return_probability", 106, number=True),
    column("expected_spend", 112, number=True),
    Column("due", "Due to buy again", 150),
    column("products", 300),
)


def campaign_table(campaign: Campaign) -> Table:
    """Return the first customers of a campaign with their products; the reasons are in the details of a row."""
    rows = []
    for row in campaign.rows[:MAX_CAMPAIGN_ROWS]:
        numbers = range(1, campaign.settings.products + 1)
        names = [str(row[f"name_{k}"]) for k in numbers if row.get(f"name_{k}")]
        probability, spend = row.get("return_probability"), row.get("expected_spend")
        texts = (row["customer_name"], row["customer_id"], GROUPS[row["group"]], row["segment"])
        tail = (row["due"], "; ".join(names))
        cells = (
            *texts,
            "" if probability is None else format_percent(probability),
            "" if spend is None else format_amount(spend),
            *tail,
        )
        detail = " · ".join(f"{row[f'name_{k}']}: {row[f'why_{k}']}" for k in numbers if row.get(f"why_{k}"))
        values = (*texts, probability or 0.0, spend or 0.0, *tail)
        rows.append(Row(row["customer_id"], cells, values, row["customer_name"], detail))
    return Table(CAMPAIGN, tuple(rows))


EFFECT_WIDTHS = (220, 150, 150, 110, 110, 110)


def effect_table(effect: CampaignEffect | None, currency: str) -> Table:
    """Return the uplifts of a campaign with their 95 % intervals; None gives an empty table."""
    from smart_retail.analysis.uplift import EFFECT_HEADINGS, uplift_cells

    columns = tuple(
        Column(text.lower().replace(" ", "_"), text, width, i > 0)
        for i, (text, width) in enumerate(zip(EFFECT_HEADINGS, EFFECT_WIDTHS, strict=True))
    )
    uplifts = effect.uplifts if effect is not None else ()
    rows = tuple(text_row(uplift_cells(uplift, currency)) for uplift in uplifts)
    return Table(columns, rows)


RULE_EFFECTS = (
    Column("section", "Lists", 220),
    Column("rule", "Rule", 180),
    Column("entries", "Entries", 80, number=True),
    Column("effect", "Effect", 360),
)
LIST_FIGURES = (
    Column("figure", "Figure", 340),
    Column("before", "Before", 160, number=True),
    Column("after", "After", 160, number=True),
)


def rules_table(check: RulesCheck) -> Table:
    """Return what each rule does."""
    from smart_retail.analysis.rules_check import ALL_LISTS

    rows = []
    for effect in check.effects:
        name, lists = RULE_LABELS.get(effect.rule, effect.rule), effect.section or ALL_LISTS
        pairs = (
            (lists, lists),
            (name, name),
            (format_integer(effect.entries), effect.entries),
            (effect.effect, effect.effect),
        )
        rows.append(build_row(pairs, detail=effect.effect))
    return Table(RULE_EFFECTS, tuple(rows))


def figures_table(figures: Iterable[tuple[str, str, str]]) -> Table:
    """Return figures of the lists before and after a change."""
    return Table(LIST_FIGURES, tuple(text_row(cells) for cells in figures))


def text_row(cells: Sequence[str], key: str = "", detail: str = "") -> Row:
    """Return a row whose values are its texts."""
    return Row(key, tuple(cells), tuple(cells), cells[0], detail)


def build_row(pairs: Iterable[tuple[str, Any]], key: str = "", name: str = "", detail: str = "") -> Row:
    """Return a row from pairs of the text and the value of each cell; its name is by default the first text."""
    cells, values = zip(*pairs, strict=True)
    checked: tuple[Value, ...] = tuple(values)
    return Row(key, tuple(cells), checked, name or cells[0], detail)
