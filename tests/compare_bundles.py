"""Compare two bundles: every array, every figure of the JSON tables and scorecard, every recommendation list.

    python tests/compare_bundles.py OLD_ARTIFACTS NEW_ARTIFACTS [--names names.tsv] [--lists OLD.parquet NEW.parquet]...

The names file has a line ``old<TAB>new`` for each renamed array, array prefix, JSON key, or path of keys such as
``weights/*/repurchase``, in which ``*`` matches any key. Only numbers, arrays and lists are compared, not
texts. The exit code is 1 where something differs.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

LIST_COLUMNS = ("customer_id", "known", "method", "rank", "item_id", "item_name", "score")
VERSION_FIELDS = {"fitted_at", "version", "files", "settings_digest", "engine_version", "format", "signature"}
"""Fields of a manifest that differ between any two fits, or describe the format."""


def version_folder(artifacts: Path) -> Path:
    """Folder of the active version."""
    return artifacts / "versions" / (artifacts / "current").read_text(encoding="utf-8").split()[0]


def arrays(folder: Path) -> dict[str, np.ndarray]:
    """Every array of a version by its name below ``tables/``, without the suffix."""
    tables = folder / "tables"
    return {
        path.relative_to(tables).with_suffix("").as_posix(): np.load(path, allow_pickle=False)
        for path in sorted(tables.rglob("*.npy"))
    }


def figures(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    """Every number of a JSON value with its path of keys and positions."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from figures(inner, (*path, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from figures(inner, (*path, str(position)))
    elif isinstance(value, int | float):
        yield path, float(value)


def json_figures(folder: Path) -> dict[tuple[str, ...], float]:
    """Every number of the manifest and of the JSON tables."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    found = dict(figures({k: v for k, v in manifest.items() if k not in VERSION_FIELDS}, ("manifest",)))
    for path in sorted((folder / "tables").rglob("*.json")):
        found.update(figures(json.loads(path.read_text(encoding="utf-8")), (path.stem,)))
    return found


def renamed(name: str, names: dict[str, str]) -> str:
    """`name` with the longest matching old name or prefix replaced."""
    for old in sorted(names, key=len, reverse=True):
        if name == old:
            return names[old]
        if name.startswith(old) and (old.endswith(("/", ".")) or name[len(old)] in "/."):
            return names[old] + name[len(old) :]
    return name


def renamed_path(path: tuple[str, ...], names: dict[str, str]) -> tuple[str, ...]:
    """A path of JSON keys with the renamed keys and sub-paths replaced."""
    path = tuple(names.get(part, part) for part in path)
    for old, new in ((old.split("/"), new.split("/")) for old, new in names.items() if "*" in old):
        for start in range(len(path) - len(old) + 1):
            part = path[start : start + len(old)]
            if all(pattern in ("*", key) for pattern, key in zip(old, part, strict=True)):
                keys = (key if pattern == "*" else pattern for pattern, key in zip(new, part, strict=True))
                path = (*path[:start], *keys, *path[start + len(old) :])
    return path


def compare_arrays(old: Path, new: Path, names: dict[str, str]) -> list[str]:
    """Differences between the arrays of two versions."""
    before, after = arrays(old), arrays(new)
    expected = {renamed(name, names): array for name, array in before.items()}
    differences = [f"array {name} is missing" for name in sorted(expected.keys() - after.keys())]
    differences += [f"array {name} is new" for name in sorted(after.keys() - expected.keys())]
    equal = 0
    for name in sorted(expected.keys() & after.keys()):
        one, other = expected[name], after[name]
        if one.dtype != other.dtype or one.shape != other.shape:
            differences.append(f"array {name}: {one.dtype}{one.shape} became {other.dtype}{other.shape}")
        elif not np.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
            differences.append(f"array {name}: {np.count_nonzero(one != other):,} of {one.size:,} values differ")
        else:
            equal += 1
    print(f"arrays: {equal} of {len(expected)} equal")
    return differences


def compare_figures(old: Path, new: Path, names: dict[str, str]) -> list[str]:
    """Differences between the numbers of two versions' JSON tables and manifests."""
    before = {renamed_path(path, names): value for path, value in json_figures(old).items()}
    after = json_figures(new)
    differences = [f"figure {' / '.join(path)} is missing" for path in sorted(before.keys() - after.keys())]
    differences += [f"figure {' / '.join(path)} is new" for path in sorted(after.keys() - before.keys())]
    shared = before.keys() & after.keys()
    unequal = [
        p for p in sorted(shared) if before[p] != after[p] and not (math.isnan(before[p]) and math.isnan(after[p]))
    ]
    differences += [f"figure {' / '.join(path)}: {before[path]} became {after[path]}" for path in unequal]
    print(f"figures: {len(shared) - len(unequal)} of {len(before)} equal")
    return differences


def compare_lists(old: Path, new: Path) -> list[str]:
    """Differences between two files of recommendation lists, row by row."""
    import pandas as pd

    before, after = (pd.read_parquet(path, columns=list(LIST_COLUMNS)) for path in (old, new))
    if len(before) != len(after):
        return [f"lists {new.name}: {len(before):,} rows became {len(after):,}"]
    unequal = int((before != after).any(axis=1).sum())
    print(f"lists {new.name}: {len(before) - unequal:,} of {len(before):,} rows equal")
    return [f"lists {new.name}: {unequal:,} rows differ"] if unequal else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path, help="an artifacts folder")
    parser.add_argument("new", type=Path, help="an artifacts folder")
    parser.add_argument("--names", type=Path, help="lines of old<TAB>new")
    parser.add_argument("--lists", type=Path, nargs=2, action="append", default=[], metavar=("OLD", "NEW"))
    options = parser.parse_args()
    lines = options.names.read_text(encoding="utf-8").splitlines() if options.names else []
    names = dict(line.split("\t") for line in lines if line and not line.startswith("#"))
    old, new = version_folder(options.old), version_folder(options.new)
    differences = compare_arrays(old, new, names) + compare_figures(old, new, names)
    for pair in options.lists:
        differences += compare_lists(*pair)
    print(*differences, sep="\n")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
