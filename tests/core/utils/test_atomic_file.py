"""A file is replaced completely or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smart_retail.errors import UsageError
from smart_retail.utils.atomic_file import atomic_file, write_atomically
from smart_retail.utils.spreadsheet import write_table


def test_the_target_is_replaced_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "list.csv"
    target.write_text("old")
    with atomic_file(target) as part:
        part.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_in_the_block_leaves_the_target_unchanged(tmp_path: Path) -> None:
    target = tmp_path / "list.csv"
    target.write_text("old")

    def fail_after_half() -> None:
        with atomic_file(target) as part:
            part.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_half()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_content_is_written_in_one_call(tmp_path: Path) -> None:
    write_atomically(tmp_path / "current", b"version\n")
    assert (tmp_path / "current").read_bytes() == b"version\n"


def test_a_missing_folder_and_a_folder_as_target_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        write_atomically(tmp_path / "none" / "file", b"")
    with pytest.raises(UsageError, match="cannot be written"):
        write_atomically(tmp_path, b"")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_private_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    target = tmp_path / "list.csv"
    with atomic_file(target, private=True) as part:
        assert part.stat().st_mode & 0o777 == 0o600
        part.unlink()  # some libraries replace the file
        part.write_text("new")
    assert target.stat().st_mode & 0o777 == 0o600
    target.chmod(0o640)  # an operator gave it to another program
    with atomic_file(target, private=True) as part:
        part.write_text("newer")
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("newer", 0o640)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.parametrize("name", ["campaign.csv", "campaign.xlsx"])
def test_tables_for_people_are_private(tmp_path: Path, name: str) -> None:
    write_table(tmp_path / name, [{"customer_id": "c1"}], {"customer_id": "Customer"}, {})
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
