"""Measured rows and their targets: kept as JSON between runs, printed as one Markdown table, drawn as a plot."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- measured -->", "<!-- end of measured -->"
PEERS = ("duckdb", "pandas", "polars", "implicit", "sparse_dot_topn", "numba", "numpy", "flask")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of the table."""

    key: str
    """What it is of; a later run of the same takes its place."""
    what: str
    target: str
    measured: str
    met: bool
    load: float = 0.0
    """Processes that wanted a processor while it was taken, its own two among them."""


class Results:
    """Rows and points of growth, in a file of the folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "measured.json"
        known = json.loads(self._path.read_text()) if self._path.exists() else {}
        self.rows = {key: Row(**row) for key, row in known.get("rows", {}).items()}
        self.growth: dict[str, dict[str, list[float]]] = known.get("growth", {})
        self.fresh: list[str] = []

    def add(self, row: Row) -> None:
        """Take a row in, and keep it."""
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        self.rows[row.key] = replace(row, met=bool(row.met), load=load)  # NumPy has a bool of its own
        self.fresh.append(row.key)
        self._save()

    def grew(self, step: str, millions: float, seconds: float, peak: float) -> None:
        """A step took so many seconds and megabytes for so many million lines."""
        self.growth.setdefault(step, {})[f"{millions:g}"] = [seconds, peak]
        self._save()

    def _save(self) -> None:
        kept = {"rows": {key: asdict(row) for key, row in self.rows.items()}, "growth": self.growth}
        self._path.write_text(json.dumps(kept, indent=1))

    def table(self, order: Sequence[str]) -> str:
        """All rows known, in this order, as Markdown."""
        lines = ["| what | target | measured | met? |", "|---|---|---|---|"]
        for key in sorted(self.rows, key=lambda k: (order.index(k.partition("@")[0]), _size(k))):
            row = self.rows[key]
            lines.append(f"| {row.what} | {row.target} | {row.measured} | {'yes' if row.met else 'no'} |")
        return "\n".join(lines)

    def plot(self, path: Path) -> None:
        """Seconds and memory by number of lines, on logarithmic axes, with linear growth for comparison."""
        import matplotlib as mpl

        mpl.use("Agg")
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
        for place, (axis, label) in enumerate(zip(axes, ("seconds", "peak memory (MB)"), strict=True)):
            for step, points in self.growth.items():
                sizes = sorted(points, key=float)
                axis.plot([float(s) for s in sizes], [points[s][place] for s in sizes], marker="o", label=step)
            if place == 0:
                for points in self.growth.values():
                    sizes = sorted((float(s) for s in points), key=float)
                    first = points[f"{sizes[0]:g}"][0]
                    axis.plot(sizes, [first * s / sizes[0] for s in sizes], color="0.7", linestyle=":", zorder=0)
            axis.set(xscale="log", yscale="log", xlabel="million lines", ylabel=label)
            axis.grid(visible=True, which="major", color="0.9")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
        figure.suptitle("Growth; dotted: in proportion to the lines")
        figure.savefig(path, dpi=150)
        plt.close(figure)


def _size(key: str) -> float:
    return float(key.partition("@")[2] or 0)


def machine() -> str:
    """What it was measured on."""
    cores = os.cpu_count() or 1
    names = re.findall(r"model name\s*:\s*(.+)", _text("/proc/cpuinfo"))
    kilobytes = re.findall(r"MemTotal:\s*(\d+)", _text("/proc/meminfo"))
    memory = f", {int(kilobytes[0]) / 2**20:.0f} GB" if kilobytes else ""
    libraries = ", ".join(f"{name} {version(name)}" for name in PEERS)
    return (
        f"{names[0] if names else platform.machine()}, {cores} cores{memory}, {platform.system()}, "
        f"Python {platform.python_version()}; {libraries}."
    )


def _text(path: str) -> str:
    return Path(path).read_text() if Path(path).exists() else ""


def record(page: Path, picture: Path, results: Results, order: Sequence[str]) -> None:
    """Put the table, the machine and the picture between the marks of a page."""
    loads = [row.load for row in results.rows.values()]
    parts: list[Any] = [
        BEGIN,
        f"Measured on {machine()} The load of the machine was {min(loads):.0f} to {max(loads):.0f} meanwhile; "
        "`processor` is the same in processor seconds, which other work changes little.",
        results.table(order),
    ]
    if results.growth:
        results.plot(picture)
        parts.append(f"![Seconds and memory by number of lines]({picture.name})")
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    page.write_text(before + "\n\n".join([*parts, END]) + rest.partition(END)[2], encoding="utf-8")


def methods_table(methods: Mapping[str, Mapping[str, float]], heading: str, lead: str) -> str:
    """Return NDCG@10, hit rate and lead of methods as Markdown; `heading` and `lead` head the first and last column."""
    lines = [f"| {heading} | NDCG@10 (interval) | hit rate | {lead} |", "|---|---|---|---|"]
    for method, figures in methods.items():
        ahead = f"{figures['lead_low']:.3f} to {figures['lead_high']:.3f}" if "lead" in figures else ""
        lines.append(
            f"| {method} | {figures['ndcg@10']:.3f} ({figures['low']:.3f} to {figures['high']:.3f}) | "
            f"{figures['hit_rate@10']:.3f} | {ahead} |"
        )
    return "\n".join(lines)
