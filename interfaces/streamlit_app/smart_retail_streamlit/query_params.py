"""Choices kept in the address of the page, so that a view can be shared: the ids and names of the API, not labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import streamlit as st

T = TypeVar("T", str, int, bool)


def read(name: str, default: T, allowed: Sequence[T] | None = None) -> T:
    """Return the value in the address if it is valid, else `default`."""
    text = st.query_params.get(name)
    if text is None:
        return default
    value: Any = text
    if isinstance(default, bool):
        value = text == "true"
    elif isinstance(default, int):
        value = int(text) if text.isdecimal() and len(text) < 6 else default
    valid: T = value if allowed is None or value in allowed else default
    return valid


def write(name: str, value: T | None, default: T) -> None:
    """Write `value` into the address; the default is left out."""
    if value is None or value == default:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = str(value).lower() if isinstance(value, bool) else str(value)
