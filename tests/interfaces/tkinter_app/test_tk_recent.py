"""Recent files and theme, which never prevent a start."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_retail_tkinter.recent_files import MAX_RECENT_FILES, Preferences, config_file


def test_files_and_theme_are_saved(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "desktop.json"
    preferences = Preferences(file)
    preferences.add("spreadsheet", str(tmp_path / "orders é.csv"))
    preferences.add("bundle", str(tmp_path / "artifacts"))
    preferences.set_theme("dark")
    reloaded = Preferences(file)
    assert [(each.kind, Path(each.path).name) for each in reloaded.files] == [
        ("bundle", "artifacts"),
        ("spreadsheet", "orders é.csv"),
    ]
    assert reloaded.theme == "dark"


def test_a_file_is_listed_once_and_the_list_is_limited(tmp_path: Path) -> None:
    preferences = Preferences(tmp_path / "m.json")
    for i in range(MAX_RECENT_FILES + 4):
        preferences.add("bundle", str(tmp_path / str(i)))
    preferences.add("bundle", str(tmp_path / "9"))
    names = [Path(each.path).name for each in preferences.files]
    assert names[:2] == ["9", str(MAX_RECENT_FILES + 3)]
    assert len(names) == len(set(names)) == MAX_RECENT_FILES


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"recent": 5}', '{"recent": [{"kind": "script", "path": "x"}]}', '{"recent": [7]}']
)
def test_a_damaged_file_is_ignored(tmp_path: Path, text: str) -> None:
    file = tmp_path / "m.json"
    file.write_text(text, encoding="utf-8")
    preferences = Preferences(file)
    assert preferences.files == ()
    assert preferences.theme == "light"


def test_a_folder_that_is_not_writable_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    preferences = Preferences(tmp_path / "file" / "m.json")
    preferences.add("bundle", "x")
    assert len(preferences.files) == 1


def test_the_configuration_folder_depends_on_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config_file() == tmp_path / "smart-retail" / "desktop.json"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("APPDATA", str(tmp_path / "Roaming"))
    assert config_file() == tmp_path / "Roaming" / "smart-retail" / "desktop.json"
