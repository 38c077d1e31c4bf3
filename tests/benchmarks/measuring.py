"""Time and memory of one job in a process of its own.

In: the name of a job in `jobs` or `serving` and its arguments. Out: what it returned, the seconds that it
timed itself and the peak memory of its process. Nothing of one run can help or hurt the next.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RUNS = 3
TIMEOUT = 7200
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run, or the medians of several."""

    seconds: float
    cpu: float
    """Processor seconds of the same, of all threads: what else the machine does adds little to them."""
    peak: float
    """Megabytes that the process held at most, its libraries included."""
    facts: dict[str, Any] = field(default_factory=dict)


def run(job: str, **arguments: Any) -> Measured:
    """Run a job once."""
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.measuring", job, json.dumps(arguments, default=str)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, f"{job} failed:\n{done.stderr[-4000:]}"
    report = json.loads(done.stdout.splitlines()[-1])
    return Measured(**report)


def medians(runs: list[Measured]) -> Measured:
    """The middle of several runs; facts are those of the last."""
    seconds, cpu, peak = (statistics.median(getattr(r, name) for r in runs) for name in ("seconds", "cpu", "peak"))
    return Measured(seconds, cpu, peak, runs[-1].facts)


def compared(jobs: Mapping[str, tuple[str, dict[str, Any]]], runs: int = RUNS) -> dict[str, Measured]:
    """Several jobs by turns, so that what else the machine does strikes all alike."""
    found: dict[str, list[Measured]] = {name: [] for name in jobs}
    for _ in range(runs):
        for name, (job, arguments) in jobs.items():
            found[name].append(run(job, **arguments))
    return {name: medians(of) for name, of in found.items()}


class Clock:
    """Adds up the time of what is to be measured."""

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        start, worked = time.perf_counter(), time.process_time()
        yield
        self.seconds += time.perf_counter() - start
        self.cpu += time.process_time() - worked


def peak_megabytes(process: int | str = "self") -> float:
    """Most memory that this process, or another one, ever held."""
    status = Path(f"/proc/{process}/status")
    if status.exists():  # `ru_maxrss` begins with what the process held that started this one
        line = next(t for t in status.read_text().splitlines() if t.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import psutil

    info = psutil.Process(None if process == "self" else int(process)).memory_info()
    return float(getattr(info, "peak_wset", info.rss)) / 2**20


def reset_peak() -> None:
    """Let `peak_megabytes` begin anew, on Linux."""
    counters = Path("/proc/self/clear_refs")
    if counters.exists():
        counters.write_text("5")


def main() -> None:
    """Run the job that the command line names and print what was measured."""
    job, arguments = sys.argv[1], json.loads(sys.argv[2])
    module, _, name = job.partition(".")
    clock = Clock()
    facts = getattr(importlib.import_module(f"tests.benchmarks.{module}"), name)(clock, **arguments) or {}
    # A job that measured its parts has reset the peak of the process.
    peak = max(peak_megabytes(), facts.get("peak", 0.0))
    report = {"seconds": clock.seconds, "cpu": clock.cpu, "peak": peak, "facts": facts}
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
