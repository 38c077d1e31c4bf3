"""Starting the desktop tool: without a bundle, without a display, without its packages."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from smart_retail.errors import MissingExtraError, UsageError
from smart_retail_tkinter import launch


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there is always a display")
def test_a_missing_display_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tkinter")
    pytest.importorskip("sv_ttk")
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(UsageError) as caught:
        launch.run()
    assert "no display" in caught.value.message
    assert "smart-retail serve streamlit" in caught.value.hint


@pytest.mark.parametrize("missing", ["tkinter", "sv_ttk"])
def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    real = builtins.__import__

    def find(name: str, *rest: Any) -> Any:
        if name == missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", find)
    with pytest.raises(MissingExtraError) as caught:
        launch.run()
    assert "smart-retail-engine[tkinter]" in caught.value.hint


def test_it_starts_on_an_empty_folder_and_closes(display: str, tmp_path: Path) -> None:
    code = (
        "import tkinter as tk\n"
        "from smart_retail_tkinter import app, launch\n"
        "class Closing(app.App):\n"
        "    def __init__(self, root, *rest, **more):\n"
        "        super().__init__(root, *rest, **more)\n"
        "        root.after(50, self.close_when_visible)\n"
        "    def close_when_visible(self):\n"
        "        if not self.start.winfo_ismapped():\n"
        "            self.root.after(50, self.close_when_visible)\n"
        "            return\n"
        "        print('start page')\n"
        "        self.quit()\n"
        "app.App = Closing\n"
        f"launch.run({str(tmp_path / 'none')!r})\n"
    )
    env = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=env)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "start page", "")
