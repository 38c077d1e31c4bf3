"""The servers the API runs under, each in a process of its own: one request, and a stop in peace."""

from __future__ import annotations

import signal
import sys

import httpx
import pytest
from fake_engine import FakeEngine

from smart_retail_flask import server as launch

from .conftest import started


@pytest.mark.skipif(sys.platform == "win32", reason="a process there cannot be sent Ctrl+C alone")
@pytest.mark.parametrize("server", ["gunicorn", "waitress"])
def test_a_server_answers_and_ends_in_peace(server: str) -> None:
    pytest.importorskip(server)
    with started(server) as (url, process):
        answer = httpx.get(f"{url}/v1/customers/00012/recommendations", params={"n": 3}, trust_env=False)
        assert answer.status_code == 200
        assert answer.headers["X-Model-Version"] == FakeEngine().version
        assert answer.json() == FakeEngine().recommend("00012", n=3).as_dict()
        process.send_signal(signal.SIGINT)
        # A worker that is only starting misses the signal: the server ends it when the grace is over.
        assert process.wait(launch.TIMEOUT + 15) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/livez", trust_env=False)
