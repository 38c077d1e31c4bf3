"""The commands of the main window, which its menu and keyboard shortcuts trigger.

The window fills a `Commands` object, so that menu and shortcuts do not depend on the window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from smart_retail_tkinter.recent_files import RecentFile


@dataclass(frozen=True, slots=True)
class Commands:
    """Functions of the main window by purpose; results are ignored."""

    open_bundle: Callable[[], object]
    open_spreadsheet: Callable[[], object]
    open_recent: Callable[[RecentFile], object]
    open_fit: Callable[[], object]
    cancel_work: Callable[[], object]
    show_versions: Callable[[], object]
    show_basket: Callable[[], object]
    export_table: Callable[[str], object]
    """Takes ``csv`` or ``xlsx``."""
    copy_table: Callable[[], object]
    focus_search: Callable[[], object]
    choose_method: Callable[[str], object]
    select_tab: Callable[[int], object]
    step_tab: Callable[[int], object]
    """Takes 1 for the next tab, -1 for the previous one."""
    select_page: Callable[[int], object]
    step_page: Callable[[int], object]
    """Takes 1 for the next page, -1 for the previous one."""
    write_all: Callable[[str], object]
    """Takes ``recommendations`` or ``values``."""
    erase_customer: Callable[[], object]
    set_theme: Callable[[str], object]
    show_help: Callable[[], object]
    quit: Callable[[], object]
