"""Items that are added between two fits are found, have a page, obey the rules and are recommended by content."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests import shop
from tests.fitted_shop import SETTINGS

from smart_retail import add_items
from smart_retail.bundle.erasure import erase
from smart_retail.errors import ArtifactError, DataError, UnknownItemError
from smart_retail.events import Event, open_events
from smart_retail.events.item_changes import FILE_NAME, ItemChanges
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from smart_retail.serving.factory import BundleFollower, open_engine
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail.serving.item_updates import remove_items
from smart_retail.training.fit import fit

NEW = {"item_id": "NEW-1", "item_name": "Garden thing deluxe", "category": "garden", "list_price": 9.5, "stock": 4}
OTHER = {"item_id": "NEW-2", "item_name": "Reading lamp", "category": "Lamps", "attributes": {"colour": "red"}}


@pytest.fixture
def artifacts(fitted: tuple[Path, FitReport], tmp_path: Path) -> Path:
    """A folder with the bundle of the small shop to which items can be added."""
    return Path(shutil.copytree(fitted[0], tmp_path / "artifacts"))


def garden_customer(engine: Engine) -> str:
    """A customer who buys garden things."""
    return next(c for c in engine.customer_ids() if engine.recommend(c, n=1).items[0].category == "Garden")


def test_an_added_item_is_found_and_has_a_page(artifacts: Path) -> None:
    accepted = add_items([NEW, OTHER, {"item_id": "G-005", "stock": 7}], artifacts)
    assert (accepted.received, accepted.added, accepted.changed, accepted.note) == (3, 2, 1, "")
    engine = Engine.load(artifacts)
    assert [item.item_id for item in engine.search_items("deluxe")] == ["NEW-1"]
    assert [item.item_id for item in engine.search_items("lamps reading")] == ["NEW-2"]
    item = engine.item("NEW-1")
    assert (item.item_name, item.category, item.unit_price, item.list_price, item.stock, item.orders) == (
        "Garden thing deluxe", "Garden", 9.5, 9.5, 4.0, 0,
    )  # fmt: skip
    assert engine.item("NEW-2").attributes == {"colour": "red"}
    assert engine.categories() == sorted([*shop.GROUPS, "Lamps"])
    assert engine.item("G-005").stock == 7
    assert engine.item("G-005").orders > 0
    with pytest.raises(UnknownItemError):
        engine.item("NEW-3")


def test_an_added_item_is_recommended_by_content(artifacts: Path) -> None:
    before = Engine.load(artifacts)
    customer = garden_customer(before)
    add_items([NEW, OTHER], artifacts)
    engine = Engine.load(artifacts)
    plain, listed = before.recommend(customer, n=20).items, engine.recommend(customer, n=20).items
    assert listed[9].item_id == "NEW-1"
    assert (listed[9].source, listed[9].reasons[0].kind) == ("content", "similar")
    assert [item.item_id for item in listed if item.item_id != "NEW-1"] == [item.item_id for item in plain][:19]
    assert engine.recommend(customer, n=9).items == before.recommend(customer, n=9).items
    similar = engine.similar_items("NEW-1", 5)
    assert similar.method == "similar"
    assert {item.category for item in similar.items} == {"Garden"}
    together = engine.similar_items("NEW-1", 5, relation="bought_together")
    assert (together.method, together.items) == ("bought_together", ())
    assert engine.audience("NEW-1", 5).entries[0].similarity > 0
    assert (engine.bundles("NEW-1").total, engine.substitutes("NEW-1").entries) == (0, ())


def test_an_added_item_in_a_basket_stands_for_what_is_similar_to_it(artifacts: Path) -> None:
    add_items([NEW], artifacts)
    engine = Engine.load(artifacts)
    listed = engine.recommend_for_basket(["NEW-1"], 5).items
    assert {item.category for item in listed} == {"Garden"}
    assert all(item.item_id != "NEW-1" for item in listed)
    assert listed[0].reasons[0].item_id == "NEW-1"
    assert listed[0].reasons[0].text.endswith("is similar to Garden thing deluxe")
    completed = engine.recommend_for_basket(["G-005"], 20).items
    assert completed[9].item_id == "NEW-1"
    other = engine.recommend_for_basket(["NEW-1"], 5, method="cf").items
    assert all(item.item_id != "NEW-1" for item in other)


def test_an_added_item_obeys_the_rules(artifacts: Path, tmp_path: Path) -> None:
    add_items([NEW], artifacts)
    customer = garden_customer(Engine.load(artifacts))

    def listed(rules: str) -> list[str]:
        file = tmp_path / "rules.toml"
        file.write_text(rules)
        return [item.item_id for item in Engine.load(artifacts, rules=file).recommend(customer, n=20).items]

    assert listed("").index("NEW-1") == 9
    assert listed("new_items_share = 0.2").index("NEW-1") == 4
    assert "NEW-1" not in listed("new_items_share = 0")
    assert "NEW-1" not in listed('ban = ["NEW-1"]')
    assert "NEW-1" not in listed("price = { max = 9 }")
    assert listed('pin = ["NEW-1"]')[0] == "NEW-1"
    add_items([{"item_id": "NEW-1", "stock": 0}], artifacts)
    assert "NEW-1" not in listed("")


def test_a_sold_out_item_of_the_bundle_leaves_the_lists_and_returns(artifacts: Path) -> None:
    customer = garden_customer(Engine.load(artifacts))
    first = Engine.load(artifacts).recommend(customer).items[0].item_id
    add_items([{"item_id": first, "stock": 0}], artifacts)
    assert first not in [item.item_id for item in Engine.load(artifacts).recommend(customer, n=60).items]
    assert first not in [item.item_id for item in Engine.load(artifacts).popular(60).items]
    add_items([{"item_id": first, "stock": 3, "list_price": 1.25}], artifacts)
    engine = Engine.load(artifacts)
    assert engine.recommend(customer).items[0].item_id == first
    assert (engine.item(first).unit_price, engine.item(first).list_price) == (1.25, 1.25)


def test_a_purchase_of_an_added_item_hides_it(artifacts: Path) -> None:
    add_items([NEW], artifacts)
    customer = garden_customer(Engine.load(artifacts))
    event = {"event_id": "1", "customer_id": customer, "item_id": "NEW-1", "timestamp": "2025-03-01", "amount": 9.5}
    open_events(artifacts).add([Event.from_dict(event)])
    engine = Engine.load(artifacts)
    assert "NEW-1" not in [item.item_id for item in engine.recommend(customer, n=60).items]
    assert engine.customer(customer).known
    assert "NEW-1" in [item.item_id for item in engine.recommend(customer, n=60, exclude_purchased=False).items]


def test_a_running_engine_follows_and_keeps_the_last_good_items(artifacts: Path) -> None:
    follower = BundleFollower(artifacts, lambda: open_engine(artifacts))
    holder = ReloadingEngine(follower.load, follower.state)
    first = holder.get()
    holder.refresh()
    assert holder.get() is first
    add_items([NEW], artifacts)
    holder.refresh()
    second = holder.get()
    assert second.item("NEW-1").stock == 4
    assert isinstance(first, Engine)
    assert isinstance(second, Engine)
    assert second.bundle is first.bundle
    (artifacts / FILE_NAME).write_text('{"format": 1, "items": {"NEW-1": {"stock": "many"}}}')
    holder.refresh()
    assert holder.get() is second
    assert holder.rejected is not None
    assert holder.rejected.code == "artifact"
    with pytest.raises(ArtifactError, match="damaged"):
        add_items([OTHER], artifacts)
    remove = artifacts / FILE_NAME
    remove.unlink()
    holder.refresh()
    with pytest.raises(UnknownItemError):
        holder.get().item("NEW-1")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"item_name": "x"}, "items.1: The item_id of an item is missing"),
        ({"item_id": "a", "list_price": -1}, "items.1: The list_price of an item is not a valid number of at least 0"),
        ({"item_id": "a", "stock": "many"}, "items.1: The stock of an item is not a valid number"),
        ({"item_id": "a", "stock": float("nan")}, "items.1: The stock of an item is not a valid number"),
        ({"item_id": "a", "launch_date": "31.2."}, "items.1: '31.2.' is not a valid date"),
        ({"item_id": "a", "colour": "red"}, "items.1: An item has no field 'colour'"),
        ({"item_id": "a", "changed": "2026"}, "items.1: An item has no field 'changed'"),
        ({"item_id": "a", "attributes": {"colour": 3}}, "items.1: The attribute of an item is not a text"),
        ({"item_id": "a\0", "item_name": "x"}, "items.1: The item_id of an item is missing or not a text"),
    ],
)
def test_a_wrong_value_is_an_error_and_nothing_is_stored(
    artifacts: Path, item: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message) as error:
        add_items([NEW, item], artifacts)
    assert error.value.hint
    assert not (artifacts / FILE_NAME).exists()


def test_an_unknown_item_without_a_name_is_skipped_and_named(artifacts: Path) -> None:
    accepted = add_items([{"item_id": "typo", "stock": 3}, NEW], artifacts)
    assert (accepted.added, accepted.changed, accepted.skipped) == (1, 0, ("typo",))
    assert accepted.note == "1 unknown item has no item_name and was not stored: typo."


def test_values_that_are_not_sent_are_kept(artifacts: Path) -> None:
    add_items([NEW | {"attributes": {"colour": "red"}}], artifacts)
    add_items([{"item_id": "NEW-1", "list_price": 8, "attributes": None, "item_name": ""}], artifacts)
    item = Engine.load(artifacts).item("NEW-1")
    assert (item.item_name, item.list_price, item.stock) == ("Garden thing deluxe", 8.0, 4.0)
    assert item.attributes == {"colour": "red"}
    assert remove_items(["NEW-1", "no such"], artifacts) == 1
    with pytest.raises(UnknownItemError):
        Engine.load(artifacts).item("NEW-1")


def test_items_are_read_from_a_file_as_a_catalogue_is(artifacts: Path, tmp_path: Path) -> None:
    file = tmp_path / "items.csv"
    file.write_text(
        "SKU;Product name;Category;Price;Stock;Colour\nN-9;Garden thing nine;Garden;12,50;3;red\n;x;y;1;1;\n"
    )
    accepted = add_items(file, artifacts)
    assert (accepted.received, accepted.added, accepted.note) == (1, 1, "Rejected rows: no item 1.")
    item = Engine.load(artifacts).item("N-9")
    assert (item.list_price, item.stock, item.attributes) == (12.5, 3.0, {"Colour": "red"})


def test_items_of_several_writers_are_all_kept(artifacts: Path) -> None:
    def send(number: int) -> None:
        add_items([{"item_id": f"N-{number:02}", "item_name": f"Thing {number}"}], artifacts)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(24)))
    changes = ItemChanges(artifacts).read()
    assert sorted(changes) == [f"N-{number:02}" for number in range(24)]
    assert len({change.changed for change in changes.values()}) == 24


def test_erasing_a_customer_leaves_the_items(artifacts: Path) -> None:
    add_items([NEW], artifacts)
    erase(artifacts, "c0001")
    engine = Engine.load(artifacts)
    assert not engine.customer("c0001").known
    assert engine.item("NEW-1").stock == 4
    assert engine.bundle.verify() == []


@pytest.mark.slow
def test_the_next_fit_includes_the_items(fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    artifacts = Path(shutil.copytree(fitted[0], tmp_path / "artifacts"))
    add_items(
        [NEW, OTHER, {"item_id": "G-005", "stock": 0}, {"item_id": "G-006", "stock": 3, "brand": "Oak"}], artifacts
    )
    catalogue = tmp_path / "items.csv"
    catalogue.write_text("item_id,item_name,price,stock\nNEW-1,Garden thing deluxe,9.5,11\nG-005,,,6\n")
    report = fit(
        shop.write(tmp_path / "orders.csv"), catalogue=catalogue, artifacts=artifacts, settings=SETTINGS, force=True
    )
    assert any(
        "2 rows, and 4 items added or changed since the last fit, are 4 items" in n for n in report.cleaning.notes
    )
    engine = Engine.load(artifacts)
    assert not engine.tables.added_items
    assert engine.item("NEW-1").stock == 11  # the catalogue of the fit counts before an earlier change
    assert engine.item("G-005").stock == 6
    assert (engine.item("G-006").stock, engine.item("G-006").brand) == (3, "Oak")
    assert engine.item("NEW-2").attributes == {"colour": "red"}
    add_items([{"item_id": "NEW-1", "stock": 2}], artifacts)
    assert Engine.load(artifacts).item("NEW-1").stock == 2
    assert (
        Engine.load(artifacts, version=fitted[1].version).item("NEW-1").stock == 2
    )  # before the fit, it is added again
