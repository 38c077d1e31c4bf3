"""Start a temporary PostgreSQL server and run pytest on it: ``python -m tests.postgres_server tests/core/data``.

A server that `SMART_RETAIL_TEST_POSTGRES` names is used instead. Without the binaries (Debian package `postgresql`) the
exit code is 1.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.postgres import URL_VARIABLE

SECONDS_TO_START = "60"


def find_binaries() -> Path | None:
    """Return the folder of `initdb`: from the path, else the newest version of Debian's package."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    found = shutil.which("initdb") or (versions[-1] if versions else None)
    return Path(found).resolve().parent if found else None


@contextmanager
def server(binaries: Path) -> Iterator[str]:
    """Start a server on a free port of this machine and yield its URL; stop it and remove its files at the end."""
    # PostgreSQL refuses to run as root.
    as_root = os.name == "posix" and os.geteuid() == 0
    user, prefix = ("postgres", ["runuser", "-u", "postgres", "--"]) if as_root else (getpass.getuser(), [])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        if as_root:
            shutil.chown(folder, user)
        data = f"{folder}/data"

        def run(program: str, *arguments: str) -> None:
            subprocess.run(
                [*prefix, str(binaries / program), *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/"
            )

        run("initdb", "--pgdata", data, "--username", user, "--auth", "trust", "--no-sync", "--encoding", "UTF8")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        start = ("start", "--wait", "--timeout", SECONDS_TO_START, "--log", f"{folder}/log", "--options", options)
        run("pg_ctl", "--pgdata", data, *start)
        try:
            yield f"postgresql://{user}@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "--pgdata", data, "stop", "--mode", "immediate")


def main() -> int:
    """Run pytest with the given arguments, and return its exit code."""
    command = [sys.executable, "-m", "pytest", *sys.argv[1:]]
    if URL_VARIABLE in os.environ:
        return subprocess.run(command, check=False).returncode
    binaries = find_binaries()
    if binaries is None:
        sys.stderr.write("PostgreSQL is not installed (Debian package postgresql).\n")
        return 1
    with server(binaries) as url:
        return subprocess.run(command, check=False, env=os.environ | {URL_VARIABLE: url}).returncode


if __name__ == "__main__":
    sys.exit(main())
