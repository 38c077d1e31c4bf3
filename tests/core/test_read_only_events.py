"""An account that may only read the artifacts folder reads the events, and creates and changes nothing there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smart_retail.errors import ArtifactError
from smart_retail.events import Event, SqliteEventStore
from smart_retail.events.sqlite_store import FILE_NAME

pytestmark = pytest.mark.skipif(
    os.name == "nt" or os.geteuid() != 0, reason="another account can be simulated only by root"
)
ACCOUNT = 65534
READER = """
import os, sys
from smart_retail.errors import ArtifactError
from smart_retail.events import RecentEvents, SqliteEventStore
store = SqliteEventStore(sys.argv[1])
recent = RecentEvents(store, 0)
os.setgid({account}), os.setuid({account})
for _ in sys.stdin:
    try:
        ids = [e.event_id for e in store.all()]
        assert ids == [e.event_id for e in recent.for_customer("c1")], "the view differs"
        assert store.last_sequence() >= len(ids) and store.erased_among(["gone", "c1"]) == {{"gone"}}
        print(*ids, flush=True)
    except ArtifactError as error:
        print("error:", error.message, error.hint, flush=True)
"""
HOLDER = """
import sys, time
from smart_retail.events import Event, SqliteEventStore
store = SqliteEventStore(sys.argv[1])
with store._open() as connection:
    store.add([Event("held", "c1", "o", "i1", "2026-01-31T14:05:00", 10**6, 10**6)])
    print("ready", flush=True)
    time.sleep(600)
"""


def add(folder: Path, name: str) -> None:
    SqliteEventStore(folder).add([Event(name, "c1", "o", "i1", "2026-01-31T14:05:00", 10**6, 10**6)])


class Reader:
    """A process of an account without write access."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def read(self) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()


@contextmanager
def reader_of(folder: Path) -> Iterator[Reader]:
    with subprocess.Popen(
        [sys.executable, "-c", READER.format(account=ACCOUNT), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Reader(process)
        finally:
            process.kill()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with one event and one erased customer, which other accounts can enter and read."""
    root = Path(tempfile.mkdtemp())
    root.chmod(0o755)
    add(root, "first")
    SqliteEventStore(root).erase("gone")
    yield root
    shutil.rmtree(root)


def test_events_are_read_without_write_access(folder: Path) -> None:
    files = sorted(folder.iterdir())
    with reader_of(folder) as reader:
        assert reader.read() == "first"
        assert sorted(folder.iterdir()) == files
        add(folder, "second")
        assert reader.read() == "first second"
        assert sorted(folder.iterdir()) == files


def test_events_of_a_connected_writer_are_read_without_write_access(folder: Path) -> None:
    with (
        reader_of(folder) as reader,
        subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True) as writer,
    ):
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        assert reader.read() == "first held"
        add(folder, "next")
        assert reader.read() == "first held next"
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        assert reader.read() == "first held next"
        add(folder, "last")
        assert reader.read() == "first held next last"
        with reader_of(folder) as second:
            assert second.read() == "first held next last"
    add(folder, "end")
    with reader_of(folder) as reader:
        assert reader.read() == "first held next last end"


def test_events_that_a_killed_writer_left_are_read_without_write_access(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.kill()
        writer.wait()
    assert (folder / f"{FILE_NAME}-wal").stat().st_size > 0
    with reader_of(folder) as reader:
        assert reader.read() == "first held"
        (folder / f"{FILE_NAME}-shm").unlink()
    with reader_of(folder) as reader:
        text = reader.read()
        assert text.startswith("error:")
        assert "smart-retail doctor" in text
        SqliteEventStore(folder).last_sequence()
        assert reader.read() == "first held"


def test_adding_without_write_access_is_an_error(folder: Path) -> None:
    script = "import os, sys; from tests.core.test_read_only_events import add\n"
    script += f"from pathlib import Path\nos.setuid({ACCOUNT}); add(Path(sys.argv[1]), 'e')"
    found = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=False)
    assert f"{ArtifactError.__name__}: This account may not write events" in found.stderr
    with reader_of(folder) as reader:
        assert reader.read() == "first"


def test_adding_with_a_log_of_another_account_is_an_error(folder: Path) -> None:
    """Another account's log, which SQLite must write, next to files that this account may write."""
    for path in (folder, folder / FILE_NAME):
        os.chown(path, ACCOUNT, ACCOUNT)
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        os.chown(folder / f"{FILE_NAME}-wal", 0, 0)
        script = "import os, sys; from tests.core.test_read_only_events import add\n"
        script += f"from pathlib import Path\nos.setuid({ACCOUNT}); add(Path(sys.argv[1]), 'e')"
        found = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=False)
        writer.kill()
    assert "This account may not write events" in found.stderr
