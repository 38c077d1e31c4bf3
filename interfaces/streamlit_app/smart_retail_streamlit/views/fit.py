"""Fit: orders in, a new model out."""

from __future__ import annotations

from smart_retail_streamlit import frame


def show() -> None:
    frame.heading("Fit", "a file of orders in, a new model out")
