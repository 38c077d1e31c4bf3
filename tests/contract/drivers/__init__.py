"""One driver for each front end; `FRONT_ENDS` says which folder under `interfaces/` a driver stands for."""

from __future__ import annotations

from importlib import import_module

from .base import Driver

FRONT_ENDS = {
    "engine": None,
    "remote": None,
    "cli": "cli",
    "flask": "flask_api",
    "streamlit": "streamlit_app",
    "gradio": "gradio_app",
    "tkinter": "tkinter_app",
}
"""Driver -> folder under `interfaces/`; None for an engine without a front end."""
OVER_API = ("cli", "streamlit", "gradio", "tkinter")
"""Front ends that can use a running API instead of a bundle."""


def driver(name: str) -> type[Driver]:
    """Return the driver class of a front end; its module is imported on first use."""
    found: type[Driver] = import_module(f"{__name__}.{name}").FrontEnd
    return found
