"""The window stays responsive: engine calls and fits run outside its thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.fitted_shop import MakeEngine

from smart_retail.serving.engine import Engine
from smart_retail_tkinter.fit_request import FitRequest

pytestmark = pytest.mark.usefixtures("display")
ENGINE_CALLS = frozenset({"recommend", "customer", "search_customers", "similar_items", "rfm_grid", "model"})


class Heartbeat:
    """Counts the calls of a timer in the event loop of the window."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self.beats = 0
        self._next = root.after(10, self._beat)

    def _beat(self) -> None:
        self.beats += 1
        self._next = self._root.after(10, self._beat)

    def stop(self) -> None:
        self._root.after_cancel(self._next)


class Gate:
    """Blocks engine calls until it is opened, and records their threads."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.waiting: set[str] = set()
        self.threads: set[threading.Thread] = set()

    def enter(self, name: str) -> None:
        self.threads.add(threading.current_thread())
        self.waiting.add(name)
        assert self.open.wait(60)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


@pytest.fixture
def window(make_window: Callable[..., Any], gate: Gate, make_engine: MakeEngine) -> Any:
    """A window whose engine calls and fits block while the gate is closed."""

    class GatedEngine(Engine):
        def __getattribute__(self, name: str) -> Any:
            if name in ENGINE_CALLS:
                gate.enter(name)
            return super().__getattribute__(name)

    def fit(*sources: str, progress: Any, **_: Any) -> Any:
        gate.enter("fit")
        while True:
            progress.check()
            time.sleep(0.01)

    return make_window(make_engine(GatedEngine), fit=fit)


def test_the_window_handles_input_while_engine_calls_and_a_fit_are_blocked(window: Any, gate: Gate) -> None:
    gate.waiting.clear()
    gate.open.clear()
    window.app.fits.start(FitRequest(("orders.csv",)), "artifacts")
    window.app.presenter.choose_customer("c0003")
    window.app.presenter.similar("G-001", "x")
    window.type("C-0")
    window.until(lambda: {"fit", "recommend", "customer", "similar_items", "search_customers"} <= gate.waiting)
    heartbeat = Heartbeat(window.root)
    for number in (6, 2, 3, 4, 5, 1):
        window.key(f"<Alt-Key-{number}>", window.root)
    for tab in (1, 2, 0):
        window.app.customer.select_tab(tab)
        window.root.update()
    window.until(lambda: heartbeat.beats >= 5, "the timer of the event loop")
    heartbeat.stop()
    assert window.app.customers.entry.get() == "C-0"
    assert window.app.customer.methods.method.get() == "hybrid"

    gate.open.set()
    window.settle()
    window.key("<Escape>", window.root)
    window.until(lambda: not window.app.fits.running, "the end of the fit")
    assert window.app.customer.title.cget("text").endswith("c0003")
    assert threading.current_thread() not in gate.threads
