"""HTML fragments that the report and the web front ends share, rendered by Jinja2 with autoescape.

Templates are package data. A front end's own templates may import the macros of this package.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from smart_retail.errors import MissingExtraError
from smart_retail.presentation import formatting, labels, palette
from smart_retail.presentation.sales_texts import key_figures
from smart_retail.results import (
    AudienceMember,
    Cluster,
    ProductBundle,
    Reason,
    Recommendation,
    RecommendationList,
    SalesComparison,
    Segment,
    Substitute,
)

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

PACKAGE = "smart_retail.presentation"


class Column(NamedTuple):
    """A column of a table."""

    heading: str
    css: str = ""
    """CSS classes of its cells, such as ``sr-num`` for numbers."""


@cache
def environment(package: str) -> Environment:
    """Return the template environment of a package, autoescape always on.

    Raises
    ------
    MissingExtraError
        Jinja2 is not installed.
    """
    try:
        from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise MissingExtraError(
            "HTML pages need Jinja2, which is not installed.",
            "Install the extra: pip install 'smart-retail-engine[report]'",
        ) from error
    loader = ChoiceLoader([PackageLoader(name) for name in dict.fromkeys((package, PACKAGE))])
    env = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    env.filters |= {
        "amount": formatting.format_amount,
        "integer": formatting.format_integer,
        "percent": formatting.format_percent,
        "method_label": labels.method_label,
        "main_reason": main_reason,
        "other_reasons": other_reasons,
    }
    env.globals |= {
        "describe_score": formatting.describe_score,
        "describe_shares": describe_shares,
        "method_colours": palette.METHOD_COLOURS,
        "default_colour": palette.GREY,
        "pluralize": formatting.pluralize,
    }
    return env


def render(package: str, template: str, **values: Any) -> Markup:
    """Render a template of `package` (or of this one) with `values`; text in them is escaped."""
    from markupsafe import Markup

    # The template has escaped its values.
    return Markup(environment(package).get_template(template).render(**values))  # noqa: S704


def style_sheet(package: str, name: str) -> str:
    """Return the shared style sheet followed by the file `name` of `package`."""
    shared = files(PACKAGE).joinpath("templates", "shared.css").read_text(encoding="utf-8")
    return shared + files(package).joinpath(name).read_text(encoding="utf-8")


def table(columns: Sequence[Column], rows: Iterable[Sequence[object]], css: str = "") -> Markup:
    """Return an HTML table.

    Parameters
    ----------
    columns : sequence of Column
    rows : iterable of sequences
        Cells: text, or `Markup` for HTML.
    css : str
        CSS classes of the table.

    Returns
    -------
    Markup
    """
    return render(PACKAGE, "table.html", columns=columns, rows=rows, css=css)


def segment_table(segments: Sequence[Segment], names: Sequence[object] = ()) -> Markup:
    """Return the RFM segments with size, revenue, means and what to do; `names` replace the cells of the names."""
    cells = names or [segment.name for segment in segments]
    rows = [[name, *_size_cells(s), s.limits, s.action] for name, s in zip(cells, segments, strict=True)]
    columns = [Column("Segment"), *_SIZE_COLUMNS, Column("Customers with", "sr-dim"), Column("What to do", "sr-dim")]
    return table(columns, rows, "sr-cards")


def cluster_table(clusters: Sequence[Cluster], names: Sequence[object] = ()) -> Markup:
    """Return the customer clusters with size, revenue, means and what they buy more of; `names` as for segments."""
    cells = names or [cluster.name for cluster in clusters]
    rows = [
        [name, *_size_cells(c), " · ".join(i.item_name or i.item_id for i in c.top_items[:3])]
        for name, c in zip(cells, clusters, strict=True)
    ]
    return table([Column("Cluster"), *_SIZE_COLUMNS, Column("Buys more than others", "sr-dim")], rows, "sr-cards")


_SIZE_COLUMNS = (
    Column("Customers", "sr-num"),
    Column("Share of customers", "sr-num"),
    Column("Net revenue", "sr-num"),
    Column("Share of revenue", "sr-num"),
    Column("Mean days since last order", "sr-num"),
    Column("Mean orders", "sr-num"),
    Column("Mean amount", "sr-num"),
)


def _size_cells(group: Segment | Cluster) -> list[str]:
    """Return the cells of the columns that segments and clusters share."""
    return [
        formatting.format_integer(group.customers),
        formatting.format_percent(group.share),
        formatting.format_amount(group.revenue),
        formatting.format_percent(group.revenue_share),
        f"{group.mean_recency:,.1f}",
        f"{group.mean_frequency:,.1f}",
        formatting.format_amount(group.mean_monetary),
    ]


def sales_figures(comparison: SalesComparison, currency: str) -> Markup:
    """Return the key figures of a period with their changes, as tiles."""
    return render(PACKAGE, "sales_figures.html", figures=key_figures(comparison, currency))


def name_cell(name: str, identifier: str) -> Markup:
    """Return the name with the id below it, or the id alone if there is no name."""
    return render(PACKAGE, "name.html", name=name, identifier=identifier)


def bar(share: float, colour: str = palette.BLUE) -> Markup:
    """Return a small bar, filled to `share` (0 to 1)."""
    return render(PACKAGE, "bar.html", share=min(max(share, 0.0), 1.0), colour=colour)


def recommendation_table(result: RecommendationList, *, compact: bool = False) -> Markup:
    """Return one list as a table: rank, product, category, reasons and the share of each method in the score.

    The share column is left out where every score comes from a single method. `compact` leaves out category and share.
    """
    methods = {reason.method for item in result.items for reason in item.reasons}
    several = any(len({reason.method for reason in item.reasons}) > 1 for item in result.items)
    return render(
        PACKAGE,
        "recommendations.html",
        items=result.items,
        compact=compact,
        show_categories=not compact and any(item.category for item in result.items),
        show_shares=not compact and several,
        legend=[name for name in palette.METHOD_COLOURS if name in methods],
    )


def bundle_table(bundles: Sequence[ProductBundle], currency: str = "") -> Markup:
    """Return product bundles as a table: the products below each other, and the figures."""
    columns = [Column("Products"), *(Column(text, "sr-num") for text in ("Orders", "Confidence", "Lift", "Revenue"))]
    rows = [
        [
            render(PACKAGE, "product_names.html", items=bundle.items),
            formatting.format_integer(bundle.support),
            formatting.format_percent(bundle.confidence),
            f"{bundle.lift:,.1f}",
            formatting.format_amount(bundle.revenue, currency),
        ]
        for bundle in bundles
    ]
    return table(columns, rows, "sr-cards")


def substitute_table(substitutes: Sequence[Substitute]) -> Markup:
    """Return substitutes as a table with what was counted."""
    rows = [
        [name_cell(substitute.item.item_name, substitute.item.item_id), substitute.text] for substitute in substitutes
    ]
    return table([Column("Product"), Column("What was counted")], rows, "sr-cards")


def audience_table(members: Sequence[AudienceMember]) -> Markup:
    """Return the customers of an audience as a table with what was counted."""
    columns = [Column("#", "sr-num sr-rank"), Column("Customer"), Column("Segment"), Column("Orders", "sr-num")]
    rows = [
        [
            formatting.format_integer(member.rank),
            name_cell(member.customer_name, member.customer_id),
            member.segment,
            formatting.format_integer(member.orders),
            member.last_order or "",
            member.text,
        ]
        for member in members
    ]
    return table([*columns, Column("Last order", "sr-num"), Column("Why")], rows, "sr-cards")


def method_comparison(result: RecommendationList) -> Markup:
    """Return the lists of all methods side by side; a product in several lists has the same symbol in each."""
    marks = palette.mark_shared_items(result)
    return render(
        PACKAGE,
        "method_comparison.html",
        methods=[
            (name, *labels.METHODS[name], result.lists[name].items) for name in labels.METHODS if name in result.lists
        ],
        marks=marks,
        numbers={item: number for number, item in enumerate(marks)},
    )


def main_reason(item: Recommendation) -> str:
    """Return the reason with the largest share, or the source where an item has no reason."""
    main = _main(item)
    return main.text if main else labels.method_label(item.source)


def other_reasons(item: Recommendation) -> list[str]:
    """Return the texts of all reasons but the main one."""
    main = _main(item)
    return [reason.text for reason in item.reasons if reason is not main]


def describe_shares(item: Recommendation) -> str:
    """Return ``CF 60.0 %, Popular 40.0 %``."""
    return ", ".join(
        f"{labels.method_label(reason.method)} {formatting.format_percent(reason.share)}" for reason in item.reasons
    )


def _main(item: Recommendation) -> Reason | None:
    return max(item.reasons, key=lambda reason: reason.share, default=None)
