"""Start the desktop tool: the place where window, core and memory are put together."""

from __future__ import annotations

from functools import partial

from smart_retail.errors import MissingExtraError, UsageError
from smart_retail_tkinter.core_services import Services, load_bundle
from smart_retail_tkinter.recent_files import Memory


def run(
    artifacts: str = "artifacts", api_url: str | None = None, api_key: str | None = None, rules: str | None = None
) -> None:
    """Show the window until it is closed.

    Parameters
    ----------
    artifacts : str
        Folder of the bundle to open, and to publish to. Where none was published yet the window says
        what to do next.
    api_url, api_key : str, optional
        Ask an API instead of a bundle.
    rules : str, optional
        Business rules for every bundle that is opened; by default ``rules.toml`` beside it.

    Raises
    ------
    UsageError
        There is no display.
    MissingExtraError
        Python has no tkinter, or the extra ``tkinter`` is not installed.
    """
    try:
        import tkinter as tk

        import sv_ttk  # noqa: F401  # the theme would fail later, without a word of what to install
    except ImportError as error:
        missing = "Python's own tkinter" if error.name in ("tkinter", "_tkinter") else "the desktop theme"
        raise MissingExtraError(
            f"The desktop tool needs {missing}, which is not installed.",
            'Install python3-tk by the system\'s package manager and pip install "smart-retail-engine[tkinter]".',
        ) from error
    try:
        root = tk.Tk(className="Smart-retail")
    except tk.TclError as error:
        raise UsageError(
            "The desktop tool has no display to draw on.",
            "Start it in a graphical session, or use: smart-retail serve streamlit",
        ) from error
    from smart_retail_tkinter.app import App

    services = Services(load=partial(load_bundle, rules=rules))
    app = App(root, services, Memory(), artifacts=artifacts)
    if api_url is not None:
        app.presenter.open_api(api_url, api_key)
    else:
        app.presenter.open_bundle(artifacts, missing_ok=True)
    root.mainloop()
