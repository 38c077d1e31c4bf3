"""The root windows of the tests, which share one process with the threads and open files of other tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.virtual_display import NoDisplayError, display_name

_COLLECTED_BY_A_THREAD = """
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

_MANY_OPEN_FILES = """
import gc, os, resource
from tests.virtual_display import display_name, open_root

os.environ["DISPLAY"] = display_name()
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
gc.disable()
garbage = [open(os.devnull) for _ in range(1100)]
garbage.append(garbage)
garbage[3].close()  # one low descriptor is free
del garbage
root = open_root()
root.after(200, root.quit)
root.mainloop()
print("alive")
"""


@pytest.mark.parametrize("script", [_COLLECTED_BY_A_THREAD, _MANY_OPEN_FILES], ids=["thread", "files"])
def test_what_earlier_tests_leave_does_not_end_the_process_of_a_window(script: str) -> None:
    try:
        display_name()
    except NoDisplayError as error:
        pytest.skip(str(error))
    root = Path(__file__).resolve().parents[1]
    run = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stdout.strip()) == (0, "alive"), run.stderr
