"""Options of the benchmark suite and the table at its end.

tox run -e bench                              20 million lines, every row
tox run -e bench -- --lines 2 --seconds 10    quickly
tox run -e bench -- --rows rfm,similarity     some rows
tox run -e bench -- --rows none --record      what was measured so far into docs/results.md
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.benchmarks.results import Results, record, record_growth

ORDER = (
    "rfm", "rfm_pandas", "rfm_memory", "similarity", "similarity_equal", "lists", "latency", "latency_p99", "live",
    "request_first", "request_again", "sustained", "private", "load", "cold", "fit", "fit_growth", "spark",
    "value_fit", "value_file", "value_file_computed", "value_one", "large", "large_growth", "large_ranker",
)  # fmt: skip
"""Rows in the order of the table."""
_DOCS = Path(__file__).resolve().parents[2] / "docs"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("benchmarks")
    default = Path(tempfile.gettempdir()) / "smart-retail-bench"
    group.addoption("--lines", type=int, default=20, help="million lines of the large history")
    group.addoption("--rows", default="", help="names of rows, by comma; all by default")
    group.addoption("--cache", type=Path, default=default, help="folder of histories, bundles and figures")
    group.addoption("--runs", type=int, default=3, help="runs of each, of which the middle counts")
    group.addoption("--seconds", type=float, default=60.0, help="how long the API is asked without a pause")
    group.addoption("--huge", type=int, default=0, help="million lines of the largest history, such as 100; 0: none")
    group.addoption("--record", action="store_true", help="write the table and the plot into docs/")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("--rows", "")
    if wanted:
        names = {f"test_{name}" for name in wanted.split(",")}
        items[:] = [item for item in items if item.name.partition("[")[0] in names]


@pytest.fixture(scope="session")
def folder(request: pytest.FixtureRequest) -> Path:
    """Where histories, bundles and figures lie."""
    cache: Path = request.config.getoption("--cache")
    cache.mkdir(parents=True, exist_ok=True)
    return cache


@pytest.fixture(scope="session")
def results(folder: Path) -> Results:
    return Results(folder)


@pytest.fixture(scope="session")
def millions(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--lines"))


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--runs"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    cache: Path | None = config.getoption("--cache", None)  # None: the suite is not what was asked for
    if cache is None or not (cache / "measured.json").exists():
        return
    results = Results(cache)
    terminalreporter.write_line("")
    terminalreporter.write_line(results.table(ORDER))
    if config.getoption("--record"):
        record(_DOCS / "results.md", results, ORDER)
        if results.stages:
            record_growth(_DOCS / "larger-than-one-machine.md", _DOCS / "growth.png", results)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("--record", False) and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK
