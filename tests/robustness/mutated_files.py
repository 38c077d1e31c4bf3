"""Read files with mutated bytes, a fixed number for each reader; only `RetailError` may be raised.

Runs as a program, so that memory is that of the readers alone and a crash is detected:
``python -m tests.robustness.mutated_files MUTATIONS FOLDER``. Prints the number of files that each reader accepted and
rejected, the peak memory, and every failure with the number that reproduces it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import subprocess
import sys
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from tests import shop

from .server import ENVIRONMENT, ROOT

TOKENS = (
    b"\0", b'"', b'"' * 3, b"\r", b"\n\n", b",,,,,,,", b";", b"\t", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3", b"1e999",
    b"-0", b"nan", b"9" * 40, b"0000-00-00", b"2024-02-30", b"[" * 500, b"{}", b"&lt;", b"<c>", b"\x93NUMPY",
    b"\xf0\x9f\x9b\x92", b"A" * 5000,
)  # fmt: skip
Read = Callable[[Path], object]


def mutate(content: bytes, rng: random.Random) -> bytes:
    """Apply one to eight changes: flip a bit; delete, duplicate or replace bytes; truncate; insert a token."""
    blob = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        start = rng.randrange(len(blob) + 1)
        end = min(len(blob), start + rng.choice((1, 4, 40, 400)))
        kind = rng.randrange(6)
        if kind == 0 and start < len(blob):
            blob[start] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del blob[start:end]
        elif kind == 2:
            blob[start:start] = blob[start:end]
        elif kind == 3:
            blob[start:end] = rng.randbytes(end - start)
        elif kind == 4 and rng.random() < 0.3:
            del blob[start:]
        else:
            blob[start:start] = rng.choice(TOKENS)
    return bytes(blob)


@dataclass(frozen=True)
class Reader:
    """A function that reads files from users."""

    name: str
    suffix: str
    content: Callable[[], bytes]
    read: Read
    wrap: Callable[[bytes], bytes] = bytes
    """Encodes the mutated content as a file, so that mutations inside a checksum reach the parser."""


def read_table(path: Path) -> object:
    from smart_retail.data.dry_run import inspect_source

    return inspect_source(path, threads=1)


def read_events_file(path: Path) -> object:
    from smart_retail_cli.event_commands import read_events

    return list(read_events(path))


def read_settings(path: Path) -> object:
    from smart_retail.settings import Settings

    return Settings.load(path)


def read_rules(path: Path) -> object:
    import numpy as np

    from smart_retail.recommenders.base import Catalogue
    from smart_retail.serving.rule_set import RuleTargets, load_rule_set
    from smart_retail.utils.id_map import IdMap, StringArray

    one = np.zeros(2, np.int32)
    items = IdMap(StringArray.of(["A", "B"]))
    return load_rule_set(path, RuleTargets(items, ["Paper"], ["Champions"], Catalogue(one, one, np.ones(2))))


def read_keys(path: Path) -> object:
    from smart_retail_flask.settings import read_keys

    return read_keys(path)


def read_bundle(path: Path, name: str) -> object:
    """Read a bundle in which this file replaces the one of that name, with an updated digest."""
    from smart_retail.bundle.reader import MANIFEST, Bundle
    from smart_retail.bundle.writer import set_active_pointer

    root, version = _bundle(path.parent)
    folder, content = root / "versions" / version, path.read_bytes()
    if name == MANIFEST:
        (folder / MANIFEST).write_bytes(content)
    else:
        original = (folder / name).read_bytes()
        manifest = json.loads(_manifest(root))
        manifest["files"][name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        (folder / name).write_bytes(content)
        (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    set_active_pointer(root, "current", version)
    try:
        bundle = Bundle.open(root)
        return [bundle.verify(), bundle.arrays("recommender"), bundle.json("names")]
    finally:
        (folder / MANIFEST).write_bytes(_manifest(root))
        if name != MANIFEST:
            (folder / name).write_bytes(original)


@cache
def _bundle(folder: Path) -> tuple[Path, str]:
    import numpy as np

    from smart_retail.bundle.writer import BundleWriter

    writer = BundleWriter(folder / "bundle")
    writer.array("recommender/numbers", np.arange(200, dtype=np.int32).reshape(20, 10))
    writer.json("names", {"é": ["ü", 1.5, None], "deep": [[[["a"]]]]})
    return folder / "bundle", writer.publish({"last_day": 1})


@cache
def _manifest(root: Path) -> bytes:
    return next(root.glob("versions/*/manifest.json")).read_bytes()


def in_bundle(name: str, folder: Path) -> bytes:
    root, version = _bundle(folder)
    _manifest(root)
    return (root / "versions" / version / name).read_bytes()


@cache
def csv_text() -> bytes:
    out = [",".join(shop.HEADER), *(",".join(f'"{v}"' if '"' in v else v for v in line) for line in shop.lines(12))]
    return "\n".join(out).encode()


@cache
def parquet(compression: str = "snappy") -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    columns = list(zip(*shop.lines(12), strict=True))
    table = pa.table({name: pa.array(c) for name, c in zip(shop.HEADER, columns, strict=True)})
    pq.write_table(table, out, compression=compression)
    return out.getvalue()


@cache
def workbook() -> bytes:
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Orders")
        for row, line in enumerate((shop.HEADER, *shop.lines(12))):
            sheet.write_row(row, 0, line)
    return out.getvalue()


@cache
def sheet() -> bytes:
    return zipfile.ZipFile(io.BytesIO(workbook())).read("xl/worksheets/sheet1.xml")


def with_sheet(content: bytes) -> bytes:
    """Return the workbook with another first sheet and a valid checksum."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook())) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, content if name == "xl/worksheets/sheet1.xml" else old.read(name))
    return out.getvalue()


