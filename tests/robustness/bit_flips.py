"""Flip single bits of a small signed bundle, including its pointers, manifest and signature."""

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


def write_small_bundles(root: Path) -> None:
    """Publish two versions of a few hundred bytes each; the signing key must be in the environment."""
    for length in (3, 4):
        writer = BundleWriter(root)
        writer.array("recommender/numbers", np.arange(length, dtype=np.int32))
        writer.array("recommender/nothing", np.empty((0, 4)))
        writer.json("names", {"é": ["ü"]})
        writer.publish({"last_day": 1})


def count_rejected_flips(root: Path, bits: Iterable[int]) -> int:
    """Flip each of `bits` in every byte of both versions; fail if one is not detected, else return their number."""
    flips = 0
    for pointer, use in (("current", _read), ("previous", _roll_back)):
        version = root / "versions" / read_pointer(root, pointer)[0]
        tables = [p for p in sorted((version / "tables").rglob("*")) if p.is_file()]
        for path in (root / pointer, version / MANIFEST, version / SIGNATURE, *tables):
            flips += _flip_each_byte(path, bits, lambda use=use: use(root))  # type: ignore[misc]
    return flips


def _flip_each_byte(path: Path, bits: Iterable[int], use: Callable[[], object]) -> int:
    content, flips = path.read_bytes(), 0
    for index in range(len(content)):
        for bit in bits:
            path.write_bytes(content[:index] + bytes([content[index] ^ 1 << bit]) + content[index + 1 :])
            flips += 1
            try:
                use()
            except ArtifactError:
                continue
            raise AssertionError(f"flipped bit {bit} of byte {index} of {path.name} was not detected")
    path.write_bytes(content)
    return flips


def _read(root: Path) -> None:
    if problems := Bundle.open(root).verify():
        raise DamagedBundleError(problems[0])


def _roll_back(root: Path) -> None:
    versions.rollback(root)
