"""Page of the business rules: their text, what they do, and earlier states."""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk
from typing import TYPE_CHECKING

from smart_retail_tkinter import analysis_tables, theme
from smart_retail_tkinter.dialogs.file_dialogs import Dialogs
from smart_retail_tkinter.pages.base import Page, add_text
from smart_retail_tkinter.presenter import Presenter
from smart_retail_tkinter.presenters.rules import TRY, RulesPresenter
from smart_retail_tkinter.table_models import Table
from smart_retail_tkinter.widgets.table import DataTable

if TYPE_CHECKING:
    from smart_retail.analysis.rules_check import RulesCheck
    from smart_retail.analysis.rules_history import SavedRules
    from smart_retail.analysis.what_if import WhatIfResult

ABOUT = (
    "Check shows what each rule does, Try compares the lists of a sample of customers with and without the rules. Both "
    "change nothing. After Save all lists follow the rules at once."
)
DEFAULT_SAMPLE = 300
"""Customers with whom rules are tried."""
CONFIRM = "All lists of all front ends follow these rules at once. The rules before stay in the history. Save them?"


class RulesPage(Page):
    """A text editor above, the result of a check or a trial below, and the history on the right."""

    def __init__(self, master: tk.Misc, shell: Presenter, dialogs: Dialogs) -> None:
        super().__init__(master, shell, dialogs)
        self.presenter = RulesPresenter(self, shell)
        self._states: tuple[str, ...] = ()
        about = add_text(self, "Muted.TLabel")
        about.configure(text=ABOUT)
        about.pack(fill="x", pady=(0, 8))
        self._build_history()
        left = ttk.Frame(self)
        left.pack(side="left", fill="both", expand=True)
        self._build_editor(left)
        self._build_buttons(left)
        self.sentence = add_text(left)
        self.sentence.pack(fill="x", pady=(0, 4))
        self.warnings = add_text(left, "Warning.TLabel")
        self.warnings.pack(fill="x")
        self.result = DataTable(left, Table(analysis_tables.RULE_EFFECTS), height=4)
        self.result.pack(fill="both", expand=True, pady=(4, 0))

    def _build_editor(self, master: ttk.Frame) -> None:
        frame = ttk.Frame(master)
        frame.pack(fill="both", expand=True)
        self.text = tk.Text(frame, height=9, wrap="none", undo=True, borderwidth=0, padx=8, pady=6, font="TkFixedFont")
        bar = ttk.Scrollbar(frame, command=self.text.yview)
        self.text.configure(yscrollcommand=bar.set)
        bar.pack(side="right", fill="y")
        self.text.pack(side="left", fill="both", expand=True)
        # Bound to the page: the classic text does not get the event of a new theme.
        self.bind("<<ThemeChanged>>", lambda _: self.after_idle(self._colour))
        # Tab leaves the text, as in every other field; rules need no tabs.
        self.text.bind("<Tab>", lambda event: self._move_focus(event.widget.tk_focusNext()))
        self._colour()

    def _move_focus(self, widget: tk.Misc | None) -> str:
        if widget is not None:
            widget.focus_set()
        return "break"

    def _colour(self) -> None:
        colours = theme.palette(self)
        self.text.configure(
            background=colours.empty,
            foreground=colours.text,
            insertbackground=colours.text,
            selectbackground=colours.selected,
            selectforeground=colours.text,
            highlightthickness=1,
            highlightbackground=colours.line,
            highlightcolor=colours.accent,
        )

    def _build_buttons(self, master: ttk.Frame) -> None:
        line = ttk.Frame(master)
        line.pack(fill="x", pady=8)
        self.check = ttk.Button(line, text="Check", command=lambda: self.presenter.check(self.content()))
        self.sample = tk.StringVar(self, str(DEFAULT_SAMPLE))
        self.try_out = ttk.Button(
            line, text="Try", command=lambda: self.presenter.try_out(self.content(), self.sample.get())
        )
        self.save = ttk.Button(line, text="Save", style="Accent.TButton", command=self._save)
        for button in (self.check, self.save, self.try_out):
            button.pack(side="left", padx=(0, 8))
        ttk.Label(line, text="with").pack(side="left", padx=(0, 6))
        ttk.Entry(line, textvariable=self.sample, width=5, justify="right").pack(side="left")
        ttk.Label(line, text="customers").pack(side="left", padx=6)
        self.add_work_bar(line, TRY, self.try_out).pack(side="left", padx=(8, 0))

    def _build_history(self) -> None:
        side = ttk.Frame(self)
        side.pack(side="right", fill="y", padx=(14, 0))
        ttk.Label(side, text="Saved earlier", style="Strong.TLabel").pack(anchor="w", pady=(0, 4))
        self.restore = ttk.Button(side, text="Restore", command=self._restore, state="disabled")
        self.restore.pack(side="bottom", anchor="e", pady=(8, 0))
        self.history = ttk.Treeview(
            side, columns=("text",), show="tree", selectmode="browse", style="Tall.Treeview", height=6
        )
        self.history.column("#0", width=0, minwidth=0, stretch=False)
        self.history.column("text", width=round(230 * theme.scaling(self)))
        self.history.pack(fill="both", expand=True)
        self.history.bind("<<TreeviewSelect>>", lambda _: self.restore.state(["!disabled"]))

    # User input ------------------------------------------------------------------------------

    def content(self) -> str:
        """Return the text of the rules."""
        return self.text.get("1.0", "end-1c")

    def _save(self) -> None:
        if self._dialogs.confirm("Save the rules?", CONFIRM):
            self.presenter.save(self.content())

    def _restore(self) -> None:
        for row in self.history.selection():
            self.presenter.restore(row)

    # Calls of the window and the presenter -------------------------------------------------------

    def refresh(self) -> None:
        self.presenter.refresh()

    def show_rules(self, text: str) -> None:
        """Show the text of the rules in force."""
        self.text.delete("1.0", "end")
        self.text.insert("1.0", text)
        self.text.edit_reset()

    def show_saved(self, states: tuple[SavedRules, ...]) -> None:
        """Show the saved states, the newest first."""
        from smart_retail.analysis.rules_history import describe_saved_rules

        self.history.delete(*self.history.get_children())
        self.restore.state(["disabled"])
        for state in states:
            when, _, rules = describe_saved_rules(state).partition(": ")
            self.history.insert("", "end", iid=state.name, values=(f"{when}\n{rules}",))

    def show_check(self, check: RulesCheck) -> None:
        """Show what rules do."""
        from smart_retail.analysis.rules_check import describe_check

        self.sentence.configure(text=describe_check(check))
        self.warnings.configure(text="\n".join(check.warnings))
        self.result.fill(analysis_tables.rules_table(check))

    def show_trial(self, result: WhatIfResult, currency: str) -> None:
        """Show how the lists change."""
        from smart_retail.analysis.what_if import compare_figures, describe_what_if

        changed = f"{100 * result.changed_share:.1f} % of all list positions get another product."
        self.sentence.configure(text=f"{describe_what_if(result)}. {changed}")
        self.warnings.configure(text="\n".join(result.notes))
        self.result.fill(analysis_tables.figures_table(compare_figures(result, currency)))

    def table(self) -> tuple[str, Table]:
        return "rules", self.result.displayed()
