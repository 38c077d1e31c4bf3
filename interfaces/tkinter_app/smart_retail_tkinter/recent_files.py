"""What the window remembers between two starts: the last files and the theme, as JSON in the config folder.

A file that is missing, damaged or cannot be written is no error: the memory is a convenience.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

KINDS = ("bundle", "spreadsheet")
KEPT = 8


@dataclass(frozen=True, slots=True)
class RecentFile:
    kind: str
    """bundle or spreadsheet."""
    path: str


def config_file() -> Path:
    """``smart-retail/desktop.json`` in the platform's folder for configuration."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "smart-retail" / "desktop.json"


class Memory:
    """Recent files, newest first, and the theme; every change is written at once."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file if file is not None else config_file()
        self.files: tuple[RecentFile, ...] = ()
        self.theme = "light"
        with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            data = json.loads(self._file.read_text(encoding="utf-8"))
            self.theme = "dark" if data.get("theme") == "dark" else "light"
            found = (RecentFile(str(each["kind"]), str(each["path"])) for each in data["recent"])
            self.files = tuple(each for each in found if each.kind in KINDS)[:KEPT]

    def add(self, kind: str, path: str) -> None:
        """Put a file at the head of the list."""
        new = RecentFile(kind, str(Path(path).absolute()))
        self.files = (new, *(each for each in self.files if each != new))[:KEPT]
        self._write()

    def remove(self, file: RecentFile) -> None:
        """Forget a file that is gone."""
        self.files = tuple(each for each in self.files if each != file)
        self._write()

    def set_theme(self, theme: str) -> None:
        self.theme = theme
        self._write()

    def _write(self) -> None:
        data = {"theme": self.theme, "recent": [asdict(each) for each in self.files]}
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            part = self._file.with_suffix(".part")
            part.write_text(json.dumps(data, indent=2, ensure_ascii=False), encoding="utf-8")
            part.replace(self._file)
