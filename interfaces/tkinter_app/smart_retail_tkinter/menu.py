"""The menu bar: File with the recent files, View, Help."""

from __future__ import annotations

import tkinter as tk
from pathlib import Path
from typing import TYPE_CHECKING

from smart_retail.errors import UsageError
from smart_retail_tkinter.dialogs.help import HelpWindow
from smart_retail_tkinter.recent_files import RecentFile
from smart_retail_tkinter.widgets.customer_view import LIST, PURCHASES, SEGMENTS

if TYPE_CHECKING:
    from smart_retail_tkinter.app import App


class MenuBar:
    """Built once; `refresh` brings the recent files up to date."""

    def __init__(self, app: App) -> None:
        self._app = app
        root = app.root
        bar = tk.Menu(root, tearoff=False)
        root.configure(menu=bar)
        file = tk.Menu(bar, tearoff=False)
        bar.add_cascade(label="File", menu=file, underline=0)
        file.add_command(label="Open bundle…", accelerator="Ctrl+O", command=app.ask_bundle)
        file.add_command(label="Open spreadsheet…", accelerator="Ctrl+Shift+O", command=app.ask_spreadsheet)
        self.recent = tk.Menu(file, tearoff=False)
        file.add_cascade(label="Open recent", menu=self.recent)
        file.add_command(label="Fit…", command=app.open_fit)
        file.add_separator()
        file.add_command(label="Export CSV…", accelerator="Ctrl+E", command=lambda: app.ask_export("csv"))
        file.add_command(label="Export XLSX…", command=lambda: app.ask_export("xlsx"))
        file.add_separator()
        file.add_command(label="Quit", accelerator="Ctrl+Q", command=app.quit)
        view = tk.Menu(bar, tearoff=False)
        bar.add_cascade(label="View", menu=view, underline=0)
        for label, tab in (("Recommendations", LIST), ("Purchases", PURCHASES), ("Segments", SEGMENTS)):
            view.add_command(label=label, command=lambda tab=tab: app.customer.tabs.select(tab))
        view.add_separator()
        self._theme = tk.StringVar(root, app.presenter.memory.theme)
        for name in ("light", "dark"):
            view.add_radiobutton(
                label=name.capitalize(),
                value=name,
                variable=self._theme,
                command=lambda: app.set_theme(self._theme.get()),
            )
        more = tk.Menu(bar, tearoff=False)
        bar.add_cascade(label="Help", menu=more, underline=0)
        more.add_command(label="Keys and words", accelerator="F1", command=lambda: HelpWindow(root))
        self.refresh()

    def refresh(self) -> None:
        """List the recent files."""
        self.recent.delete(0, "end")
        files = self._app.presenter.memory.files
        for file in files:
            self.recent.add_command(label=f"{file.path}  ({file.kind})", command=lambda file=file: self._open(file))
        if not files:
            self.recent.add_command(label="nothing yet", state="disabled")

    def _open(self, file: RecentFile) -> None:
        if not Path(file.path).exists():
            self._app.presenter.memory.remove(file)
            self.refresh()
            raise UsageError(f"{file.path} is no longer there.", "Open it from where it is now.")
        if file.kind == "bundle":
            self._app.presenter.open_bundle(file.path)
        else:
            self._app.open_fit((file.path,))
