"""Items that were added or changed since the last fit complete the catalogue of the next one."""

from __future__ import annotations

from pathlib import Path

from smart_retail.data.ingestion.catalogue import CatalogueItem, ItemCatalogue
from smart_retail.data.ingestion.item_changes import include_changes, read_item_file
from smart_retail.data.ingestion.row_validation import RowValidation
from smart_retail.events.item_changes import ItemChange

CHANGES = {
    "a": ItemChange(changed="1", item_name="Sent", stock=0.0, list_price=2.5, attributes={"colour": "red"}),
    "n": ItemChange(changed="1", item_name="New", launch_date="2026-01-31"),
}


def test_a_value_of_the_catalogue_counts_before_a_change() -> None:
    listed = {"a": CatalogueItem(item_name="Listed", stock=7.0), "b": CatalogueItem(item_name="Other")}
    table = ItemCatalogue("items.csv", listed, 2, {}, {}, {"item_id": "SKU"})
    found = include_changes(table, CHANGES)
    assert found is not None
    assert list(found.items) == ["a", "b", "n"]
    assert found.items["a"] == CatalogueItem(item_name="Listed", stock=7.0, unit_price=2.5, attributes="colour: red")
    assert found.items["n"] == CatalogueItem(item_name="New", launch_day=20_484)
    assert found.notes(1)[0].startswith(
        "Catalogue items.csv: 2 rows, and 2 items added or changed since the last fit, are 3 items (1 in the orders"
    )


def test_changes_alone_are_a_catalogue() -> None:
    found = include_changes(None, CHANGES)
    assert found is not None
    assert found.items["a"].unit_price == 2.5
    assert found.notes(0) == ["2 items added or changed since the last fit are included (0 in the orders, 2 new)."]
    assert include_changes(None, {}) is None


def test_the_rules_for_item_codes_apply() -> None:
    validation = RowValidation("", "^POST$", True, False, "", False)
    found = include_changes(None, CHANGES | {"post": ItemChange(changed="1", item_name="Postage")}, [validation])
    assert found is not None
    assert list(found.items) == ["A", "N"]


def test_a_file_of_items_becomes_changes(tmp_path: Path) -> None:
    file = tmp_path / "items.csv"
    file.write_text("SKU,Name,Price,Stock,Launch date,Colour\n00012,Lamp,1.5,,2026-01-31,red\n")
    changes, catalogue = read_item_file(str(file))
    assert changes == {
        "00012": ItemChange(item_name="Lamp", list_price=1.5, launch_date="2026-01-31", attributes={"Colour": "red"})
    }
    assert catalogue.rows == 1
