"""A single source is aggregated in one scan; its lines are materialized on first use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from smart_retail.data.pipeline import prepare
from smart_retail.errors import DataError

HEADER = "customer_id,order_id,item_id,timestamp,quantity,amount,item_name,profit\n"


def written(path: Path, *rows: str, sound: int = 0) -> Path:
    """Write `sound` valid rows before the given ones, so that those are not in the sampled head."""
    before = (f"{i % 50 + 1},{i // 4 + 1},{i % 30 + 1},2024-01-{i % 28 + 1:02},1,2.50,Mug,1\n" for i in range(sound))
    path.write_text(HEADER + "".join(before) + "".join(row + "\n" for row in rows))
    return path


def test_ids_that_are_not_numbers_are_found_after_the_head(tmp_path: Path) -> None:
    odd = ("007", "1e2", "+7", "1_0", "9" * 30)
    rows = [f"{i},{i},{i},2024-02-01,1,1,Odd,1" for i in odd]
    with prepare([written(tmp_path / "a.csv", *rows, sound=3000)]) as dataset:
        early = list(dataset.customers.ids), list(dataset.items.ids)
        for ids, sound in zip(early, (50, 30), strict=True):
            assert set(odd) <= set(ids)
            assert len(ids) == sound + len(odd)
        history = dataset.history_between()  # the lines are materialized from here on
        assert history.n_customers == len(early[0])
        assert [list(dataset.customers.ids), list(dataset.items.ids)] == list(early)
        assert dataset.item_names[dataset.items.code("1e2")] == "Odd"
        assert int(history.amount.sum()) == round(dataset.report.amount * 1_000_000)


def test_an_order_is_counted_once_if_part_of_it_cannot_be_parsed(tmp_path: Path) -> None:
    rows = ("7,o1,a,2024-02-01,1,2,Mug,ERROR", "7,o1,b,2024-02-01,1,3,Mug,1", "7,o2,b,2024-02-05,1,4,Mug,1")
    with prepare([written(tmp_path / "a.csv", *rows)]) as dataset:
        table = dataset.rfm()
        assert (table.recency.tolist(), table.frequency.tolist()) == ([1], [2])
        assert table.monetary.tolist() == [9_000_000]
        assert dataset.report.orders == 2


def test_rfm_and_the_accounts_of_all_rows_need_one_reading_of_the_source(tmp_path: Path) -> None:
    rows = (
        "7,o1,a,2024-02-01,1,2,Mug,1",
        "7,o2,b,2024-02-05,1,4,Mug,1",
        ",o3,a,2024-02-06,1,3,Mug,1",
        "8,o4,a,never,1,3,Mug,1",
    )
    path = written(tmp_path / "a.csv", *rows)
    content = path.read_bytes()
    with prepare([path]) as dataset:
        path.unlink()
        assert (dataset.rfm().frequency.tolist(), dataset.rfm().monetary.tolist()) == ([2], [6_000_000])
        accounts = dataset.report_without_guests
        assert (accounts.rows_in, accounts.rows_accepted, accounts.customers, accounts.items) == (4, 2, 1, 2)
        assert {s.reason: (s.rows, s.examples) for s in accounts.rejected} == {
            "no customer": (1, ("o3",)),
            "bad date": (1, ("never",)),
        }
        path.write_bytes(content)
        assert dataset.report == replace(
            accounts,
            notes=(
                *accounts.notes,
                "Of the rows without a customer, 1 row in 1 guest order count for products bought together.",
            ),
        )


def test_sums_beyond_int64_are_refused(tmp_path: Path) -> None:
    rows = [f"7,o1,a,2024-02-01,{i + 1},999999999999,Mug,1" for i in range(20)]
    path = written(tmp_path / "a.csv", *rows)
    with pytest.raises(DataError, match="add up to more than"):
        prepare([path])


@pytest.mark.parametrize(
    ("line", "returned", "message"),
    [
        (
            "7,o{i},a,2024-02-01,{large},5,Mug,1",
            "",
            r"The quantities add .* 999,999,999,999 in a.csv, order 'o0', item 'a'",
        ),
        ("c{i},o{i},a,2024-02-01,{large},5,Mug,1", "", "The quantities add"),
        ("7,o{i},a,2024-02-01,{large},5,Mug,1", "7,r{i},a,2024-02-02,-{large},-5,Mug,1", "The quantities add"),
        ("7,o{i},a,2024-02-01,1,5,Mug,1", "7,r{i},a,2024-02-02,-1,-{large},Mug,1", "The amounts add .* order 'r0'"),
        ("7,o{i},a,2024-02-01,1,{large},Mug,1", "", r"The amounts add .* in a.csv, order 'o0', item 'a'"),
    ],
)
def test_a_sum_that_is_too_large_names_source_and_line(tmp_path: Path, line: str, returned: str, message: str) -> None:
    rows = [form.format(i=i, large=999_999_999_999 - i) for form in (line, returned) if form for i in range(20)]
    path = written(tmp_path / "a.csv", *rows)

    def read() -> int:
        with prepare([path]) as dataset:
            return dataset.report.rows_in + len(dataset.history_between())

    with pytest.raises(DataError, match=message):
        read()


def test_a_sum_over_several_sources_names_the_source_of_the_largest_line(tmp_path: Path) -> None:
    first = written(tmp_path / "a.csv", *(f"7,o{i},a,2024-02-01,1,{999_999_999_000 - i},Mug,1" for i in range(6)))
    second = written(tmp_path / "b.csv", *(f"8,p{i},a,2024-02-01,1,{999_999_999_999 - i},Mug,1" for i in range(6)))
    with pytest.raises(DataError, match=r"999,999,999,999 in b.csv, order 'p0'"):
        prepare([first, second])


def test_rows_of_the_future_are_rejected(tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    soon, late = (today + timedelta(days=days) for days in (1, 4))  # midnight may pass during the test
    rows = [f"7,o{i},a,{day},1,2,Mug,1" for i, day in enumerate(["1900-01-01", soon, late, "2200-12-31", "2201-01-01"])]
    path = written(tmp_path / "a.csv", *rows, sound=10)
    with prepare([path]) as dataset:
        found = {s.reason: (s.rows, s.examples) for s in dataset.report.rejected}
        assert found == {"future date": (2, (str(late), "2200-12-31")), "bad date": (1, ("2201-01-01",))}
        assert (dataset.report.rows_accepted, dataset.report.last) == (12, str(soon))
        assert int(dataset.rfm().recency.max()) < 80_000


def test_every_reason_has_its_first_examples(tmp_path: Path) -> None:
    rows = [f",o{i},a,2024-02-01,1,2,Mug,1" for i in range(9)]
    rows += ["7,o1,a,2024-02-01,1,ERROR,Mug,1", "7,o1,a,2024-02-01,1,N/A,Mug,1", "7,o1,a,never,1,2,Mug,1"]
    rows += ["7,o2,a,2024-02-02,0,2,Mug,1", "7,o3,a,2024-02-03,1,2,Mug,1"]
    with prepare([written(tmp_path / "a.csv", *rows)]) as dataset:
        found = {s.reason: (s.rows, s.examples) for s in dataset.report.rejected}
    assert found == {
        "no customer": (9, ("o0", "o1", "o2", "o3", "o4")),
        "bad amount": (2, ("ERROR", "N/A")),
        "bad date": (1, ("never",)),
        "zero quantity": (1, ("o2",)),
    }


def test_text_that_is_not_utf8_is_found_in_a_column_that_is_not_used_yet(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", sound=40_000)
    path.write_bytes(path.read_bytes() + "7,o1,a,2024-02-01,1,2,Café,1\n".encode("cp1252"))
    with prepare([path]) as dataset:
        assert any("cp1252" in note for note in dataset.report.notes)
        assert "Café" in dataset.item_names


def test_a_source_that_changes_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "7,o1,a,2024-02-01,1,2,Mug,1")
    with prepare([path]) as dataset:
        assert dataset.report.rows_in == 1
        with path.open("a") as file:
            file.write("8,o2,a,2024-02-02,1,2,Mug,1\n")
        with pytest.raises(DataError, match="changed while it was being read"):
            dataset.history_between()
