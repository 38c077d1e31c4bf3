"""Driver of `RemoteEngine` against a running API."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import engine
from .base import needs


class FrontEnd(engine.FrontEnd):
    name = "remote"

    def start(self) -> None:
        needs("smart_retail_flask.app", "flask")
        from smart_retail.client.remote_engine import RemoteEngine

        url = self.stack.enter_context(running_api(self.artifacts))
        self.engine = self.stack.enter_context(RemoteEngine(url))


@contextmanager
def running_api(artifacts: Path) -> Iterator[str]:
    """Run the API for an artifacts folder under a real server; yield its URL."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    from smart_retail_flask.app import create_app
    from smart_retail_flask.server import bundle_loader

    class QuietHandler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, *args: Any) -> None:
            pass

    app = create_app(bundle_loader(artifacts)())
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
