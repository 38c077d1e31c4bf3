"""Each supported server, in a subprocess: it responds to a request and stops cleanly."""

from __future__ import annotations

import signal
import sys

import httpx
import pytest

from smart_retail.serving.engine import Engine
from smart_retail_flask.server import TIMEOUT_SECONDS

from .conftest import server_process


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl+C to a single process")
@pytest.mark.parametrize("server", ["gunicorn", "waitress"])
def test_server_responds_and_stops_on_ctrl_c(server: str, engine: Engine) -> None:
    pytest.importorskip(server)
    with server_process(engine.artifacts, server) as (url, process):
        response = httpx.get(f"{url}/v1/customers/00012/recommendations", params={"n": 3}, trust_env=False)
        assert response.status_code == 200
        assert response.headers["X-Model-Version"] == engine.version
        assert response.json() == engine.recommend("00012", n=3).as_dict()
        process.send_signal(signal.SIGINT)
        # A worker that is still starting misses the signal; the server ends it after the graceful timeout.
        assert process.wait(TIMEOUT_SECONDS + 60) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/livez", trust_env=False)
