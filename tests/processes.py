"""Processes that tests start."""

from __future__ import annotations

import subprocess

STOP_SECONDS = 30.0


def stop_process(process: subprocess.Popen[bytes]) -> None:
    """Stop a process and wait for its end; it is killed if it does not stop in time."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
