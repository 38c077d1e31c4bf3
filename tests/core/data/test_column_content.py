"""Columns are recognised by header and content together; what stays open is asked, with plausible candidates only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.core.data import shop_exports as exports

from smart_retail.data.parsing.column_mapping import match_preset
from smart_retail.data.parsing.column_profile import profile_columns
from smart_retail.data.parsing.unused_columns import find_unused
from smart_retail.data.pipeline import prepare
from smart_retail.errors import ColumnError

ROWS = [
    (f"K{n % 17:03}", f"Kim Roe {n % 17}", f"{n % 28 + 1:02}.03.2024", f"R{n // 3}", f"A-{n % 9}", f"Cup {n % 9} red",
     str(n % 3 + 1), f"{n % 40 + 1},5{n % 10}")
    for n in range(60)
]  # fmt: skip


def columns(header: Sequence[str], picked: Sequence[int] = range(8)) -> dict[str, str]:
    rows = [[row[i] for i in picked] for row in ROWS]
    return dict(match_preset(header, "x.csv", None, rows).columns)


def open_fields(header: Sequence[str], rows: Sequence[Sequence[str]]) -> ColumnError:
    with pytest.raises(ColumnError) as caught:
        match_preset(header, "x.csv", None, rows)
    return caught.value


def test_a_profile_counts_dates_numbers_and_currency_marks() -> None:
    dates, money, codes = profile_columns(
        ["a", "b", "c"], [["2024-01-31", "1.234,50 €", "A1"], ["31.01.2024", "7,00 €", "A1"], ["", "", ""]]
    )
    assert (dates.dates, dates.filled) == (1.0, pytest.approx(2 / 3))
    assert (money.numbers, money.currency, money.decimals) == (1.0, 1.0, 1.0)
    assert (codes.distinct, codes.samples, codes.numbers) == (0.5, ("A1",), 0.0)


def test_a_code_is_the_id_and_a_bare_column_the_name() -> None:
    found = columns(["Debitor", "Kunde", "Datum", "Beleg", "Artikel-Nr.", "Artikel", "Menge", "Betrag EUR"])
    assert found == {
        "customer_id": "Debitor", "customer_name": "Kunde", "timestamp": "Datum", "order_id": "Beleg",
        "item_id": "Artikel-Nr.", "item_name": "Artikel", "quantity": "Menge", "amount": "Betrag EUR",
    }  # fmt: skip


def test_an_email_is_the_customer_where_the_other_column_is_a_name() -> None:
    rows = [[f"{row[0]}@example.com", *row[1:]] for row in ROWS]
    header = ["Email", "Customer", "Date", "Order", "SKU", "Product", "Qty", "Total"]
    found = match_preset(header, "x.csv", None, rows).columns
    assert (found["customer_id"], found["customer_name"]) == ("Email", "Customer")


def test_words_around_a_known_header_do_not_matter() -> None:
    found = columns(
        ["Customer No.", "Customer", "Order date (UTC)", "Order", "Article No", "Article", "Qty", "Net amount EUR"]
    )
    assert found["timestamp"] == "Order date (UTC)"
    assert found["amount"] == "Net amount EUR"


def test_candidates_are_plausible_ranked_and_have_three_samples() -> None:
    header = ["Wer", "Bemerkung", "Wann", "Nr", "Was", "Text", "Stk", "Wert netto"]
    rows = [[row[0], "", *row[2:]] for row in ROWS]
    error = open_fields(header, rows)
    assert "customer and the item and the date and the amount" in error.message
    lines = dict(line.split(": ", 1) for line in error.hint.splitlines())
    assert lines["date"] == "Wann (01.03.2024, 02.03.2024, 03.03.2024)"
    assert lines["amount"].startswith("Wert netto (1,50, 2,51, 3,52)")
    assert "Bemerkung" not in error.hint, "an empty column is never suggested"
    assert "Wann" not in lines["customer"] + lines["item"] + lines["amount"], "a date is neither an id nor an amount"
    assert "--map timestamp=Wann" in error.hint
    assert '--map "amount=Wert netto"' in error.hint


def test_a_note_is_not_the_customer() -> None:
    header = ["Customer Note", "Buyer mail", "Date", "SKU", "Total"]
    rows = [["", f"{row[0]}@example.com", row[2], row[4], row[7]] for row in ROWS]
    error = open_fields(header, rows)
    assert '--map "customer_id=Buyer mail"' in error.hint
    assert "Note" not in error.hint


def test_two_equal_headers_are_distinguished_by_content() -> None:
    rows = [["", *row] for row in ROWS]
    header = ["Kunden-Nr", "Kundennr", "Kunde", "Datum", "Beleg", "Artikelnr", "Artikel", "Menge", "Betrag"]
    assert match_preset(header, "x.csv", None, rows).columns["customer_id"] == "Kundennr"
    rows = [[row[4], *row] for row in ROWS]
    assert "Kunden-Nr, Kundennr" in open_fields(header, rows).message


def test_a_column_named_state_is_a_status_only_with_statuses() -> None:
    header = ["Customer", "Date", "Order", "SKU", "Qty", "Total", "State"]
    for values, expected in ((("Paid", "Cancelled"), "State"), (("Texas", "Ohio"), None)):
        rows = [[*(row[i] for i in (0, 2, 3, 4, 6, 7)), values[n % 2]] for n, row in enumerate(ROWS)]
        assert match_preset(header, "x.csv", None, rows).columns.get("order_status") == expected


HEADER = ("Order", "Customer", "Date", "SKU", "Qty", "Price", "Total")


def order_rows(orders: Sequence[exports.Order], total: str) -> list[dict[str, object]]:
    """Rows with the total of the order: on every row, or on the first one (with customer and date)."""
    rows = []
    for order in orders:
        for n, line in enumerate(order.lines):
            values = (
                order.number,
                order.email,
                f"{order.time:%Y-%m-%d}",
                line.item,
                line.quantity,
                line.price,
                order.total,
            )
            row = dict(zip(HEADER, values, strict=True))
            if n and total == "first":
                row |= {"Customer": "", "Date": "", "Total": ""}
            rows.append(row)
    return rows


@pytest.mark.parametrize("total", ["every", "first"])
def test_the_total_of_an_order_is_not_the_amount_of_a_line(tmp_path: Path, total: str) -> None:
    orders = exports.make_orders()
    path = exports.write_rows(tmp_path / "orders.csv", HEADER, order_rows(orders, total))
    with prepare([path]) as dataset:
        expected = exports.totals(orders, exports.STATUSES)
        assert float(dataset.report.amount) == pytest.approx(float(expected.amount))
        assert (dataset.report.rows_accepted, dataset.report.customers) == (expected.rows, expected.customers)
        assert any("Total is the total of an order" in note for note in dataset.report.notes)


def test_an_order_total_without_prices_is_asked_about(tmp_path: Path) -> None:
    orders = exports.make_orders()
    header = tuple(h for h in HEADER if h != "Price")
    rows = [{k: v for k, v in row.items() if k != "Price"} for row in order_rows(orders, "every")]
    path = exports.write_rows(tmp_path / "orders.csv", header, rows)
    with pytest.raises(ColumnError, match=r"Total of orders.csv is the total of an order"):
        prepare([path])
    with prepare([path], mapping={"amount": "Total"}) as dataset:
        assert dataset.report.rows_accepted == sum(len(o.lines) for o in orders)


def test_a_line_total_that_repeats_by_chance_stays_the_amount(tmp_path: Path) -> None:
    rows = [
        {"Order": n // 2, "Customer": f"c{n % 7}", "Date": "2024-01-01", "SKU": f"s{n % 5}", "Qty": 1,
         "Price": n // 2 + 5, "Total": n // 2 + 5}
        for n in range(40)
    ]  # fmt: skip
    with prepare([exports.write_rows(tmp_path / "orders.csv", HEADER, rows)]) as dataset:
        assert dataset.sources[0].schema.columns["amount"] == "Total"


def test_unused_columns_that_change_what_a_sale_is_are_named_with_their_values(tmp_path: Path) -> None:
    header = ("Customer", "Date", "SKU", "Total", "Refund amount", "Shop state", "Fulfilment", "Notes", "Voided")
    rows = [
        (f"c{n % 9}", "2024-01-03", f"s{n % 5}", 5, n % 3, "Ohio", ("Paid", "On hold")[n % 2], "x", "no")
        for n in range(30)
    ]
    rows = [dict(zip(header, row, strict=True)) for row in rows]
    with prepare([exports.write_rows(tmp_path / "orders.csv", header, rows)]) as dataset:
        unused = {u.header: (u.looks_like, u.values) for u in find_unused(dataset.sources[0].schema)}
        notes = " ".join(dataset.report.notes)
    assert unused == {
        "Refund amount": ("refund", ("0", "1", "2")), "Fulfilment": ("status", ("Paid", "On hold")),
        "Voided": ("cancellation", ("no",)), "Shop state": ("", ("Ohio",)), "Notes": ("", ("x",)),
    }  # fmt: skip
    assert "Fulfilment looks like a status and is not used (values: Paid, On hold)" in notes
    assert "Shop state" not in notes
