"""A flipped bit in any byte of a bundle is detected."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_retail.bundle import reader, versions
from smart_retail.bundle.reader import Bundle
from smart_retail.bundle.signing import KEY_VARIABLE

from .bit_flips import SECRET, count_rejected_flips, write_small_bundles


@pytest.mark.slow
@pytest.mark.parametrize("least", [0, reader.MIN_PARALLEL_BYTES], ids=["parallel", "sequential"])
def test_flipped_bit_in_any_byte_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, least: int) -> None:
    monkeypatch.setattr(reader, "MIN_PARALLEL_BYTES", least)
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    write_small_bundles(tmp_path)
    before = Bundle.open(tmp_path).version
    assert count_rejected_flips(tmp_path, bits=[0]) > 1900
    assert Bundle.open(tmp_path).version == before
    assert versions.verify(tmp_path) == []
    assert versions.rollback(tmp_path) != before
