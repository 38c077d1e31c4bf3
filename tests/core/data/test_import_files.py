"""Files of shops are imported without any option, with exactly the totals that are known in advance."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.core.data import shop_exports as exports
from tests.core.data.import_files import FILES, MESSY, MESSY_TOTALS, ORDERS, ImportFile, table_rows

from smart_retail.data.parsing.presets import PRESETS
from smart_retail.data.pipeline import Dataset, prepare
from smart_retail.settings import DataSettings

ROOT = Path(__file__).resolve().parents[3]
PRESET_OF = {
    "shopify.csv": "shopify", "woocommerce.csv": "woocommerce", "magento.csv": "magento", "square.csv": "square",
    "prestashop.csv": "prestashop", "lightspeed.csv": "lightspeed", "etsy.csv": "etsy", "amazon.txt": "amazon",
}  # fmt: skip


def found(dataset: Dataset) -> exports.Totals:
    report = dataset.report
    assert report.rows_in == report.rows_accepted + sum(r.rows for r in report.rejected)
    amount = Decimal(str(report.amount))
    return exports.Totals(report.rows_accepted, report.customers, report.items, report.orders, amount)


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_is_imported_with_the_known_totals(tmp_path: Path, file: ImportFile) -> None:
    with prepare([file.write(tmp_path / file.name, ORDERS)]) as dataset:
        assert dataset.sources[0].schema.preset.name == PRESET_OF.get(file.name, "aliases")
        assert found(dataset) == file.accepted
        assert dataset.report.rows_in == file.rows_in


@pytest.mark.real_data
@pytest.mark.parametrize("name", MESSY)
def test_a_superstore_saved_in_an_unusual_way_has_the_counted_totals(real_data: Path, name: str) -> None:
    with prepare([real_data / "messy" / name]) as dataset:
        assert found(dataset) == MESSY_TOTALS


@pytest.mark.slow
@pytest.mark.parametrize("name", ["shopify.csv", "woocommerce.csv", "magento.csv", "prestashop.csv"])
def test_refunded_orders_are_returns(tmp_path: Path, name: str) -> None:
    file = next(f for f in FILES if f.name == name)
    with prepare([file.write(tmp_path / file.name, ORDERS)]) as dataset:
        assert dataset.report.net_amount == pytest.approx(float(exports.totals(ORDERS, ("paid",)).amount))
        assert sum(r.amount for r in dataset.report.returns) == pytest.approx(
            float(exports.totals(ORDERS, ("refunded",)).amount)
        )


def test_refunds_of_square_are_cancellations_of_earlier_purchases(tmp_path: Path) -> None:
    with prepare([exports.write_square(tmp_path / "square.csv", ORDERS)]) as dataset:
        (returns,) = dataset.report.returns
    # A refund counts against the customer's latest purchase of the item, which may have had another price.
    refunded = exports.totals(ORDERS, ("refunded",))
    assert (returns.form, returns.lines) == ("cancellation", refunded.rows)
    assert returns.amount == pytest.approx(float(refunded.amount), rel=0.02)


def test_a_part_that_was_refunded_is_spread_over_the_lines_of_the_order(tmp_path: Path) -> None:
    orders = [replace(order, status="partial") if n % 3 == 0 else order for n, order in enumerate(ORDERS)]
    part = exports.totals(orders, ("partial",))
    with prepare([exports.write_shopify(tmp_path / "orders.csv", orders)]) as dataset:
        report = dataset.report
        returns = {r.form: (r.lines, r.amount) for r in report.returns}
        history = dataset.history_between()
        returned = dataset.returned_purchases()
    assert returns["partial"] == (part.rows, pytest.approx(float(part.amount) / 2))
    paid = exports.totals(orders, ("paid",))
    assert report.net_amount == pytest.approx(float(paid.amount) + float(part.amount) / 2)
    assert history.amount.sum() / 1e6 == pytest.approx(report.net_amount, abs=0.01)
    assert returned.amount.sum() / 1e6 == pytest.approx(sum(amount for _, amount in returns.values()), abs=0.01)


def test_refunded_quantities_are_returned_in_part(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(
        "Customer,SKU,Date,Order,Qty,Price,Qty refunded\n"
        "a,x,2024-01-01,1,4,10,1\na,y,2024-01-01,1,2,5,2\nb,x,2024-01-02,2,1,10,0\nb,x,2024-01-03,3,-1,10,0\n"
    )
    with prepare([path]) as dataset:
        history = dataset.history_between()
        returns = {r.form: (r.lines, r.amount) for r in dataset.report.returns}
        assert returns == {"partial": (1, 10.0), "flag": (1, 10.0), "cancellation": (1, 10.0)}
        assert (history.quantity.tolist(), history.amount.tolist()) == ([3_000_000], [30_000_000])
        assert dataset.report.net_amount == 30.0
    with prepare([path], settings=DataSettings(returns_policy="keep")) as dataset:
        assert dataset.history_between().quantity.tolist() == [4_000_000, 2_000_000, 1_000_000]


def test_the_table_in_the_docs_has_these_files() -> None:
    text = (ROOT / "docs" / "data-format.md").read_text(encoding="utf-8")
    for row in table_rows():
        assert row in text, f"docs/data-format.md needs this row:\n{row}"


def test_every_preset_of_a_shop_system_names_its_document() -> None:
    for preset in PRESETS:
        if preset.name in PRESET_OF.values():
            assert preset.document, preset.name
