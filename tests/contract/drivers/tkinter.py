"""Driver of the desktop window: enters values into its widgets and reads the results from them."""

from __future__ import annotations

import csv
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smart_retail.errors import RetailError
from smart_retail.presentation import labels
from smart_retail.protocol import ALL_CUSTOMERS, CustomerFilter
from tests.virtual_display import NoDisplayError, display_name, open_root

from .base import (
    CAMPAIGN_OPTIONS,
    WHAT_IF_OPTIONS,
    BundleRow,
    CampaignRow,
    CustomerRow,
    Driver,
    DueRow,
    Filters,
    Forecast,
    Moves,
    Row,
    SalesRows,
    Shown,
    ShownProfile,
    UnsupportedError,
    missing,
    source_of,
)

WAIT = 120.0
CUSTOMERS, PRODUCTS, CAMPAIGN, REPORTS, RULES = range(1, 6)
"""Pages after Explore."""
VALUE_FACTS = 8
"""Figures of a forecast before its notes."""
_REASON = re.compile(r"(.+?) \([^()]*\d+\.\d %\)(?: · |$)", re.DOTALL)
_SCORED = re.compile(r"score (\S+) from ([^:]+): ")
_LABEL = "|".join(labels.method_label(method) for method in (*labels.METHODS, *labels.SOURCES))
_RANK = re.compile(rf"(?: · |, )({_LABEL}) #(\d+) \(score ([\d.e+-]+)(?: from ({_LABEL}))?\)(?=, |\n)")


class ScriptedDialogs:
    """Dialogs that cancel every question and record errors."""

    def __init__(self) -> None:
        self.errors: list[RetailError] = []

    def show_error(self, error: RetailError) -> None:
        self.errors.append(error)

    def choose_folder(self, title: str) -> str:
        return ""

    def choose_sources(self, title: str) -> tuple[str, ...]:
        return ()

    def choose_save_path(self, title: str, name: str, ending: str) -> str:
        return ""

    def show_message(self, title: str, text: str) -> None:
        pass

    def confirm(self, title: str, text: str) -> bool:
        return False


