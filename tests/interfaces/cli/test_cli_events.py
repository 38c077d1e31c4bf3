"""`events add` stores each event of a file once, or none on an error; `erase` deletes a customer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smart_retail.bundle.writer import BundleWriter
from smart_retail.events import SqliteEventStore
from smart_retail_cli.main import cli

HEADER = "event_id,customer_id,item_id,timestamp,quantity,amount\n"


def add(folder: Path, text: str, name: str = "today.csv") -> Result:
    (folder / name).write_text(text, encoding="utf-8")
    return CliRunner().invoke(cli, ["--artifacts", str(folder / "shop"), "events", "add", str(folder / name)])


@pytest.fixture(autouse=True)
def shop(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()


def test_events_are_stored_once_with_unchanged_ids(tmp_path: Path) -> None:
    text = HEADER + "e1,00012,1e5,2024-05-01T10:00:00,2,9.5\ne2,é,A/B,2024-05-02,-1,3\n"
    assert "2 events read, 2 new" in add(tmp_path, text).stdout
    assert "2 events read, 0 new" in add(tmp_path, text).stdout
    first, second = SqliteEventStore(tmp_path / "shop").all()
    assert (first.customer_id, first.item_id, first.quantity, first.amount) == ("00012", "1e5", 2_000_000, 9_500_000)
    assert (second.customer_id, second.quantity, second.amount) == ("é", -1_000_000, -3_000_000)


def test_json_lines_are_accepted(tmp_path: Path) -> None:
    line = json.dumps({"event_id": "e1", "customer_id": "a", "item_id": "x", "timestamp": "2024-05-01"})
    assert add(tmp_path, line + "\n\n", "today.jsonl").exit_code == 0
    assert [e.item_id for e in SqliteEventStore(tmp_path / "shop").all()] == ["x"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (HEADER + "e1,a,x,2024-05-01,1,1\ne2,a,x,yesterday,1,1\n", "today.csv"),
        (HEADER + "e1,a,x,2024-05-01,1,1\ne2,a,x,2024-05-01,many,1\n", "today.csv"),
        (HEADER + "e1,a,x,2024-05-01,1,1\n,a,x,2024-05-01,1,1\n", "today.csv"),
        ("[1]\n", "today.jsonl"),
        ("{\n", "today.jsonl"),
        (HEADER + "e1,a,x,2024-05-01,1,1\ne2,a,x,2200-01-01,1,1\n", "today.csv"),
        (HEADER + "e1,a,x,2024-05-01,1,1e12\n", "today.csv"),
        (HEADER + "e1,a,x,2024-05-01,inf,1\n", "today.csv"),
        ('{"event_id": "e1", "amount": ' + "1" * 5000 + "}", "today.jsonl"),
        ("[" * 100_000, "today.jsonl"),
    ],
    ids=["timestamp", "quantity", "event_id", "list", "broken", "future", "amount", "infinite", "digits", "deep"],
)
def test_an_invalid_line_is_reported_and_nothing_is_stored(tmp_path: Path, text: str, name: str) -> None:
    result = add(tmp_path, text, name)
    assert result.exit_code == 3
    assert name in result.stderr
    assert list(SqliteEventStore(tmp_path / "shop").all()) == []


def test_erase_asks_for_confirmation_and_prints_a_receipt_without_the_id(tmp_path: Path) -> None:
    add(tmp_path, HEADER + "e1,customer-1,x,2024-05-01,1,1\ne2,other,x,2024-05-01,1,1\n")
    words = ["--artifacts", str(tmp_path / "shop"), "erase", "customer-1"]
    assert CliRunner().invoke(cli, words, input="n\n").exit_code != 0
    assert len(list(SqliteEventStore(tmp_path / "shop").all())) == 2
    result = CliRunner().invoke(cli, [*words, "--yes"])
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["events"] == 1
    assert "customer-1" not in result.stdout
    assert [e.customer_id for e in SqliteEventStore(tmp_path / "shop").all()] == ["other"]


def test_a_file_with_other_columns_names_them(tmp_path: Path) -> None:
    result = add(tmp_path, "customer,item,when\na,x,2024-05-01\n")
    assert result.exit_code == 3
    assert "no column event_id (columns: customer, item, when)" in result.stderr
    assert "order_id, quantity and amount are optional" in result.stderr


def test_erasing_an_unknown_customer_is_an_error_without_a_question(tmp_path: Path) -> None:
    add(tmp_path, HEADER + "e1,customer-1,x,2024-05-01,1,1\n")
    words = ["--artifacts", str(tmp_path / "shop"), "erase", "customer-2"]
    result = CliRunner().invoke(cli, words, input="y\n")
    assert result.exit_code == 3
    assert "customer-2" in result.stderr
    assert "cannot be undone" not in result.output
    assert CliRunner().invoke(cli, [*words, "--yes"]).exit_code == 0


def test_a_stored_event_is_listed_and_removed(tmp_path: Path) -> None:
    add(tmp_path, HEADER + "e1,a,x,2024-05-01,1,5\ne2,b,x,2024-05-01,-2,9.5\n")
    events = ["--artifacts", str(tmp_path / "shop"), "events"]
    listed = CliRunner().invoke(cli, [*events, "list", "--format", "json"])
    assert [(e["event_id"], e["quantity"], e["amount"]) for e in json.loads(listed.stdout)] == [
        ("e1", 1, 5),
        ("e2", -2, -9.5),
    ]
    assert "e1" not in CliRunner().invoke(cli, [*events, "list", "--customer", "b"]).stdout
    assert "1 event removed" in CliRunner().invoke(cli, [*events, "remove", "e1"]).stdout
    again = CliRunner().invoke(cli, [*events, "remove", "e1"])
    assert (again.exit_code, "There is no event 'e1'" in again.stderr) == (3, True)
    assert [e.event_id for e in SqliteEventStore(tmp_path / "shop").all()] == ["e2"]


def publish(root: Path, through: int, store_id: str) -> None:
    with BundleWriter(root) as writer:
        writer.json("names", {"through": [str(through)]})
        writer.publish({"events_through": through, "events_store": store_id})


def test_events_that_both_versions_include_are_compacted(tmp_path: Path) -> None:
    add(tmp_path, HEADER + "".join(f"e{n},a,x,2024-05-0{n},1,1\n" for n in range(1, 7)))
    root = tmp_path / "shop"
    store = SqliteEventStore(root)
    numbers = [e.sequence for e in store.all()]
    command = ["--artifacts", str(root), "events", "compact", "--before"]

    def run(day: str, answer: str = "") -> Result:
        return CliRunner().invoke(cli, [*command, day, *(() if answer else ["--yes"])], input=answer)

    assert run("2024-05-04").exit_code == 5  # no version
    publish(root, numbers[4], "another store")
    assert run("2024-05-04").exit_code == 2
    publish(root, numbers[4], store.store_id())
    assert run("2024-05-04").exit_code == 2  # the previous version had another store
    publish(root, numbers[1], store.store_id())
    assert run("yesterday").exit_code == 2
    assert run("2024-05-04", "n\n").exit_code != 0
    assert len(list(store.all())) == 6
    assert "2 events removed" in run("2024-05-04", "y\n").stdout
    assert [e.event_id for e in store.all()] == ["e3", "e4", "e5", "e6"]
    assert "0 events removed" in run("2024-05-04").stdout


def test_events_are_not_added_to_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "shop").rmdir()
    result = add(tmp_path, HEADER + "e1,a,x,2024-05-01,1,1\n")
    assert (result.exit_code, (tmp_path / "shop").exists()) == (5, False)
