"""Business rules: their text, a check, a trial on a sample of customers, saving, and earlier states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from smart_retail.errors import UsageError
from smart_retail_tkinter import analyses
from smart_retail_tkinter.presenter import Presenter

if TYPE_CHECKING:
    from smart_retail.analysis.rules_check import RulesCheck
    from smart_retail.analysis.rules_history import SavedRules
    from smart_retail.analysis.what_if import WhatIfResult

READ, CHANGE, TRY = "rules", "rules-change", "rules-try"
TEMPLATE = """\
# Business rules of the shop. Remove the # in front of a rule to use it.
# ban = ["A-100"]                      # never recommend these products
# pin = ["A-200", "A-300"]             # first in every list, in this order
# boost = { "A-400" = 1.5 }            # multiply the score of a product
# categories = ["Tea"]                 # only these categories
# exclude_categories = ["Gift cards"]  # never these categories
# max_per_category = 3                 # at most so many of one category in a list
#
# Rules for some dates or segments:
# [[when]]
# from = 2026-12-01                    # first and last day, each may be left out
# to = 2026-12-24
# segments = ["Champions"]
# pin = ["A-500"]
#
# A scenario: method, number, diversity and rules by one name:
# [scenario.home]
# method = "hybrid"
# n = 5
# diversity = 0.4
"""


class RulesView(Protocol):
    """Methods of the page that the presenter calls."""

    def show_rules(self, text: str) -> None: ...
    def show_saved(self, states: tuple[SavedRules, ...]) -> None: ...
    def show_check(self, check: RulesCheck) -> None: ...
    def show_trial(self, result: WhatIfResult, currency: str) -> None: ...


class RulesPresenter:
    """The rules of the page.

    Parameters
    ----------
    view : RulesView
    shell : Presenter
        Has the engine and runs the work.
    """

    def __init__(self, view: RulesView, shell: Presenter) -> None:
        self._view, self._shell = view, shell
        self._shown = ""

    def refresh(self) -> None:
        """Show the rules in force and the saved states, unless the page shows those of this engine already."""
        model = self._shell.model
        if model is not None and model.version != self._shown:
            self._shown = model.version
            self.read()

    def read(self) -> None:
        """Show the rules in force and the saved states; changes that were not saved are lost."""
        engine = self._shell.open_engine()

        def found(read: tuple[str, tuple[SavedRules, ...]]) -> None:
            self._view.show_rules(read[0] or TEMPLATE)
            self._view.show_saved(read[1])

        self._shell.submit(READ, lambda: (analyses.read_rules_text(engine), analyses.list_saved_rules(engine)), found)

    def check(self, text: str) -> None:
        """Show what the rules of a text do; nothing is saved."""
        engine = self._shell.open_engine()
        self._shell.submit(CHANGE, lambda: analyses.check_rules(engine, text), self._view.show_check)

    def try_out(self, text: str, sample: str) -> None:
        """Show how the lists of `sample` customers change with the rules of a text; nothing is saved."""
        engine, currency = self._shell.open_engine(), self._shell.currency
        if not sample.strip().isdigit():
            raise UsageError(f"{sample.strip()!r} is not a number of customers.", "Give 1 to 5000 customers.")
        number = int(sample)
        self._shell.work.start(
            TRY,
            lambda progress: analyses.try_rules(engine, text, number, progress),
            lambda result: self._view.show_trial(result, currency),
        )

    def save(self, text: str) -> None:
        """Save the rules of a text; all lists follow them at once."""
        engine = self._shell.open_engine()
        self._shell.submit(
            CHANGE, lambda: analyses.save_rules(engine, text), lambda check: self._changed(check, "Saved")
        )

    def restore(self, state: str) -> None:
        """Save an earlier state of the rules again."""
        engine = self._shell.open_engine()
        self._shell.submit(
            CHANGE, lambda: analyses.restore_rules(engine, state), lambda check: self._changed(check, "Restored")
        )

    def _changed(self, check: RulesCheck, what: str) -> None:
        self._view.show_check(check)
        self._shell.view.show_status(f"{what}. All lists follow these rules now.")
        self.read()
        self._shell.show_engine(self._shell.open_engine())  # with the scenarios of the new rules
