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

BILLION = 1000.0
"""Million lines."""
CLUSTER, CLUSTER_CORES = "Ten workers of Amazon EMR with m7i.2xlarge (8 cores and 32 GB each)", 80
SECONDS_PER_LIST = 0.002
"""Processor seconds in which an executor ranks one list with NumPy."""
BEGIN, END = "<!-- measured -->", "<!-- end of measured -->"
GROWTH_PACKAGES = ("duckdb", "keras", "lightgbm", "numba", "numpy", "scikit-learn")
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
        self.stages: dict[str, dict[str, Any]] = known.get("stages", {})
        """Million lines -> seconds of the SQL, customers, and seconds and peak megabytes of each stage of a fit."""
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

    def staged(self, millions: int, sql: float, customers: int, stages: Mapping[str, Sequence[float]]) -> None:
        """Keep the stages of a fit of so many million lines."""
        self.stages[f"{millions}"] = {"sql": sql, "customers": customers, "stages": dict(stages)}
        self._save()

    def stage_table(self) -> str:
        """Return seconds and peak memory of each stage by number of lines, as Markdown."""
        sizes = sorted(self.stages, key=float)
        lines = [
            "| stage | " + " | ".join(f"{size} million lines" for size in sizes) + " |",
            "|---" * (len(sizes) + 1) + "|",
        ]
        for name in self.stages[sizes[0]]["stages"]:
            cells = [self.stages[size]["stages"][name] for size in sizes]
            lines.append(f"| {name} | " + " | ".join(f"{s:.0f} s, {mb / 1024:.1f} GB" for s, mb in cells) + " |")
        wholes = [self.whole(size) for size in sizes]
        lines.append("| whole fit | " + " | ".join(f"{s:.0f} s, {mb / 1024:.1f} GB" for s, mb in wholes) + " |")
        sql = [self.stages[size]["sql"] for size in sizes]
        lines.append(
            "| SQL for the RFM table alone, from CSV | " + " | ".join(f"{seconds:.1f} s" for seconds in sql) + " |"
        )
        return "\n".join(lines)

    def whole(self, size: str) -> tuple[float, float]:
        """Return seconds and peak megabytes of all stages."""
        stages = self.stages[size]["stages"].values()
        return sum(seconds for seconds, _ in stages), max(peak for _, peak in stages)

    def estimate(self) -> str:
        """Return what the two largest sizes give for a billion lines, in a straight line."""
        small, large = sorted(self.stages, key=float)[-2:]
        more = (BILLION - float(large)) / (float(large) - float(small))
        parts = {
            name: late[0] + more * (late[0] - self.stages[small]["stages"][name][0])
            for name, late in self.stages[large]["stages"].items()
        }
        peak = self.whole(large)[1] + more * (self.whole(large)[1] - self.whole(small)[1])
        one = sum(parts.values())
        customers = self.stages[large]["customers"] * BILLION / float(large)
        cleaning = parts["reading and cleaning"] * 2 / CLUSTER_CORES
        lists = 2 * customers * SECONDS_PER_LIST / CLUSTER_CORES
        rest = one - parts["reading and cleaning"] - parts["lists for all customers"]
        return (
            f"In a straight line through {small} and {large} million lines, a billion lines with {customers / 1e6:.0f} "
            f"million customers take {one / 3600:.1f} hours and {peak / 1024:.0f} GB on such a machine. {CLUSTER} have "
            f"{CLUSTER_CORES} cores: cleaning then takes about {cleaning / 60:.0f} min and the lists of all "
            f"customers, at {1000 * SECONDS_PER_LIST:.0f} ms each, {lists / 60:.0f} min; with the other stages on "
            f"two cores of the driver, the fit takes {(rest + cleaning + lists) / 3600:.1f} hours. This is an "
            "estimate; no such cluster was used."
        )

    def _save(self) -> None:
        kept = {
            "rows": {key: asdict(row) for key, row in self.rows.items()},
            "growth": self.growth,
            "stages": self.stages,
        }
        self._path.write_text(json.dumps(kept, indent=1))

    def table(self, order: Sequence[str]) -> str:
        """All rows that are still measured, in this order, as Markdown."""
        lines = ["| what | target | measured | met? |", "|---|---|---|---|"]
        current = [key for key in self.rows if key.partition("@")[0] in order]
        for key in sorted(current, key=lambda k: (order.index(k.partition("@")[0]), _size(k))):
            row = self.rows[key]
            lines.append(f"| {row.what} | {row.target} | {row.measured} | {'yes' if row.met else 'no'} |")
        return "\n".join(lines)

    def plot(self, path: Path) -> None:
        """Seconds and memory by number of lines, on logarithmic axes, with linear growth for comparison."""
        import matplotlib as mpl

        mpl.use("Agg")
        import matplotlib.pyplot as plt
        from matplotlib.ticker import LogLocator, NullLocator

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
            for scale in (axis.xaxis, axis.yaxis):
                scale.set_major_locator(LogLocator(subs=(1, 2, 5)))
                scale.set_major_formatter("{x:,.0f}")
                scale.set_minor_locator(NullLocator())
            axis.grid(visible=True, which="major", color="0.9")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
        figure.suptitle("Growth; dotted: in proportion to the lines")
        figure.savefig(path, dpi=150)
        plt.close(figure)


def _size(key: str) -> float:
    return float(key.partition("@")[2] or 0)


def machine(packages: Sequence[str] = PEERS) -> str:
    """Return the machine, and the versions of the packages, that something was measured with."""
    cores = os.cpu_count() or 1
    names = re.findall(r"model name\s*:\s*(.+)", _text("/proc/cpuinfo"))
    kilobytes = re.findall(r"MemTotal:\s*(\d+)", _text("/proc/meminfo"))
    memory = f", {int(kilobytes[0]) / 2**20:.0f} GB" if kilobytes else ""
    libraries = ", ".join(f"{name} {version(name)}" for name in packages)
    return (
        f"{names[0] if names else platform.machine()}, {cores} cores{memory}, {platform.system()}, "
        f"Python {platform.python_version()}; {libraries}."
    )


def _text(path: str) -> str:
    return Path(path).read_text() if Path(path).exists() else ""


def record(page: Path, results: Results, order: Sequence[str]) -> None:
    """Put the table and the machine between the marks of a page."""
    loads = [row.load for row in results.rows.values()]
    parts: list[Any] = [
        BEGIN,
        f"Measured on {machine()} The load of the machine was {min(loads):.0f} to {max(loads):.0f} meanwhile; "
        "`processor` is the same in processor seconds, which other work changes little.",
        results.table(order),
    ]
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    page.write_text(before + "\n\n".join([*parts, END]) + rest.partition(END)[2], encoding="utf-8")


def record_growth(page: Path, picture: Path, results: Results) -> None:
    """Put the stages of growing fits, their picture and the estimate between the marks of a page."""
    results.plot(picture)
    image = f"![Seconds and memory by number of lines]({picture.name})"
    measured = f"Measured on {machine(GROWTH_PACKAGES)}"
    parts = [BEGIN, measured, results.stage_table(), image, results.estimate(), END]
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    page.write_text(before + "\n\n".join(parts) + rest.partition(END)[2], encoding="utf-8")


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
