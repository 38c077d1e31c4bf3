"""Take the screenshots of the desktop tool for the documentation from a fitted bundle and its source.

    xvfb-run -a -s "-screen 0 1200x780x24" \
        python tests/interfaces/tkinter_app/take_screenshots.py ARTIFACTS SOURCE docs/screenshots
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import tkinter as tk
from collections.abc import Callable
from pathlib import Path

from PIL import ImageGrab

from smart_retail.errors import RetailError
from smart_retail_tkinter.app import App
from smart_retail_tkinter.core_services import Services
from smart_retail_tkinter.dialogs.file_dialogs import NativeDialogs
from smart_retail_tkinter.pages.base import CUSTOMERS, EXPLORE, PRODUCTS, REPORTS, RULES
from smart_retail_tkinter.pages.campaign import MEASURE
from smart_retail_tkinter.pages.products import AUDIENCE
from smart_retail_tkinter.recent_files import Preferences
from smart_retail_tkinter.widgets.customer_view import CLUSTERS, LIST, SALES, SEGMENTS

SIZE = (1200, 780)
FIRST_MEASURED_DAY = "2014-10-01"
"""The campaign is measured with orders of the source, as there are no later ones."""
RULES_TEXT = """\
ban = ["OFF-AR-10003651"]  # sold out
max_per_category = 4
"""
MENU = 26
"""Height of the menu bar, which the geometry of a window leaves out."""


class Camera:
    """Drives a window and takes screenshots of the display."""

    def __init__(self, app: App, out: Path) -> None:
        self.app, self.out = app, out

    def wait(self, seconds: float, until: Callable[[], object] = lambda: False) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            self.app.root.update()
            time.sleep(0.01)

    def take(self, name: str) -> None:
        self.wait(0.6)
        # An 8-bit palette holds all colours of the flat theme, at a third of the size.
        picture = ImageGrab.grab().crop((0, 0, *SIZE)).quantize(256, dither=0)
        picture.save(self.out / f"tkinter-{name}.png", optimize=True)


class FailingDialogs(NativeDialogs):
    """Dialogs that end the program on an error."""

    def show_error(self, error: RetailError) -> None:
        raise SystemExit(f"{error.message} {error.hint}")


def choose(camera: Camera, text: str) -> None:
    """Search a customer and select the first match."""
    camera.app.customers.text.set(text)
    camera.wait(0.6)
    camera.app.customers.move_selection(0)
    camera.wait(0.6)
    camera.app.customers.text.set("")
    camera.wait(0.6)


def settle(camera: Camera) -> None:
    """Wait until all results are shown."""
    camera.wait(0.2)
    camera.wait(120, lambda: not camera.app.presenter.jobs.is_running())


def take_pages(camera: Camera, folder: Path, orders: str) -> None:
    """Take the pages after Explore; `orders` are the later orders with which the campaign is measured."""
    app = camera.app
    app.select_page(CUSTOMERS)
    settle(camera)
    app.customers_page.segment.set("At Risk")
    app.customers_page.apply()
    settle(camera)
    camera.take("customers")
    app.customers_page.campaign.invoke()
    page = app.campaign_page
    page.form.texts["name"].set("spring")
    page.form.texts["holdout"].set("20")
    page.make.invoke()
    settle(camera)
    page.customers.tree.selection_set(page.customers.tree.get_children()[0])
    camera.take("campaign")
    page.presenter.save(str(folder / "spring.xlsx"))
    settle(camera)
    page.tabs.select(MEASURE)  # type: ignore[no-untyped-call]
    since = page.since.get()
    page.order_files.set(orders)
    page.since.set(FIRST_MEASURED_DAY)
    page.measure.invoke()
    settle(camera)
    page.campaign_file.set("spring.xlsx")
    app.show_status("")
    camera.take("effect")
    page.since.set(since)
    app.select_page(PRODUCTS)
    settle(camera)
    app.products_page.text.set("Stanley Markers")
    settle(camera)
    app.products_page._enter_list()
    app.products_page.tabs.select(AUDIENCE)  # type: ignore[no-untyped-call]
    settle(camera)
    camera.take("products")
    app.select_page(REPORTS)
    app.reports_page.select_report("forecast")
    camera.wait(0.2)
    app.reports_page.run()
    settle(camera)
    camera.take("reports")
    app.select_page(RULES)
    settle(camera)
    app.rules_page.text.delete("1.0", "end")
    app.rules_page.text.insert("1.0", RULES_TEXT)
    app.rules_page.check.invoke()
    settle(camera)
    camera.take("rules")
    app.select_page(EXPLORE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("artifacts")
    parser.add_argument("source")
    parser.add_argument("out", type=Path)
    parser.add_argument("--customer", default="")
    given = parser.parse_args()
    artifacts, out = Path(given.artifacts).absolute(), given.out.absolute()
    # The screenshots show file names without folders.
    os.chdir(Path(given.source).parent)
    source = orders = Path(given.source).name
    with tempfile.TemporaryDirectory() as folder:
        root = tk.Tk()
        preferences = Preferences(Path(folder) / "desktop.json")
        app = App(root, Services(), preferences, FailingDialogs(root), artifacts=f"{folder}/artifacts")
        app.root.geometry(f"{SIZE[0]}x{SIZE[1] - MENU}+0+0")
        camera = Camera(app, out)
        app.presenter.open_bundle(str(artifacts))
        camera.wait(10, lambda: app.presenter.model is not None)
        choose(camera, given.customer)
        tree = app.customer.single_list.tree
        tree.selection_set(tree.get_children()[0])
        camera.take("light")
        for tab, name in ((SEGMENTS, "grid"), (CLUSTERS, "clusters"), (SALES, "sales")):
            app.customer.select_tab(tab)
            camera.take(name)
        app.customer.select_tab(LIST)
        app.customer.methods.choose("all")
        best = app.customer.comparison.trees["hybrid"]
        camera.wait(10, best.get_children)
        best.selection_set(best.get_children()[0])
        camera.take("all")
        app.customer.methods.choose("hybrid")
        app.set_theme("dark")
        camera.wait(1)
        camera.wait(10, lambda: app.customer.single_list.winfo_ismapped() and tree.get_children())
        tree.selection_set(tree.get_children()[0])
        camera.take("dark")
        app.set_theme("light")
        take_pages(camera, Path(folder), orders)
        app.presenter.folder = ""
        app.open_fit((source,))
        camera.wait(60, lambda: app.fit_window is not None and app.fit_window.start.instate(["!disabled"]))
        app.fit_window.artifacts.set("artifacts")
        camera.wait(0.2)
        camera.take("import")
        app.fits.start(app.fit_window.request(), f"{folder}/artifacts")
        camera.wait(90, lambda: (state := app.fits.state()) is None or state.done > 0.3)
        camera.take("fit")
        app.quit()


if __name__ == "__main__":
    main()
