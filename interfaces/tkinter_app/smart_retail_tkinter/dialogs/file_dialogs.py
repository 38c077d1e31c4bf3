"""Questions to the person that the platform's own dialogs ask; tests hand in others."""

from __future__ import annotations

import tkinter as tk
from tkinter import filedialog, messagebox
from typing import Protocol

from smart_retail.errors import RetailError

SPREADSHEETS = (
    ("Orders", "*.csv *.csv.gz *.tsv *.txt *.xlsx *.xls *.parquet"),
    ("All files", "*"),
)


class Questions(Protocol):
    """What the window asks or tells through dialogs; an empty answer means none was given."""

    def folder(self, title: str) -> str: ...
    def sources(self, title: str) -> tuple[str, ...]: ...
    def save(self, title: str, name: str, ending: str) -> str: ...
    def error(self, error: RetailError) -> None: ...
    def yes(self, title: str, text: str) -> bool: ...


class NativeQuestions:
    """`Questions` by Tk's dialogs; each keeps the window alive while it waits."""

    def __init__(self, root: tk.Misc) -> None:
        self._root = root

    def folder(self, title: str) -> str:
        return filedialog.askdirectory(parent=self._root, title=title, mustexist=False) or ""

    def sources(self, title: str) -> tuple[str, ...]:
        return tuple(filedialog.askopenfilenames(parent=self._root, title=title, filetypes=SPREADSHEETS) or ())

    def save(self, title: str, name: str, ending: str) -> str:
        kinds = [("CSV", "*.csv"), ("Excel", "*.xlsx")]
        if ending == "xlsx":
            kinds.reverse()
        chosen = filedialog.asksaveasfilename(
            parent=self._root,
            title=title,
            initialfile=f"{name}.{ending}",
            defaultextension=f".{ending}",
            filetypes=kinds,
        )
        return str(chosen or "")

    def error(self, error: RetailError) -> None:
        messagebox.showerror("Smart Retail Engine", error.message, detail=error.hint, parent=self._root)

    def yes(self, title: str, text: str) -> bool:
        return messagebox.askyesno(title, text, parent=self._root)
