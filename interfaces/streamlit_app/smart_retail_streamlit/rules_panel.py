"""Panel that saves the business rules of a scenario and restores earlier ones."""

from __future__ import annotations

from typing import Any

import streamlit as st

from smart_retail.analysis.rules_check import ALL_LISTS, RulesCheck, describe_check
from smart_retail.analysis.rules_history import describe_saved_rules, format_rules
from smart_retail.analysis.tasks import CheckRulesTask, RestoreRulesTask, RulesHistoryTask, SaveRulesTask
from smart_retail.errors import RetailError
from smart_retail.presentation.formatting import format_integer
from smart_retail.presentation.html import Column, table
from smart_retail.presentation.labels import RULE_LABELS
from smart_retail.protocol import RetailEngine
from smart_retail.serving.business_rules import RULES_NAME
from smart_retail_streamlit import html_parts, page_layout, what_if_controls
from smart_retail_streamlit.engine_source import EngineSource


def show(engine: RetailEngine, source: EngineSource, rules: dict[str, Any] | None) -> None:
    """Show what changed rules do, and the buttons to download, save and restore rules.

    Parameters
    ----------
    engine : RetailEngine
    source : EngineSource
        Says whether visitors may save.
    rules : dict, optional
        The rules of the scenario; None if they are those in force.
    """
    with st.expander("Save or restore business rules", icon=":material/rule:"):
        if rules is None:
            st.caption("The rules above are those in force. Change one to save it.")
        else:
            _show_changed(engine, source, rules)
        if source.allow_fit:
            _show_history(engine)


def _show_changed(engine: RetailEngine, source: EngineSource, rules: dict[str, Any]) -> None:
    text = format_rules(rules)
    try:
        check = engine.run(CheckRulesTask(text))
    except RetailError as error:
        page_layout.banner(error)
        return
    st.html(_effects(check))
    with st.container(horizontal=True, vertical_alignment="center"):
        if source.allow_fit and st.button("Save for all customers", type="primary", icon=":material/save:"):
            _run(lambda: engine.run(SaveRulesTask(text)), "Saved. All lists follow these rules now.")
        st.download_button("Download the rules file", text, RULES_NAME, "application/toml", icon=":material/download:")
    if not source.allow_fit:
        st.caption(
            "Saving is switched off in this app, since it changes the lists of all users. Start it with: "
            "smart-retail serve streamlit --allow-fit. On the command line: smart-retail rules save rules.toml"
        )


def _effects(check: RulesCheck) -> str:
    rows = [
        [effect.section or ALL_LISTS, RULE_LABELS[effect.rule], format_integer(effect.entries), effect.effect]
        for effect in check.effects
    ]
    parts = [html_parts.finding("What these rules do", describe_check(check))]
    if rows:
        parts.append(table([Column("Lists"), Column("Rule"), Column("Entries", "sr-num"), Column("Effect")], rows))
    parts += [html_parts.note(warning) for warning in check.warnings]
    return "".join(parts)


def _show_history(engine: RetailEngine) -> None:
    saved = {state.name: state for state in engine.run(RulesHistoryTask()).states}
    if not saved:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Saved earlier", list(saved), format_func=lambda name: describe_saved_rules(saved[name]))
        if st.button("Restore", icon=":material/history:", disabled=name is None or saved[name].current):
            _run(lambda: engine.run(RestoreRulesTask(str(name))), "Restored. All lists follow these rules now.")


def _run(change: Any, success: str) -> None:
    """Change the rules, and show the page again with the controls of the new ones."""
    try:
        change()
    except RetailError as error:
        page_layout.banner(error)
        return
    what_if_controls.forget_rules()
    st.toast(success, icon=":material/check:")
    st.rerun()
