"""A catalogue of items: recognised columns, rejected rows, and items without purchases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from smart_retail.data.ingestion.catalogue import CatalogueItem, ItemCatalogue
from smart_retail.data.pipeline import Dataset, prepare
from smart_retail.errors import ColumnError, DataError
from smart_retail.settings import DataSettings

ORDERS = (
    "customer_id,item_id,order_id,timestamp,quantity,amount,item_name,category\n"
    "c1,b,o1,2024-01-01,2,10,Bread,Food\n"
    "c1,d,o2,2024-01-05,1,3,,\n"
    "c2,b,o3,2024-02-01,1,6,Bread,Food\n"
)
CATALOGUE = (
    "SKU,Product name,Category,Sub-category,Brand,Description,Price,Cost per item,In stock,Image,Launch date,Colour\n"
    'a,Apple tea,food,Tea,Tealand,<p>Green tea with <b>apple</b></p>,"4.50",2,0,https://x/a.png,2024-03-01,green\n'
    "b,Bread of the catalogue,Bakery,,,,99,,12,,,\n"
    "d,Dishes,Kitchen,,,,,,,,,\n"
    ",Nameless,Food,,,,1,,,,,\n"
    "x,Bad price,Food,,,,free,,,,,\n"
    "y,Bad date,Food,,,,1,,,,2024-13-45,\n"
    "z,Below zero,Food,,,,-1,,,,,\n"
    "a,,,,,,,,,,,\n"
)


def write(folder: Path, text: str, name: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, catalogue: str = CATALOGUE, orders: str = ORDERS, **options: object) -> Dataset:
    return prepare(
        [write(folder, orders, "orders.csv")],
        catalogue=write(folder, catalogue, "items.csv"),
        settings=DataSettings(**options),  # type: ignore[arg-type]
    )


def read_items(folder: Path, catalogue: str) -> ItemCatalogue:
    with read(folder, catalogue) as dataset:
        assert dataset.catalogue is not None
        return dataset.catalogue


def test_the_columns_are_recognised_and_other_columns_are_attributes(tmp_path: Path) -> None:
    item = read_items(tmp_path, CATALOGUE).items["a"]
    assert item == CatalogueItem(
        item_name="Apple tea",
        category="food",
        subcategory="Tea",
        brand="Tealand",
        description="Green tea with apple",
        image_url="https://x/a.png",
        unit_price=4.5,
        cost=2.0,
        stock=0.0,
        launch_day=int(np.datetime64("2024-03-01", "D").astype(int)),
        attributes="Colour: green",
    )


def test_rows_that_are_not_items_are_counted_with_their_reason(tmp_path: Path) -> None:
    catalogue = read_items(tmp_path, CATALOGUE)
    assert catalogue.rows == 8
    assert catalogue.rejected == {
        "no item": 1,
        "bad price": 2,
        "bad launch date": 1,
        "repeated item": 1,
    }
    assert catalogue.examples["bad price"] == ("-1", "free")
    assert catalogue.examples["bad launch date"] == ("2024-13-45",)
    assert list(catalogue.items) == ["a", "b", "d"]


def test_items_without_purchases_are_items_of_the_dataset(tmp_path: Path) -> None:
    with read(tmp_path) as dataset:
        assert list(dataset.items.ids) == ["a", "b", "d"]
        assert dataset.item_names == ["Apple tea", "Bread", "Dishes"]
        named = [dataset.category_names[code] for code in dataset.item_category.tolist()]
        assert named == ["Food", "Food", "Kitchen"]  # spelled as in the orders
        assert np.round(dataset.item_price, 4).tolist() == [4.5, round(16 / 3, 4), 3.0]
        history = dataset.history_between()
        assert [dataset.items.id(code) for code in history.item.tolist()] == ["b", "d", "b"]
        assert dataset.report.items == 2
        note = next(note for note in dataset.report.notes if note.startswith("Catalogue items.csv"))
        assert "3 of 8 rows are items (2 in the orders, 1 new)" in note
        assert any("bad price 2 (-1, free)" in note for note in dataset.report.notes)


def test_the_fingerprint_depends_on_the_catalogue_and_not_on_its_row_order(tmp_path: Path) -> None:
    head, *rows = CATALOGUE.splitlines(keepends=True)
    texts = CATALOGUE, head + "".join(reversed(rows)), CATALOGUE.replace("Tealand", "Other")
    prints = []
    for text in texts:
        with read(tmp_path, text) as dataset:
            prints.append(dataset.fingerprint)
    assert prints[0] == prints[1] != prints[2]


def test_a_missing_id_column_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(ColumnError) as caught:
        read(tmp_path, "Name,Price\nTea,4\n")
    assert caught.value.message == (
        "No column of the catalogue items.csv was recognised as the item id (found: Name, Price)."
    )
    assert caught.value.hint == "Name that column Item ID."


def test_a_catalogue_without_a_valid_row_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"No row of the catalogue items.csv is an item \(no item 1\)"):
        read(tmp_path, "Item ID,Price\n,4\n")


def test_ids_that_no_order_uses_are_noted(tmp_path: Path) -> None:
    with read(tmp_path, "Item ID,Name\n1,Tea\n") as dataset:
        assert any("No item id of the catalogue items.csv is in the orders" in n for n in dataset.report.notes)


def test_item_codes_follow_the_rules_of_the_orders(tmp_path: Path) -> None:
    orders = (
        "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
        "1,85123a,WHITE HEART,6,2010-12-01 08:26:00,2.55,17850,UK\n"
    )
    catalogue = "StockCode,Description\n85123A,White heart\n22222b,Lamp\nPOST,Postage\n"
    with read(tmp_path, catalogue, orders) as dataset:
        assert list(dataset.items.ids) == ["22222B", "85123A"]
        assert dataset.item_names == ["Lamp", "WHITE HEART"]
        assert dataset.catalogue is not None
        assert dataset.catalogue.rejected == {"non-merchandise": 1}


def test_decimal_commas_and_german_headers_are_read(tmp_path: Path) -> None:
    text = "Artikelnummer;Bezeichnung;Preis;Bestand;Hersteller\na;Tee;4,50;1.200;Teeland\n"
    item = read_items(tmp_path, text).items["a"]
    assert (item.item_name, item.unit_price, item.stock, item.brand) == ("Tee", 4.5, 1200.0, "Teeland")


def test_a_data_frame_and_whole_number_ids_are_read(tmp_path: Path) -> None:
    orders = ORDERS.replace(",b,", ",7,").replace(",d,", ",12,")
    frame = pd.DataFrame({"id": [7, 8], "name": ["Bread", "Cake"], "price": [1.5, None], "weight": [0.5, 2.0]})
    with prepare([write(tmp_path, orders, "orders.csv")], catalogue=frame) as dataset:
        assert list(dataset.items.ids) == ["12", "7", "8"]
        assert [dataset.items.id(code) for code in dataset.history_between().item.tolist()] == ["7", "12", "7"]
        assert dataset.catalogue is not None
        assert dataset.catalogue.items["8"].attributes == "weight: 2"
