"""The CSV file of all customers' value: its bytes, and that every row is the customer's own forecast."""

from __future__ import annotations

import csv
import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smart_retail.events import Event, SqliteEventStore
from smart_retail.results import FitReport
from smart_retail.serving.customer_values import CustomerValues, ValueTable
from smart_retail.serving.engine import Engine
from smart_retail.serving.value_export import VALUE_COLUMNS, value_row, write_rows, write_values


@pytest.fixture(scope="module")
def engine(fitted: tuple[Path, FitReport]) -> Engine:
    return Engine.load(fitted[0])


def plain_csv(engine: Engine, horizon: int, ids: list[str] | None = None) -> str:
    """The file as Python's own CSV writer gives it, customer by customer."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(VALUE_COLUMNS)
    writer.writerows(value_row(engine.customer_value(c, horizon)) for c in ids or engine.customer_ids())
    return out.getvalue()


@pytest.mark.parametrize("horizon", [1, 60, 90, 400])
def test_the_file_is_what_the_csv_writer_gives_customer_by_customer(
    engine: Engine, tmp_path: Path, horizon: int
) -> None:
    path = tmp_path / "value.csv"
    assert write_values(engine, path, horizon) == len(list(engine.customer_ids()))
    assert path.read_bytes().decode("utf-8") == plain_csv(engine, horizon)


class Renamed(CustomerValues):
    """The values of a shop whose customers have other ids."""

    def __init__(self, values: CustomerValues, table: ValueTable, ids: list[str]) -> None:
        self.__dict__ |= vars(values) | {"ids": ids, "found": table}

    def table(self, horizon_days: int = 90) -> ValueTable:
        return self.found

    def customer_ids(self) -> list[str]:
        return list(self.ids)


@pytest.mark.parametrize("special", ["a,b", 'say "x"', "two\nlines", " lead", "é;\t€", "'1", "=A1", "#1"])
def test_ids_are_quoted_as_the_csv_format_asks(engine: Engine, special: str) -> None:
    known = list(engine.customer_ids())
    ids = [special if i == 3 else c for i, c in enumerate(known)]
    out, expected = io.StringIO(), io.StringIO()
    write_rows(Renamed(engine.values, engine.values.table(90), ids), out, 90)
    writer = csv.writer(expected, lineterminator="\n")
    for row in csv.reader(io.StringIO(plain_csv(engine, 90), newline="")):
        writer.writerow([special if row[0] == known[3] else row[0], *row[1:]])
    assert out.getvalue() == expected.getvalue()
    rows = list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))
    assert rows[3]["customer_id"] == special


@pytest.mark.parametrize(
    ("value", "cell"), [(0.0, "0.0"), (1e-6, "1e-06"), (12.0, "12.0"), (1 / 3, "0.333333"), (1e16, "1e+16")]
)
def test_numbers_are_the_shortest_text_of_the_rounded_value(engine: Engine, value: float, cell: str) -> None:
    table = engine.values.table(90)
    orders = np.full(len(table.forecast.expected_orders), value)
    forecasts = replace(table.forecasts, forecast=replace(table.forecast, expected_orders=orders))
    out = io.StringIO()
    write_rows(Renamed(engine.values, replace(table, forecasts=forecasts), engine.values.customer_ids()), out, 90)
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert {row["expected_orders"] for row in rows} == {cell}


def test_purchases_since_the_fit_are_in_the_file(fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    own = Path(shutil.copytree(fitted[0], tmp_path / "own"))
    engine = Engine.load(own)
    last, item = engine.model().last, engine.popular(1).items[0].item_id
    known, what = next(iter(engine.customer_ids())), {"item_id": item, "quantity": 1, "amount": 25.0}
    events = [
        Event.from_dict({"event_id": str(i), "timestamp": f"{last}T09:00:00", "customer_id": c, **what})
        for i, c in enumerate((known, "new, since the fit"))
    ]
    SqliteEventStore(own).add(events)
    engine = Engine.load(own)
    path = tmp_path / "value.csv"
    ids = [*engine.customer_ids(), "new, since the fit"]
    assert write_values(engine, path) == len(ids)
    assert path.read_bytes().decode("utf-8") == plain_csv(engine, 90, ids)
