"""Start the desktop tool."""

from __future__ import annotations

from functools import partial

from smart_retail.errors import MissingExtraError, UsageError
from smart_retail_tkinter.core_services import Services, load_bundle
from smart_retail_tkinter.recent_files import Preferences


def run(
    artifacts: str = "artifacts", api_url: str | None = None, api_key: str | None = None, rules: str | None = None
) -> None:
    """Show the window until the user closes it.

    Parameters
    ----------
    artifacts : str
        Folder of the bundle to open and to publish to. Without a bundle the window shows how to start.
    api_url, api_key : str, optional
        Use an API instead of a bundle.
    rules : str, optional
        File of business rules for every opened bundle; by default ``rules.toml`` in its folder.

    Raises
    ------
    UsageError
        No display is available.
    MissingExtraError
        Python has no tkinter, or the extra ``tkinter`` is not installed.
    """
    try:
        import tkinter as tk

        import sv_ttk  # noqa: F401  # checked here, where the error can name the package
    except ImportError as error:
        missing = "Python's tkinter" if error.name in ("tkinter", "_tkinter") else "the desktop theme"
        raise MissingExtraError(
            f"The desktop tool needs {missing}, which is not installed.",
            'Install python3-tk with the system\'s package manager, and: pip install "smart-retail-engine[tkinter]"',
        ) from error
    try:
        root = tk.Tk(className="Smart-retail")
    except tk.TclError as error:
        raise UsageError(
            "The desktop tool found no display.",
            "Start it in a graphical session, or use: smart-retail serve streamlit",
        ) from error
    from smart_retail_tkinter.app import App

    services = Services(load=partial(load_bundle, rules=rules))
    app = App(root, services, Preferences(), artifacts=artifacts)
    if api_url is not None:
        app.presenter.open_api(api_url, api_key)
    else:
        app.presenter.open_bundle(artifacts, missing_ok=True)
    root.mainloop()