def readers(folder: Path) -> list[Reader]:
    event = {"event_id": "e1", "customer_id": "c1", "item_id": "i", "timestamp": "2025-01-01", "quantity": 2}
    events = "".join(json.dumps(event | {"event_id": f"e{i}"}) + "\n" for i in range(5)).encode()
    event_csv = b"event_id,customer_id,item_id,timestamp,quantity\ne1,c1,i,2025-01-01,2\ne2,c1,i,2025-01-02,-1\n"
    settings = b'seed = 3\n[data]\nreturns_policy = "keep"\n[clusters]\nk = 4\n'
    rules = b'ban = ["A"]\nmax_per_category = 3\nprice = { min = 1.0, max = 50.0 }\n[boost]\n"B" = 1.5\n'
    rules += b'[[when]]\nfrom = 2026-12-01\nto = "2026-12-24"\nsegments = ["Champions"]\npin = ["A"]\n'
    bundle = [
        Reader(f"bundle {name}", ".bin", partial(in_bundle, name, folder), partial(read_bundle, name=name))
        for name in ("manifest.json", "tables/recommender/numbers.npy", "tables/names.json")
    ]
    return [
        Reader("csv", ".csv", csv_text, read_table),
        Reader("csv in gzip", ".csv.gz", csv_text, read_table, gzip.compress),
        Reader("gzip", ".csv.gz", lambda: gzip.compress(csv_text()), read_table),
        Reader("parquet", ".parquet", parquet, read_table),
        Reader("workbook", ".xlsx", workbook, read_table),
        Reader("sheet of a workbook", ".xlsx", sheet, read_table, with_sheet),
        Reader("events", ".jsonl", lambda: events, read_events_file),
        Reader("events table", ".csv", lambda: event_csv, read_events_file),
        Reader("settings", ".toml", lambda: settings, read_settings),
        Reader("rules", ".toml", lambda: rules, read_rules),
        Reader("keys", ".txt", lambda: b"# all\nread:" + b"a" * 64 + b"\nadmin:" + b"0" * 64 + b"\n", read_keys),
        *bundle,
    ]


def read_each_mutation(folder: Path, mutations: int) -> Iterator[tuple[str, int, str]]:
    """Yield reader, number and outcome (``read``, ``rejected`` or a traceback) of `mutations` files per reader."""
    from smart_retail.errors import RetailError

    all_readers = readers(folder)
    for reader in all_readers:  # the unchanged file is valid
        path = folder / f"original{reader.suffix}"
        path.write_bytes(reader.wrap(reader.content()))
        reader.read(path)
    for number in range(1, mutations + 1):
        for reader in all_readers:
            path = folder / f"mutated{reader.suffix}"
            path.write_bytes(reader.wrap(mutate(reader.content(), random.Random(f"{reader.name}/{number}"))))
            try:
                reader.read(path)
            except RetailError as error:
                yield reader.name, number, "rejected" if error.message else "an error without a message"
            except Exception:
                yield reader.name, number, traceback.format_exc()
            else:
                yield reader.name, number, "read"


def read_mutated_files(folder: Path, mutations: int, timeout: float | None = None) -> dict[str, Any]:
    """Run this module as a program and return the object that it prints."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.robustness.mutated_files", str(mutations), str(folder)]
    done = subprocess.run(
        command, env=ENVIRONMENT, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def main() -> None:
    mutations, folder = int(sys.argv[1]), Path(sys.argv[2])
    counts: Counter[str] = Counter()
    failures = []
    for name, number, outcome in read_each_mutation(folder, mutations):
        counts[f"{name}: {outcome if outcome in ('read', 'rejected') else 'failed'}"] += 1
        if outcome not in ("read", "rejected"):
            failures.append({"reader": name, "number": number, "trace": outcome})
    sys.stdout.write(json.dumps({"counts": counts, "failures": failures, "peak_mb": _peak_mb()}, indent=1))


def _peak_mb() -> int:
    """Return the peak memory of this process, MB; `getrusage` may return that of the parent process."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


if __name__ == "__main__":
    main()
