"""Detect the encoding of a text file, and warn where the text cannot be Western European.

Without a byte order mark, a file is UTF-8 if all of it is valid UTF-8; otherwise it is read as cp1252, in which every
text can be read. For Chinese, Japanese, Korean or Cyrillic text in an older encoding that gives names that cannot
be read, so such a file gets a warning that names the probable encoding.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

FALLBACK: Final = "cp1252"
_BLOCK_BYTES: Final = 2**22
_SAMPLE_BYTES: Final = 2**18
_HIGH: Final = re.compile(rb"[\x80-\xff]+")
_LETTERS: Final = re.compile(rb"[^\x00-\x7f\x82\x84\x85\x91-\x97\xab\xbb]+")
"""Bytes above 127 that are not the quotation marks, dashes and dots of cp1252."""
_UNUSUAL: Final = frozenset(b"\x81\x83\x86\x87\x88\x89\x8b\x8d\x8f\x90\x98\x9b\x9d")
"""Bytes that are control characters or rare signs in cp1252, and first bytes of Japanese characters."""
_MAX_UNUSUAL_SHARE: Final = 0.1
_MAX_RUN_SHARE: Final = 0.3
"""Share of bytes above 127 in runs of three and more; Western European words have one or two accents in a row."""


def _is_kana(c: str) -> bool:
    return "\u3040" <= c <= "\u30ff"


def _is_han(c: str) -> bool:
    return "\u4e00" <= c <= "\u9fff"


def _is_hangul(c: str) -> bool:
    return "\uac00" <= c <= "\ud7a3"


def _is_lower_cyrillic(c: str) -> bool:
    return "\u0430" <= c <= "\u045f"


_CANDIDATES: Final[tuple[tuple[str, str, Callable[[str], bool], float], ...]] = (
    ("cp932", "Shift-JIS", _is_kana, 0.1),
    ("euc_jp", "EUC-JP", _is_kana, 0.1),
    ("koi8_r", "KOI8-R", _is_lower_cyrillic, 0.7),
    ("cp1251", "Windows-1251", _is_lower_cyrillic, 0.7),
    ("cp949", "EUC-KR", _is_hangul, 0.8),
    ("gb18030", "GB18030", _is_han, 0.6),
    ("big5", "Big5", _is_han, 0.6),
)
"""Codec, its usual name, a property of characters, and the share of the characters above 127 that must have it.

In this order, since the bytes of the earlier ones are valid in the later ones.
"""


def detect_encoding(path: Path) -> str:
    """Return the encoding: by the byte order mark, else UTF-8 if the whole file is valid UTF-8, else cp1252."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as stream:
        block = stream.read(_BLOCK_BYTES)
        for mark, encoding in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"),
                               (codecs.BOM_UTF16_BE, "utf-16")):  # fmt: skip
            if block.startswith(mark):
                return encoding
        try:
            while block:
                decoder.decode(block)
                block = stream.read(_BLOCK_BYTES)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return FALLBACK
    return "utf-8"


def describe_fallback(path: Path, name: str) -> str:
    """Return the note for a file that is read as cp1252: a warning if its text is in another script."""
    sample = _first_high_bytes(path)
    runs = _LETTERS.findall(sample)
    high = b"".join(runs)
    in_runs = sum(len(run) for run in runs if len(run) >= 3) / max(len(high), 1)
    unusual = sum(byte in _UNUSUAL for byte in high) / max(len(high), 1)
    if in_runs <= _MAX_RUN_SHARE and unusual <= _MAX_UNUSUAL_SHARE:
        return f"{name}: read as {FALLBACK}."
    likely = _likely_encoding(sample)
    which = f"probably {likely}" if likely else "not a Western European encoding"
    return (
        f"{name}: WARNING: the text is {which}, but it was read as {FALLBACK}, so names are not readable. "
        "Save the file as UTF-8 and read it again."
    )


def _first_high_bytes(path: Path) -> bytes:
    """Return whole lines from the first block of a file that has bytes above 127."""
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            if match := _HIGH.search(block):
                start = block.rfind(b"\n", 0, match.start()) + 1
                sample = block[start : start + _SAMPLE_BYTES]
                return sample[: sample.rfind(b"\n")] if b"\n" in sample else sample
    return b""


def _likely_encoding(sample: bytes) -> str:
    """Return the usual name of the first encoding whose script fits; empty if none fits."""
    for codec, name, has_property, minimum in _CANDIDATES:
        if _share(sample, codec, has_property) >= minimum:
            return name
    return ""


def _share(sample: bytes, codec: str, has_property: Callable[[str], bool]) -> float:
    try:
        text = sample.decode(codec)
    except UnicodeDecodeError:
        return 0.0
    high = [c for c in text if c > "\x7f"]
    return sum(map(has_property, high)) / max(len(high), 1)
