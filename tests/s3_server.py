"""A local S3-compatible server (moto) on the loopback address, for tests of remote stores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import pytest

BUCKET = "test-bucket"
VARIABLES = {
    "AWS_ACCESS_KEY_ID": "test-key",
    "AWS_SECRET_ACCESS_KEY": "test-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1",
}


def require_packages() -> None:
    """Skip the test without the packages of the server, unless `SMART_RETAIL_REQUIRE` contains ``remote``."""
    missing = [name for name in ("moto", "s3fs", "kubernetes_validate") if find_spec(name) is None]
    if missing and "remote" in os.environ.get("SMART_RETAIL_REQUIRE", ""):
        pytest.fail(f"not installed: {', '.join(missing)}")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}; `tox run -e remote` installs them")


class S3Server:
    """The server; it keeps its objects when it is stopped and started again."""

    def __init__(self) -> None:
        self.port = 0
        self._server: object = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        from moto.server import ThreadedMotoServer

        server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        server.start()
        self.port = server.get_host_and_port()[1]
        self._server = server

    def stop(self) -> None:
        self._server.stop()  # type: ignore[attr-defined]


@contextmanager
def s3_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """Start a server with an empty bucket; the environment names it and its credentials."""
    import s3fs

    server = S3Server()
    server.start()
    for name, value in (VARIABLES | {"AWS_ENDPOINT_URL": server.url}).items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem(use_listings_cache=False)
    if files.exists(BUCKET):
        files.rm(BUCKET, recursive=True)
    files.mkdir(BUCKET)
    try:
        yield server
    finally:
        server.stop()
        s3fs.S3FileSystem.clear_instance_cache()
