"""The window of the fitted versions, and errors of the rules file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from tests.fitted_shop import MakeEngine

from smart_retail.bundle.versions import VersionInfo
from smart_retail.errors import SettingsError
from smart_retail.serving.engine import Engine

pytestmark = pytest.mark.usefixtures("display")
NEW, OLD = "20240201T100000Z-aaaaaaaa", "20240101T100000Z-bbbbbbbb"


class Folder:
    """Two versions in memory, of which one is active."""

    def __init__(self) -> None:
        self.active = NEW

    def versions(self, folder: str) -> list[VersionInfo]:
        infos = [
            VersionInfo(NEW, "2024-02-01T10:00:00Z", False, False, 12_345_678, "none"),
            VersionInfo(OLD, "2024-01-01T10:00:00Z", False, False, 999, "valid"),
        ]
        return [replace(info, active=info.version == self.active) for info in infos]

    def activate(self, folder: str, version: str) -> str:
        self.active = version
        return version


@pytest.fixture
def folder() -> Folder:
    return Folder()


@pytest.fixture
def window(make_window: Callable[..., Any], folder: Folder, make_engine: MakeEngine) -> Any:
    return make_window(
        versions=folder.versions, activate=folder.activate, load=lambda _: make_engine(version=folder.active)
    )


def test_versions_are_listed_with_readable_sizes(window: Any) -> None:
    window.app.presenter.show_versions()
    window.settle()
    rows = window.app.versions.table.displayed().rows
    assert [row.cells for row in rows] == [
        (NEW, "2024-02-01 10:00:00", "active", "12.3 MB", "none"),
        (OLD, "2024-01-01 10:00:00", "", "999 bytes", "valid"),
    ]
    assert window.app.versions.activate_button.instate(["disabled"])


def test_another_version_can_be_activated_and_undone(window: Any, folder: Folder) -> None:
    window.app.presenter.show_versions()
    window.settle()
    for version in (OLD, NEW):
        table = window.app.versions.table
        tree = table.tree
        tree.selection_set(next(i for i in tree.get_children() if tree.set(i, "key") == version))
        window.root.update()
        assert window.app.versions.activate_button.instate(["!disabled"])
        window.app.versions.activate_button.invoke()
        window.until(lambda version=version: window.app.presenter.model.version == version, "the activated version")
        window.settle()
        assert folder.active == version
        assert version in window.app.model_line.full_text()
    assert window.dialogs.errors == []


def test_versions_need_an_open_bundle(make_window: Callable[..., Any]) -> None:
    window = make_window(None)
    window.root.after(0, window.app.presenter.show_versions)
    window.until(lambda: window.dialogs.errors)
    assert window.dialogs.errors[0].message == "No bundle is open."


def test_a_broken_rules_file_is_reported_in_the_status_bar(
    make_window: Callable[..., Any], make_engine: MakeEngine
) -> None:
    class BrokenRules(Engine):
        is_local = True
        rules_error = SettingsError("The rules file rules.toml is not valid TOML.", "Fix it.")

    window = make_window(make_engine(BrokenRules))
    window.choose("c0009")
    assert "rules.toml is not valid" in window.app.status.text.cget("text")
