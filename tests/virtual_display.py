"""The display of the windows under test (the existing one, otherwise a virtual X server), and their root window."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
from typing import Any

_INTERPRETERS: list[Any] = []
"""The Tcl interpreters of all windows so far, see `open_root`."""


class NoDisplayError(Exception):
    """No window can be opened here; the text says why."""


@functools.cache
def display_name() -> str:
    """Return the name of a display, and start a virtual one where there is none.

    Parallel test processes get one each, since their windows would take the keyboard focus from each other. The
    server runs until the process ends: Tk keeps its connection after the last window is closed, and Xlib ends the
    process with exit code 1 when a later event loop finds the server gone.
    """
    try:
        import tkinter  # noqa: F401

        import sv_ttk  # noqa: F401
    except ImportError as error:
        raise NoDisplayError(f"the packages of the desktop tool are not installed: {error}") from error
    private = "PYTEST_XDIST_WORKER" in os.environ and shutil.which("Xvfb") is not None
    if sys.platform in ("win32", "darwin") or (os.environ.get("DISPLAY") and not private):
        return os.environ.get("DISPLAY", "")
    take, give = os.pipe()
    try:
        server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(give), "-screen", "0", "1280x860x24", "-nolisten", "tcp"],
            pass_fds=(give,),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except FileNotFoundError as error:
        os.close(take)
        raise NoDisplayError("no display and no Xvfb") from error
    finally:
        os.close(give)
    atexit.register(server.wait)
    atexit.register(server.terminate)
    with os.fdopen(take) as line:
        number = line.readline().strip()
    if not number:
        raise NoDisplayError("Xvfb did not start")
    return f":{number}"


def open_root() -> Any:
    """Return a new root window.

    Its Tcl interpreter lives until the process ends. Tcl ends the process (`Tcl_AsyncDelete`, SIGABRT) when an
    interpreter is deleted by another thread than its own, and the garbage collector runs in any thread.
    """
    import tkinter as tk

    root = tk.Tk()
    _INTERPRETERS.append(root.tk)
    return root
