"""The display of the windows under test (the existing one, otherwise a virtual X server), and their root window."""

from __future__ import annotations

import atexit
import functools
import gc
import os
import shutil
import subprocess
import sys
from typing import Any

MAX_DESCRIPTOR = 500
"""Garbage is collected before a window is opened above this file descriptor."""
NEW_DESCRIPTORS = 32
"""More than a window opens; the first ones may have low numbers that were closed in between."""
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
    """Return a new root window; Tcl would end the process with SIGABRT in two cases.

    Tcl waits with `select` for its own file descriptors, which must be below 1,024. Engines of finished tests have
    hundreds open, one for each mapped array, until they are collected.

    Tcl refuses to delete an interpreter in another thread than its own (`Tcl_AsyncDelete`), and the garbage collector
    runs in any thread: interpreters live until the process ends.
    """
    import tkinter as tk

    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(NEW_DESCRIPTORS)]
    for file in files:
        os.close(file)
    if max(files) > MAX_DESCRIPTOR:
        gc.collect()
    root = tk.Tk()
    _INTERPRETERS.append(root.tk)
    return root
