"""Run the API under a production server: gunicorn with several workers, or waitress on Windows.

Each gunicorn worker opens the bundle itself; the pages of the memory-mapped arrays are shared between them. Windows has
no fork, so waitress serves with threads of one process.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask

from smart_retail.bundle.local_copy import open_folder
from smart_retail.bundle.reader import MANIFEST, read_pointer
from smart_retail.errors import ArtifactError, DamagedBundleError, RetailError
from smart_retail.protocol import RetailEngine
from smart_retail.serving.factory import BundleFollower
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail.serving.jobs import JobStore
from smart_retail_flask import json_logging
from smart_retail_flask.app import create_app, new_counters
from smart_retail_flask.job_routes import resume_jobs
from smart_retail_flask.prometheus import RequestCounters, gunicorn_hooks
from smart_retail_flask.settings import ServerOptions

TIMEOUT_SECONDS = 30
"""A worker that does not respond for this long is replaced; on a stop, open requests may take this long."""
MAX_REQUEST_LINE = 8190
"""Longest request line, bytes."""


def serve(artifacts: str | os.PathLike[str], options: ServerOptions | None = None) -> None:
    """Serve the active bundle until the process is stopped; new versions are loaded while it runs.

    Parameters
    ----------
    artifacts : path
        Folder of fitted bundles, or the URL of a remote store.
    options : ServerOptions, optional
        Address, workers, rules, log level and API settings.

    Raises
    ------
    ArtifactError
        There is no bundle, or it is damaged.
    """
    options = options or ServerOptions()
    artifacts = open_folder(artifacts)
    load = bundle_loader(artifacts, options.rules)
    counters = new_counters() if options.api.metrics else None  # created before the fork, so that workers share it
    load_previous = bundle_loader(artifacts, options.rules, pointer="previous")
    _check_loadable(load, load_previous)

    def application() -> Flask:
        json_logging.log_to_stderr(options.log_level)
        resume_jobs(JobStore(artifacts))
        follower = BundleFollower(artifacts, load)
        holder = ReloadingEngine(follower.load, follower.state, fallback=load_previous)
        return create_app(holder, options.api, counters)

    url = f"http://{options.url_host}:{options.port}"
    print(f"Serving on {url}, documentation at {url}/docs. Press Ctrl+C to stop.", file=sys.stderr)  # noqa: T201
    run_server(application, options, counters)


def _check_loadable(load: Callable[[], RetailEngine], load_previous: Callable[[], RetailEngine]) -> None:
    """Report a missing or damaged bundle once, before any worker starts; raise if the previous one fails too."""
    try:
        load()
    except ArtifactError as error:
        try:
            load_previous()
        except RetailError:
            raise error from None
        message = f"{error.message} Serving the previous version."
        print(message, file=sys.stderr)  # noqa: T201


def bundle_loader(
    artifacts: str | os.PathLike[str], rules: str | os.PathLike[str] | None = None, pointer: str = "current"
) -> Callable[[], RetailEngine]:
    """Return a function that opens a version and verifies all of its files.

    Parameters
    ----------
    artifacts : path
        Folder of fitted bundles.
    rules : path, optional
        Business rules file; by default ``rules.toml`` in `artifacts`.
    pointer : str
        ``current`` for the active version, ``previous`` for the one before it.
    """
    from smart_retail.serving.engine import Engine  # imports SciPy, which the OpenAPI export does not need

    def load() -> RetailEngine:
        version, digest = read_pointer(artifacts, pointer)
        engine = Engine.load(artifacts, rules=rules, version=None if pointer == "current" else version)
        manifest = (engine.bundle.folder / MANIFEST).read_bytes()
        if hashlib.sha256(manifest).hexdigest() != digest:
            raise DamagedBundleError(f"The manifest of version {version} was modified.", "Fit again.")
        faults = engine.bundle.verify()
        if faults:
            raise DamagedBundleError(
                f"Version {engine.version} failed verification: {faults[0]}", "Roll back: smart-retail rollback."
            )
        engine.open_all()
        return engine

    return load


def run_server(
    application: Callable[[], Flask], options: ServerOptions, counters: RequestCounters | None = None
) -> None:
    """Run an application until the process is stopped.

    Parameters
    ----------
    application : callable
        Returns the application; called once in each worker.
    options : ServerOptions
        Address and number of workers and threads.
    counters : RequestCounters, optional
        Metrics that the workers share.
    """
    if sys.platform == "win32":
        run_waitress(application, options)
    else:
        _run_gunicorn(application, options, counters)


def _run_gunicorn(application: Callable[[], Flask], options: ServerOptions, counters: RequestCounters | None) -> None:
    from gunicorn.app.base import BaseApplication

    from smart_retail_flask.gunicorn_worker import RequestBufferingWorker, ServerLogger

    class Worker(RequestBufferingWorker):
        max_body = options.api.max_body
        request_timeout = options.request_timeout

    class Server(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in _gunicorn_settings(options).items():
                self.cfg.set(name, value)
            self.cfg.set("worker_class", Worker)
            self.cfg.set("logger_class", ServerLogger)
            for name, hook in gunicorn_hooks(counters).items() if counters else ():
                self.cfg.set(name, hook)

        def load(self) -> Flask:
            return application()

    Server().run()


def run_waitress(application: Callable[[], Flask], options: ServerOptions) -> None:
    """Run an application in this process with waitress, until Ctrl+C."""
    import waitress

    json_logging.format_server_log("waitress")
    waitress.serve(
        application(),
        host=options.host,
        port=options.port,
        threads=options.workers * options.threads,
        ident=None,
        max_request_body_size=options.api.max_body,
        channel_timeout=TIMEOUT_SECONDS,
    )


def _gunicorn_settings(options: ServerOptions) -> dict[str, Any]:
    return {
        "bind": f"{options.url_host}:{options.port}",
        "workers": options.workers,
        "threads": options.threads,
        "preload_app": False,
        "timeout": TIMEOUT_SECONDS,
        "graceful_timeout": TIMEOUT_SECONDS,
        "keepalive": 5,
        "limit_request_line": MAX_REQUEST_LINE,
        "limit_request_fields": 50,
        "forwarder_headers": "",  # SCRIPT_NAME and PATH_INFO from clients are dropped, also from local ones
        "worker_tmp_dir": "/dev/shm" if Path("/dev/shm").is_dir() else None,  # noqa: S108
        "control_socket_disable": True,
        "loglevel": options.log_level,
        "accesslog": None,  # its lines contain paths, and paths contain ids
        "proc_name": "smart-retail-api",
    }
