"""The root windows of the tests, which share one process with threads that may run the garbage collector."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.virtual_display import NoDisplayError, display_name

_SCRIPT = """
import gc, os, threading
from tests.virtual_display import display_name, open_root

os.environ["DISPLAY"] = display_name()
gc.disable()
first = open_root()
first.destroy()
first.cycle = first
del first
second = open_root()
collector = threading.Thread(target=gc.collect)
collector.start()
while collector.is_alive():
    second.update()
print("alive")
"""


def test_a_closed_window_collected_by_another_thread_does_not_end_the_process() -> None:
    try:
        display_name()
    except NoDisplayError as error:
        pytest.skip(str(error))
    root = Path(__file__).resolve().parents[1]
    run = subprocess.run([sys.executable, "-c", _SCRIPT], cwd=root, capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stdout.strip()) == (0, "alive"), run.stderr
