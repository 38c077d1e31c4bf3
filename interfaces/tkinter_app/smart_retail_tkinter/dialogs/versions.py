"""Window of the fitted versions, from which any can be activated."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence
from tkinter import ttk

from smart_retail.bundle.versions import VersionInfo
from smart_retail_tkinter import table_models
from smart_retail_tkinter.dialogs.base import SideWindow
from smart_retail_tkinter.table_models import Row, Table
from smart_retail_tkinter.widgets.table import DataTable


class VersionsWindow(SideWindow):
    """A table of the versions, newest first, with a button that activates the selected one.

    Parameters
    ----------
    on_activate : callable
        Receives the id of the version to activate.
    """

    def __init__(self, root: tk.Misc, on_activate: Callable[[str], object]) -> None:
        super().__init__(root, "Versions", 760, 380)
        self._on_activate = on_activate
        self._active = ""
        ttk.Label(self.body, text="Fitted versions", style="Title.TLabel").pack(fill="x", pady=(0, 10))
        foot = ttk.Frame(self.body)
        foot.pack(side="bottom", fill="x", pady=(12, 0))
        ttk.Button(foot, text="Close", command=self.close).pack(side="right", padx=(8, 0))
        self.activate_button = ttk.Button(foot, text="Activate", style="Accent.TButton", command=self.activate)
        self.activate_button.pack(side="right")
        hint = "To undo a fit, activate the version before it. All front ends then use that version."
        ttk.Label(foot, text=hint, style="Small.TLabel").pack(side="left")
        self.table = DataTable(
            self.body,
            Table(table_models.VERSIONS),
            on_choose=self._selected,
            on_open=lambda _: self.activate(),
            height=7,
        )
        self.table.pack(fill="both", expand=True)
        self.activate_button.state(["disabled"])

    def show(self, versions: Sequence[VersionInfo]) -> None:
        """Show the versions."""
        self._active = next((info.version for info in versions if info.active), "")
        self.table.fill(table_models.version_table(versions))
        self.activate_button.state(["disabled"])

    def activate(self) -> None:
        """Activate the selected version, unless it is active."""
        row = self.table.chosen()
        if row is not None and row.key != self._active:
            self.activate_button.state(["disabled"])
            self._on_activate(row.key)

    def _selected(self, row: Row) -> None:
        self.activate_button.state(["disabled" if row.key == self._active else "!disabled"])
