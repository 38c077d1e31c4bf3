"""The main window: keyboard, mouse, tables, files and themes."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests import shop
from tests.fitted_shop import MakeEngine

from smart_retail.errors import DamagedBundleError
from smart_retail.presentation.labels import METHODS
from smart_retail.serving.engine import Engine
from smart_retail_tkinter.widgets.customer_view import CLUSTERS, SALES

pytestmark = pytest.mark.usefixtures("display")
METHOD_KEYS = tuple(enumerate(METHODS, 1))


def labels(widget: Any) -> str:
    """Return all text that a widget and its children show."""
    own = [str(widget.cget("text"))] if "text" in (widget.keys() or ()) else []
    return "\n".join([*own, *(labels(child) for child in widget.winfo_children())])


def test_without_a_bundle_the_start_page_is_shown(make_window: Callable[..., Any]) -> None:
    window = make_window(None)
    window.root.update()
    assert window.app.start.winfo_ismapped()
    assert "spreadsheet of orders" in labels(window.app.start)


def test_customers_are_listed_with_unchanged_ids(window: Any) -> None:
    assert sorted(window.customers()) == sorted(shop.customers())


def test_typing_searches_by_id_and_name(window: Any) -> None:
    window.type("00012")
    window.until(lambda: window.customers() == ["00012"], "the one customer")
    window.app.customers.entry.delete(0, "end")
    window.type("NAME OF c001")
    window.until(lambda: sorted(window.customers()) == [f"c001{k}" for k in range(10)], "ten customers")


def test_enter_shows_an_unknown_id(window: Any) -> None:
    window.type("00012345")
    window.until(lambda: window.customers() == [])
    window.key("<Return>", window.app.customers.entry)
    window.settle()
    assert window.app.customer.title.cget("text") == "00012345"
    assert "unknown customer" in window.app.customer.profile.cget("text")
    assert len(window.ids(window.list_tree)) == 10


def test_control_enter_uses_the_id_exactly_as_typed(window: Any) -> None:
    window.type("c0001 ")
    window.until(lambda: window.customers() == ["c0001"])
    window.key("<Control-Return>", window.app.customers.entry)
    window.settle()
    assert window.app.presenter.recommendations.customer_id == "c0001 "
    assert not window.app.presenter.recommendations.known


def test_arrow_keys_select_customers_from_the_search_field(window: Any) -> None:
    for steps, position in (("<Down>", 0), ("<Down>", 1), ("<Down>", 2), ("<Up>", 1)):
        window.key(steps, window.app.customers.entry)
        chosen = window.app.customers.tree.selection()
        assert window.app.customers.tree.index(chosen[0]) == position
    window.settle()
    assert window.app.presenter.customer_id == window.customers()[1]
    assert window.app.presenter.recommendations.customer_id == window.customers()[1]


@pytest.mark.parametrize(("number", "method"), METHOD_KEYS)
def test_alt_and_a_number_select_the_method(window: Any, number: int, method: str, engine: Engine) -> None:
    window.choose("c0009")
    window.key(f"<Alt-Key-{number}>", window.root)
    window.settle()
    expected = engine.recommend("c0009", method, exclude_purchased=False)
    if method == "all":
        shown = {name: window.ids(tree) for name, tree in window.app.customer.comparison.trees.items()}
        assert shown == {name: [item.item_id for item in part.items] for name, part in expected.lists.items()}
        assert window.app.customer.comparison.winfo_ismapped()
        assert not window.app.customer.single_list.winfo_ismapped()
    else:
        assert window.ids(window.list_tree) == [item.item_id for item in expected.items]
        assert window.app.customer.methods.method.get() == method


@pytest.mark.slow
def test_unusual_customer_and_item_ids_are_unchanged_in_tables(window: Any, engine: Engine) -> None:
    window.app.customer.methods.n.set("40")
    window.app.customer.methods.hide.set(False)
    window.app.customer.methods.apply_filters()
    for customer in shop.ODD_CUSTOMERS:
        window.choose(customer)
        assert window.ids(window.list_tree) == [
            item.item_id for item in engine.recommend(customer, n=40, exclude_purchased=False).items
        ]
        bought = [p.item_id for p in engine.customer(customer).purchases]
        assert window.ids(window.app.customer.purchases.tree) == bought


def test_a_row_shows_name_category_reason_and_share(window: Any, engine: Engine) -> None:
    window.choose("c0009")
    item = engine.recommend("c0009", exclude_purchased=False).items[0]
    reason = max(item.reasons, key=lambda each: each.share)
    row = window.list_tree.get_children()[0]
    shown = {name: window.list_tree.set(row, name) for name in window.list_tree["columns"]}
    assert shown["rank"] == "1"
    assert shown["item_name"] == item.item_name
    assert " ".join(shown["reason"].split()) == reason.text
    assert shown["share"] == f"{100 * reason.share:.1f} %"
    window.list_tree.selection_set(row)
    window.root.update()
    assert reason.text in window.app.customer.list_detail.cget("text")


def test_a_heading_sorts_and_a_second_click_reverses_the_order(window: Any) -> None:
    window.choose("c0009")
    names = [row.name for row in window.app.customer.single_list.table.rows]
    by_name = window.app.customer.single_list.tree.heading("item_name", "command")
    window.root.tk.call(by_name)
    shown = [row.name for row in window.app.customer.single_list.displayed().rows]
    assert shown == sorted(names, key=str.casefold)
    assert window.app.customer.single_list.tree.heading("item_name", "text").endswith("▲")
    window.root.tk.call(by_name)
    assert [row.name for row in window.app.customer.single_list.displayed().rows] == sorted(
        names, key=str.casefold, reverse=True
    )


def test_numbers_sort_as_numbers(window: Any) -> None:
    window.choose("c0006")
    table = window.app.customer.purchases
    window.root.tk.call(table.tree.heading("amount", "command"))
    amounts = [row.values[5] for row in table.displayed().rows]
    assert amounts == sorted(amounts)
    assert len(amounts) > 5


def test_a_table_is_sorted_by_keyboard(window: Any) -> None:
    window.choose("c0009")
    window.key("<Key-s>", window.list_tree)
    window.key("<Key-s>")
    assert window.list_tree.heading("item_name", "text").endswith("▲")
    window.key("<Key-S>")
    assert window.list_tree.heading("item_name", "text").endswith("▼")


def test_a_shared_item_has_one_mark_and_is_selected_in_every_list(window: Any) -> None:
    window.choose("c0003")
    window.key("<Alt-Key-6>", window.root)
    window.settle()
    trees = window.app.customer.comparison.trees
    marks: dict[str, set[tuple[str, Any]]] = {}
    for tree in trees.values():
        for row in tree.get_children():
            symbol = tree.set(row, "mark").split()[0]
            marks.setdefault(tree.set(row, "key"), set()).add((symbol, tree.item(row, "tags")))
    lists = [window.ids(tree) for tree in trees.values()]
    shared = {item for item in marks if sum(item in part for part in lists) > 1}
    assert shared
    assert all(len(marks[item]) == 1 for item in shared)
    assert len({next(iter(marks[item])) for item in shared}) == len(shared)
    item = next(iter(shared))
    tree = next(tree for tree in trees.values() if item in window.ids(tree))
    tree.selection_set(next(row for row in tree.get_children() if tree.set(row, "key") == item))
    window.root.update()
    chosen = [t.set(row, "key") for t in trees.values() for row in t.selection()]
    assert chosen == [item] * sum(item in part for part in lists)
    assert window.app.customer.list_detail.cget("text").count("#") >= 2


@pytest.mark.parametrize("how", ["<Return>", "<Double-1>"])
def test_enter_or_double_click_shows_similar_items(window: Any, how: str, engine: Engine) -> None:
    window.choose("c0009")
    row = window.list_tree.get_children()[1]
    item = window.list_tree.set(row, "key")
    window.list_tree.selection_set(row)
    window.list_tree.focus(row)
    if how == "<Return>":
        window.key(how, window.list_tree)
    else:
        x, y, width, height = window.list_tree.bbox(row, "item_name")
        for _ in range(2):
            window.list_tree.event_generate("<Button-1>", x=x + width // 2, y=y + height // 2)
            window.list_tree.event_generate("<ButtonRelease-1>", x=x + width // 2, y=y + height // 2)
    window.until(lambda: window.app.similar is not None and window.app.similar.winfo_exists(), "the similar items")
    window.settle()
    expected = [each.item_id for each in engine.similar_items(item, 20).items]
    assert window.ids(window.app.similar.table.tree) == expected
    together = engine.similar_items(item, 20, relation="bought_together")
    assert window.ids(window.app.similar.together.tree) == [each.item_id for each in together.items]
    assert item in window.app.similar.heading.cget("text")
    window.key("<Escape>", window.app.similar.table.tree)
    assert not window.app.similar.winfo_exists()


def test_a_basket_is_filled_by_search_and_completed(window: Any, engine: Engine) -> None:
    window.choose("c0009")
    window.key("<Control-b>", window.root)
    window.until(lambda: window.app.basket is not None and window.app.basket.winfo_exists(), "the basket")
    basket = window.app.basket
    basket.text.set("G-004")
    window.settle()
    window.key("<Return>", basket.entry)
    window.settle()
    assert window.ids(basket.basket) == ["G-004"]
    expected = engine.recommend_for_basket(["G-004"], 20, customer_id="c0009")
    assert window.ids(basket.table.tree) == [item.item_id for item in expected.items]
    basket.basket.selection_set(basket.basket.get_children())
    window.key("<Delete>", basket.basket)
    window.settle()
    assert window.ids(basket.basket) == []
    assert not basket.table.tree.get_children()


def test_the_grid_shows_25_cells_and_marks_the_cell_of_the_customer(window: Any, engine: Engine) -> None:
    window.choose("c0009")
    window.app.customer.tabs.select(2)
    window.settle()
    canvas = window.app.customer.rfm_grid.canvas
    texts = [canvas.itemcget(i, "text") for i in canvas.find_all() if canvas.type(i) == "text"]
    rfm = engine.customer("c0009").rfm
    cell = next(c for c in engine.rfm_grid() if (c.r, c.f) == (rfm.r, rfm.f))
    assert f"★ {cell.customers:,}" in texts
    assert f"{cell.revenue:,.0f}" in texts
    boxes = [i for i in canvas.find_all() if canvas.type(i) == "rectangle"]
    assert len(boxes) == 26
    window.key("<Right>", canvas)
    window.key("<Up>")
    assert window.app.customer.rfm_grid.chosen() is not None


def test_copy_copies_the_visible_table(window: Any, engine: Engine) -> None:
    window.choose("c0009")
    window.key("<Control-c>", window.list_tree)
    lines = window.root.clipboard_get().split("\n")
    items = engine.recommend("c0009", exclude_purchased=False).items
    assert [line.split("\t")[2] for line in lines[1:]] == [item.item_id for item in items]
    window.app.customer.tabs.select(1)
    window.key("<Control-c>", window.app.customer.purchases.tree)
    assert "Last bought" in window.root.clipboard_get().split("\n")[0]


def test_copy_in_the_search_field_copies_its_text(window: Any) -> None:
    window.type("c000")
    window.app.customers.entry.selection_range(0, "end")
    window.root.clipboard_clear()
    window.key("<<Copy>>", window.app.customers.entry)
    assert window.root.clipboard_get() == "c000"


def test_export_writes_the_table_in_the_displayed_order(window: Any, tmp_path: Path) -> None:
    window.choose("c0009")
    window.root.tk.call(window.list_tree.heading("item_name", "command"))
    window.dialogs.save_path = str(tmp_path / "out.csv")
    window.key("<Control-e>", window.list_tree)
    window.until((tmp_path / "out.csv").is_file, "the file")
    window.settle()
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["Product id"] for row in rows] == window.ids(window.list_tree)
    assert window.dialogs.proposed == ["c0009-hybrid.csv"]
    assert "Exported 10 rows" in window.app.status.text.cget("text")


def test_exporting_an_empty_table_is_an_error(window: Any) -> None:
    window.key("<Control-e>", window.root)
    assert [error.message for error in window.dialogs.errors] == ["There is nothing to export."]
    assert window.dialogs.proposed == []


def test_filters_change_the_list(window: Any, engine: Engine) -> None:
    window.choose("c0009")
    methods = window.app.customer.methods
    methods.n.set("3")
    methods.category.set("Garden")
    window.root.update()
    methods.category_box.event_generate("<<ComboboxSelected>>")
    window.settle()
    expected = engine.recommend("c0009", n=3, categories=["Garden"], exclude_purchased=False)
    assert window.ids(window.list_tree) == [item.item_id for item in expected.items]
    methods.n.set("many")
    methods.apply_filters()
    assert methods.n.get() == "10"


def test_the_theme_is_saved(window: Any) -> None:
    from smart_retail_tkinter import theme

    window.choose("c0009")
    window.app.customer.tabs.select(2)
    for name in ("dark", "light"):
        window.app.set_theme(name)
        window.settle()
        assert theme.palette(window.root) is theme.PALETTES[name]
        assert window.app.customer.rfm_grid.canvas.cget("background") == theme.PALETTES[name].background
        assert window.app.presenter.preferences.theme == name


def test_recent_files_are_listed_in_the_menu_and_can_be_opened(window: Any, tmp_path: Path) -> None:
    opened: list[str] = []
    window.app.presenter.services = type("S", (), {"load": staticmethod(lambda f: opened.append(f) or _fail())})()
    window.app.presenter.preferences.add("bundle", str(tmp_path))
    window.app.presenter.preferences.add("bundle", str(tmp_path / "gone"))
    window.app.menu.show_recent(window.app.presenter.preferences.files)
    menu = window.app.menu.recent
    shown = [menu.entrycget(i, "label") for i in range(menu.index("end") + 1)]
    assert shown[0] == f"{tmp_path / 'gone'}  (bundle)"
    menu.invoke(1)
    window.until(lambda: opened)
    assert opened == [str(tmp_path)]
    menu.invoke(0)
    assert str(tmp_path / "gone") not in [file.path for file in window.app.presenter.preferences.files]
    assert "does not exist any more" in window.dialogs.errors[-1].message or "does not exist any more" in str(
        window.dialogs.errors
    )


def _fail() -> Any:
    raise DamagedBundleError("The bundle is damaged.", "Fit it again.")


def test_errors_are_shown_without_a_traceback(
    window: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    window.app.presenter.services = type("S", (), {"load": staticmethod(lambda folder: _fail())})()
    window.dialogs.chosen_folder = "somewhere"
    window.key("<Control-o>", window.root)
    window.until(lambda: window.dialogs.errors)
    assert window.dialogs.errors[0].message == "The bundle is damaged."
    assert window.dialogs.errors[0].hint == "Fit it again."
    window.root.after(0, lambda: 1 / 0)
    window.until(lambda: len(window.dialogs.errors) == 2)
    assert "division" not in window.dialogs.errors[1].message
    assert "ZeroDivisionError" in caplog.text
    assert "Traceback" not in capsys.readouterr().err


def test_an_error_is_not_shown_again_while_it_is_visible(window: Any) -> None:
    shown: list[str] = []

    def show(error: DamagedBundleError) -> None:
        shown.append(error.message)
        window.app.show_error(error)

    window.dialogs.show_error = show
    window.app.show_error(DamagedBundleError("The API does not respond."))
    window.app.show_error(DamagedBundleError("The API does not respond."))
    assert shown == ["The API does not respond."] * 2


def test_the_help_page_lists_the_shortcuts(window: Any) -> None:
    window.key("<F1>", window.root)
    page = next(child for child in window.root.winfo_children() if child.winfo_class() == "Toplevel")
    text = labels(page)
    for key in ("Ctrl+O", "Ctrl+F", "Alt+1", "Ctrl+C", "Ctrl+E", "F1", "Esc"):
        assert key in text
    window.key("<Escape>", page)
    assert not page.winfo_exists()


def test_every_part_is_reached_with_tab(window: Any) -> None:
    window.choose("c0009")
    window.key("<Control-f>", window.root)
    reached = set()
    for _ in range(40):
        reached.add(str(window.root.focus_get()))
        window.key("<Tab>")
    parts = (
        window.app.customers.entry,
        window.app.customers.tree,
        window.app.customer.tabs,
        *window.app.customer.methods.buttons.values(),
        window.list_tree,
    )
    assert {str(part) for part in parts} <= reached


def test_control_tab_changes_the_tab_from_any_widget(window: Any) -> None:
    tabs = window.app.customer.tabs
    window.key("<Control-Tab>", window.app.customers.entry)
    assert tabs.index("current") == 1
    for _ in range(tabs.index("end") - 1):
        window.key("<Control-Tab>")
    assert tabs.index("current") == 0
    window.key("<Control-ISO_Left_Tab>", window.app.customers.entry)
    assert tabs.index("current") == tabs.index("end") - 1


def test_clusters_and_sales_of_another_period_are_shown_and_exported(window: Any, engine: Engine) -> None:
    view = window.app.customer
    view.select_tab(CLUSTERS)
    assert view.table()[0] == "clusters"
    assert [row.cells[0] for row in view.table()[1].rows] == [cluster.name for cluster in engine.clusters()]
    view.select_tab(SALES)
    view.sales_days.set("13 weeks")
    view.sales_days.event_generate("<<ComboboxSelected>>")
    window.settle()
    assert view.sales_headline.cget("text").startswith("Net revenue of 91 days")
    name, table = view.table()
    assert (name, len(table.rows)) == ("sales", 8)


def test_a_long_table_is_drawn_in_parts(window: Any, engine: Engine) -> None:
    from smart_retail_tkinter import table_models
    from smart_retail_tkinter.table_models import Table

    many = table_models.purchase_table(engine.customer("c0006").purchases * 1000)
    table = window.app.customer.purchases
    table.fill(Table(many.columns, many.rows[:3000]))
    assert len(table.tree.get_children()) < 3000
    window.until(lambda: len(table.tree.get_children()) == 3000, "all rows")
    table.fill(many)
    table.fill(Table(many.columns, many.rows[:5]))
    window.settle()
    assert len(table.tree.get_children()) == 5


def test_a_customer_of_another_shop_is_cleared(window: Any, make_engine: MakeEngine) -> None:
    window.choose("c0009")

    class OtherShop(Engine):
        def customer(self, customer_id: str) -> Any:
            return super().customer("unknown-id")

    window.app.presenter.show_engine(make_engine(OtherShop))
    window.until(lambda: window.app.presenter.customer_id is None)
    window.settle()
    assert window.app.customer.title.cget("text") == "No customer selected"
    assert window.ids(window.list_tree) == []


def test_buttons_and_columns_stay_visible_in_a_small_window(window: Any) -> None:
    window.choose("c0009")
    window.root.geometry("900x560+0+0")
    window.app.show_status("A long message about an exported file " * 8)
    window.settle()
    window.until(lambda: window.app.status.winfo_width() < 900)
    window.settle()
    right = window.root.winfo_rootx() + window.root.winfo_width()
    buttons = window.app.status.buttons.values()
    assert all(button.winfo_width() >= button.winfo_reqwidth() for button in buttons)
    assert all(button.winfo_rootx() + button.winfo_width() <= right for button in buttons)
    tree = window.list_tree
    assert sum(tree.column(column, "width") for column in tree["displaycolumns"]) <= tree.winfo_width()


def test_columns_fit_a_window_that_is_small_from_the_start(make_window: Callable[..., Any], engine: Engine) -> None:
    window = make_window(None)
    window.root.geometry("900x560+0+0")
    window.root.update()
    window.app.presenter.services = type("S", (), {"load": staticmethod(lambda folder: engine)})()
    window.app.presenter.open_bundle("artifacts")
    window.until(window.customers, "the list of customers")
    window.choose("c0009")
    tree = window.list_tree
    window.until(lambda: sum(tree.column(column, "width") for column in tree["displaycolumns"]) <= tree.winfo_width())
