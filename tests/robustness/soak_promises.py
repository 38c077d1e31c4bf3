"""What SECURITY.md promises, as figures: hostile files, slow clients, amplification, logs; `tox run -e soak` runs them.

`SMART_RETAIL_SOAK` scales their length, such as 0.1 for a short run.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from smart_retail.results import FitReport
from tests import shop

from .amplification import largest_requests, measure_requests, running_with_keys
from .hostile_files import read_hostile_files
from .log_fuzz import fuzz_api, fuzz_gradio
from .server import needs_sigkill, running_server
from .slow_clients import probe_during_half_requests

RecordFigure = Callable[[str], None]
SCALE = float(os.environ.get("SMART_RETAIL_SOAK", "1"))
MAX_MEMORY_MB = 600
MAX_SECONDS = 10.0
MAX_REQUEST_SECONDS = 1.0
MAX_REQUEST_MB = 200.0
pytestmark = needs_sigkill


def scaled(count: float) -> int:
    return max(1, round(count * SCALE))


def test_no_file_ends_or_fills_the_process_that_reads_it(tmp_path: Path, record_figure: RecordFigure) -> None:
    files = read_hostile_files(tmp_path, scaled(200), scaled(400))
    outcomes = Counter(
        f"{file['group']} {file['outcome']}" for file in files if file["outcome"] in ("read", "rejected")
    )
    slowest, largest = max(files, key=lambda f: f["seconds"]), max(files, key=lambda f: f["peak_mb"])
    record_figure(
        f"hostile files: {dict(sorted(outcomes.items()))}; at most {slowest['seconds']} s ({slowest['kind']}) "
        f"and {largest['peak_mb']} MB ({largest['kind']})"
    )
    assert [file for file in files if file["outcome"] not in ("read", "rejected")] == []
    assert [file for file in files if file["peak_mb"] > MAX_MEMORY_MB or file["seconds"] > MAX_SECONDS] == []


def test_half_requests_do_not_delay_others(fitted: tuple[Path, FitReport], record_figure: RecordFigure) -> None:
    with running_server(fitted[0], workers=2) as server:
        seconds = probe_during_half_requests(server, clients=scaled(200), duration=scaled(60))
        assert server.is_running()
    in_time = sum(time < 1.0 for time in seconds) / len(seconds)
    record_figure(
        f"slow clients: {in_time:.1%} of {len(seconds)} probes within 1 s during {scaled(200)} half requests, "
        f"median {1000 * sorted(seconds)[len(seconds) // 2]:.0f} ms"
    )
    assert in_time >= 0.95


def test_no_request_of_a_read_key_costs_much(demo_bundle: Path, tmp_path: Path, record_figure: RecordFigure) -> None:
    with running_with_keys(demo_bundle, tmp_path) as (server, key):
        costs = measure_requests(server, key, largest_requests(server, key))
    slowest, largest = max(costs, key=lambda c: c.seconds), max(costs, key=lambda c: c.growth_mb)
    record_figure(
        f"amplification: {len(costs)} requests on the demo data, at most {slowest.seconds:.2f} s of processor time "
        f"({slowest.name}) and {largest.growth_mb:.0f} MB ({largest.name})"
    )
    assert [cost for cost in costs if cost.status >= 500] == []
    assert [cost for cost in costs if cost.seconds > MAX_REQUEST_SECONDS or cost.growth_mb > MAX_REQUEST_MB] == []


def test_no_log_contains_a_key_an_id_or_a_path(
    fitted: tuple[Path, FitReport], tmp_path: Path, record_figure: RecordFigure
) -> None:
    api = fuzz_api(fitted[0], tmp_path, shop.customers(), rounds=scaled(20))
    gradio = fuzz_gradio(fitted[0], tmp_path, shop.customers(), rounds=scaled(5))
    record_figure(
        f"logs: {api.requests:,} requests to the API and {gradio.requests:,} to Gradio, "
        f"{api.lines + gradio.lines:,} lines, {len(api.leaks) + len(gradio.leaks)} with a key, id or path"
    )
    assert api.lines > api.requests / 2, "requests are logged at this level"
    assert gradio.lines > 0, "failures inside Gradio are logged"
    assert api.leaks + gradio.leaks == []
