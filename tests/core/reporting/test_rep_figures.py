"""Pictures: drawn from the rows they hand out, in both themes, whatever a product is called."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from matplotlib.figure import Figure
from msgspec import structs
from tests.fake_engine import FakeEngine

from smart_retail.errors import DataError, MissingExtraError
from smart_retail.reporting import (
    chart_style,
    model_chart_data,
    model_charts,
    product_charts,
    sales_chart_data,
    sales_charts,
)
from smart_retail.results import ModelInfo, Recommendation, RecommendationList

ENGINE = FakeEngine()
CLUSTERS = ENGINE.clusters()


def model_with_groups() -> ModelInfo:
    """The small engine's model with what a fit keeps of its groups."""
    model = ENGINE.model()
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
    return structs.replace(model, scorecard={**model.scorecard, "groups": groups}, statistics=STATISTICS)


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


MODEL = model_with_groups()
LIST = ENGINE.recommend("C-001")
SIMILAR = {item: ENGINE.similar_items(item, 40) for item in ("P-001", "P-002", "P-003")}
SHOP = (
    "categories", "line_sizes", "discounts", "discounts_by_month", "shipping", "shipping_by_month", "returns_by_month",
    "correlations",
)  # fmt: skip
PICTURES: dict[str, tuple[Callable[..., Figure], Callable[..., model_chart_data.Rows], tuple[Any, ...]]] = {
    "weekly_sales": (model_charts.weekly_sales, model_chart_data.weekly_sales, (MODEL,)),
    "data_quality": (model_charts.data_quality, model_chart_data.data_quality, (MODEL.cleaning,)),
    "segments": (model_charts.segments, model_chart_data.segments, (ENGINE.segments(),)),
    "rfm_grid": (model_charts.rfm_grid, model_chart_data.rfm_grid, (ENGINE.rfm_grid(),)),
    "cluster_scatter": (
        model_charts.cluster_scatter,
        model_chart_data.cluster_scatter,
        (ENGINE.cluster_points(), CLUSTERS),
    ),
    "cluster_profiles": (model_charts.cluster_profiles, model_chart_data.cluster_profiles, (CLUSTERS,)),
    "cluster_choice": (model_charts.cluster_choice, model_chart_data.cluster_choice, (MODEL,)),
    "training_loss": (model_charts.training_loss, model_chart_data.training_loss, (MODEL,)),
    "distributions": (model_charts.distributions, lambda m: model_chart_data.distribution(m, "recency"), (MODEL,)),
    "scorecard": (model_charts.scorecard, model_chart_data.scorecard, (MODEL,)),
    "recommendations": (product_charts.recommendations, model_chart_data.recommendations, (LIST,)),
    "item_similarity": (product_charts.item_similarity, model_chart_data.item_similarity, (SIMILAR, {})),
    **{name: (getattr(sales_charts, name), getattr(sales_chart_data, name), (MODEL,)) for name in SHOP},
}


