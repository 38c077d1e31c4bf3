"""Erasures after killed writes, removed stores, open readers and damaged or unfinished versions.

Each trial brings a folder into a random state of these and erases a customer. An erasure that is confirmed has left no
file with the id of the customer; one that is refused says what to do, which the trial does before it tries again.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from smart_retail.bundle import versions
from smart_retail.bundle.erasure import erase
from smart_retail.bundle.reader import MANIFEST, read_pointer
from smart_retail.errors import ErasureError, LockError, RetailError
from smart_retail.events import Event, SqliteEventStore, sqlite_store
from smart_retail.serving.engine import Engine

from . import killed_publish

CUSTOMER = "c0100"
MAX_ATTEMPTS = 6
_ERASE = """
from smart_retail.bundle.erasure import erase
erase(root, sys.argv[3])
print(steps)
"""
_READ = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN")
connection.execute("SELECT count(*) FROM events").fetchone()
print("reading", flush=True)
sys.stdin.read()
"""


class Trial:
    """One folder in a random state.

    Parameters
    ----------
    root : Path
        Artifacts folder with a fitted version; it is changed.
    seed : int
    """

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.refusals = 0
        self._rng = random.Random(seed)
        self._reader: subprocess.Popen[str] | None = None

    def run(self) -> None:
        """Erase a customer from a folder in a random state, until the erasure is confirmed."""
        states: list[Callable[[], None]] = [
            self._kill_publish, self._kill_erasure, self._leave_fit, self._remove_store, self._open_reader,
            self._damage_previous, self._damage_active, self._remove_manifest, self._copy_version,
        ]  # fmt: skip
        for _ in range(self._rng.randint(1, 2)):
            killed_publish.publish(self.root)
        for state in self._rng.sample(states, self._rng.randint(2, 5)):
            self._add_event()
            state()
        try:
            self._erase()
        finally:
            self._end_reader()
        assert mentions(self.root) == set()
        for info in versions.versions(self.root):
            assert not Engine.load(self.root, version=info.version).customer(CUSTOMER).known
        for path in self.root.glob("events.sqlite*"):
            path.unlink()
        assert SqliteEventStore(self.root).erased_among([CUSTOMER, "c0101"]) == {CUSTOMER}

    def _erase(self) -> None:
        for _ in range(MAX_ATTEMPTS):
            try:
                erase(self.root, CUSTOMER)
                return
            except RetailError as error:
                self.refusals += 1
                self._do_what_it_says(error)
        raise AssertionError("the erasure was refused after everything that its errors say was done")

    def _do_what_it_says(self, error: RetailError) -> None:
        assert error.hint, error
        assert CUSTOMER not in error.message
        if isinstance(error, LockError):
            self._end_reader()
            return
        assert isinstance(error, ErasureError), error
        if "is not a version" in error.message:
            name = error.message.partition("versions/")[2].partition(" is not")[0]
            shutil.rmtree(self.root / "versions" / name)
            return
        active = self._pointer("current")
        for info in versions.versions(self.root):
            if info.version != active:
                try:
                    versions.rollback(self.root, info.version)
                except RetailError:
                    continue
                return
        raise AssertionError("no version can be activated") from error

    def _pointer(self, name: str) -> str:
        try:
            return read_pointer(self.root, name)[0]
        except RetailError:
            return ""

    def _add_event(self) -> None:
        number = self._rng.randrange(10**9)
        event = Event(f"e{number}", CUSTOMER, "o", "G-007", "2025-03-01T00:00:00", 10**6, 10**6)
        SqliteEventStore(self.root).add([event])

    def _kill_publish(self) -> None:
        killed_publish.run_script(killed_publish.PUBLISH, self.root, self._rng.randint(20, 200))

    def _kill_erasure(self) -> None:
        killed_publish.run_script(_ERASE, self.root, self._rng.randint(5, 200), CUSTOMER)

    def _leave_fit(self) -> None:
        folder = self.root / ".temporary" / "smart-retail-x"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "events.csv").write_text(CUSTOMER, encoding="utf-8")

    def _remove_store(self) -> None:
        self._end_reader()
        for path in self.root.glob("events.sqlite*"):
            path.unlink()

    def _open_reader(self) -> None:
        self._end_reader()
        command = [sys.executable, "-c", _READ, str(self.root / sqlite_store.FILE_NAME)]
        self._reader = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._reader.stdout is not None
        self._reader.stdout.readline()

    def _end_reader(self) -> None:
        if self._reader is not None:
            self._reader.communicate("")
            self._reader = None

    def _damage_previous(self) -> None:
        self._damage("previous")

    def _damage_active(self) -> None:
        self._damage("current")

    def _damage(self, pointer: str) -> None:
        """Damage the manifest or a table of a version, while another one with all files is left."""
        version = self._pointer(pointer)
        if not version or len(versions.versions(self.root)) < 3:
            return
        folder = self.root / "versions" / version
        path = self._rng.choice([folder / MANIFEST, *sorted(folder.rglob("*.npy"))])
        if path.exists():
            path.write_bytes(path.read_bytes()[:-1] + b"?")

    def _remove_manifest(self) -> None:
        """Add a copy of the active version under another id, without its manifest."""
        version = self._pointer("current")
        if version and (self.root / "versions" / version).is_dir():
            other = self.root / "versions" / f"20240101T000000Z-{self._rng.randrange(16**8):08x}"
            shutil.copytree(self.root / "versions" / version, other)
            (other / MANIFEST).unlink(missing_ok=True)

    def _copy_version(self) -> None:
        (self.root / "versions" / "copy").mkdir(exist_ok=True)
        (self.root / "versions" / "copy" / "customers.json").write_text(json.dumps([CUSTOMER]), encoding="utf-8")


def mentions(root: Path) -> set[Path]:
    """Return the files that contain the id of the customer."""
    return {path for path in root.rglob("*") if path.is_file() and CUSTOMER.encode() in path.read_bytes()}
