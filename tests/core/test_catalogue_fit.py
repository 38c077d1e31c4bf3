"""Items of a catalogue without purchases: search, details, similar items and business rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import shop
from tests.fitted_shop import SETTINGS

from smart_retail.bundle.reader import Bundle
from smart_retail.errors import UnknownItemError
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from smart_retail.training.fit import fit

COUNT = 60
ITEMS = (
    "item_id,item_name,category,brand,description,price,stock,launch date,colour\n"
    "N-1,Garden thing extra,Garden,Green & Co,A thing for the garden,12.5,30,2025-02-01,green\n"
    "N-2,Book of gardens,books,,About gardens,19,,,\n"
    "N-3,Kitchen thing sold out,Kitchen,,,5,0,,\n"
    "N-4,Novelty,Garden,Green & Co,Waterproof and outdoor,8,,,\n"
    "G-006,Bought thing,Garden,Green & Co,An outdoor item that is waterproof,8,,,\n"
    "G-004,Another name,Other,Green & Co,,3,0,,\n"
)


@pytest.fixture(scope="module")
def with_catalogue(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FitReport]:
    folder = tmp_path_factory.mktemp("catalogue")
    (folder / "items.csv").write_text(ITEMS, encoding="utf-8")
    orders = shop.write(folder / "orders.csv", COUNT)
    report = fit(orders, catalogue=folder / "items.csv", artifacts=folder / "artifacts", settings=SETTINGS)
    return folder / "artifacts", report


@pytest.mark.slow
def test_an_item_without_purchases_is_found_and_has_details(with_catalogue: tuple[Path, FitReport]) -> None:
    engine = Engine.load(with_catalogue[0])
    found = engine.search_items("garden thing extra")
    assert [(item.item_id, item.orders) for item in found] == [("N-1", 0)]
    item = engine.item("N-1")
    assert (item.category, item.brand, item.description) == ("Garden", "Green & Co", "A thing for the garden")
    assert (item.unit_price, item.list_price, item.stock, item.cost) == (12.5, 12.5, 30.0, None)
    assert (item.launch_date, item.attributes) == ("2025-02-01", {"colour": "green"})
    assert engine.item("N-2").category == "Books"
    bought = engine.item("G-004")
    assert (bought.item_name, bought.category) == ('Garden thing 4, "big" <& co>', "Garden")
    assert (bought.brand, bought.list_price) == ("Green & Co", 3.0)
    assert bought.unit_price == 6.5
    assert engine.item("G-005").brand == ""
    with pytest.raises(UnknownItemError):
        engine.item("no such item")


@pytest.mark.slow
def test_an_item_without_purchases_has_similar_items_by_content(with_catalogue: tuple[Path, FitReport]) -> None:
    similar = Engine.load(with_catalogue[0]).similar_items("N-1", 5)
    assert [item.category for item in similar.items] == ["Garden"] * 5
    assert {item.reasons[0].kind for item in similar.items} == {"similar"}


@pytest.mark.slow
def test_a_reason_names_what_two_descriptions_have_in_common(with_catalogue: tuple[Path, FitReport]) -> None:
    engine = Engine.load(with_catalogue[0])
    similar = {item.item_id: item.reasons[0].text for item in engine.similar_items("N-1", 10).items}
    assert similar["G-005"] == "similar to Garden thing extra: same category, similar name"
    bought = engine.similar_items("N-4", 10).items
    reason = next(item.reasons[0].text for item in bought if item.item_id == "G-006")
    assert reason == ("similar to Novelty: same category, same brand, similar description (waterproof, outdoor)")


@pytest.mark.slow
def test_a_rule_gives_new_items_a_share_of_positions(with_catalogue: tuple[Path, FitReport], tmp_path: Path) -> None:
    root = with_catalogue[0]
    rules = tmp_path / "rules.toml"
    rules.write_text("new_items_share = 0.2\n")
    plain, shared = Engine.load(root), Engine.load(root, rules=rules)
    customers = [match.customer_id for match in plain.search_customers("", 30)]
    before, after = plain.recommend_many(customers, n=10), shared.recommend_many(customers, n=10)
    new = {"N-1", "N-2", "N-4"}
    for old, now in zip(before, after, strict=True):
        assert not new & {item.item_id for item in old.items}
        assert [item.rank for item in now.items if item.item_id in new] == [5, 10]
        kept = [item.item_id for item in now.items if item.item_id not in new]
        assert kept == [item.item_id for item in old.items][: len(kept)]
        assert {item.source for item in now.items if item.item_id in new} == {"content"}
        assert shared.recommend(now.customer_id or "", n=5).items == now.items[:5]
    garden = next(match for match in before if match.items[0].category == "Garden")
    first = next(one for one in after if one.customer_id == garden.customer_id).items[4]
    assert first.category == "Garden"
    assert first.reasons[0].kind == "similar"
    unknown = shared.recommend("unknown-id", n=10)
    assert [item.rank for item in unknown.items if item.item_id in new] == [5, 10]
    live = shared.recommend(customers[0], n=10, exclude_purchased=False)
    assert [item.rank for item in live.items if item.item_id in new] == [5, 10]


@pytest.mark.slow
def test_a_sold_out_item_is_in_no_list(with_catalogue: tuple[Path, FitReport], tmp_path: Path) -> None:
    engine = Engine.load(with_catalogue[0])
    everything = {item.item_id for item in engine.popular(1000).items}
    assert "N-1" in everything
    assert not {"N-3", "G-004"} & everything
    customer = engine.search_customers("", 1)[0].customer_id
    assert "G-004" not in {item.item_id for item in engine.recommend(customer, n=1000, exclude_purchased=False).items}
    rules = tmp_path / "rules.toml"
    rules.write_text('stock = ["N-3", "N-1"]\nprice = { max = 10 }\n')
    listed = Engine.load(with_catalogue[0], rules=rules).popular(1000).items
    assert [item.item_id for item in listed] == ["N-3"]  # the rules file is newer than the catalogue


@pytest.mark.slow
def test_the_scorecard_says_what_share_new_items_get(with_catalogue: tuple[Path, FitReport]) -> None:
    card = with_catalogue[1].scorecard["new_item"]
    assert card["share"]["candidates"] >= 4
    assert card["share"]["customers"] > 0
    assert card["share"]["share"] == 0.0  # no item of the small shop was first sold in the window


@pytest.mark.slow
def test_the_cleaning_report_says_what_was_read(with_catalogue: tuple[Path, FitReport]) -> None:
    report = with_catalogue[1]
    assert any("6 of 6 rows are items (2 in the orders, 4 new)" in n for n in report.cleaning.notes)
    assert report.cleaning.items == len(shop.items())


@pytest.mark.slow
def test_a_bundle_without_a_catalogue_has_empty_arrays(fitted: tuple[Path, FitReport]) -> None:
    bundle = Bundle.open(fitted[0])
    assert all(len(values) == 0 or name.endswith("offsets") for name, values in bundle.arrays("catalogue").items())
    assert Engine.load(fitted[0]).item("G-004").stock is None
