"""What is measured of the API and of a cold command: servers are started, asked and stopped.

The empty Flask route runs under the same server with the same options, and both are asked by turns.
"""

from __future__ import annotations

import itertools
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.benchmarks.measuring import Clock

ROUND = 50
"""Requests to one server before it is the other's turn."""
CALLS = 500
"""Requests on one connection. A worker keeps the connections that it accepted: were they never opened anew, all four
might lie with one of the two."""
_LENGTH = re.compile(rb"(?i)content-length: ([0-9]+)")
_SERVERS: list[subprocess.Popen[bytes]] = []


@contextmanager
def served(kind: str, artifacts: str, workers: int, threads: int) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A server on a free port of this machine; `kind` is ``empty`` or ``full``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.benchmarks.serving", kind, artifacts, str(port), str(workers), str(threads)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        _SERVERS.append(process)
        try:
            yield port, process
        finally:
            _SERVERS.remove(process)
            process.terminate()
            process.wait(30)


class Caller:
    """One connection that stays open. It reads little more than lengths, so that what is timed is the server."""

    def __init__(self, port: int) -> None:
        self._socket = _connected(port)

    def close(self) -> None:
        self._socket.close()

    def ask(self, path: str) -> float:
        """Seconds of one request; an answer that is no 200 fails."""
        question = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        start = time.perf_counter()
        self._socket.sendall(question)
        found = self._socket.recv(65_536)
        head = found.find(b"\r\n\r\n")
        while head < 0:
            found += self._socket.recv(65_536)
            head = found.find(b"\r\n\r\n")
        missing = int(_LENGTH.search(found, 0, head)[1]) - (len(found) - head - 4)  # type: ignore[index]
        while missing > 0:
            missing -= len(self._socket.recv(65_536))
        seconds = time.perf_counter() - start
        assert found.startswith(b"HTTP/1.1 200 "), found[:200]
        return seconds


def _connected(port: int) -> socket.socket:
    """Return a connection as soon as the server accepts one."""
    for _ in range(600):
        assert all(process.poll() is None for process in _SERVERS), "a server ended: try it by hand"
        try:
            found = socket.create_connection(("127.0.0.1", port), timeout=30)
        except OSError:
            time.sleep(0.05)
        else:
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return found
    raise TimeoutError("The server does not answer.")


def request(clock: Clock, artifacts: str, customers: Sequence[str], rounds: int) -> dict[str, Any]:
    """The middle time of a request for ten items with reasons, first and again, and of the empty route."""
    with ExitStack() as stack:
        ports = {k: stack.enter_context(served(k, artifacts, 1, 1))[0] for k in ("empty", "full")}
        callers = {kind: Caller(port) for kind, port in ports.items()}
        paths = _paths(customers)
        times: dict[str, list[float]] = {"empty": [], "first": [], "again": []}
        for number in range(rounds + 2):
            block = paths[number * ROUND : (number + 1) * ROUND]
            taken = {
                "empty": [callers["empty"].ask("/") for _ in range(ROUND)],
                "first": [callers["full"].ask(path) for path in block],
                "again": [callers["full"].ask(path) for path in block],
            }
            for kind, found in taken.items():
                times[kind] += found if number >= 2 else []
    with clock():
        pass
    return {kind: statistics.median(found) * 1000 for kind, found in times.items()}


def sustained(clock: Clock, artifacts: str, customers: Sequence[str], seconds: float) -> dict[str, Any]:
    """Requests a second that two workers hold, the empty route's and ours, and the workers' own memory."""
    found: dict[str, Any] = {}
    for kind in ("empty", "full"):
        with served(kind, artifacts, 2, 4) as (port, process):
            found[kind] = _rate(port, ["/"] if kind == "empty" else _paths(customers), seconds)
            if kind == "full":
                found["private"] = _private(process.pid)
    with clock():
        pass
    return found


def _rate(port: int, paths: Sequence[str], seconds: float) -> float:
    """Answers a second to four callers that ask without a pause; an answer that is no 200 fails."""
    counts, faults = [0] * 4, []
    until = [0.0]

    def ask(who: int) -> None:
        caller = Caller(port)
        turn = itertools.cycle(paths[who:] + paths[:who])
        caller.ask(next(turn))
        ready.wait()
        try:
            while time.perf_counter() < until[0]:
                caller.ask(next(turn))
                counts[who] += 1
                if counts[who] % CALLS == 0:
                    caller.close()
                    caller = Caller(port)
        except Exception as error:
            faults.append(repr(error))
        finally:
            caller.close()

    def begin() -> None:
        until[0] = time.perf_counter() + seconds

    ready = threading.Barrier(4, action=begin)
    callers = [threading.Thread(target=ask, args=(who,)) for who in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not faults, faults[0]
    return sum(counts) / seconds


def _private(pid: int) -> float:
    """Return the private memory of the largest worker in megabytes."""
    import psutil

    workers = psutil.Process(pid).children()
    return max(w.memory_full_info().uss for w in workers) / 2**20


def _paths(customers: Sequence[str]) -> list[str]:
    return [f"/v1/customers/{c}/recommendations?n=10" for c in customers]


def cold(clock: Clock, artifacts: str, customer: str, runs: int) -> dict[str, Any]:
    """Seconds of a cold `smart-retail recommend`, and of importing NumPy."""
    commands = {
        "numpy": [sys.executable, "-c", "import numpy"],
        "recommend": [sys.executable, "-m", "smart_retail_cli", "--artifacts", artifacts, "recommend", customer],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, timeout=60)
            times[name].append(time.perf_counter() - start)
    with clock():
        pass
    return {name: statistics.median(found) for name, found in times.items()}


def _serve(kind: str, artifacts: str, port: int, workers: int, threads: int) -> None:
    from flask import Flask

    from smart_retail_flask.server import run_server, serve
    from smart_retail_flask.settings import ServerOptions

    def empty() -> Flask:
        app = Flask("empty")
        app.add_url_rule("/", view_func=lambda: "ok", endpoint="empty")
        return app

    options = ServerOptions(port=port, workers=workers, threads=threads)
    if kind == "empty":
        run_server(empty, options)
    else:
        serve(artifacts, options)


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2], *(int(a) for a in sys.argv[3:]))
