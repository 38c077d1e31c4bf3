"""The pages of the window: tables, forms, keyboard, and a small window."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smart_retail.protocol import CustomerFilter, CustomerQuery
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from smart_retail_tkinter.pages.base import CAMPAIGN, CUSTOMERS, EXPLORE, PAGES, PRODUCTS, REPORTS, RULES
from smart_retail_tkinter.reports import REPORTS as REPORT_NAMES

pytestmark = pytest.mark.usefixtures("display")
SMALL = (1000, 700)


def show(window: Any, page: int) -> None:
    window.app.select_page(page)
    window.root.update()
    window.settle()


def widgets(widget: Any) -> Iterator[Any]:
    for child in widget.winfo_children():
        yield child
        yield from widgets(child)


def test_the_pages_are_chosen_by_keyboard(window: Any) -> None:
    assert [window.app.notebook.tab(i, "text") for i in range(len(PAGES))] == list(PAGES)
    for number, page in enumerate(PAGES, 1):
        window.key(f"<Control-Key-{number}>", window.root)
        assert window.app.current_page() == PAGES.index(page)
    window.key("<Control-Next>", window.root)
    assert window.app.current_page() == EXPLORE
    window.key("<Control-Prior>", window.root)
    assert window.app.current_page() == RULES
    window.settle()
    window.key("<Control-f>", window.root)
    assert window.app.current_page() == EXPLORE
    assert window.root.focus_get() is window.app.customers.entry


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_in_a_small_window_every_button_is_visible(window: Any, theme: str) -> None:
    window.root.geometry(f"{SMALL[0]}x{SMALL[1] - 26}+0+0")
    window.app.set_theme(theme)
    for page in range(len(PAGES)):
        show(window, page)
        right = window.root.winfo_rootx() + window.root.winfo_width()
        bottom = window.root.winfo_rooty() + window.root.winfo_height()
        for widget in widgets(window.root):
            if widget.winfo_class() in ("TButton", "TCombobox", "TSpinbox", "TEntry", "TCheckbutton") and (
                widget.winfo_ismapped() and widget.winfo_viewable()
            ):
                name = (PAGES[page], str(widget))
                assert widget.winfo_rootx() + widget.winfo_width() <= right, name
                assert widget.winfo_rooty() + widget.winfo_height() <= bottom, name
                assert widget.winfo_width() >= widget.winfo_reqwidth() - 1, name


def test_customers_are_filtered_sorted_and_opened(window: Any, engine: Engine) -> None:
    show(window, CUSTOMERS)
    page = window.app.customers_page
    segment = engine.segments()[0].name
    page.segment.set(segment)
    page.segment.event_generate("<<ComboboxSelected>>")
    window.settle()
    expected = engine.customers(CustomerQuery(segment=segment, n=1000))
    assert window.ids(page.customers.tree) == [c.customer_id for c in expected.entries]
    window.root.tk.call(page.customers.tree.heading("orders", "command"))
    window.settle()
    assert page.customers.tree.heading("orders", "text").endswith("▼")
    window.root.tk.call(page.customers.tree.heading("orders", "command"))
    window.settle()
    fewest = engine.customers(CustomerQuery(segment=segment, sort="orders", ascending=True, n=1000)).entries
    assert window.ids(page.customers.tree) == [c.customer_id for c in fewest]
    page.customers.tree.selection_set(page.customers.tree.get_children()[0])
    window.key("<Return>", page.customers.tree)
    window.settle()
    assert window.app.current_page() == EXPLORE
    assert window.app.presenter.recommendations.customer_id == fewest[0].customer_id


def test_typing_filters_the_table_of_customers(window: Any) -> None:
    show(window, CUSTOMERS)
    page = window.app.customers_page
    page.text.set("c0001")
    window.until(lambda: window.ids(page.customers.tree) == ["c0001"], "the customer")
    assert page.summary.cget("text").startswith("1 customer, ")


def test_a_campaign_starts_from_the_filtered_customers(window: Any, engine: Engine) -> None:
    show(window, CUSTOMERS)
    page = window.app.customers_page
    segment = engine.segments()[-1].name
    page.segment.set(segment)
    page.segment.event_generate("<<ComboboxSelected>>")
    window.settle()
    page.category.set("Garden")
    page.texts["min_amount"].set("100")  # not confirmed by Enter
    page.campaign.invoke()
    window.settle()
    assert window.app.current_page() == CAMPAIGN
    campaign = window.app.campaign_page
    selected = CustomerFilter(segment=segment, category="Garden", min_amount=100.0)
    assert campaign.form.values().customers == selected
    total = engine.customers(CustomerQuery(**selected.conditions)).with_orders
    assert campaign.chosen.cget("text").startswith(f"{total} customer")
    campaign.all_customers.invoke()
    window.settle()
    assert campaign.form.values().customers == CustomerFilter()
    assert not campaign.chosen.winfo_ismapped()


def test_the_export_of_customers_writes_all_that_pass_the_filters(window: Any, engine: Engine, tmp_path: Path) -> None:
    show(window, CUSTOMERS)
    window.dialogs.save_path = str(tmp_path / "all.csv")
    window.app.status.buttons["csv"].invoke()
    window.settle()
    assert window.dialogs.proposed == ["customers.csv"]
    with (tmp_path / "all.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) - 1 == engine.customers().total


def test_products_lead_to_related_products_and_back(window: Any, engine: Engine) -> None:
    show(window, PRODUCTS)
    page = window.app.products_page
    assert page.related.instate(["disabled"])
    assert len(page.bundles.displayed().rows) == len(engine.bundles(n=1000).entries)
    item = engine.popular(1).items[0]
    page.text.set(item.item_name)
    window.until(lambda: item.item_id in window.ids(page.products), "the product")
    window.settle()
    window.key("<Return>", page.entry)
    window.settle()
    chosen = page.presenter.item[0]
    assert window.ids(page.audience.tree) == [m.customer_id for m in engine.audience(chosen, 1000).entries]
    assert window.ids(page.substitutes.tree) == [s.item.item_id for s in engine.substitutes(chosen, 20).entries]
    page.related.invoke()
    window.until(lambda: window.app.similar is not None and window.app.similar.winfo_exists(), "related products")
    show(window, EXPLORE)
    window.app.similar._show_more()
    window.settle()
    assert window.app.current_page() == PRODUCTS
    assert page.presenter.item[0] == chosen


def test_a_campaign_is_prepared_saved_and_measured_without_a_terminal(window: Any, tmp_path: Path) -> None:
    show(window, CAMPAIGN)
    page = window.app.campaign_page
    assert all(button.instate(["disabled"]) for button in page.saves.values())
    page.form.texts["holdout"].set("40")
    page.form.texts["n"].set("1")
    page.make.invoke()
    window.settle()
    made = page.presenter.campaign
    assert page.groups.cget("text") == made.groups.sentences()[0]
    assert {row.cells[2] for row in page.customers.displayed().rows} == {"contact", "held out"}
    window.dialogs.save_path = str(tmp_path / "campaign.xlsx")
    page.saves["xlsx"].invoke()
    window.settle()
    assert page.campaign_file.get() == str(tmp_path / "campaign.xlsx")
    lines = ["customer_id,item_id,timestamp,quantity,amount,order_id"]
    for number, row in enumerate(made.rows):  # contacted customers spend twice as much
        amount = 20 if row["group"] == "treated" else 10
        lines.append(f"{row['customer_id']},x,2025-03-05,1,{amount},{number}")
    orders = tmp_path / "orders.csv"
    orders.write_text("\n".join(lines), encoding="utf-8")
    page.tabs.select(1)
    page.order_files.set(str(orders))
    page.measure.invoke()
    window.settle()
    assert page.verdict.cget("text").startswith("100 % more revenue per customer than without the campaign")
    rows = [row.cells for row in page.effect.displayed().rows]
    assert [cells[3] for cells in rows] == ["+100.0 %", "+0.0 %"]
    assert not window.dialogs.errors


def test_a_number_that_is_not_valid_is_said_and_nothing_runs(window: Any) -> None:
    show(window, CAMPAIGN)
    page = window.app.campaign_page
    page.form.texts["holdout"].set("many")
    page.make.invoke()
    window.root.update()
    assert [error.message for error in window.dialogs.errors] == ["Held out: 'many' is not a number."]
    page.form.texts["holdout"].set("95")
    page.make.invoke()
    window.settle()
    assert window.dialogs.errors[-1].message == "The holdout share 0.95 is out of range."
    window.root.update()
    assert page.make.instate(["!disabled"])


def test_a_running_campaign_shows_its_progress_and_is_cancelled(window: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    def endless(engine: Any, settings: Any, contacts: str, progress: Any) -> None:
        progress.stage("Writing the campaign", 0.5)
        while True:
            progress.check()
            time.sleep(0.005)

    monkeypatch.setattr("smart_retail_tkinter.analyses.make_campaign", endless)
    show(window, CAMPAIGN)
    page = window.app.campaign_page
    page.make.invoke()
    bar = page._bars[0][1]
    window.until(lambda: "Writing the campaign" in bar.text.cget("text"), "the progress")
    assert page.make.instate(["disabled"])
    bar.cancel.invoke()
    window.until(lambda: page.make.instate(["!disabled"]), "the end")
    assert window.app.status.text.cget("text") == "Cancelled."
    assert not window.dialogs.errors


def test_reports_are_shown_when_they_are_selected(window: Any, engine: Engine) -> None:
    show(window, REPORTS)
    page = window.app.reports_page
    assert page.sentence.cget("text").startswith("The largest sales were in ")
    page.select_report("forecast")
    window.settle()
    assert page.note.cget("text") == "Press Compute."
    for name, report in REPORT_NAMES.items():
        if name == "forecast":
            continue
        page.select_report(name)
        window.root.update()
        if report.long:
            page.button.invoke()
        window.settle()
        assert page.title.cget("text") == report.title
        assert page.sentence.cget("text").endswith("."), name
    page.select_report("segments")
    window.settle()
    page.choice.set("30 days")
    page.choice.event_generate("<<ComboboxSelected>>")
    window.settle()
    assert page.sentence.cget("text").startswith("Expected spend of the next 30 days: ")
    spend = {g.name: f"{g.expected_spend:,.2f}" for g in engine.value_summary(30).segments}
    assert {row.cells[0]: row.cells[4] for row in page.result.displayed().rows} == spend


@pytest.mark.slow
@pytest.mark.slow
def test_the_html_report_is_saved_and_opened(window: Any, tmp_path: Path) -> None:
    opened: list[str] = []
    show(window, REPORTS)
    page = window.app.reports_page
    page._open_file = opened.append
    page.select_report("html")
    window.root.update()
    window.dialogs.save_path = str(tmp_path / "report.html")
    page.button.invoke()
    window.settle()
    assert opened == [(tmp_path / "report.html").as_uri()]
    assert window.dialogs.proposed[0].startswith("report-20")


def test_rules_are_checked_and_saved_after_a_confirmation(
    make_window: Callable[..., Any], fitted: tuple[Path, FitReport], tmp_path: Path
) -> None:
    import shutil

    artifacts = Path(shutil.copytree(fitted[0], tmp_path / "artifacts"))
    window = make_window(Engine.load(artifacts))
    show(window, RULES)
    page = window.app.rules_page
    assert page.content().startswith("# Business rules of the shop.")
    page.text.delete("1.0", "end")
    page.text.insert("1.0", 'ban = ["G-001", "nope"]')
    page.check.invoke()
    window.settle()
    assert [row.cells for row in page.result.displayed().rows] == [
        ("All lists", "Never recommend", "2", "excludes 1 item")
    ]
    assert "without effect" in page.warnings.cget("text")
    page.try_out.invoke()
    window.settle()
    assert page.sentence.cget("text").startswith("The list changes for ")
    page.save.invoke()
    window.settle()
    assert not (artifacts / "rules.toml").exists()
    window.dialogs.confirmed = True
    page.save.invoke()
    window.settle()
    assert (artifacts / "rules.toml").read_text() == 'ban = ["G-001", "nope"]'
    assert len(page.history.get_children()) == 1


def test_the_selected_customer_is_erased_after_a_confirmation(window: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    erased: list[str] = []
    receipt = {"receipt": "ab12", "purchase_rows": 3, "events": 1}

    def erase(engine: Any, folder: str, customer: str) -> dict[str, Any]:
        erased.append(customer)
        return receipt

    monkeypatch.setattr("smart_retail_tkinter.analyses.erase_customer", erase)
    window.choose("c0002")
    window.app.erase_customer()
    assert not erased
    window.dialogs.confirmed = True
    window.app.erase_customer()
    window.settle()
    assert erased == ["c0002"]
    assert window.dialogs.messages == ["The customer is erased: 3 purchase rows and 1 event removed. Receipt ab12."]