@pytest.mark.parametrize("theme", [chart_style.LIGHT, chart_style.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_is_titled_and_drawn_in_its_theme(name: str, theme: chart_style.Theme) -> None:
    draw, _, facts = PICTURES[name]
    figure = draw(*facts, theme=theme)
    assert len(figure.get_suptitle()) > 10
    assert all(ax.get_xlabel() or ax.get_ylabel() for ax in figure.axes)
    assert chart_style.to_svg(figure).startswith("<svg")


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_has_its_numbers_as_plain_data(name: str) -> None:
    _, rows, facts = PICTURES[name]
    told = rows(*facts)
    assert told
    assert json.loads(json.dumps(told)) == told
    assert len({tuple(row) for row in told}) == 1, "all rows have the same columns"


def test_every_function_that_draws_is_tried_here() -> None:
    drawing = {
        name
        for module in (model_charts, product_charts, sales_charts)
        for name, function in vars(module).items()
        if callable(function) and getattr(function, "__annotations__", {}).get("return") == "Figure"
    }
    assert drawing - set(PICTURES) <= {"finished"}
    assert set(PICTURES) <= drawing


def test_titles_state_what_is_found() -> None:
    assert model_charts.data_quality(MODEL.cleaning).get_suptitle().startswith("97.4 % of 575 rows were accepted")
    assert model_charts.scorecard(MODEL).get_suptitle() == "Hybrid foretells all purchases best: NDCG@10 0.310"
    assert model_charts.cluster_choice(MODEL).get_suptitle() == "3 clusters: silhouette 0.50, refits agree to 0.84"
    assert model_charts.distributions(MODEL).get_suptitle() == "25.0 % of 40 customers ordered once"


def test_titles_of_the_shops_lines_state_what_is_found() -> None:
    titles = {name: PICTURES[name][0](MODEL).get_suptitle() for name in SHOP}
    assert titles == {
        "categories": "Shelf 0 brings 27.8 % of the sales",
        "line_sizes": "High lines: 10.0 % of all, 91.0 % of the sales",
        "discounts": "90.0 % of the sales were made without a discount",
        "discounts_by_month": "Discounts were highest in 2024-02: 30.0 % on average",
        "shipping": "25.0 % of the lines shipped after more than three days",
        "shipping_by_month": "Shipping was slowest in 2024-01: 2.0 days on average",
        "returns_by_month": "6.2 % of what was bought came back, 100.00 EUR at the price paid",
        "correlations": "Unit price goes most with quantity: rank correlation -0.40",
    }


def test_small_categories_stand_together_and_nothing_is_lost() -> None:
    rows = sales_chart_data.categories(MODEL)
    assert len(rows) == sales_chart_data.MAX_CATEGORIES
    assert rows[-1]["category"] == sales_chart_data.OTHERS
    assert sum(r["amount"] for r in rows) == pytest.approx(sum(c["amount"] for c in STATISTICS["categories"]))
    assert sum(r["share"] for r in rows) == pytest.approx(1)
    assert rows[0]["returned_share"] == pytest.approx(1 / 1001)


def test_what_the_source_does_not_tell_is_said() -> None:
    nothing = {"months": [{**m, "returned": 0.0, "mean_discount": None} for m in STATISTICS["months"]]}
    bare = structs.replace(MODEL, statistics=nothing)
    for name, why in (
        ("categories", "no categories"), ("discounts", "no discounts"), ("discounts_by_month", "no discounts"),
        ("shipping", "no shipping dates"), ("returns_by_month", "nothing came back"), ("correlations", "too few"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=why):
            getattr(sales_charts, name)(bare)
    with pytest.raises(DataError, match="fit again"):
        sales_charts.categories(structs.replace(MODEL, statistics={}))


def test_under_the_policy_keep_what_came_back_is_part_of_the_sales() -> None:
    kept = structs.replace(MODEL, cleaning=structs.replace(MODEL.cleaning, returns_policy="keep"))
    assert sales_chart_data.returns_by_month(MODEL)[0]["bought"] == 1000
    assert sales_chart_data.returns_by_month(kept)[0]["bought"] == 900


def test_rows_add_up() -> None:
    quality = model_chart_data.data_quality(MODEL.cleaning)
    assert sum(row["rows"] for row in quality) == MODEL.cleaning.rows_in
    assert sum(row["share"] for row in quality) == pytest.approx(1)
    assert sum(row["customers"] for row in model_chart_data.rfm_grid(ENGINE.rfm_grid())) == sum(
        c.customers for c in CLUSTERS
    )
    for row in model_chart_data.recommendations(LIST):
        assert sum(v for k, v in row.items() if k in ("cf", "rfm", "personalized", "popular")) == pytest.approx(1)


def test_names_are_taken_literally_whatever_letters_they_have() -> None:
    names = ("Cash $5 and $10 _{x}^2", "日本のペン", "<b>&", "x" * 300)
    items = tuple(Recommendation(i, f"id{i}", name, "", 1.0, "cf", ()) for i, name in enumerate(names, 1))
    figure = product_charts.recommendations(RecommendationList("c", True, False, "cf", "v", "", items))
    drawn = chart_style.to_svg(figure)
    assert "Cash $5 and $10 _{x}^2" in drawn
    assert "&lt;b&gt;&amp;" in drawn
    assert "x" * 60 not in drawn
    assert chart_style.to_png(figure).startswith(b"\x89PNG")


def test_the_same_picture_is_the_same_text() -> None:
    assert chart_style.to_svg(model_charts.segments(ENGINE.segments()), "a") == chart_style.to_svg(
        model_charts.segments(ENGINE.segments()), "a"
    )


def test_too_little_data_is_told_and_not_drawn() -> None:
    bare = structs.replace(MODEL, weekly_sales=(), cluster_choice=(), scorecard={"gate": {"skipped": "too short"}})
    with pytest.raises(DataError, match="no picture of sales by week: no order was kept"):
        model_charts.weekly_sales(bare)
    with pytest.raises(DataError, match="too short"):
        model_charts.scorecard(bare)
    for draw, facts in (
        (model_charts.segments, ([],)),
        (model_charts.rfm_grid, ([],)),
        (model_charts.cluster_scatter, ([], [])),
        (model_charts.cluster_profiles, ([],)),
        (model_charts.cluster_choice, (bare,)),
        (model_charts.training_loss, (bare,)),
        (model_charts.distributions, (bare,)),
        (product_charts.item_similarity, ({}, {})),
        (product_charts.recommendations, (RecommendationList(None, False, False, "cf", "v", "", ()),)),
    ):
        with pytest.raises(DataError):
            draw(*facts)


def test_losses_and_amounts_below_zero_are_drawn() -> None:
    weeks = tuple(structs.replace(w, amount=-w.amount) for w in MODEL.weekly_sales)
    figure = model_charts.weekly_sales(structs.replace(MODEL, weekly_sales=weeks[:1]))
    assert figure.axes[0].get_ylim()[0] < 0


def test_pictures_without_matplotlib_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "seaborn", None)
    with pytest.raises(MissingExtraError, match="seaborn"):
        sales_charts.correlations(MODEL)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError) as caught:
        model_charts.data_quality(MODEL.cleaning)
    assert "smart-retail-engine[report]" in caught.value.hint


def test_pyplot_and_its_state_stay_out() -> None:
    code = (
        "import sys; from smart_retail.reporting import canvas, figures, product_figures\n"
        "assert 'matplotlib' not in sys.modules, 'imported before it is needed'\n"
        "canvas.svg(canvas.canvas('t', 2, 2, canvas.LIGHT)[0])\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
