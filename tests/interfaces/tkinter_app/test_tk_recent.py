"""What the window remembers, and that nothing about it can stop a start."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_retail_tkinter.recent_files import KEPT, Memory, config_file


def test_files_and_theme_are_there_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "desktop.json"
    memory = Memory(file)
    memory.add("spreadsheet", str(tmp_path / "orders é.csv"))
    memory.add("bundle", str(tmp_path / "artifacts"))
    memory.set_theme("dark")
    again = Memory(file)
    assert [(each.kind, Path(each.path).name) for each in again.files] == [
        ("bundle", "artifacts"),
        ("spreadsheet", "orders é.csv"),
    ]
    assert again.theme == "dark"


def test_a_file_stands_once_and_the_list_stays_short(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "m.json")
    for i in range(KEPT + 4):
        memory.add("bundle", str(tmp_path / str(i)))
    memory.add("bundle", str(tmp_path / "9"))
    names = [Path(each.path).name for each in memory.files]
    assert names[:2] == ["9", str(KEPT + 3)]
    assert len(names) == len(set(names)) == KEPT


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"recent": 5}', '{"recent": [{"kind": "script", "path": "x"}]}', '{"recent": [7]}']
)
def test_a_damaged_file_is_an_empty_memory(tmp_path: Path, text: str) -> None:
    file = tmp_path / "m.json"
    file.write_text(text, encoding="utf-8")
    memory = Memory(file)
    assert memory.files == ()
    assert memory.theme == "light"


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = Memory(tmp_path / "file" / "m.json")
    memory.add("bundle", "x")
    assert len(memory.files) == 1


def test_the_config_folder_is_the_platforms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config_file() == tmp_path / "smart-retail" / "desktop.json"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("APPDATA", str(tmp_path / "Roaming"))
    assert config_file() == tmp_path / "Roaming" / "smart-retail" / "desktop.json"
