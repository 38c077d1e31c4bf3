"""Dialogs for files, errors and confirmations; replaceable in tests."""

from __future__ import annotations

import tkinter as tk
from tkinter import filedialog, messagebox
from typing import Protocol

from smart_retail.errors import RetailError

SPREADSHEETS = (
    ("Orders", "*.csv *.csv.gz *.tsv *.txt *.xlsx *.xls *.xlsb *.ods *.parquet"),
    ("All files", "*"),
)


class Dialogs(Protocol):
    """Dialogs of the window; an empty result means that the user cancelled."""

    def choose_folder(self, title: str) -> str: ...
    def choose_sources(self, title: str) -> tuple[str, ...]: ...
    def choose_save_path(self, title: str, name: str, ending: str) -> str: ...
    def show_error(self, error: RetailError) -> None: ...
    def show_message(self, title: str, text: str) -> None: ...
    def confirm(self, title: str, text: str) -> bool: ...


class NativeDialogs:
    """`Dialogs` with the dialogs of Tk; the window stays responsive while one is open."""

    def __init__(self, root: tk.Misc) -> None:
        self._root = root

    def choose_folder(self, title: str) -> str:
        return filedialog.askdirectory(parent=self._root, title=title, mustexist=False) or ""

    def choose_sources(self, title: str) -> tuple[str, ...]:
        return tuple(filedialog.askopenfilenames(parent=self._root, title=title, filetypes=SPREADSHEETS) or ())

    def choose_save_path(self, title: str, name: str, ending: str) -> str:
        tables = [("CSV", "*.csv"), ("Excel", "*.xlsx")]
        kinds = {"csv": tables, "xlsx": tables[::-1]}.get(ending, [(ending.upper(), f"*.{ending}")])
        chosen = filedialog.asksaveasfilename(
            parent=self._root,
            title=title,
            initialfile=f"{name}.{ending}",
            defaultextension=f".{ending}",
            filetypes=kinds,
        )
        return str(chosen or "")

    def show_error(self, error: RetailError) -> None:
        messagebox.showerror("Smart Retail Engine", error.message, detail=error.hint, parent=self._root)

    def show_message(self, title: str, text: str) -> None:
        messagebox.showinfo(title, text, parent=self._root)

    def confirm(self, title: str, text: str) -> bool:
        return messagebox.askyesno(title, text, parent=self._root)
