"""Choices kept in the page's address, so that a view can be shared: ids and words as in the API, not labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import streamlit as st

T = TypeVar("T", str, int, bool)


def read(name: str, default: T, allowed: Sequence[T] | None = None) -> T:
    """Where a widget starts: the address's value if it is a possible one, else `default`."""
    text = st.query_params.get(name)
    if text is None:
        return default
    value = (
        text == "true" if isinstance(default, bool) else _number(text, default) if isinstance(default, int) else text
    )
    return value if allowed is None or value in allowed else default


def write(name: str, value: T | None, default: T) -> None:
    """Write `value` into the address; a default leaves it out."""
    if value is None or value == default:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = str(value).lower() if isinstance(value, bool) else str(value)


def _number(text: str, default: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else default
