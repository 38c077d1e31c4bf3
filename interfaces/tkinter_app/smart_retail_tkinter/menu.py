"""The menu bar: File with the recent files, View and Help."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Sequence
from functools import partial

from smart_retail_tkinter.commands import Commands
from smart_retail_tkinter.pages.base import PAGES
from smart_retail_tkinter.recent_files import RecentFile
from smart_retail_tkinter.theme import THEMES
from smart_retail_tkinter.widgets.customer_view import CLUSTERS, LIST, PURCHASES, SALES, SEGMENTS


class MenuBar:
    """The menu bar of a window; `show_recent` updates the list of recent files.

    Parameters
    ----------
    root : tkinter.Tk
    commands : Commands
        Functions that the entries call.
    theme : str
        Name of the current theme.
    """

    def __init__(self, root: tk.Tk, commands: Commands, theme: str) -> None:
        self._commands = commands
        bar = tk.Menu(root, tearoff=False)
        root.configure(menu=bar)
        self.recent = self._build_file_menu(bar)
        self._theme = tk.StringVar(root, theme)
        self._build_view_menu(bar)
        help_menu = tk.Menu(bar, tearoff=False)
        bar.add_cascade(label="Help", menu=help_menu, underline=0)
        help_menu.add_command(label="Shortcuts and terms", accelerator="F1", command=commands.show_help)

    def _build_file_menu(self, bar: tk.Menu) -> tk.Menu:
        """Add the File menu and return its submenu of recent files."""
        commands = self._commands
        menu = tk.Menu(bar, tearoff=False)
        bar.add_cascade(label="File", menu=menu, underline=0)
        menu.add_command(label="Open bundle…", accelerator="Ctrl+O", command=commands.open_bundle)
        menu.add_command(label="Open spreadsheet…", accelerator="Ctrl+Shift+O", command=commands.open_spreadsheet)
        recent = tk.Menu(menu, tearoff=False)
        menu.add_cascade(label="Open recent", menu=recent)
        menu.add_command(label="Fit…", command=commands.open_fit)
        menu.add_command(label="Versions…", command=commands.show_versions)
        menu.add_separator()
        menu.add_command(label="Export CSV…", accelerator="Ctrl+E", command=lambda: commands.export_table("csv"))
        menu.add_command(label="Export XLSX…", command=lambda: commands.export_table("xlsx"))
        files = tk.Menu(menu, tearoff=False)
        menu.add_cascade(label="Files of all customers", menu=files)
        files.add_command(label="Recommendations…", command=lambda: commands.write_all("recommendations"))
        files.add_command(label="Value…", command=lambda: commands.write_all("values"))
        menu.add_separator()
        menu.add_command(label="Erase the selected customer…", command=commands.erase_customer)
        menu.add_separator()
        menu.add_command(label="Quit", accelerator="Ctrl+Q", command=commands.quit)
        return recent

    def _build_view_menu(self, bar: tk.Menu) -> None:
        commands = self._commands
        menu = tk.Menu(bar, tearoff=False)
        bar.add_cascade(label="View", menu=menu, underline=0)
        for i, page in enumerate(PAGES):
            menu.add_command(label=page, accelerator=f"Ctrl+{i + 1}", command=partial(commands.select_page, i))
        menu.add_separator()
        tabs = {
            "Recommendations": LIST,
            "Purchases": PURCHASES,
            "Segments": SEGMENTS,
            "Clusters": CLUSTERS,
            "Sales": SALES,
        }
        for label, tab in tabs.items():
            menu.add_command(label=label, command=partial(commands.select_tab, tab))
        menu.add_command(label="Basket…", accelerator="Ctrl+B", command=commands.show_basket)
        menu.add_separator()
        for name in THEMES:
            menu.add_radiobutton(
                label=name.capitalize(),
                value=name,
                variable=self._theme,
                command=lambda: commands.set_theme(self._theme.get()),
            )

    def show_recent(self, files: Sequence[RecentFile]) -> None:
        """Replace the list of recent files."""
        self.recent.delete(0, "end")
        for file in files:
            self.recent.add_command(
                label=f"{file.path}  ({file.kind})", command=partial(self._commands.open_recent, file)
            )
        if not files:
            self.recent.add_command(label="No recent files", state="disabled")
