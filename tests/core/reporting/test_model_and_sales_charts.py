"""Charts of the model and of sales: both themes, their rows, their titles, and too little data."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from matplotlib.figure import Figure
from msgspec import structs
from tests import shop
from tests.fitted_shop import MakeEngine

from smart_retail.errors import DataError, MissingExtraError
from smart_retail.protocol import METHODS
from smart_retail.reporting import (
    chart_style,
    model_chart_data,
    model_charts,
    product_charts,
    sales_chart_data,
    sales_charts,
)
from smart_retail.results import ModelInfo, Recommendation, RecommendationList
from smart_retail.serving.engine import Engine


def model_with_groups(model: ModelInfo) -> ModelInfo:
    """Return a model with these statistics of groups and order lines."""
    histogram = {"edges": [1.0, 2.0, 4.0], "customers": [10, 30]}
    measures = ("recency", "frequency", "monetary")
    groups = {
        "rfm": {
            "cuts": {key: [1.0, 2.0, 3.0, 4.0] for key in measures},
            "histograms": dict.fromkeys(measures, histogram),
            "moments": {key: {"mean": 2.0, "median": 1.5, "skewness": None, "kurtosis": -1.0} for key in measures},
            "correlations": [[1.0, None, 0.5]] * 3,
        },
        "clusters": {"comparison": [], "loss": [0.5, 0.4], "validation_loss": [0.6, 0.45], "linear_loss": 0.7},
    }
    scorecard = {**model.scorecard, "groups": groups}
    return structs.replace(model, scorecard=scorecard, statistics=STATISTICS, currency="EUR")


STATISTICS: dict[str, Any] = {
    "months": [
        {"month": "2024-01", "amount": 900.0, "lines": 9, "returned": 100.0, "mean_discount": 0.1,
         "mean_shipping_days": 2.0},
        {"month": "2024-02", "amount": 600.0, "lines": 6, "returned": 0.0, "mean_discount": 0.3,
         "mean_shipping_days": None},
    ],
    "categories": [
        {"category": f"Shelf {i}", "amount": 1000.0 / (i + 1), "lines": 10, "returned": 1.0, "mean_discount": 0.1}
        for i in range(20)
    ],
    "discounts": [
        {"discount": "none", "lines": 8, "amount": 900.0}, {"discount": "up to 10 %", "lines": 2, "amount": 100.0},
    ],
    "shipping": [{"days": 0, "lines": 3, "amount": 30.0}, {"days": 5, "lines": 1, "amount": 9.0}],
    "sales_categories": [
        {"sales_category": "Low", "lines": 9, "amount": 90.0}, {"sales_category": "High", "lines": 1, "amount": 910.0},
    ],
    "numbers": {
        "columns": ["quantity", "unit_price"],
        "lines": 10,
        "moments": {n: {"mean": 1.0, "median": 1.0, "skewness": None, "kurtosis": 0.5}
                    for n in ("quantity", "unit_price")},
        "correlations": [[1.0, -0.4], [-0.4, 1.0]],
    },
}  # fmt: skip


class Shown:
    """What the charts of the small shop show."""

    def __init__(self, engine: Engine) -> None:
        self.model = model_with_groups(engine.model())
        self.clusters = engine.clusters()
        self.segments = engine.segments()
        self.grid = engine.rfm_grid()
        self.points = engine.cluster_points()
        self.list = engine.recommend("c0001")
        self.similar = {item: engine.similar_items(item, 40) for item in ("G-001", "G-002", "G-003")}


@pytest.fixture(scope="module")
def shown(make_engine: MakeEngine) -> Shown:
    return Shown(make_engine())


SALES_CHARTS = (
    "categories", "line_sizes", "discounts", "discounts_by_month", "shipping", "shipping_by_month", "returns_by_month",
    "correlations",
)  # fmt: skip
CHARTS: dict[
    str, tuple[Callable[..., Figure], Callable[..., model_chart_data.Rows], Callable[[Shown], tuple[Any, ...]]]
] = {
    "weekly_sales": (model_charts.weekly_sales, model_chart_data.weekly_sales, lambda s: (s.model,)),
    "data_quality": (model_charts.data_quality, model_chart_data.data_quality, lambda s: (s.model.cleaning,)),
    "segments": (model_charts.segments, model_chart_data.segments, lambda s: (s.segments,)),
    "rfm_grid": (model_charts.rfm_grid, model_chart_data.rfm_grid, lambda s: (s.grid,)),
    "cluster_scatter": (
        model_charts.cluster_scatter,
        model_chart_data.cluster_scatter,
        lambda s: (s.points, s.clusters),
    ),
    "cluster_profiles": (model_charts.cluster_profiles, model_chart_data.cluster_profiles, lambda s: (s.clusters,)),
    "cluster_choice": (model_charts.cluster_choice, model_chart_data.cluster_choice, lambda s: (s.model,)),
    "training_loss": (model_charts.training_loss, model_chart_data.training_loss, lambda s: (s.model,)),
    "distributions": (
        model_charts.distributions,
        lambda m: model_chart_data.distribution(m, "recency"),
        lambda s: (s.model,),
    ),
    "scorecard": (model_charts.scorecard, model_chart_data.scorecard, lambda s: (s.model,)),
    "recommendations": (product_charts.recommendations, model_chart_data.recommendations, lambda s: (s.list,)),
    "item_similarity": (product_charts.item_similarity, model_chart_data.item_similarity, lambda s: (s.similar, {})),
    **{
        name: (getattr(sales_charts, name), getattr(sales_chart_data, name), lambda s: (s.model,))
        for name in SALES_CHARTS
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("theme", [chart_style.LIGHT, chart_style.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_has_a_title_and_axis_labels(name: str, theme: chart_style.Theme, shown: Shown) -> None:
    draw, _, arguments = CHARTS[name]
    figure = draw(*arguments(shown), theme=theme)
    assert len(figure.get_suptitle()) > 10
    assert all(ax.get_xlabel() or ax.get_ylabel() for ax in figure.axes)
    assert chart_style.to_svg(figure).startswith("<svg")


@pytest.mark.parametrize("name", CHARTS)
def test_the_rows_of_every_chart_are_json_data(name: str, shown: Shown) -> None:
    _, rows_of, arguments = CHARTS[name]
    rows = rows_of(*arguments(shown))
    assert rows
    assert json.loads(json.dumps(rows)) == rows
    assert len({tuple(row) for row in rows}) == 1, "all rows have the same columns"


def test_every_chart_function_is_tested_here() -> None:
    chart_functions = {
        name
        for module in (model_charts, product_charts, sales_charts)
        for name, function in vars(module).items()
        if callable(function) and getattr(function, "__annotations__", {}).get("return") == "Figure"
    }
    assert chart_functions - set(CHARTS) <= {"disable_math_text"}
    assert set(CHARTS) <= chart_functions


def test_titles_state_the_finding(shown: Shown) -> None:
    scores = shown.model.scorecard["tasks"]["any"]
    (chosen,) = (c for c in shown.model.cluster_choice if c.chosen)
    assert max(METHODS, key=lambda method: scores[method]["ndcg@10"]) == "hybrid"
    assert (
        model_charts.data_quality(shown.model.cleaning)
        .get_suptitle()
        .startswith(f"99.9 % of {len(shop.lines()) + len(shop.REJECTED_LINES):,} rows accepted")
    )
    assert model_charts.scorecard(shown.model).get_suptitle() == (
        f"Hybrid ranks first on all purchases (NDCG@10 = {scores['hybrid']['ndcg@10']:.3f})"
    )
    assert model_charts.cluster_choice(shown.model).get_suptitle() == (
        f"3 clusters: silhouette {chosen.silhouette:.2f}, stability {chosen.stability:.2f}"
    )
    assert model_charts.distributions(shown.model).get_suptitle() == "25.0 % of 40 customers ordered once"


def test_titles_of_sales_charts_state_the_finding(shown: Shown) -> None:
    titles = {name: CHARTS[name][0](shown.model).get_suptitle() for name in SALES_CHARTS}
    assert titles == {
        "categories": "Shelf 0: 27.8 % of sales",
        "line_sizes": "High order lines: 10.0 % of lines, 91.0 % of sales",
        "discounts": "90.0 % of sales are without a discount",
        "discounts_by_month": "Discounts were highest in 2024-02: 30.0 % on average",
        "shipping": "25.0 % of order lines shipped after more than three days",
        "shipping_by_month": "Shipping was slowest in 2024-01: 2.0 days on average",
        "returns_by_month": "6.2 % of sales were returned (100.00 EUR)",
        "correlations": "Unit price is most closely related to quantity (rank correlation -0.40)",
    }


def test_small_categories_are_combined_without_loss(shown: Shown) -> None:
    rows = sales_chart_data.categories(shown.model)
    assert len(rows) == sales_chart_data.MAX_CATEGORIES
    assert rows[-1]["category"] == sales_chart_data.OTHERS
    assert sum(r["amount"] for r in rows) == pytest.approx(sum(c["amount"] for c in STATISTICS["categories"]))
    assert sum(r["share"] for r in rows) == pytest.approx(1)
    assert rows[0]["returned_share"] == pytest.approx(1 / 1001)


def test_missing_statistics_raise_an_error_with_the_reason(shown: Shown) -> None:
    statistics = {"months": [{**m, "returned": 0.0, "mean_discount": None} for m in STATISTICS["months"]]}
    model = structs.replace(shown.model, statistics=statistics)
    for name, reason in (
        ("categories", "no categories"), ("discounts", "no discounts"), ("discounts_by_month", "no discounts"),
        ("shipping", "no shipping dates"), ("returns_by_month", "no returns"), ("correlations", "too few"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=reason):
            getattr(sales_charts, name)(model)
    with pytest.raises(DataError, match="fit again"):
        sales_charts.categories(structs.replace(shown.model, statistics={}))


def test_under_the_policy_keep_returns_are_part_of_sales(shown: Shown) -> None:
    kept = structs.replace(shown.model, cleaning=structs.replace(shown.model.cleaning, returns_policy="keep"))
    assert sales_chart_data.returns_by_month(shown.model)[0]["bought"] == 1000
    assert sales_chart_data.returns_by_month(kept)[0]["bought"] == 900


def test_rows_add_up_to_the_totals(shown: Shown) -> None:
    quality = model_chart_data.data_quality(shown.model.cleaning)
    assert sum(row["rows"] for row in quality) == shown.model.cleaning.rows_in
    assert sum(row["share"] for row in quality) == pytest.approx(1)
    assert sum(row["customers"] for row in model_chart_data.rfm_grid(shown.grid)) == sum(
        c.customers for c in shown.clusters
    )
    for row in model_chart_data.recommendations(shown.list):
        assert sum(v for k, v in row.items() if k in ("cf", "rfm", "personalized", "popular")) == pytest.approx(1)


def test_names_are_drawn_literally() -> None:
    names = ("Cash $5 and $10 _{x}^2", "日本のペン", "<b>&", "x" * 300)
    items = tuple(Recommendation(i, f"id{i}", name, "", 1.0, "cf", ()) for i, name in enumerate(names, 1))
    figure = product_charts.recommendations(RecommendationList("c", True, False, "cf", "v", "", items))
    svg = chart_style.to_svg(figure)
    assert "Cash $5 and $10 _{x}^2" in svg
    assert "&lt;b&gt;&amp;" in svg
    assert "x" * 60 not in svg
    assert chart_style.to_png(figure).startswith(b"\x89PNG")


def test_a_name_with_an_unfinished_formula_does_not_stop_a_chart(shown: Shown) -> None:
    names = tuple(f"Save $$ now {i}" for i in range(4))
    items = tuple(Recommendation(i, f"id{i}", name, "", 1.0, "cf", ()) for i, name in enumerate(names, 1))
    lists = {item.item_id: RecommendationList("c", True, False, "cf", "v", "", items) for item in items}
    figure = product_charts.item_similarity(lists, {item.item_id: item.item_name for item in items})
    assert "Save $$ now 1" in chart_style.to_svg(figure)
    segments = [structs.replace(segment, name=f"{segment.name} $$") for segment in shown.segments]
    assert f"{segments[0].name}" in chart_style.to_svg(model_charts.segments(segments))


def test_the_same_chart_gives_the_same_svg(shown: Shown) -> None:
    assert chart_style.to_svg(model_charts.segments(shown.segments), "a") == chart_style.to_svg(
        model_charts.segments(shown.segments), "a"
    )


def test_too_little_data_raises_an_error_with_the_reason(shown: Shown) -> None:
    empty = structs.replace(
        shown.model, weekly_sales=(), cluster_choice=(), scorecard={"gate": {"skipped": "too short"}}
    )
    with pytest.raises(DataError, match="No chart of sales by week: no order is left after returns"):
        model_charts.weekly_sales(empty)
    with pytest.raises(DataError, match="too short"):
        model_charts.scorecard(empty)
    for draw, arguments in (
        (model_charts.segments, ([],)),
        (model_charts.rfm_grid, ([],)),
        (model_charts.cluster_scatter, ([], [])),
        (model_charts.cluster_profiles, ([],)),
        (model_charts.cluster_choice, (empty,)),
        (model_charts.training_loss, (empty,)),
        (model_charts.distributions, (empty,)),
        (product_charts.item_similarity, ({}, {})),
        (product_charts.recommendations, (RecommendationList(None, False, False, "cf", "v", "", ()),)),
    ):
        with pytest.raises(DataError):
            draw(*arguments)


def test_negative_amounts_are_drawn(shown: Shown) -> None:
    weeks = tuple(structs.replace(w, amount=-w.amount) for w in shown.model.weekly_sales)
    figure = model_charts.weekly_sales(structs.replace(shown.model, weekly_sales=weeks[:1]))
    assert figure.axes[0].get_ylim()[0] < 0


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch, shown: Shown) -> None:
    monkeypatch.setitem(sys.modules, "seaborn", None)
    with pytest.raises(MissingExtraError, match="seaborn"):
        sales_charts.correlations(shown.model)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError) as caught:
        model_charts.data_quality(shown.model.cleaning)
    assert "smart-retail-engine[report]" in caught.value.hint


def test_pyplot_is_never_imported() -> None:
    code = (
        "import sys; from smart_retail.reporting import chart_style, model_charts, product_charts\n"
        "assert 'matplotlib' not in sys.modules, 'imported before it is needed'\n"
        "chart_style.to_svg(chart_style.new_figure('t', 2, 2, chart_style.LIGHT)[0])\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
