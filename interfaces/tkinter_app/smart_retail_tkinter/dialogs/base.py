"""Base class of the side windows."""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk

from smart_retail_tkinter import theme


class SideWindow(tk.Toplevel):
    """A window centred on the main window, which Escape closes; `body` contains its widgets."""

    def __init__(self, root: tk.Misc, title: str, width: int, height: int) -> None:
        super().__init__(root)
        self.title(title)
        line = theme.palette(self).line
        self.configure(highlightthickness=1, highlightbackground=line, highlightcolor=line)
        scale = theme.scaling(self)
        screen_width, screen_height = self.winfo_screenwidth(), self.winfo_screenheight()
        width, height = min(round(width * scale), screen_width), min(round(height * scale), screen_height)
        x = root.winfo_rootx() + (root.winfo_width() - width) // 2
        y = root.winfo_rooty() + (root.winfo_height() - height) // 2
        x, y = min(max(x, 0), screen_width - width), min(max(y, 0), screen_height - height)
        self.geometry(f"{width}x{height}+{x}+{y}")
        self.transient(root.winfo_toplevel())
        self.body = ttk.Frame(self, padding=16)
        self.body.pack(fill="both", expand=True)
        self.bind("<Escape>", lambda _: self.escape())
        self.protocol("WM_DELETE_WINDOW", self.close)

    def escape(self) -> None:
        """Handle the Escape key."""
        self.close()

    def close(self) -> None:
        """Close the window."""
        self.destroy()

    def copy(self, text: str) -> str:
        """Copy a text to the clipboard and end the event."""
        self.clipboard_clear()
        self.clipboard_append(text)
        return "break"
