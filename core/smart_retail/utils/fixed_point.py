"""Fixed-point numbers: quantities and amounts are int64 millionths, so that their sums are exact."""

from __future__ import annotations

MILLION = 1_000_000
"""Quantities and amounts are held as integer millionths: their sums are exact."""
