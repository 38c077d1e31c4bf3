"""The tasks that can run as jobs, by name; their modules are imported when a job needs them."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import msgspec

from smart_retail.analysis import tasks
from smart_retail.errors import UsageError
from smart_retail.protocol import Task

LONG_TASKS: Final = {
    "campaign": ("smart_retail.analysis.long_tasks", "CampaignTask"),
    "uplift": ("smart_retail.analysis.long_tasks", "UpliftTask"),
    "what-if": ("smart_retail.analysis.long_tasks", "WhatIfTask"),
    "fit": ("smart_retail.analysis.long_tasks", "FitTask"),
    "report": ("smart_retail.reporting.report_task", "ReportTask"),
}
"""Name -> module and class of the tasks without a route."""
CHANGES: Final = ("rules-save", "rules-restore", "rollback")
"""Tasks that change what the API serves, by their routes only."""
SHORT_TASKS: Final = {task.name: task for task in tasks.TASKS if task.name not in CHANGES}
JOB_TASKS: Final = (*LONG_TASKS, *SHORT_TASKS)
"""Names of the tasks that can run as jobs."""


def find_task(name: str) -> type[Task[Any]]:
    """Return the class of a task; `UsageError` for a name that is not one of `JOB_TASKS`."""
    if name in SHORT_TASKS:
        return SHORT_TASKS[name]
    if name not in LONG_TASKS:
        raise UsageError("There is no such task.", f"Tasks: {', '.join(JOB_TASKS)}.")
    module, class_name = LONG_TASKS[name]
    found: type[Task[Any]] = getattr(import_module(module), class_name)
    return found


def check_options(task: type[Task[Any]], options: dict[str, Any]) -> None:
    """Raise `UsageError` unless these are options of a task."""
    try:
        msgspec.convert(options, task)
    except msgspec.ValidationError as error:
        text = str(error).replace("`", "'").replace("$.", "options.").replace("$", "options")
        raise UsageError(
            f"The options are not valid: {text}.", "Check the options of this task against /docs."
        ) from None
