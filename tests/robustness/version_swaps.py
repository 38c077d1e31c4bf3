"""Trial: versions come and go under load. No request fails, and none is answered by two versions.

The two versions differ in what they know: from one of them a customer was erased, so an answer tells by itself
which version gave it.
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

CUSTOMER = "c0100"
OTHERS = ("c0020", "c0021", "A/B")

Ask = Callable[[dict[str, Any]], Any]
"""Sends the body of a batch; the answer has `status_code`, `headers` and `json`."""


def two_versions(artifacts: Path, folder: Path) -> tuple[Path, str, str]:
    """A copy of the folder with two versions: of all customers, which is active, and of all but one."""
    root = Path(shutil.copytree(artifacts, folder / "artifacts"))
    without = Path(shutil.copytree(artifacts, folder / "without"))
    erase(without, CUSTOMER)
    full, less = read_pointer(root)[0], read_pointer(without)[0]
    shutil.copytree(without / "versions" / less, root / "versions" / less)
    return root, full, less


def activate(root: Path, version: str) -> None:
    set_active_pointer(root, "current", version)


@contextmanager
def asked_all_the_time(asks: list[Ask], full: str) -> Iterator[list[str]]:
    """Ask on several threads for as long as the block lasts; gives the tally: one text a request, empty if right."""
    tally: list[str] = []
    stop = threading.Event()

    def run(ask: Ask) -> None:
        while not stop.is_set():
            tally.append(_fault(ask, full))

    threads = [threading.Thread(target=run, args=(ask,)) for ask in asks]
    for thread in threads:
        thread.start()
    try:
        yield tally
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _fault(ask: Ask, full: str) -> str:
    try:
        answer = ask({"customer_ids": [OTHERS[0], CUSTOMER, *OTHERS[1:]], "n": 5})
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if answer.status_code != 200:
        return f"status {answer.status_code}"
    # A test client has `json` as a property, httpx as a method.
    lists = (answer.json() if callable(answer.json) else answer.json)["lists"]
    versions = {part["model_version"] for part in lists}
    if versions != {answer.headers["X-Model-Version"]}:
        return f"mixed: {versions}"
    knows = {part["customer_id"]: part["known"] for part in lists}
    if knows != {**dict.fromkeys(OTHERS, True), CUSTOMER: versions == {full}}:
        return f"version {versions} knows {knows}"
    return ""
