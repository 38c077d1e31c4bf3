"""Switch versions under load: no request may fail, and none may be served from two versions.

One customer was erased from the second version, so each response shows which version it comes from.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smart_retail.bundle.erasure import erase
from smart_retail.bundle.reader import read_pointer
from smart_retail.bundle.writer import set_active_pointer

ERASED_CUSTOMER = "c0100"
OTHER_CUSTOMERS = ("c0020", "c0021", "A/B")

SendBatch = Callable[[dict[str, Any]], Any]
"""Sends the body of a batch; the response has `status_code`, `headers` and `json`."""


def make_two_versions(artifacts: Path, folder: Path) -> tuple[Path, str, str]:
    """Copy a folder and add a version without `ERASED_CUSTOMER`; return the copy, the full and the reduced version."""
    root = Path(shutil.copytree(artifacts, folder / "artifacts"))
    reduced_root = Path(shutil.copytree(artifacts, folder / "reduced"))
    erase(reduced_root, ERASED_CUSTOMER)
    full, reduced = read_pointer(root)[0], read_pointer(reduced_root)[0]
    shutil.copytree(reduced_root / "versions" / reduced, root / "versions" / reduced)
    return root, full, reduced


def activate(root: Path, version: str) -> None:
    set_active_pointer(root, "current", version)


@contextmanager
def continuous_requests(senders: list[SendBatch], full: str) -> Iterator[list[str]]:
    """Send requests on one thread per sender during the block; yield the outcomes: one text each, empty if correct."""
    outcomes: list[str] = []
    stop = threading.Event()

    def run(send: SendBatch) -> None:
        while not stop.is_set():
            outcomes.append(_fault(send, full))

    threads = [threading.Thread(target=run, args=(send,)) for send in senders]
    for thread in threads:
        thread.start()
    try:
        yield outcomes
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _fault(send: SendBatch, full: str) -> str:
    try:
        response = send({"customer_ids": [OTHER_CUSTOMERS[0], ERASED_CUSTOMER, *OTHER_CUSTOMERS[1:]], "n": 5})
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if response.status_code != 200:
        return f"status {response.status_code}"
    # `json` is a property of the test client's response and a method of httpx's.
    lists = (response.json() if callable(response.json) else response.json)["lists"]
    versions = {part["model_version"] for part in lists}
    if versions != {response.headers["X-Model-Version"]}:
        return f"lists of several versions: {versions}"
    known = {part["customer_id"]: part["known"] for part in lists}
    if known != {**dict.fromkeys(OTHER_CUSTOMERS, True), ERASED_CUSTOMER: versions == {full}}:
        return f"known customers of version {versions}: {known}"
    return ""
