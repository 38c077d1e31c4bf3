"""Recent files and theme, kept as JSON in the configuration folder of the user.

A file that is missing, damaged or not writable is ignored.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from smart_retail.errors import UsageError
from smart_retail.utils.atomic_file import write_atomically

KINDS = ("bundle", "spreadsheet")
MAX_RECENT_FILES = 8


@dataclass(frozen=True, slots=True)
class RecentFile:
    """A bundle folder or a spreadsheet that was opened."""

    kind: str
    """``bundle`` or ``spreadsheet``."""
    path: str


def config_file() -> Path:
    """Return the path of ``smart-retail/desktop.json`` in the configuration folder of the platform."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "smart-retail" / "desktop.json"


class Preferences:
    """Recent files, newest first, and the theme; every change is saved immediately."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file if file is not None else config_file()
        self.files: tuple[RecentFile, ...] = ()
        self.theme = "light"
        with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            data = json.loads(self._file.read_text(encoding="utf-8"))
            self.theme = "dark" if data.get("theme") == "dark" else "light"
            files = (RecentFile(str(entry["kind"]), str(entry["path"])) for entry in data["recent"])
            self.files = tuple(file for file in files if file.kind in KINDS)[:MAX_RECENT_FILES]

    def add(self, kind: str, path: str) -> None:
        """Add a file as the most recent one."""
        new = RecentFile(kind, str(Path(path).absolute()))
        self.files = (new, *(known for known in self.files if known != new))[:MAX_RECENT_FILES]
        self._write()

    def remove(self, file: RecentFile) -> None:
        """Remove a file from the list."""
        self.files = tuple(known for known in self.files if known != file)
        self._write()

    def set_theme(self, theme: str) -> None:
        """Save the name of the theme."""
        self.theme = theme
        self._write()

    def _write(self) -> None:
        data = {"theme": self.theme, "recent": [asdict(file) for file in self.files]}
        with suppress(OSError, UsageError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._file, json.dumps(data, indent=2, ensure_ascii=False).encode())
