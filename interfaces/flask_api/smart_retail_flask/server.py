"""`serve`: the API under a production server. In: an artifacts folder and an address; it returns when stopped.

gunicorn forks workers that open the bundle each for themselves; the pages of the memory-mapped arrays are
the same in all of them. On Windows, which has no fork, waitress serves with threads.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask

from smart_retail.bundle.reader import read_pointer
from smart_retail.errors import DamagedBundleError, UsageError
from smart_retail.protocol import RetailEngine
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail_flask import json_logging
from smart_retail_flask.app import create_app, new_counters
from smart_retail_flask.prometheus import Counters, gunicorn_hooks
from smart_retail_flask.settings import ApiSettings

TIMEOUT = 30
"""Seconds after which a silent worker is replaced, and within which open requests end on a stop."""
MAX_REQUEST_LINE = 8190


def serve(
    artifacts: str | os.PathLike[str],
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 2,
    *,
    threads: int = 4,
    settings: ApiSettings | None = None,
    rules: str | os.PathLike[str] | None = None,
    log_level: str = "warning",
) -> None:
    """Serve the active bundle until the process is told to stop; new bundles are picked up on the way.

    Parameters
    ----------
    artifacts : path
        Folder of fitted bundles.
    host, port : str, int
        Where to listen. Without keys only a loopback address is taken.
    workers, threads : int
        Processes, and threads in each (one process under Windows).
    settings : ApiSettings, optional
        Keys, hosts, origins, limits.
    rules : path, optional
        Business rules; by default ``rules.toml`` beside the bundles.
    log_level : str
        ``info`` logs each request as one line of JSON, without ids.

    Raises
    ------
    UsageError
        No keys and an address that others reach, or numbers out of range.
    ArtifactError
        There is no bundle, or it is damaged.
    """
    settings = settings or ApiSettings()
    check_address(host, port, settings)
    if not 1 <= workers <= 64 or not 1 <= threads <= 64:
        raise UsageError("workers and threads must lie between 1 and 64.", "Two workers a core are plenty.")
    load = loader(artifacts, rules)
    counters = new_counters() if settings.metrics else None  # before the workers are forked, who share it
    load()  # what is missing or damaged is told of here, once, and not by every worker

    def application() -> Flask:
        json_logging.to_stderr(log_level)
        return create_app(ReloadingEngine(load, lambda: read_pointer(artifacts)), settings, counters)

    print(f"Serving on http://{_printed(host)}:{port}, documentation at /docs. Ctrl+C stops.", file=sys.stderr)  # noqa: T201
    run(application, host, port, workers, threads, settings, log_level, counters)


def loader(
    artifacts: str | os.PathLike[str], rules: str | os.PathLike[str] | None = None
) -> Callable[[], RetailEngine]:
    """How the active version is opened: every file is checked before the first answer."""
    from smart_retail.serving.engine import Engine  # SciPy and the serving arrays, only where they are used

    def load() -> RetailEngine:
        engine = Engine.load(artifacts, rules=rules)
        faults = engine.bundle.verify()
        if faults:
            raise DamagedBundleError(
                f"Version {engine.version} does not verify: {faults[0]}", "Roll back: smart-retail rollback."
            )
        engine.open_all()
        return engine

    return load


def check_address(host: str, port: int, settings: ApiSettings) -> None:
    """`UsageError` for a port that is none, or for an address that others reach while there are no keys."""
    if not 0 < port < 65536:
        raise UsageError(f"{port} is no port.", "Give a number from 1 to 65535.")
    if settings.keys or _is_loopback(host):
        return
    raise UsageError(
        f"Without keys the API listens on this machine only, not on {host}.",
        "Make a key with --new-key and start with --keys FILE.",
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _printed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def run(
    application: Callable[[], Flask],
    host: str,
    port: int,
    workers: int,
    threads: int,
    settings: ApiSettings,
    log_level: str = "warning",
    counters: Counters | None = None,
) -> None:
    """Run an application, made once in every worker, until the process is told to stop."""
    if sys.platform == "win32":
        run_in_threads(application, host, port, workers * threads, settings)
        return
    from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

    class Server(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in _gunicorn_options(host, port, workers, threads, log_level).items():
                self.cfg.set(name, value)
            for name, hook in gunicorn_hooks(counters).items() if counters else ():
                self.cfg.set(name, hook)

        def load(self) -> Flask:
            return application()

    Server().run()


def run_in_threads(application: Callable[[], Flask], host: str, port: int, threads: int, settings: ApiSettings) -> None:
    """Run an application in this one process, by waitress, until Ctrl+C."""
    import waitress  # type: ignore[import-untyped]

    waitress.serve(
        application(),
        host=host,
        port=port,
        threads=threads,
        ident=None,
        max_request_body_size=settings.max_body,
        channel_timeout=TIMEOUT,
    )


def _gunicorn_options(host: str, port: int, workers: int, threads: int, log_level: str) -> dict[str, Any]:
    return {
        "bind": f"{_printed(host)}:{port}",
        "workers": workers,
        "threads": threads,
        "worker_class": "gthread",
        "preload_app": False,
        "timeout": TIMEOUT,
        "graceful_timeout": TIMEOUT,
        "keepalive": 5,
        "limit_request_line": MAX_REQUEST_LINE,
        "limit_request_fields": 50,
        "worker_tmp_dir": "/dev/shm" if Path("/dev/shm").is_dir() else None,  # noqa: S108
        "control_socket_disable": True,
        "loglevel": log_level,
        "accesslog": None,  # its lines hold paths, and paths hold ids
        "proc_name": "smart-retail-api",
    }