class FrontEnd(Driver):
    name = "tkinter"
    narrow_all = True

    def start(self) -> None:
        self.patch = pytest.MonkeyPatch()
        self.stack.callback(self.patch.undo)
        self.display()
        self.open()
        if self.api_url:
            self.app.presenter.open_api(self.api_url)
        else:
            self.app.presenter.open_bundle(str(self.artifacts))
        self.until(lambda: self.app.presenter.model is not None, "the model")

    def open(self) -> None:
        """A window with nothing in it."""
        from smart_retail_tkinter.app import App
        from smart_retail_tkinter.core_services import Services
        from smart_retail_tkinter.recent_files import Preferences

        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.dialogs = ScriptedDialogs()
        self.app: Any = App(open_root(), Services(), Preferences(Path(folder) / "desktop.json"), self.dialogs)
        self.app.root.geometry("1270x800+0+0")
        self.stack.callback(self.app.quit)

    def display(self) -> None:
        """Show windows on the display of this process."""
        try:
            self.patch.setenv("DISPLAY", display_name())
        except NoDisplayError as error:
            missing("tk", str(error))

    def until(self, true: Callable[[], object], what: str) -> None:
        """Run the event loop until a condition holds."""
        end = time.monotonic() + WAIT
        while not true():
            if self.dialogs.errors:
                raise self.dialogs.errors.pop()
            assert time.monotonic() < end, f"waiting for {what} timed out"
            self.app.root.update()
            time.sleep(0.001)

    def settle(self) -> None:
        """Run the event loop until all results are shown."""
        self.until(lambda: not self.app.presenter.jobs.is_running(except_for="fit"), "the last result")
        self.app.root.update()
        if self.dialogs.errors:
            raise self.dialogs.errors.pop()

    def choose(self, customer_id: str) -> None:
        self.app.presenter.recommendations = None
        self.app.presenter.choose_customer(customer_id)
        self.until(lambda: self.app.presenter.recommendations is not None, "the list")
        self.settle()

    def recommend(self, customer_id: str, method: str, n: int, filters: Filters) -> Shown:
        bar = self.app.customer.methods
        if method not in bar.buttons or not 1 <= n <= 1000 or filters.on:
            raise UnsupportedError
        if filters.scenario and filters.scenario not in bar.scenario_box.cget("values"):
            raise UnsupportedError
        if not filters.scenario:
            bar.scenario.set("None")
            bar.apply_filters()
            bar.choose(method)
            bar.n.set(str(n))
        bar.hide.set(filters.exclude_purchased)
        bar.category.set(filters.category or bar.category_box.cget("values")[0])
        bar.scenario.set(filters.scenario or "None")
        bar.price_min.set("" if filters.price_min is None else str(filters.price_min))
        bar.price_max.set("" if filters.price_max is None else str(filters.price_max))
        bar.exclude.set("; ".join(filters.exclude))
        bar.apply_filters()
        self.settle()
        self.choose(customer_id)
        known = not self.app.customer.profile.cget("text").startswith("unknown customer")
        if method != "all":
            return Shown({method: self.table(self.app.customer.single_list, self.app.customer.list_detail)}, known)
        trees = self.app.customer.comparison.trees
        return Shown({m: tuple(self.narrow(m, tree)) for m, tree in trees.items()}, known)

    def narrow(self, method: str, tree: Any) -> Iterator[Row]:
        """Yield the rows of one of the five lists; the score is read from the text below after selecting a row."""
        for i in tree.get_children():
            tree.selection_set(i)
            self.app.root.update()
            rank = int(str(tree.set(i, "mark")).split()[-1])
            ranks = _RANK.findall(self.app.customer.list_detail.cget("text"))
            score, source = next(
                (score, source or label)
                for label, position, score, source in ranks
                if (source_of(label), int(position)) == (method, rank)
            )
            yield Row(rank, tree.set(i, "key"), (), float(score), source_of(source))

    def table(self, table: Any, detail: Any) -> tuple[Row, ...]:
        """Return the rows of a list; score and reasons are read from the text below after selecting a row."""
        tree, found = table.tree, []
        for i in tree.get_children():
            tree.selection_set(i)
            self.app.root.update()
            text = detail.cget("text")
            scored = _SCORED.match(text)
            assert scored, text
            reasons = tuple(_REASON.findall(text, scored.end()))
            score, source = float(scored[1]), source_of(scored[2])
            found.append(Row(int(tree.set(i, "rank")), tree.set(i, "key"), reasons, score, source))
        return tuple(found)

    def profile(self, customer_id: str) -> ShownProfile:
        self.choose(customer_id)
        line = self.app.customer.profile.cget("text")
        if line.startswith("unknown customer"):
            return ShownProfile(False)
        scores = re.search(r"R (\d) +F (\d) +M (\d)", line)
        cluster = re.search(r"cluster ([^·]*?)(?: ·|$)", line)
        return ShownProfile(
            True,
            line.split(" · ")[0] if scores else None,
            "".join(scores.groups()) if scores else None,
            cluster[1] if cluster else None,
        )

    def value(self, customer_id: str) -> Forecast:
        self.choose(customer_id)
        parts = self.app.customer.value.cget("text").split(" · ")
        facts = [part.partition(": ") for part in parts[:VALUE_FACTS]]
        return Forecast({label: text for label, _, text in facts}, tuple(parts[VALUE_FACTS:]))

    def similar(self, item_id: str, n: int, relation: str = "same_customers") -> tuple[Row, ...]:
        self.app.presenter.similar(item_id, item_id)
        self.settle()
        assert self.app.similar is not None
        self.app.root.update()
        window = self.app.similar
        shown = window.together if relation == "bought_together" else window.table
        return self.table(shown, window.detail)[:n]

    def basket(self, item_ids: tuple[str, ...], customer_id: str | None, n: int) -> tuple[Row, ...]:
        presenter = self.app.presenter
        presenter.customer_id = customer_id
        presenter.basket = {item_id: item_id for item_id in item_ids}
        presenter.show_basket()
        self.settle()
        assert self.app.basket is not None
        self.app.root.update()
        return self.table(self.app.basket.table, self.app.basket.detail)[:n]

    def page(self, index: int) -> Any:
        """Show a page of the window and return it."""
        self.app.select_page(index)
        self.app.root.update()
        self.settle()
        return self.app.pages[index - 1]

    def product(self, item_id: str | None) -> Any:
        """Show the page of products with one product, or with all."""
        page = self.page(PRODUCTS)
        if item_id is None:
            page.presenter.choose_none()
        else:
            page.presenter.choose(item_id, item_id)
        self.settle()
        return page

    def bundles(self, item_id: str | None, sort: str) -> tuple[BundleRow, ...]:
        page = self.product(item_id)
        page.sort.set(labels.BUNDLE_SORTS[sort])
        page.sort.event_generate("<<ComboboxSelected>>")
        self.settle()
        rows = page.bundles.displayed().rows[:10]
        return tuple(
            (tuple(row.cells[1].split(" + ")), int(row.cells[2].replace(",", "")), row.cells[3]) for row in rows
        )

    def substitutes(self, item_id: str) -> tuple[tuple[str, str], ...]:
        rows = self.product(item_id).substitutes.displayed().rows[:10]
        return tuple((row.key, row.detail) for row in rows)

    def audience(self, item_id: str) -> tuple[tuple[str, str], ...]:
        rows = self.product(item_id).audience.displayed().rows[:10]
        return tuple((row.key, row.cells[-1]) for row in rows)

    def customers(self, segment: str, sort: str) -> tuple[CustomerRow, ...]:
        page = self.page(CUSTOMERS)
        page.segment.set(segment)
        page.segment.event_generate("<<ComboboxSelected>>")
        page.presenter.sort(sort, False)
        self.settle()
        rows = page.customers.displayed().rows[:10]
        return tuple((row.key, row.cells[5], row.cells[6]) for row in rows)

    def report(self, name: str, option: str) -> Any:
        """Show a report with an option and return its page."""
        page = self.page(REPORTS)
        page.select_report(name)
        self.app.root.update()
        page.day.set(option)
        page.choice.set(option)
        page.run()
        self.settle()
        return page

    def due(self, days: int) -> tuple[DueRow, ...]:
        rows = self.report("due", f"{days} days").result.displayed().rows[:20]
        return tuple((row.cells[2], row.cells[4], row.cells[0]) for row in rows)

    def migration(self, day: str) -> Moves:
        table = self.report("moves", day).result.displayed()
        names = [column.label for column in table.columns]
        return {
            (row.cells[0], name): int(cell.replace(",", ""))
            for row in table.rows
            for name, cell in zip(names[1:], row.cells[1:], strict=True)
            if cell
        }

    def forecast(self, days: int) -> str:
        return str(self.report("forecast", f"{days} days").sentence.cget("text"))

    def campaign(self, segment: str) -> tuple[CampaignRow, ...]:
        page = self.page(CAMPAIGN)
        page.choose_customers(ALL_CUSTOMERS)
        segments = page.form.segments
        segments.selection_set([row for row in segments.get_children() if segments.set(row, "name") == segment])
        return self.make_campaign(page)

    def campaign_of_table(self, selected: CustomerFilter) -> tuple[int, tuple[CampaignRow, ...]]:
        page = self.page(CUSTOMERS)
        boxes = {"segment": page.segment, "cluster": page.cluster, "country": page.country}
        boxes |= {"category": page.category, "churn_risk": page.risk}
        for name, box in boxes.items():
            box.set(selected.conditions.get(name, "All"))
        for name, variable in {"text": page.text, **page.texts}.items():
            variable.set(str(selected.conditions.get(name, "")))
        page.campaign.invoke()
        self.settle()
        campaign = self.app.campaign_page
        return int(campaign.chosen.cget("text").split()[0].replace(",", "")), self.make_campaign(campaign)

    def make_campaign(self, page: Any) -> tuple[CampaignRow, ...]:
        page.form.texts["n"].set(str(CAMPAIGN_OPTIONS["n"]))
        page.form.texts["holdout"].set(f"{100 * CAMPAIGN_OPTIONS['holdout']:g}")
        page.form.texts["name"].set(CAMPAIGN_OPTIONS["name"])
        page.make.invoke()
        self.settle()
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        path = Path(folder) / "campaign.csv"
        page.presenter.save(str(path))
        self.settle()
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        # An id that a spreadsheet would take for a formula has an apostrophe before it.
        ids = [re.sub(r"^'(?=[-=+@])", "", row["Customer id"]) for row in rows]
        return tuple((i, row["Group"], row["Product id 1"]) for i, row in zip(ids, rows, strict=True))

    def rules(self, banned: str, sections: str = "") -> Any:
        """Write a rule into the editor and return its page."""
        page = self.page(RULES)
        page.text.delete("1.0", "end")
        page.text.insert("1.0", f"ban = ['{banned}']\n{sections}")
        return page

    def what_if(self, banned: str) -> str:
        page = self.rules(banned)
        page.sample.set(str(WHAT_IF_OPTIONS["sample"]))
        page.try_out.invoke()
        self.settle()
        return str(page.sentence.cget("text")).split(". ")[0]

    def check_rules(self, banned: str, sections: str = "") -> tuple[tuple[str, str], ...]:
        page = self.rules(banned, sections)
        page.check.invoke()
        self.settle()
        return tuple((row.cells[0], row.cells[-1]) for row in page.result.displayed().rows)

    def segments(self) -> dict[str, int]:
        return self.groups(self.app.customer.segments)

    def clusters(self) -> dict[str, int]:
        return self.groups(self.app.customer.clusters)

    def groups(self, widget: Any) -> dict[str, int]:
        """Read name and number of customers of each row."""
        self.settle()
        shown = widget.displayed()
        customers = next(k for k, column in enumerate(shown.columns) if column.name == "customers")
        return {row.cells[0]: int(row.cells[customers].replace(",", "")) for row in shown.rows}

    def sales(self) -> SalesRows:
        self.settle()
        rows = self.app.customer.sales.displayed().rows
        return {row.cells[0]: tuple(cell for cell in row.cells[1:] if cell) for row in rows}

    def versions(self) -> tuple[tuple[str, bool], ...]:
        if self.api_url:
            raise UnsupportedError  # the window lists the versions of an open folder
        self.app.presenter.show_versions()
        self.settle()
        assert self.app.versions is not None
        rows = self.app.versions.table.displayed().rows
        return tuple((row.key, row.cells[2] == "active") for row in rows)

    def version(self) -> str:
        found = re.search(r"model (\S+)", self.app.model_line.full_text())
        assert found
        return found[1]

    def failure(self, artifacts: Path) -> tuple[str, str]:
        other = FrontEnd(artifacts)
        with other.stack:
            other.patch = pytest.MonkeyPatch()
            other.open()
            try:
                other.app.presenter.open_bundle(str(artifacts))
                other.until(lambda: other.app.presenter.model is not None, "the model")
                other.choose("c0001")
            except RetailError as error:
                return error.code, f"{error.message} {error.hint}"
        return "", ""
