"""How good the lists are on public and on synthetic shops, on several windows of time, as a Markdown table.

python -m tests.benchmarks.quality                          prints the table of the public shops
python -m tests.benchmarks.quality --record                 writes it into README.md
python -m tests.benchmarks.quality --windows 1 --shops demo one window of one shop
python -m tests.benchmarks.quality --windows 8 --shops demo --customers 800      a sample of the customers
python -m tests.benchmarks.quality --shops returning_promotion turnover sold_out stable

Each window is a tenth of the history, evaluated by `smart_retail.evaluate` on the purchases in it; earlier windows are
evaluated with the history cut after them. The Complete Journey comes with the extra `demo`; Online Retail II is taken
from the folder that SMART_RETAIL_DATA names, if it is there. The synthetic shops are those of `tests.synthetic_shops`.
Below the table: NDCG@10 of the hybrid divided by that of the best other method, mean and worst by shop and task.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
import numpy as np

from smart_retail import evaluate
from tests import synthetic_shops

BEGIN, END = "<!-- results -->", "<!-- end of results -->"
README = Path(__file__).resolve().parents[2] / "README.md"
FILES = ("online_retail_2009_2010.csv.gz", "online_retail_2010_2011.csv.gz")
WINDOW = 0.1
"""Part of the history that a window is."""
COLUMNS = ("personalized", "rfm", "popular", "popular all time", "cosine CF")
"""Other methods and baselines of the table."""

Load = Callable[[], tuple[Any, str]]


def complete_journey() -> tuple[Any, str]:
    """A frame and its column of time."""
    from smart_retail.data.demo import load_demo

    return load_demo().df(), "transaction_timestamp"


def online_retail() -> tuple[Any, str]:
    """A frame and its column of time."""
    import pandas as pd

    folder = Path(os.environ.get("SMART_RETAIL_DATA", README.parents[1] / "shared" / "data"))
    frames = [pd.read_csv(folder / name, dtype=str) for name in FILES]
    frame = pd.concat(frames, ignore_index=True).drop_duplicates()
    frame["InvoiceDate"] = pd.to_datetime(frame["InvoiceDate"])
    return frame, "InvoiceDate"


def synthetic(name: str) -> tuple[Any, str]:
    """A frame and its column of time."""
    return synthetic_shops.frame(name, n_customers=3000), "timestamp"


def sample(frame: Any, customers: int) -> Any:
    """The rows of some customers, drawn with a fixed seed."""
    column = next(name for name in CUSTOMER_COLUMNS if name in frame)
    ids = np.sort(frame[column].dropna().unique())
    drawn = np.random.default_rng(0).permutation(ids)[:customers]
    return frame[frame[column].isin(drawn)]


SHOPS: Final[dict[str, tuple[str, Load]]] = {
    "demo": ("Complete Journey", complete_journey),
    "online-retail": ("Online Retail II", online_retail),
    **{name: (name, partial(synthetic, name)) for name in synthetic_shops.SHOPS},
}
PUBLIC = ("demo", "online-retail")
MIN_CUSTOMERS = 100
"""Customers of a task below which its figures are left out: they depend on chance."""
CUSTOMER_COLUMNS = ("customer_id", "household_id", "Customer ID")


def cards(load: Load, windows: int, customers: int = 0, skip: int = 0) -> list[dict[str, Any]]:
    """The scorecard of each window, the newest first, after skipping some."""
    frame, column = load()
    if customers:
        frame = sample(frame, customers)
    times = frame[column]
    first, last = times.min(), times.max()
    out = []
    for window in range(skip, skip + windows):
        until = last - window * WINDOW * (last - first)
        start = time.perf_counter()
        card = evaluate(frame[times <= until])
        out.append(card)
        figures = {task: round(methods["hybrid"]["ndcg@10"], 4) for task, methods in card["tasks"].items()}
        relative = {task: round(ratio(card, task), 3) for task in figures}
        click.echo(
            f"until {until:%Y-%m-%d}: {json.dumps(figures)}, relative to the best other method {json.dumps(relative)}, "
            f"in {time.perf_counter() - start:.0f} s",
            err=True,
        )
    return out


def lines(shop: str, card: dict[str, Any]) -> list[str]:
    """A row of the table for each task of a window that has enough customers."""
    out = []
    for task, methods in card["tasks"].items():
        if card["customers_by_task"][task] < MIN_CUSTOMERS:
            continue
        hybrid, best = methods["hybrid"], card["best_single"][task]
        figures = " | ".join(f"{methods[name]['ndcg@10']:.3f}" for name in COLUMNS)
        single = f"{methods[best['method']]['ndcg@10']:.3f} ({best['method']})"
        paired = f"{best['low']:+.3f} to {best['high']:+.3f}"
        out.append(
            f"| {shop} | {card['window']['first']} | {task} | {card['customers_by_task'][task]:,} "
            f"| **{hybrid['ndcg@10']:.3f}** | {single} | {paired} | {figures} | {100 * hybrid['coverage']:.0f} % |"
        )
    return out


def ratio(card: dict[str, Any], task: str) -> float:
    """NDCG@10 of the hybrid divided by that of the best other method; NaN where that is 0."""
    methods, best = card["tasks"][task], card["best_single"][task]["method"]
    return float(methods["hybrid"]["ndcg@10"] / (methods[best]["ndcg@10"] or np.nan))


def ratios(shop: str, found: Sequence[dict[str, Any]]) -> list[str]:
    """Mean and worst of hybrid / best other method over the windows, by task."""
    out = []
    for task in ("any", "new", "cold"):
        values = [ratio(card, task) for card in found if card["customers_by_task"].get(task, 0) >= MIN_CUSTOMERS]
        if values:
            out.append(f"{shop}, {task}: mean {np.mean(values):.3f}, worst {min(values):.3f} of {len(values)} windows")
    return out


def table(rows: Sequence[str]) -> str:
    """The whole table."""
    columns = ["shop", "window from", "task", "customers", "hybrid", "best other method", "hybrid minus best, 95 %"]
    columns += [*COLUMNS, "coverage"]
    alignment = ["---"] * 3 + ["--:"] * (len(columns) - 3)
    return "\n".join([f"| {' | '.join(columns)} |", f"|{'|'.join(alignment)}|", *rows])


def main() -> None:
    """Evaluate and print, and record the figures on request."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shops", nargs="*", choices=sorted(SHOPS), default=PUBLIC)
    parser.add_argument("--windows", type=int, default=3, help="windows of each shop, the newest first")
    parser.add_argument("--skip", type=int, default=0, help="newest windows that are left out")
    parser.add_argument("--customers", type=int, default=0, help="customers of a sample; 0 takes all")
    parser.add_argument("--record", action="store_true", help="write the table into README.md")
    options = parser.parse_args()
    rows, summary = [], []
    for shop in options.shops:
        name, load = SHOPS[shop]
        try:
            found = cards(load, options.windows, options.customers, options.skip)
        except FileNotFoundError as error:
            click.echo(f"{name} is left out: {error.filename} is not there.", err=True)
            continue
        rows += [line for card in found for line in lines(name, card)]
        summary += ratios(name, found)
    click.echo(table(rows))
    click.echo("\n" + "\n".join(summary))
    if options.record:
        page = README.read_text(encoding="utf-8")
        pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
        README.write_text(pattern.sub(f"{BEGIN}\n{table(rows)}\n{END}", page), encoding="utf-8")


if __name__ == "__main__":
    main()
