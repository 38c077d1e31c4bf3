"""Trial: single bits of a small, signed bundle are flipped, those of pointers, manifest and signature too."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from smart_retail.bundle import versions
from smart_retail.bundle.reader import MANIFEST, Bundle, read_pointer
from smart_retail.bundle.signing import SIGNATURE
from smart_retail.bundle.writer import BundleWriter
from smart_retail.errors import ArtifactError, DamagedBundleError

SECRET = "0123456789abcdef" * 4


def small_bundles(root: Path) -> None:
    """Two versions of a few hundred bytes each; the caller has set the signing key."""
    for numbers in (3, 4):
        writer = BundleWriter(root)
        writer.array("group/numbers", np.arange(numbers, dtype=np.int32))
        writer.array("group/nothing", np.empty((0, 4)))
        writer.json("names", {"é": ["ü"]})
        writer.publish({"last_day": 1})


def refused_flips(root: Path, bits: Iterable[int]) -> int:
    """Flip each of the bits in every byte that must be as published; how many flips there were."""
    tried = 0
    for pointer, use in (("current", _read), ("previous", _roll_back)):
        version = root / "versions" / read_pointer(root, pointer)[0]
        tables = [p for p in sorted((version / "tables").rglob("*")) if p.is_file()]
        for path in (root / pointer, version / MANIFEST, version / SIGNATURE, *tables):
            tried += _refused(path, bits, lambda use=use: use(root))  # type: ignore[misc]
    return tried


def _refused(path: Path, bits: Iterable[int], use: Callable[[], object]) -> int:
    whole, tried = path.read_bytes(), 0
    for at in range(len(whole)):
        for bit in bits:
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
            tried += 1
            try:
                use()
            except ArtifactError:
                continue
            raise AssertionError(f"bit {bit} of byte {at} of {path.name} was not missed")
    path.write_bytes(whole)
    return tried


def _read(root: Path) -> None:
    if problems := Bundle.open(root).verify():
        raise DamagedBundleError(problems[0])


def _roll_back(root: Path) -> None:
    versions.rollback(root)
